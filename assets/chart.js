/* The chart: one series, one view, two layers, at most one paint a frame. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  // What a frame has to do, each including the ones before.
  const NOTHING = 0;
  const LAST = 1; // the forming bar, the crosshair, the countdown
  const VIEW = 2; // another part of the series, another scale
  const MOST_DRAWN = 700; // with what is panned to next
  const LEAST_DRAWN = 160;
  const SETTLE = 140; // ms without a gesture after which Plotly draws anew
  const AHEAD = 150; // bars left of the view below which older ones are fetched
  const FIRST_TRADE = 4_000; // ms from the page's beginning that Plotly waits for it
  const FIRST_LOOK = 300;
  const PAINTS_KEPT = 5_000;

  class Chart {
    constructor(element, { onCursor, onFollow, studies, compare }) {
      this.element = element;
      this.compare = compare;
      this.studies = studies;
      this.onCursor = onCursor;
      this.onFollow = onFollow;
      this.plot = new CV.Plot(element.querySelector('.chart-plot'));
      this.overlay = new CV.Overlay(element.querySelector('.chart-under'), element.querySelector('.chart-over'));
      this.surface = element.querySelector('.chart-over');
      this.clip = element.querySelector('.chart-clip');
      this.type = 'candles';
      this.scale = 'linear';
      this.shapes = new CV.HeikinAshi();
      this.drawings = new CV.Drawings(element, () => this.want(LAST));
      this.decimals = 2;
      this.level = NOTHING;
      this.frame = () => this.paint();
      this.cursor = null;
      this.series = null;
      this.view = new CV.View(60_000);
      this.clock = Date.now;
      this.onView = () => {}; // the view moved
      this.untold = []; // trades taken in since the last paint
      this.paints = []; // {tradeId, ts: when painted, Unix ms}, newest last: what the bench reads
      new ResizeObserver(() => this.resize()).observe(element);
      this.watch();
      CV.theme.onChange(() => this.redraw());
      CV.zone.onChange(() => this.want(VIEW));
      setInterval(() => this.want(LAST), 1_000);
      this.resize();
    }

    /** Show another series. */
    show(series, decimals) {
      this.series = series;
      this.view = new CV.View(series.step);
      this.view.log = this.scale === 'log';
      this.drawings.show(series, this.view);
      this.plot.clear();
      this.newest = 0;
      this.volumeTop = 0;
      this.cursor = null;
      this.setDecimals(decimals);
      this.layout();
    }

    setDecimals(decimals) {
      this.decimals = decimals;
      this.want(VIEW);
    }

    setType(type) {
      this.type = type;
      this.redraw();
    }

    /** 'linear', 'log', or 'percent' of the first bar in view. */
    setScale(scale) {
      this.scale = scale;
      this.view.log = scale === 'log';
      this.view.manual = null;
      this.redraw();
    }

    /** What Plotly draws of the prices; anything else is the overlay's, which has at most 600 bars to draw. */
    get native() {
      return this.scale !== 'log' && (this.type === 'candles' || this.type === 'line') ? this.type : null;
    }

    /** Colours or type changed: what Plotly drew is wrong now. */
    redraw() {
      this.plot.clear();
      this.settle(0);
      this.want(VIEW);
    }

    /** The series changed; see Series. */
    changed(what) {
      const { last } = this.series;
      if (what === 'state' || !last) {
        this.want(VIEW);
        return;
      }
      if (!this.newest) this.view.follow(last);
      else if (last.t > this.newest) this.view.advance(last.t - this.newest);
      this.newest = last.t;
      if (what !== 'last') this.settle(SETTLE);
      this.want(what === 'last' ? LAST : VIEW);
    }

    /** The newest trade, for the record of when it was painted. */
    saw(trade) {
      if (this.untold.length < PAINTS_KEPT) this.untold.push(trade.trade_id);
    }

    want(level) {
      this.level = Math.max(this.level, level);
      CV.frame(this.frame);
    }

    /** A figure on it changed. */
    repaint() {
      this.want(LAST);
    }

    /** Lines on it changed, and with them perhaps the scale. */
    rescaled() {
      this.want(VIEW);
    }

    /** The bars round `t`, Unix ms. */
    async goTo(t) {
      const { series, view } = this;
      await series.goTo(t);
      if (series !== this.series || !series.last) return;
      view.manual = null;
      view.centre(t, series);
      this.settle(SETTLE);
      this.want(VIEW);
      this.onFollow(view.following);
    }

    settle(wait) {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => {
        // Whatever Plotly does not draw yet the overlay does, so it can wait until nothing else is to do.
        const idle = window.requestIdleCallback || ((work) => setTimeout(work, 0));
        idle(() => this.draw(), { timeout: 1_000 });
      }, wait);
    }

    resize() {
      const { clientWidth, clientHeight } = this.element;
      if (!clientWidth || !clientHeight) return;
      this.overlay.resize(clientWidth, clientHeight);
      this.layout();
    }

    /** Divide the room between plot and axes. */
    layout() {
      const { overlay, view } = this;
      if (!overlay.width) return;
      view.resize(overlay.width - overlay.axisWidth, this.studies.arrange(overlay.bottom));
      this.clip.style.width = view.width + 'px';
      this.clip.style.height = view.height + 'px';
      this.element.style.setProperty('--axis', `${overlay.axisWidth}px`);
      this.settle(SETTLE);
      this.want(VIEW);
    }

    watch() {
      const moved = () => {
        this.settle(SETTLE);
        this.want(VIEW);
        this.onFollow(this.view.following);
      };
      const act = {
        pan: (dx, dy) => {
          this.view.pan(dx, this.series);
          this.view.shiftPrice(dy);
          moved();
        },
        zoom: (factor, x) => {
          this.view.zoom(factor, x === null ? this.view.width : x, this.series);
          moved();
        },
        scalePrice: (factor) => {
          this.view.scalePrice(factor);
          moved();
        },
        autoPrice: () => {
          this.view.manual = null;
          moved();
        },
        reset: () => {
          this.view.manual = null;
          if (!this.series.live) {
            this.newest = 0;
            this.series.load();
          } else if (this.series.last) this.view.follow(this.series.last);
          moved();
        },
        fit: () => {
          this.view.manual = null;
          this.view.fitAll(this.series);
          moved();
        },
        point: (at) => {
          this.cursor = at;
          if (at) this.drawings.move(at);
          this.want(LAST);
        },
        grab: (at) => this.drawings.grab(at),
        carry: (at) => {
          this.cursor = at;
          this.drawings.carry(at);
        },
        drop: (at) => this.drawings.drop(at),
      };
      this.act = {};
      for (const [name, run] of Object.entries(act)) this.act[name] = (...args) => this.series && run(...args);
      const area = (x, y) => {
        if (y > this.overlay.bottom) return 'time';
        if (y > this.view.height) return 'pane';
        return x > this.view.width ? 'price' : 'plot';
      };
      CV.gestures.watch(this.surface, area, this.act);
    }

    /** Indices [from, to) of the bars in view. */
    visible() {
      const { series, view } = this;
      const from = series.find(view.left - view.step);
      return [from, Math.max(from, series.find(view.right + view.step))];
    }

    paint() {
      const level = this.level;
      this.level = NOTHING;
      const { series, view, overlay } = this;
      if (!series || !overlay.width) return;
      const { bars, last } = series;
      if (!last) {
        // No prices, no scale.
        overlay.clear(view);
        this.onCursor({});
        return;
      }
      const [from, to] = this.visible();
      if (overlay.measure(last.c * 1.001, this.decimals)) {
        this.layout();
        return;
      }
      const scaled = this.rescale(from, to);
      if (level >= VIEW || scaled) {
        overlay.grid(view, series.timeframe, this.percentOf(from, to));
        this.plot.place(view, this.volumeTop);
        this.onView();
        if (from < AHEAD) series.older();
        if (bars.length - to < AHEAD) series.newer();
        this.compare.cover(view);
      }
      overlay.paint(this.scene(from, to));
      this.onCursor(this.pointed(from));
      this.record();
    }

    /** Fit the scales to what is in view. True when one changed. */
    rescale(from, to) {
      const { view, series } = this;
      const { low, high } = view;
      view.fit(series.bars, from, to, from < to ? this.compare.range(view, series.bars[from]) : undefined);
      let most = 0;
      for (let i = from; i < to; i++) most = Math.max(most, series.bars[i].v);
      const top = this.volumeTop;
      // The tallest bar fills the lowest fifth; with some slack, so that a growing bar does not move all others each trade.
      if (most * 5 > top || most * 9 < top || !top) this.volumeTop = most * 5.6 || 1;
      return low !== view.low || high !== view.high || top !== this.volumeTop;
    }

    /** The price that per cents are of, null on another scale. */
    percentOf(from, to) {
      return this.scale === 'percent' && from < to ? this.series.bars[from].c : null;
    }

    scene(from, to) {
      const { series, view, plot } = this;
      const { bars, step } = series;
      const last = series.live ? series.last : null; // of the past none is the last
      // Plotly's share lies between; it is drawn whole or not at all.
      const first = plot.to === null ? to : series.find(plot.from);
      const next = plot.to === null ? to : series.find(plot.to + 1);
      const spans = [[from, Math.min(to, first)], [Math.max(from, next), to]];
      const cursor = this.cursor ? { ...this.cursor, t: Math.round(view.time(this.cursor.x) / step) * step } : null;
      if (cursor) cursor.x = view.x(cursor.t);
      const remaining = last && !last.closed ? last.t + step - this.clock() : null;
      return {
        view, bars, spans, last, cursor, drawings: this.drawings, percentOf: this.percentOf(from, to),
        shapes: this.type === 'heikin' ? this.shapes.of(series) : bars, priceSpans: this.native ? spans : [[from, to]],
        decimals: this.decimals, timeframe: series.timeframe, type: this.type,
        volumeTop: this.volumeTop, from, to, studies: this.studies, compare: this.compare, axisWidth: this.overlay.axisWidth,
        remaining: remaining !== null && remaining > -step ? remaining : null,
      };
    }

    /** The bar under the crosshair, else the newest, with the one before it. */
    pointed(from) {
      const { series, cursor, view } = this;
      const { bars, step } = series;
      let at = bars.length - 1;
      if (cursor && at >= 0) {
        const t = Math.round(view.time(cursor.x) / step) * step;
        at = Math.min(at, series.find(t));
      }
      // What is computed on request has no figure for the bar that is still forming: the one before it tells.
      if (at >= 0) this.studies.tell(bars[at].t, bars[at].closed || !at ? null : bars[at - 1].t, this.decimals);
      if (at >= 0) this.compare.tell(bars[from], bars[at].t);
      return { bar: bars[at], before: bars[at - 1] };
    }

    /** Have Plotly draw the closed bars round the view. */
    draw() {
      const { series, view, plot } = this;
      if (!series || series.bars.length < 3) return;
      // Compiling Plotly takes up to a second in which nothing moves: not before the first trade has been seen to.
      if (!window.Plotly && !this.paints.length && performance.now() < FIRST_TRADE) return void this.settle(FIRST_LOOK);
      if (!plot.ready(() => this.settle(0))) return;
      const [from, to] = this.visible();
      const room = Math.max(0, Math.min(MOST_DRAWN, Math.max(LEAST_DRAWN, (to - from) * 2)) - (to - from));
      const { bars } = series;
      const closed = series.last.closed ? bars.length : bars.length - 1;
      const end = Math.min(closed, to + Math.ceil(room / 2));
      const drawn = bars.slice(Math.max(0, end - (to - from) - room), end);
      if (drawn.length < 2) {
        plot.clear();
      } else {
        // A series that was just switched to may be drawn before it was ever painted: it has no scale yet.
        if (this.rescale(from, to)) this.want(VIEW);
        plot.draw(drawn, view, this.native, series.revision, `${series.symbol}|${series.timeframe}`);
        plot.place(view, this.volumeTop);
      }
      this.want(LAST);
    }

    record() {
      if (!this.untold.length) return;
      const told = this.untold.splice(0);
      // A message posted from a frame is handled once that frame has been painted.
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        const ts = performance.timeOrigin + performance.now();
        told.forEach((tradeId) => this.paints.push({ tradeId, ts }));
        if (this.paints.length > PAINTS_KEPT) this.paints.splice(0, this.paints.length - PAINTS_KEPT);
        channel.port1.close();
      };
      channel.port2.postMessage(null);
    }
  }

  CV.Chart = Chart;
})();
