/* One indicator on one series: its figures by bar, from REST for the past and from the socket as bars close and form. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOST = 10_000; // rows an answer may have
  const AFTER_CLOSE = 700; // ms until a bar that closed is stored, and can be computed with
  const PAUSE = 250; // ms in which several pages of older bars count as one
  const RETRY = 5_000;
  const FEW = 5; // bars that closed one after the other
  const MANY = 200; // owed bars above which all are asked for
  const STORED_WITHIN = 3_000;
  const NOT_FIGURES = new Set(['time', 'exchange', 'symbol', 'timeframe', 'indicator_type', 'created_at', 'type', 'closed', 'outputs']);
  // Directions and strengths, which have no place on the scale of the rest.
  const UNDRAWN = {
    supertrend: ['value_signal', 'upper_band', 'lower_band'], psar: ['value_signal', 'upper_band', 'lower_band'],
    support_resistance: ['support_strength', 'resistance_strength'],
  };

  class Study {
    /** `entry` of the registry, `params` only those that differ from its defaults. `changed()` after every new figure. */
    constructor({ entry, params, id }, series, socket, changed) {
      Object.assign(this, { entry, params, id, series, socket, changed });
      this.columns = entry.outputs.map((output) => output.name).filter((name) => !(UNDRAWN[entry.name] || []).includes(name));
      this.figures = new Map(); // time → {column: figure}
      this.error = '';
      this.closed = 0; // closed bars of the series, when it was last looked at
      this.first = 0;
      this.owed = 0; // of them, those that came since all figures were here
      this.timer = 0;
      this.loading = false;
      this.abort = new AbortController();
      this.live = entry.streamed && !Object.keys(params).length && !series.replay;
      if (this.live) {
        const { symbol, timeframe } = series;
        this.end = socket.subscribe({ type: 'indicator', symbol, timeframe, forming: true }, (data) => this.hear(data), () => this.missed());
      }
      this.bars();
    }

    stop() {
      this.abort.abort();
      clearTimeout(this.timer);
      clearTimeout(this.again);
      if (this.end) this.end();
      this.changed = () => {};
    }

    get overlay() {
      return this.entry.pane === 'overlay';
    }

    /** 'RSI'. */
    get name() {
      return this.entry.name.replaceAll('_', ' ').toUpperCase();
    }

    /** 'RSI 21'. */
    get title() {
      const values = this.entry.parameters.map(({ name, default: usual }) => this.params[name] ?? usual)
        .filter((value) => typeof value === 'number');
      return [this.name, ...values].join(' ');
    }

    at(t) {
      return this.figures.get(t);
    }

    /** The series has more or other bars than before. */
    bars() {
      const { bars } = this.series;
      const closed = bars.reduce((count, bar) => count + (bar.closed ? 1 : 0), 0);
      if (!closed || (closed === this.closed && bars[0].t === this.first)) return;
      const more = closed > this.closed && bars[0].t === this.first ? closed - this.closed : Infinity;
      Object.assign(this, { closed, first: bars[0].t });
      // The socket brings what closes now; whatever else is asked for.
      if (this.live && more < FEW) return;
      this.owed += more; // many may come one by one, after a pause
      this.later(more === Infinity ? PAUSE : AFTER_CLOSE);
    }

    /** Load in `wait` ms, or when that was going to happen anyway: bars of a fast replay come faster than it. */
    later(wait) {
      this.timer = this.timer || setTimeout(() => {
        this.timer = 0;
        this.load();
      }, wait);
    }

    /** Messages were missed. Figures are on the socket before they are stored: ask now, and again when they are. */
    missed() {
      const all = () => {
        this.owed = Infinity;
        this.load();
      };
      all();
      clearTimeout(this.again);
      this.again = setTimeout(all, STORED_WITHIN);
    }

    /** Figures of the bars there are, newest first; if only the last few are owed, theirs. */
    async load() {
      const { symbol, timeframe, last } = this.series;
      if (!last) return;
      if (this.loading) return void this.later(PAUSE);
      this.loading = true;
      const { owed } = this;
      const newest = owed < MANY ? owed + 2 * FEW : 0;
      try {
        let end = last.closed ? last.t : last.t - 1;
        const { t: start } = this.series.bars[0];
        for (let rows = null; !rows || (!newest && rows.length === MOST && end > start);) {
          const span = { end_time: CV.rest.iso(end), start_time: CV.rest.iso(start), order: 'desc', limit: newest || MOST };
          rows = await CV.rest.get(`indicators/${this.entry.name}`, { symbol, interval: timeframe, ...span, ...this.params }, this.abort.signal);
          rows.forEach((row) => this.keep(CV.rest.ms(row.time), row.outputs && Object.keys(row.outputs).length ? row.outputs : row));
          if (rows.length) end = CV.rest.ms(rows[rows.length - 1].time) - 1;
          this.changed();
        }
        for (const t of this.figures.keys()) if (t < start) this.figures.delete(t);
        this.owed = this.owed === owed ? 0 : this.owed - owed;
        this.error = '';
      } catch (error) {
        if (error.name === 'AbortError') return;
        this.error = error.message;
        if (error.status !== 400) this.later(RETRY);
      } finally {
        this.loading = false;
      }
      this.changed();
    }

    hear(data) {
      if (data.indicator_type !== this.entry.name) return;
      this.keep(data.time, data);
      this.changed();
    }

    keep(t, row) {
      const figures = {};
      for (const [name, value] of Object.entries(row)) if (!NOT_FIGURES.has(name) && Number.isFinite(value)) figures[name] = value;
      this.figures.set(t, figures);
    }
  }

  CV.Study = Study;
})();
