/*
 * Plays the past again: a clock of its own, and the candles of the finest timeframe there is, told to the chart's series as the
 * trades that make them. Stands where the socket stands; knows nothing that lies after its clock.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const TICK = 100; // ms between two moves of the clock
  const MOST_AT_ONCE = 1_000; // ms: a page that stood still does not leap over what it has missed
  const PAGE = 1000;
  const AHEAD = 300; // candles in hand below which the next page is fetched
  const RETRY = 2_000;
  const SPEEDS = [1, 2, 5, 10, 20, 50, 100];
  const FINEST = [['5s', 5_000], ['1m', 60_000], ['5m', 300_000], ['15m', 900_000], ['1h', 3_600_000], ['4h', 14_400_000], ['1d', 86_400_000]];
  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  /** One symbol's part of it: its candles from the clock on, in hand before they are due. */
  class Feed {
    /** For a series that loads what lies before the clock's window: what is in it comes from here. */
    constructor(replay, symbol) {
      Object.assign(this, { replay, symbol });
      this.listeners = new Set();
      this.ahead = [];
      this.over = false;
      this.next = replay.clock - (replay.clock % replay.step);
      this.frames = FINEST.filter(([, width]) => width <= replay.step);
      this.fetch();
    }

    stop() {
      this.asked = null;
      clearTimeout(this.again);
    }

    async fetch() {
      const asked = (this.asked = {});
      try {
        const [[interval, width]] = this.frames;
        const span = { start_time: CV.rest.iso(this.next), limit: PAGE, order: 'asc' };
        const rows = (await CV.rest.get('crypto/data', { symbol: this.symbol, interval, ...span })).filter((row) => row.closed);
        if (asked !== this.asked) return;
        // Of long ago there may be no candles this fine, or the first of them come only later.
        const gap = rows.length ? CV.rest.ms(rows[0].window_start) - this.next : Infinity;
        if (gap > Math.max(this.replay.step, width) && this.frames.length > 1) {
          this.frames.shift();
          await this.fetch();
          return;
        }
        this.asked = null;
        this.over = rows.length === 0;
        for (const row of rows) this.ahead.push({ ends: CV.rest.ms(row.window_start) + width, row });
        if (rows.length) this.next = this.ahead[this.ahead.length - 1].ends;
        this.replay.play();
      } catch {
        if (asked !== this.asked) return;
        this.again = setTimeout(() => asked === this.asked && this.fetch(), RETRY);
      }
    }

    /** Tell everything up to the clock. */
    play() {
      let due = 0;
      while (due < this.ahead.length && this.ahead[due].ends <= this.replay.clock) this.tell(this.ahead[due++].row);
      this.ahead.splice(0, due);
      if (!this.asked && !this.over && this.ahead.length < AHEAD) this.fetch();
    }

    /** A candle as four trades that make it. */
    tell({ window_start: start, open, high, low, close, volume }) {
      const t = CV.rest.ms(start);
      const path = close < open ? [open, high, low, close] : [open, low, high, close];
      path.forEach((price, i) => this.listeners.forEach((message) => message({ symbol: this.symbol, price, amount: volume / 4, timestamp: t + i })));
    }
  }

  class Replay {
    /** Of `symbol`, from `from` to `until`, Unix ms; null: to where the stored candles end. Others may be played along. */
    constructor(symbol, from, until) {
      Object.assign(this, { symbol, from, until, clock: from });
      this.playing = false;
      this.ticked = 0; // when the clock moved last, ms of this page
      this.speed = SPEEDS[0];
      this.step = 0; // width of the bars that are played, ms: set before any series subscribes
      this.feeds = new Map();
      this.changed = () => {};
      this.timer = setInterval(() => this.tick(), TICK);
    }

    stop() {
      clearInterval(this.timer);
      this.feeds.forEach((feed) => feed.stop());
      this.changed = () => {};
    }

    now() {
      return this.clock;
    }

    /** As the socket's. Only trades are played. */
    subscribe({ type, symbol }, message) {
      if (type !== 'trade') return () => {};
      let feed = this.feeds.get(symbol);
      if (!feed) {
        feed = new Feed(this, symbol);
        this.feeds.set(symbol, feed);
      }
      feed.listeners.add(message);
      return () => {
        feed.listeners.delete(message);
        if (feed.listeners.size) return;
        feed.stop();
        this.feeds.delete(symbol);
      };
    }

    /** No candle is passed over while it is still on its way. */
    get waiting() {
      return [...this.feeds.values()].some((feed) => feed.asked && feed.next <= this.clock);
    }

    /** The range is played, or there is nothing more of the symbol. */
    get over() {
      const feed = this.feeds.get(this.symbol);
      return (this.until !== null && this.clock >= this.until) || Boolean(feed && feed.over && !feed.ahead.length);
    }

    tick() {
      const now = performance.now();
      const passed = Math.min(MOST_AT_ONCE, now - this.ticked);
      this.ticked = now;
      if (this.playing && !this.waiting) this.move(this.clock + Math.round(passed * this.speed));
    }

    move(clock) {
      this.clock = this.until === null ? clock : Math.min(this.until, clock);
      this.play();
    }

    play() {
      this.feeds.forEach((feed) => feed.play());
      if (this.over) this.playing = false;
      this.changed();
    }

    /** To the end of the bar that is forming. */
    forward() {
      this.playing = false;
      this.move(this.clock + this.step - (this.clock % this.step));
    }
  }

  /** The strip under the toolbar that marks a replay and steers it. */
  class ReplayBar {
    constructor(root, { seek, leave }) {
      const act = (className, label, run) => {
        const made = Object.assign(element('button', className), { type: 'button', ariaLabel: label, title: label });
        made.addEventListener('click', run);
        return made;
      };
      this.root = root;
      this.toggle = act('play', '', () => this.playing(!this.replay.playing));
      this.step = act('step', 'Next candle (.)', () => this.replay.forward());
      this.step.textContent = 'Step';
      this.speed = Object.assign(element('select'), { ariaLabel: 'Speed' });
      this.speed.append(...SPEEDS.map((speed) => new Option(`${speed}×`, speed)));
      this.speed.addEventListener('change', () => (this.replay.speed = Number(this.speed.value)));
      this.scrub = Object.assign(element('input'), { type: 'range', step: 1, ariaLabel: 'Time' });
      this.scrub.addEventListener('change', () => seek(Number(this.scrub.value)));
      this.scrub.addEventListener('input', () => this.tell(Number(this.scrub.value)));
      this.time = element('output');
      const live = act('leave', 'Leave the replay', leave);
      live.textContent = 'Back to live';
      root.append(element('strong', '', 'Replay'), this.toggle, this.step, this.speed, this.scrub, this.time, live);
      CV.zone.onChange(() => this.replay && this.draw());
      addEventListener('keydown', (event) => {
        if (!this.replay || event.target.closest('input, select, textarea, dialog, button')) return;
        if (event.key === ' ') this.playing(!this.replay.playing);
        else if (event.key === '.') this.replay.forward();
        else return;
        event.preventDefault();
      });
    }

    /** null: none is on. */
    show(replay, timeframe) {
      Object.assign(this, { replay, timeframe });
      this.root.hidden = !replay;
      if (!replay) return;
      const now = Date.now();
      // A range is scrubbed from end to end; without an end as much before the beginning as after it, up to a day.
      const least = replay.until === null ? replay.from - Math.min(86_400_000, now - replay.from) : replay.from;
      Object.assign(this.scrub, { min: least, max: replay.until === null ? now : replay.until });
      replay.speed = Number(this.speed.value);
      replay.changed = () => this.draw();
      this.draw();
    }

    playing(on) {
      this.replay.playing = on;
      this.draw();
    }

    tell(t) {
      CV.write(this.time, `${CV.format.moment(t, '5s')} ${CV.format.zoneName('5s', t)}`);
    }

    draw() {
      const { replay } = this;
      if (document.activeElement !== this.scrub || replay.playing) this.scrub.value = replay.clock;
      if (replay.over) CV.write(this.time, replay.clock === replay.until ? 'The end of the range' : 'No candles after this');
      else if (document.activeElement !== this.scrub || replay.playing) this.tell(replay.clock);
      const label = replay.playing ? 'Pause' : 'Play';
      CV.write(this.toggle, label);
      this.toggle.ariaLabel = this.toggle.title = `${label} (space)`;
    }
  }

  Object.assign(CV, { Replay, ReplayBar });
})();
