/* The trades tape: newest on top, as many rows as fit, rewritten at most once a frame. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const ROW = 22;
  const KEPT = 120;
  const FIRST = 60;
  const SEARCHED = 1000; // trades among which the large ones are looked for
  const KEY = 'cryptoviz.tape';
  // What a trade moves at least to be shown, in the quote's own currency.
  const SIZES = [[0, 'All'], [1_000, '≥ 1K'], [10_000, '≥ 10K'], [100_000, '≥ 100K']];

  const NONE = 'No trade yet. Each appears here as it happens.';

  class Tape {
    constructor(panel, socket, markets) {
      this.body = panel.querySelector('.rows');
      this.panel = panel;
      this.socket = socket;
      this.markets = markets;
      this.rows = [];
      this.trades = [];
      this.paint = () => this.draw();
      this.filter();
      new ResizeObserver(() => this.fit()).observe(this.body);
      CV.zone.onChange(() => CV.frame(this.paint));
      markets.onChange((symbol) => symbol === this.symbol && this.decimals !== markets.decimals(symbol) && CV.frame(this.paint));
    }

    filter() {
      const control = Object.assign(document.createElement('select'), { ariaLabel: 'Size of the trades that are shown' });
      control.append(...SIZES.map(([size, words]) => new Option(words, size)));
      control.value = CV.kept.read(KEY) || '0';
      if (control.selectedIndex < 0) control.value = '0';
      this.least = Number(control.value);
      control.addEventListener('change', () => {
        CV.kept.write(KEY, control.value);
        this.least = Number(control.value);
        this.trades = [];
        this.load(this.symbol);
      });
      this.panel.querySelector('h2').append(control);
    }

    large(trade) {
      return trade.price * trade.amount >= this.least;
    }

    async show(symbol) {
      if (this.end) this.end();
      this.symbol = symbol;
      this.trades = [];
      this.panel.dataset.state = 'loading';
      CV.frame(this.paint);
      this.end = this.socket.subscribe({ type: 'trade', symbol }, (trade) => this.add(trade), () => this.load(symbol));
      await this.load(symbol);
    }

    /** The newest trades from REST, merged with those that came meanwhile. */
    async load(symbol) {
      try {
        const rows = await CV.rest.get('crypto/trades', { symbol, limit: this.least ? SEARCHED : FIRST });
        if (symbol !== this.symbol) return;
        const known = new Set(this.trades.map((trade) => trade.id));
        const more = rows
          .map((row) => entry(row, CV.rest.ms(row.event_ts || row.timestamp)))
          .filter((trade) => !known.has(trade.id) && this.large(trade));
        this.trades = this.trades.concat(more).sort((a, b) => b.ts - a.ts).slice(0, KEPT);
      } catch {
        // The socket brings the next ones.
      }
      if (symbol !== this.symbol) return;
      this.panel.dataset.state = this.trades.length ? 'live' : 'empty';
      CV.write(this.panel.querySelector('.panel-empty'), this.least ? 'No trade as large as this lately. Each appears here as it happens.' : NONE);
      CV.frame(this.paint);
    }

    add(trade) {
      const made = entry(trade, trade.timestamp);
      if (!this.large(made)) return;
      this.trades.unshift(made);
      if (this.trades.length > KEPT) this.trades.length = KEPT;
      CV.gently(this.paint);
    }

    fit() {
      const wanted = Math.min(KEPT, Math.floor(this.body.clientHeight / ROW));
      while (this.rows.length < wanted) {
        const row = document.createElement('div');
        row.className = 'trade';
        const cells = ['trade-price', 'trade-amount', 'trade-time'].map((name) => {
          const cell = document.createElement('span');
          cell.className = name;
          row.append(cell);
          return cell;
        });
        this.body.append(row);
        this.rows.push({ row, cells });
      }
      while (this.rows.length > wanted) this.rows.pop().row.remove();
      CV.frame(this.paint);
    }

    draw() {
      const { format } = CV;
      const decimals = (this.decimals = this.markets.decimals(this.symbol));
      const lots = this.markets.amountDecimals(this.symbol);
      if (this.trades.length) this.panel.dataset.state = 'live';
      const shown = this.trades.slice(0, this.rows.length);
      const most = shown.reduce((so, trade) => Math.max(so, trade.amount), 0);
      this.rows.forEach(({ row, cells }, i) => {
        const trade = shown[i];
        row.hidden = !trade;
        if (!trade) return;
        row.dataset.side = trade.side;
        row.style.setProperty('--share', (trade.amount / most).toFixed(3));
        CV.write(cells[0], `${trade.side === 'buy' ? '▲' : '▼'} ${format.number(trade.price, decimals)}`);
        CV.write(cells[1], format.number(trade.amount, lots));
        CV.write(cells[2], format.clock(trade.ts));
      });
    }
  }

  function entry(row, ts) {
    return { id: String(row.trade_id), price: Number(row.price), amount: Number(row.amount), side: row.side, ts };
  }

  CV.Tape = Tape;
})();
