/* The candles of one symbol and timeframe: filled from REST, moved by trades, corrected and closed by the server. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const FIRST_PAGE = 600;
  const OLDER_PAGE = 1000;
  // What a tab holds at once. Whoever goes further, back or on, leaves what lies at the other end behind.
  const MOST_BARS = 20_000;
  // Trades not yet in a forming candle from the server: 4 such candles a second leave a busy market this many at most.
  const MOST_PENDING = 5_000;
  // A candle closes within a second of its window. One that has a successor and is still open was missed: the page loaded it before
  // its subscription stood, or lost the connection before that was confirmed.
  const CLOSES_WITHIN = 3_000;
  // A candle is on the socket before it is in the database. One that closed just before a subscription stood is with neither answer,
  // so whatever was asked for on a new subscription is asked for once more.
  const STORED_WITHIN = 3_000;
  const LOOKED_BACK = 50; // bars
  const RETRY_FIRST = 1_000;
  const RETRY_MOST = 15_000;

  const fromRest = (row) => ({
    t: CV.rest.ms(row.window_start), o: row.open, h: row.high, l: row.low, c: row.close, v: row.volume,
    closed: row.closed, upTo: CV.rest.ms(row.last_trade_ts) || 0,
  });
  const fromSocket = (data) => ({
    t: data.window_start, o: data.open, h: data.high, l: data.low, c: data.close, v: data.volume,
    closed: data.closed, upTo: data.last_trade_ts || 0,
  });

  class Series {
    /** `changed(what)`: 'all' (another set of bars), 'append' (one more), 'last' (the forming one), 'state'. */
    constructor({ symbol, timeframe, step, socket, changed, replay = null }) {
      Object.assign(this, { symbol, timeframe, step, socket, changed, replay }); // replay: nothing after its clock exists
      this.bars = []; // oldest first, one per window
      this.state = 'loading'; // loading, ready, empty, error
      this.error = '';
      this.retryAt = 0;
      this.live = true; // the newest bars are among them, and move
      this.exhausted = false; // nothing older exists
      this.loading = ''; // 'older', 'newer', 'date'
      this.revision = 0; // grows whenever a closed bar changed
      this.pending = [];
      this.early = []; // what the socket said before REST answered
      this.abort = new AbortController();
      this.retries = 0;
    }

    start() {
      const { symbol, timeframe, socket } = this;
      const missed = () => this.missed();
      this.ends = [
        socket.subscribe({ type: 'trade', symbol }, (trade) => this.onTrade(trade), missed),
        socket.subscribe({ type: 'candle', symbol, timeframe, forming: true }, (candle) => this.onCandle(candle), missed),
      ];
      this.load();
    }

    stop() {
      this.ends.forEach((end) => end());
      this.abort.abort();
      clearTimeout(this.timer);
      clearTimeout(this.settling);
      clearTimeout(this.again);
      this.changed = () => {};
    }

    get last() {
      return this.bars[this.bars.length - 1];
    }

    setState(state, error) {
      this.state = state;
      this.error = error || '';
      this.changed('state');
    }

    fetch(params) {
      if (this.replay) {
        const whole = CV.rest.iso(this.replay.clock - (this.replay.clock % this.step) - 1);
        if (!params.end_time || params.end_time > whole) params = { ...params, end_time: whole, order: params.order || 'desc' };
      }
      return CV.rest.get('crypto/data', { symbol: this.symbol, interval: this.timeframe, ...params }, this.abort.signal);
    }

    async load() {
      clearTimeout(this.timer);
      if (this.state === 'error') this.setState('loading');
      try {
        const rows = await this.fetch({ limit: FIRST_PAGE });
        this.bars = rows.map(fromRest).reverse();
        this.exhausted = false;
        this.live = true;
        this.retries = 0;
        this.pending = [];
        this.revision++;
        this.state = this.bars.length ? 'ready' : 'empty';
        this.catchUp();
        this.setState(this.bars.length ? 'ready' : 'empty');
        this.changed('all');
        this.settle();
        this.lookAgain(this.whole());
      } catch (error) {
        if (error.name === 'AbortError') return;
        const wait = Math.min(RETRY_MOST, RETRY_FIRST * 2 ** this.retries++);
        this.retryAt = performance.now() + wait;
        this.setState('error', error.message);
        if (error.status !== 400) this.timer = setTimeout(() => this.load(), wait);
      }
    }

    /** What was heard while REST was asked. */
    catchUp() {
      const early = this.early.splice(0);
      early.forEach(([kind, data]) => (kind === 'trade' ? this.applyTrade(data) : this.applyCandle(fromSocket(data))));
    }

    /** Fetch the page before the oldest bar. */
    older() {
      if (this.exhausted) return undefined;
      return this.more('older', async () => {
        const rows = await this.fetch({ end_time: CV.rest.iso(this.bars[0].t - 1), limit: OLDER_PAGE, order: 'desc' });
        const bars = rows.map(fromRest).reverse().filter((bar) => bar.t < this.bars[0].t);
        this.exhausted = bars.length === 0;
        this.bars = bars.concat(this.bars);
        if (this.bars.length <= MOST_BARS) return;
        this.bars.length = MOST_BARS;
        this.leave();
      });
    }

    /** Fetch the page after the newest bar, for those who come back from the past. */
    newer() {
      if (this.live) return undefined;
      return this.more('newer', async () => {
        const rows = await this.fetch({ start_time: CV.rest.iso(this.last.t + 1), limit: OLDER_PAGE, order: 'asc' });
        this.bars = this.bars.concat(rows.map(fromRest).filter((bar) => bar.t > this.last.t));
        if (this.bars.length > MOST_BARS) {
          this.bars.splice(0, this.bars.length - MOST_BARS);
          this.exhausted = false;
        }
        this.live = rows.length < OLDER_PAGE;
        if (this.live) this.catchUp();
      });
    }

    /** Hold the bars round `t`, or those nearest to it. */
    async goTo(t) {
      while (this.loading) await new Promise((resume) => setTimeout(resume, 50));
      const { bars, live, last } = this;
      if (bars.length && t >= bars[0].t && (live || t <= last.t)) return;
      await this.more('date', async () => {
        const half = (OLDER_PAGE / 2) * this.step;
        const rows = await this.fetch({ end_time: CV.rest.iso(t + half), limit: OLDER_PAGE, order: 'desc' });
        const exhausted = rows.length < OLDER_PAGE;
        if (!rows.length) rows.push(...(await this.fetch({ start_time: CV.rest.iso(t), limit: OLDER_PAGE, order: 'asc' })).reverse());
        if (!rows.length) return;
        this.bars = rows.map(fromRest).reverse();
        this.exhausted = exhausted;
        this.leave();
        this.live = t + half >= this.socket.now();
        if (this.live) this.catchUp();
      });
    }

    /** Away from the newest bars: what is heard of them is for later. */
    leave() {
      this.live = false;
      this.pending = [];
    }

    /** One page at a time, whichever way. */
    async more(which, page) {
      if (this.loading || this.state !== 'ready') return;
      this.loading = which;
      this.early = [];
      this.changed('state');
      try {
        await page();
        this.revision++;
        this.changed('all');
      } catch (error) {
        if (error.name === 'AbortError') return;
        // The next pan asks again; nothing on screen is wrong meanwhile.
        await new Promise((resume) => setTimeout(resume, RETRY_FIRST));
      } finally {
        this.loading = '';
        this.changed('state');
      }
    }

    /** Messages were missed: fetch what they said. */
    missed() {
      const since = this.whole();
      this.refill(since);
      this.lookAgain(since);
    }

    lookAgain(since) {
      if (this.replay) return;
      clearTimeout(this.again);
      this.again = setTimeout(() => this.refill(since), STORED_WITHIN);
    }

    /** Time of the newest bar that is known to be whole, with all before it; undefined while there is none. */
    whole() {
      const bar = this.bars[Math.max(0, this.firstOpen() - 1)];
      return bar && bar.t;
    }

    /** Fetch from `since` on. */
    async refill(since = this.whole()) {
      if (this.state === 'loading') return;
      if (this.state !== 'ready') {
        this.load();
        return;
      }
      if (!this.live) return; // whoever comes back fetches them
      try {
        const rows = await this.fetch({ start_time: CV.rest.iso(since), limit: OLDER_PAGE, order: 'asc' });
        if (rows.length >= OLDER_PAGE) {
          await this.load();
          return;
        }
        rows.map(fromRest).forEach((bar) => this.applyCandle(bar));
        this.changed('all');
        this.settle();
      } catch (error) {
        if (error.name !== 'AbortError') this.timer = setTimeout(() => this.refill(since), RETRY_FIRST);
      }
    }

    onTrade(trade) {
      if (this.deaf) this.early.push(['trade', trade]);
      else this.applyTrade(trade);
      if (this.early.length > MOST_PENDING) this.early.shift();
    }

    onCandle(candle) {
      if (this.deaf) this.early.push(['candle', candle]);
      else this.applyCandle(fromSocket(candle));
      if (this.early.length > MOST_PENDING) this.early.shift();
    }

    /** What comes now belongs after what is being fetched. */
    get deaf() {
      return this.state === 'loading' || this.state === 'error' || (!this.live && Boolean(this.loading));
    }

    applyTrade({ price, amount, timestamp }) {
      const { last, step } = this;
      if (!this.live) return;
      const start = timestamp - (timestamp % step);
      if (!last || start > last.t) {
        this.append({ t: start, o: price, h: price, l: price, c: price, v: amount, closed: false, upTo: 0 });
        this.pending.push({ price, amount, timestamp });
        return;
      }
      // Of a window gone by, or one already counted: the server's candle has it or will.
      if (start < last.t || last.closed || timestamp <= last.upTo) return;
      this.pending.push({ price, amount, timestamp });
      if (this.pending.length > MOST_PENDING) this.pending.shift();
      include(last, price, amount);
      this.changed('last');
    }

    /** The server's word on one window, wherever it lies. */
    applyCandle(bar) {
      const { bars, last } = this;
      if (!last || bar.t > last.t) {
        if (this.live) this.append(bar);
        return;
      }
      if (bar.t < bars[0].t) return; // comes with the page it belongs to
      const at = this.find(bar.t);
      const old = bars[at];
      if (!old || old.t !== bar.t) {
        bars.splice(at, 0, bar);
        this.revision++;
        this.changed('all');
        return;
      }
      if (old.closed && !bar.closed) return;
      if (!bar.closed && bar.upTo < old.upTo) return;
      bars[at] = bar;
      if (old !== last) {
        this.revision++;
        this.changed('append');
        return;
      }
      // Trades newer than the candle are ours to add again, or the price would step back for a moment.
      this.pending = bar.closed ? [] : this.pending.filter((trade) => trade.timestamp > bar.upTo);
      this.pending.forEach(({ price, amount }) => include(bar, price, amount));
      this.changed('last');
    }

    /** Index of the oldest bar, of the newest few, that may still change; the number of bars if there is none. */
    firstOpen() {
      const { bars } = this;
      for (let i = Math.max(0, bars.length - LOOKED_BACK); i < bars.length; i++) if (!bars[i].closed) return i;
      return bars.length;
    }

    /** Look, a little later, whether every bar but the last was closed; ask for those that were not. */
    settle() {
      if (this.firstOpen() >= this.bars.length - 1) return;
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.firstOpen() < this.bars.length - 1 && this.refill(), CLOSES_WITHIN);
    }

    append(bar) {
      this.pending = [];
      if (this.replay && this.last) this.last.closed = true;
      this.bars.push(bar);
      this.revision++;
      if (this.state === 'empty') this.setState('ready');
      this.settle();
      this.changed('append');
    }

    /** Index of the first bar at or after `t`. */
    find(t) {
      const { bars } = this;
      let low = 0;
      let high = bars.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (bars[middle].t < t) low = middle + 1;
        else high = middle;
      }
      return low;
    }
  }

  function include(bar, price, amount) {
    bar.c = price;
    if (price > bar.h) bar.h = price;
    if (price < bar.l) bar.l = price;
    bar.v += amount;
  }

  CV.Series = Series;
})();
