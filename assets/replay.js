/*
 * Plays the past again: a clock of its own, and the candles of the finest timeframe there is, told to the chart's series as the
 * trades that make them. Stands where the socket stands; knows nothing that lies after its clock.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const TICK = 100; // ms between two moves of the clock
  const PAGE = 1000;
  const AHEAD = 300; // candles in hand below which the next page is fetched
  const RETRY = 2_000;
  const SPEEDS = [1, 5, 20, 100];
  const FINEST = [['5s', 5_000], ['1m', 60_000], ['5m', 300_000], ['15m', 900_000], ['1h', 3_600_000], ['4h', 14_400_000], ['1d', 86_400_000]];
  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class Replay {
    constructor(symbol, from) {
      Object.assign(this, { symbol, from, clock: from });
      this.playing = false;
      this.speed = SPEEDS[0];
      this.trades = new Set();
      this.listeners = new Set();
      this.asked = null;
      this.ahead = [];
      this.timer = setInterval(() => this.tick(), TICK);
    }

    stop() {
      clearInterval(this.timer);
      clearTimeout(this.again);
      this.asked = null;
      this.listeners.clear();
    }

    now() {
      return this.clock;
    }

    /** As the socket's. Only trades are played. */
    subscribe({ type }, message) {
      if (type !== 'trade') return () => {};
      this.trades.add(message);
      return () => this.trades.delete(message);
    }

    /** A series of bars `step` ms wide has loaded what lies before the clock's window: what is in it comes from here. */
    begin(step) {
      this.step = step;
      this.ahead = [];
      this.over = false;
      this.next = this.clock - (this.clock % step);
      this.frames = FINEST.filter(([, width]) => width <= step);
      this.fetch();
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
        if (gap > Math.max(this.step, width) && this.frames.length > 1) {
          this.frames.shift();
          await this.fetch();
          return;
        }
        this.asked = null;
        this.over = rows.length === 0;
        for (const row of rows) this.ahead.push({ ends: CV.rest.ms(row.window_start) + width, row });
        if (rows.length) this.next = this.ahead[this.ahead.length - 1].ends;
        this.play();
      } catch {
        if (asked !== this.asked) return;
        this.again = setTimeout(() => asked === this.asked && this.fetch(), RETRY);
      }
    }

    tick() {
      if (!this.playing || this.asked) return; // no candle is passed over while it is still on its way
      this.clock += TICK * this.speed;
      this.play();
    }

    /** Tell everything up to the clock. */
    play() {
      let due = 0;
      while (due < this.ahead.length && this.ahead[due].ends <= this.clock) this.tell(this.ahead[due++].row);
      this.ahead.splice(0, due);
      if (!this.asked && !this.over && this.ahead.length < AHEAD) this.fetch();
      if (this.over && !this.ahead.length) this.playing = false;
      this.listeners.forEach((listener) => listener());
    }

    /** A candle as four trades that make it. */
    tell({ window_start: start, open, high, low, close, volume }) {
      const t = CV.rest.ms(start);
      const path = close < open ? [open, high, low, close] : [open, low, high, close];
      path.forEach((price, i) => this.trades.forEach((message) => message({ symbol: this.symbol, price, amount: volume / 4, timestamp: t + i })));
    }

    /** To the end of the bar that is forming. */
    forward() {
      this.playing = false;
      this.clock += this.step - (this.clock % this.step);
      this.play();
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
      this.time = element('output');
      const live = act('leave', 'Leave the replay', leave);
      live.textContent = 'Back to live';
      root.append(element('strong', '', 'Replay'), this.toggle, this.step, this.speed, this.scrub, this.time, live);
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
      // As much before the beginning as after it, up to a day: back is for looking again.
      Object.assign(this.scrub, { min: replay.from - Math.min(86_400_000, now - replay.from), max: now });
      replay.speed = Number(this.speed.value);
      replay.listeners.add(() => this.draw());
      this.draw();
    }

    playing(on) {
      this.replay.playing = on;
      this.draw();
    }

    draw() {
      const { replay } = this;
      if (document.activeElement !== this.scrub || replay.playing) this.scrub.value = replay.clock;
      CV.write(this.time, replay.over && !replay.ahead.length ? 'No candles after this' : `${CV.format.moment(replay.clock, '5s')} ${CV.format.zoneName('5s', replay.clock)}`);
      const label = replay.playing ? 'Pause' : 'Play';
      CV.write(this.toggle, label);
      this.toggle.ariaLabel = this.toggle.title = `${label} (space)`;
    }
  }

  Object.assign(CV, { Replay, ReplayBar });
})();
