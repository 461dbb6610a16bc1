/* Figures of every followed symbol, for pages of many: asked for in one question, moved by one subscription. Whoever shows them asks. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const [WIDE, HIGH] = [80, 20]; // of a sparkline

  /** The path of `closes` in a box of WIDE × HIGH. */
  function sparkline(closes) {
    if (closes.length < 2) return '';
    const [low, high] = [Math.min(...closes), Math.max(...closes)];
    const x = (i) => ((i / (closes.length - 1)) * (WIDE - 2) + 1).toFixed(1);
    const y = (close) => (HIGH - 2 - ((close - low) / (high - low || 1)) * (HIGH - 4)).toFixed(1);
    return closes.map((close, i) => `${i ? 'L' : 'M'}${x(i)},${y(close)}`).join('');
  }

  class Board {
    /** `changed(rows)` gets what moved since the last frame; null: all of them, other figures too. */
    constructor(symbols, socket, changed) {
      // null is what is not known: the grid's filters leave it out, and it sorts last.
      this.rows = new Map(symbols.map((symbol) => [symbol, {
        symbol, last: null, open: null, change: null, high: null, low: null, volume: null, spark: '', rsi: null, mean: null, trend: null, mood: null,
        digits: null, moved: 0, starred: Number(CV.stars.names.has(symbol)),
      }]));
      this.changed = changed;
      this.dirty = new Set();
      this.tell = () => {
        const rows = [...this.dirty];
        this.dirty.clear();
        this.changed(rows);
      };
      socket.subscribe({ type: 'ticker', symbol: '*' }, (ticker) => this.tick(ticker));
      CV.stars.onChange((symbol) => {
        const row = this.rows.get(symbol);
        row.starred = Number(CV.stars.names.has(symbol));
        this.touch(row);
      });
    }

    /** Digits of a price of `row`. */
    static digits(row) {
      return row.digits === null ? CV.format.guessDecimals(row.last) : row.digits;
    }

    tick({ symbol, last, quoteVolume }) {
      const row = this.rows.get(symbol);
      if (!row || !Number.isFinite(last)) return;
      if (quoteVolume > 0) row.volume = quoteVolume;
      if (row.last === last) return;
      row.moved = row.last === null ? 0 : Math.sign(last - row.last);
      row.last = last;
      if (row.high !== null) row.high = Math.max(row.high, last);
      if (row.low !== null) row.low = Math.min(row.low, last);
      this.touch(row);
    }

    touch(row) {
      if (row.open) row.change = (row.last / row.open - 1) * 100;
      if (row.mean) row.trend = (row.last / row.mean - 1) * 100;
      this.dirty.add(row);
      CV.gently(this.tell);
    }

    /** All figures anew; who asks meanwhile shares the answer: whether every symbol has all of its own. Throws RestError. */
    load() {
      this.asking = this.asking || this.ask().finally(() => (this.asking = null));
      return this.asking;
    }

    async ask() {
      const [figures, { markets }] = await Promise.all([CV.rest.get('markets/overview'), CV.rest.get('markets')]);
      for (const one of markets) {
        const row = this.rows.get(one.symbol);
        if (row && one.tick_size) row.digits = CV.format.decimals(Number(one.tick_size));
      }
      for (const { symbol, last, closes, volume, ...more } of figures) {
        const row = this.rows.get(symbol);
        if (!row) continue;
        Object.assign(row, more, { last: row.last ?? last, volume: row.volume ?? volume, spark: sparkline(closes || []) });
        this.touch(row);
      }
      this.changed(null);
      return figures.length === this.rows.size && figures.every(({ rsi }) => rsi !== null);
    }
  }

  CV.Board = Board;
})();
