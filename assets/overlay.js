/*
 * The canvases round the Plotly layer. Below it the grid; above it the bars Plotly has not drawn yet (always the forming
 * one), the last price with its countdown, the axes and the crosshair. A full paint costs about a millisecond.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const AXIS_HEIGHT = 26;
  const PRICE_GAP = 44; // px between price labels, at least
  const TIME_GAP = 92;
  const TAG = 19; // height of a tag on the axes
  const SIZE = 11;

  class Overlay {
    constructor(under, over) {
      this.under = under.getContext('2d');
      this.over = over.getContext('2d');
      this.axisWidth = 64;
      this.axisHeight = AXIS_HEIGHT;
    }

    resize(width, height) {
      const ratio = window.devicePixelRatio || 1;
      for (const { canvas } of [this.under, this.over]) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = width + 'px';
        canvas.style.height = height + 'px';
      }
      this.ratio = ratio;
      this.width = width;
      this.height = height;
    }

    /** Where the time axis begins: below the prices and the indicators' panes. */
    get bottom() {
      return this.height - this.axisHeight;
    }

    /** Room the price axis needs for prices like `price`. True when it changed. */
    measure(price, decimals) {
      // Figures are all equally wide: only another number of digits needs another look.
      const digits = CV.format.number(price, decimals).length;
      if (digits === this.digits) return false;
      this.digits = digits;
      this.over.font = font();
      const text = this.over.measureText(CV.format.number(price, decimals)).width;
      const wanted = Math.max(56, Math.ceil((text + 18) / 4) * 4);
      if (wanted === this.axisWidth) return false;
      this.axisWidth = wanted;
      return true;
    }

    begin(ctx) {
      ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      ctx.clearRect(0, 0, this.width, this.height);
      ctx.font = font();
      ctx.textBaseline = 'middle';
    }

    /** Nothing but the lines that part the plot from its axes. */
    clear(view) {
      this.begin(this.under);
      this.begin(this.over);
      this.frame(this.over, view);
    }

    frame(ctx, view) {
      ctx.fillStyle = CV.theme.colors().line;
      ctx.fillRect(view.width, 0, 1, this.height);
      ctx.fillRect(0, this.bottom, this.width, 1);
    }

    /** Grid lines; remembers the ticks for the labels. */
    grid(view, timeframe, percentOf) {
      const ctx = this.under;
      const colors = CV.theme.colors();
      this.priceTicks = CV.ticks.prices(view.low, view.high, view.height, PRICE_GAP);
      if (percentOf) {
        // Round per cents, not round prices.
        const percents = CV.ticks.prices((view.low / percentOf - 1) * 100, (view.high / percentOf - 1) * 100, view.height, PRICE_GAP);
        this.priceTicks.values = percents.values.map((percent) => percentOf * (1 + percent / 100));
      }
      this.timeTicks = CV.ticks.times(view.left, view.right, view.width, TIME_GAP, timeframe);
      this.begin(ctx);
      ctx.fillStyle = colors.grid;
      for (const price of this.priceTicks.values) ctx.fillRect(0, Math.round(view.y(price)), view.width, 1);
      for (const time of this.timeTicks.values) ctx.fillRect(Math.round(view.x(time)), 0, 1, this.bottom);
    }

    /** Everything above the Plotly layer. */
    paint(scene) {
      const ctx = this.over;
      const { view, last, cursor } = scene;
      this.begin(ctx);
      ctx.save();
      ctx.beginPath();
      ctx.rect(0, 0, view.width, view.height);
      ctx.clip();
      this.volumes(ctx, scene, CV.theme.colors());
      if (scene.type === 'line' || scene.type === 'area') this.line(ctx, scene);
      else if (scene.type === 'bars') this.ticks(ctx, scene);
      else this.candles(ctx, scene);
      scene.compare.draw(ctx, scene);
      CV.panes.overlays(ctx, scene.studies, scene, scene.from, scene.to);
      scene.drawings.draw(ctx, scene.decimals);
      ctx.restore();
      CV.panes.draw(ctx, scene.studies, scene, scene.from, scene.to);
      this.axes(ctx, scene);
      if (last) this.lastPrice(ctx, scene);
      if (cursor) this.crosshair(ctx, scene);
    }

    volumes(ctx, { view, bars, spans, volumeTop }, colors) {
      const body = bodyWidth(view.spacing);
      ctx.globalAlpha = CV.Plot.VOLUME_OPACITY;
      each(spans, (i) => {
        const bar = bars[i];
        const height = (bar.v / volumeTop) * view.height;
        ctx.fillStyle = bar.c < bar.o ? colors.down : colors.up;
        ctx.fillRect(Math.round(view.x(bar.t) - body / 2), view.height - height, body, height);
      });
      ctx.globalAlpha = 1;
    }

    candles(ctx, { view, shapes, priceSpans }) {
      const colors = CV.theme.colors();
      const body = bodyWidth(view.spacing);
      each(priceSpans, (i) => {
        const bar = shapes[i];
        const x = view.x(bar.t);
        const top = Math.round(view.y(Math.max(bar.o, bar.c)));
        const bottom = Math.round(view.y(Math.min(bar.o, bar.c)));
        const high = Math.round(view.y(bar.h));
        ctx.fillStyle = bar.c < bar.o ? colors.down : colors.up;
        ctx.fillRect(Math.round(x - 0.5), high, 1, Math.max(1, Math.round(view.y(bar.l)) - high));
        ctx.fillRect(Math.round(x - body / 2), top, body, Math.max(1, bottom - top));
      });
    }

    /** Bars with a tick for open and close. */
    ticks(ctx, { view, bars, priceSpans }) {
      const colors = CV.theme.colors();
      const arm = Math.max(1, Math.round(bodyWidth(view.spacing) / 2));
      const thick = view.spacing > 10 ? 2 : 1;
      each(priceSpans, (i) => {
        const bar = bars[i];
        const x = Math.round(view.x(bar.t) - thick / 2);
        const high = Math.round(view.y(bar.h));
        ctx.fillStyle = bar.c < bar.o ? colors.down : colors.up;
        ctx.fillRect(x, high, thick, Math.max(1, Math.round(view.y(bar.l)) - high));
        ctx.fillRect(x - arm, Math.round(view.y(bar.o)), arm, thick);
        ctx.fillRect(x + thick, Math.round(view.y(bar.c)), arm, thick);
      });
    }

    line(ctx, scene) {
      const { view, bars, priceSpans: spans } = scene;
      const colors = CV.theme.colors();
      ctx.strokeStyle = colors.accent;
      ctx.lineWidth = 2;
      ctx.lineJoin = 'round';
      for (const [from, to] of spans) {
        if (from >= to) continue;
        ctx.beginPath();
        // One bar more on either side joins it to what Plotly drew.
        const [start, end] = [Math.max(0, from - 1), Math.min(bars.length, to + 1)];
        for (let i = start; i < end; i++) ctx.lineTo(view.x(bars[i].t), view.y(bars[i].c));
        ctx.stroke();
        if (scene.type !== 'area') continue;
        ctx.lineTo(view.x(bars[end - 1].t), view.height);
        ctx.lineTo(view.x(bars[start].t), view.height);
        const fade = ctx.createLinearGradient(0, 0, 0, view.height);
        fade.addColorStop(0, `${colors.accent}55`);
        fade.addColorStop(1, `${colors.accent}00`);
        ctx.fillStyle = fade;
        ctx.fill();
      }
      if (!scene.last) return;
      ctx.beginPath();
      ctx.arc(view.x(scene.last.t), view.y(scene.last.c), 3.5, 0, 7);
      ctx.fillStyle = colors.accent;
      ctx.fill();
    }

    axes(ctx, scene) {
      const { view, decimals, timeframe } = scene;
      const taken = scene.last ? lastTag(scene) : { top: 0, height: -TAG };
      const colors = CV.theme.colors();
      this.frame(ctx, view);
      ctx.fillStyle = colors.text2;
      ctx.textAlign = 'left';
      const digits = Math.max(decimals, this.priceTicks.step ? Math.ceil(-Math.log10(this.priceTicks.step) - 1e-9) : 0);
      for (const price of this.priceTicks.values) {
        const y = view.y(price);
        // Not where the edge of the last price's tag would cut it.
        if (y < 8 || y > view.height - 6 || (y > taken.top - 5 && y < taken.top + taken.height + 5)) continue;
        ctx.fillText(labelled(price, Math.min(decimals, digits), scene.percentOf), view.width + 8, y);
      }
      ctx.textAlign = 'center';
      const y = this.bottom + this.axisHeight / 2;
      for (const time of this.timeTicks.values) {
        const x = view.x(time);
        if (x < 26 || x > view.width - 26) continue;
        const midnight = (time + CV.format.zoneShift(timeframe, time)) % 86_400_000 === 0;
        ctx.fillStyle = midnight ? colors.text : colors.text2;
        ctx.font = font(midnight ? 600 : 400);
        ctx.fillText(CV.format.tick(time, timeframe, this.timeTicks.step), x, y);
      }
      ctx.font = font();
    }

    lastPrice(ctx, scene) {
      const { view, last, decimals, remaining } = scene;
      const colors = CV.theme.colors();
      const color = last.c < last.o ? colors.downText : colors.upText;
      const y = view.y(last.c);
      if (y > 0 && y < view.height) {
        ctx.strokeStyle = color;
        ctx.lineWidth = 1;
        ctx.setLineDash([2, 3]);
        ctx.beginPath();
        ctx.moveTo(0, Math.round(y) + 0.5);
        ctx.lineTo(view.width, Math.round(y) + 0.5);
        ctx.stroke();
        ctx.setLineDash([]);
      }
      const { top, height } = lastTag(scene);
      tag(ctx, view.width + 1, top, this.axisWidth - 1, height, color);
      ctx.textAlign = 'left';
      ctx.fillStyle = colors.onTag;
      ctx.font = font(600);
      ctx.fillText(CV.format.number(last.c, decimals), view.width + 8, top + TAG / 2 + 0.5);
      ctx.font = font();
      if (remaining !== null) ctx.fillText(CV.format.countdown(remaining), view.width + 8, top + TAG + 5);
    }

    crosshair(ctx, { view, cursor, decimals, timeframe, studies, percentOf }) {
      const colors = CV.theme.colors();
      const x = Math.round(cursor.x) + 0.5;
      const y = Math.round(cursor.y) + 0.5;
      ctx.strokeStyle = colors.cross;
      ctx.lineWidth = 1;
      ctx.setLineDash([4, 4]);
      ctx.beginPath();
      ctx.moveTo(x, 0);
      ctx.lineTo(x, this.bottom);
      ctx.moveTo(0, y);
      ctx.lineTo(view.width, y);
      ctx.stroke();
      ctx.setLineDash([]);
      tag(ctx, view.width + 1, y - TAG / 2, this.axisWidth - 1, TAG, colors.raised, colors.cross);
      ctx.fillStyle = colors.text;
      ctx.textAlign = 'left';
      const pane = studies.panes.find((one) => one.scale && cursor.y > one.top && cursor.y <= one.top + one.height);
      const value = pane ? CV.panes.spell(pane.study, pane.study.columns[0], pane.value(cursor.y), decimals)
        : labelled(view.price(cursor.y), decimals, percentOf);
      ctx.fillText(value, view.width + 8, y + 0.5);
      const text = CV.format.moment(cursor.t, timeframe);
      const width = ctx.measureText(text).width + 16;
      const left = Math.max(0, Math.min(view.width - width, x - width / 2));
      tag(ctx, left, this.bottom + 3, width, TAG, colors.raised, colors.cross);
      ctx.fillStyle = colors.text;
      ctx.fillText(text, left + 8, this.bottom + 3 + TAG / 2 + 0.5);
    }
  }

  const font = (weight) => `${weight || 400} ${SIZE}px ${CV.theme.colors().font}`;

  /** A price on its axis, or how far it is from the first bar in view. */
  const labelled = (price, decimals, percentOf) => (percentOf ? CV.format.percent((price / percentOf - 1) * 100) : CV.format.number(price, decimals));

  function each(spans, visit) {
    for (const [from, to] of spans) for (let i = from; i < to; i++) visit(i);
  }

  /** Where the last price's tag lies: at the price, or at the edge beyond which the price is. */
  function lastTag({ view, last, remaining }) {
    const height = remaining === null ? TAG : TAG + 14;
    return { top: Math.max(0, Math.min(view.height - height, view.y(last.c) - TAG / 2)), height };
  }

  function bodyWidth(spacing) {
    return Math.max(1, Math.round(spacing * CV.Plot.BODY));
  }

  function tag(ctx, x, y, width, height, fill, stroke) {
    ctx.beginPath();
    ctx.roundRect(x, y, width, height, 3);
    ctx.fillStyle = fill;
    ctx.fill();
    if (!stroke) return;
    ctx.strokeStyle = stroke;
    ctx.stroke();
  }

  CV.Overlay = Overlay;
})();
