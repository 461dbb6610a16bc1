/* Live price and 24 h figures of every followed symbol. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const REFRESH = 60_000;
  const RETRY = 3_000;

  class Markets {
    constructor(symbols, socket) {
      this.symbols = symbols;
      this.socket = socket;
      this.listeners = new Set();
      this.bySymbol = new Map(
        symbols.map((symbol) => [symbol, { symbol, last: NaN, open: NaN, high: NaN, low: NaN, volume: NaN, spark: [], decimals: null, lot: null }]),
      );
      symbols.forEach((symbol) => socket.subscribe({ type: 'ticker', symbol }, (ticker) => this.tick(symbol, ticker.last)));
      this.refresh();
      setInterval(() => document.hidden || this.refresh(), REFRESH);
      document.addEventListener('visibilitychange', () => document.hidden || this.refresh());
    }

    onChange(listener) {
      this.listeners.add(listener);
    }

    get(symbol) {
      return this.bySymbol.get(symbol);
    }

    /** Digits of a price of `symbol`. */
    decimals(symbol) {
      const market = this.get(symbol);
      return market && market.decimals !== null ? market.decimals : CV.format.guessDecimals(market && market.last);
    }

    /** Digits of an amount of `symbol`. */
    amountDecimals(symbol) {
      const market = this.get(symbol);
      return market && market.lot !== null ? market.lot : market && market.last < 10 ? 1 : 4;
    }

    tick(symbol, price) {
      const market = this.get(symbol);
      if (!market || !Number.isFinite(price) || market.last === price) return;
      market.moved = Math.sign(price - market.last) || 0;
      market.last = price;
      if (price > market.high) market.high = price;
      if (price < market.low) market.low = price;
      this.tell(symbol);
    }

    tell(symbol) {
      this.listeners.forEach((listener) => listener(symbol));
    }

    /** {value, percent} since 24 h ago. */
    change(symbol) {
      const { last, open } = this.get(symbol);
      return { value: last - open, percent: ((last - open) / open) * 100 };
    }

    refresh() {
      clearTimeout(this.timer);
      this.steps();
      this.symbols.forEach((symbol) => this.load(symbol));
    }

    again() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refresh(), RETRY);
    }

    async load(symbol) {
      const market = this.get(symbol);
      try {
        const hours = await CV.rest.get('crypto/data', { symbol, interval: '1h', limit: 24 });
        // In the first seconds of the first start there is nothing yet; asking for figures of nothing is an error.
        if (!hours.length) {
          this.again();
          return;
        }
        market.spark = hours.map((candle) => candle.close).reverse();
        const stats = await CV.rest.get('stats', { symbol, interval: '1m' });
        market.open = stats.latest_price - stats.price_change_24h;
        market.high = stats.high_24h;
        market.low = stats.low_24h;
        market.volume = stats.volume_24h;
        if (!Number.isFinite(market.last)) market.last = stats.latest_price;
        this.tell(symbol);
      } catch {
        this.again();
      }
    }

    /** Tick and lot sizes. */
    async steps() {
      if (this.known) return;
      try {
        const answer = await CV.rest.get('markets');
        (Array.isArray(answer) ? answer : answer.markets || []).forEach((one) => {
          const market = this.get(one.symbol);
          if (!market) return;
          if (one.tick_size) market.decimals = CV.format.decimals(Number(one.tick_size));
          if (one.lot_size) market.lot = CV.format.decimals(Number(one.lot_size));
          this.known = true;
          this.tell(one.symbol);
        });
      } catch {
        // Digits are guessed from the price until the next refresh.
      }
    }
  }

  CV.Markets = Markets;
})();
