/* The trades tape: newest on top, as many rows as fit, rewritten at most once a frame. In a replay, the stored trades up to its clock. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEPT = 120;
  const FIRST = 60;
  const SEARCHED = 1000; // trades among which the large ones are looked for
  const PAST = 250; // ms between two readings of what a replay has played
  const KEY = 'cryptoviz.tape';
  // What a trade moves at least to be shown, in the quote's own currency.
  const SIZES = [[0, 'All'], [1_000, '≥ 1K'], [10_000, '≥ 10K'], [100_000, '≥ 100K']];

  const NONE = 'No trade yet. Each appears here as it happens.';
  const NONE_STORED = 'No trade of this time is stored. Each appears here when the replay comes to it.';
  const NONE_LARGE = 'No trade as large as this lately. Each appears here as it happens.';

  class Tape {
    constructor(panel, socket, markets) {
      this.body = panel.body.querySelector('.rows');
      this.panel = panel;
      this.socket = socket;
      this.markets = markets;
      this.rows = [];
      this.trades = [];
      this.steady = panel.steady;
      this.paint = () => this.draw();
      this.filter();
      new ResizeObserver(() => this.fit()).observe(this.body);
      CV.zone.onChange(() => CV.frame(this.paint));
      CV.repeat(() => this.replay && this.replay.clock !== this.upTo && this.ask(), PAST);
      panel.exports(() => [['time', 'trade_id', 'side', 'price', 'amount'], ...this.trades.map((trade) => [CV.rest.iso(trade.ts), trade.id, trade.side, trade.price, trade.amount])]);
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
        this.ask();
      });
      this.panel.tools.append(control);
    }

    large(trade) {
      return trade.price * trade.amount >= this.least;
    }

    /** Trades as they happen, or as `replay` comes to them. */
    show(symbol, replay) {
      if (this.end) this.end();
      Object.assign(this, { symbol, replay, trades: [], end: null });
      this.panel.steady = this.steady && !replay; // a clock that stands still owes no trades
      this.panel.set('loading');
      CV.frame(this.paint);
      if (!replay) this.end = this.socket.subscribe({ type: 'trade', symbol }, (trade) => this.add(trade), () => this.ask());
      this.ask();
    }

    ask() {
      const { symbol, replay } = this;
      if (replay) this.panel.load(() => this.past(symbol, replay), this.least ? NONE_LARGE : NONE_STORED);
      else this.panel.load(() => this.load(symbol), this.least ? NONE_LARGE : NONE);
    }

    /** The newest trades as of the replay's clock. Read whole each time: at 100x nobody could show all that happens in between. */
    async past(symbol, replay) {
      this.upTo = replay.clock;
      const rows = await CV.rest.get('crypto/trades', { symbol, limit: this.least ? SEARCHED : KEPT, end_time: CV.rest.iso(this.upTo), order: 'desc' });
      if (replay !== this.replay) return false;
      this.trades = rows.map(stored).filter((trade) => this.large(trade)).slice(0, KEPT);
      CV.frame(this.paint);
      return this.trades.length > 0;
    }

    /** The newest trades from REST, merged with those that came meanwhile. */
    async load(symbol) {
      const rows = await CV.rest.get('crypto/trades', { symbol, limit: this.least ? SEARCHED : FIRST });
      if (symbol !== this.symbol || this.replay) return false;
      const known = new Set(this.trades.map((trade) => trade.id));
      const more = rows
        .map(stored)
        .filter((trade) => !known.has(trade.id) && this.large(trade));
      this.trades = this.trades.concat(more).sort((a, b) => b.ts - a.ts).slice(0, KEPT);
      CV.frame(this.paint);
      return this.trades.length > 0;
    }

    add(trade) {
      const made = entry(trade, trade.timestamp);
      this.panel.heard();
      if (!this.large(made)) return;
      this.panel.fresh();
      this.trades.unshift(made);
      if (this.trades.length > KEPT) this.trades.length = KEPT;
      CV.gently(this.paint);
    }

    /** As many rows as there is room for. */
    fit() {
      if (!this.body.clientHeight) return;
      const wanted = Math.min(KEPT, Math.floor(this.body.clientHeight / CV.measure(this.panel.section, '--trade')));
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

  const stored = (row) => entry(row, CV.rest.ms(row.event_ts || row.timestamp));

  CV.Tape = Tape;
})();
