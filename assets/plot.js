/*
 * The Plotly layer: closed bars, drawn once in their own coordinates and then only moved by an SVG transform, so that
 * panning, zooming and rescaling cost no redraw. Axes, crosshair and the forming bar belong to the overlay.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const VOLUME_OPACITY = 0.35;
  const BODY = 0.7; // share of a bar's room that its body takes
  // Beyond this the SVG's own numbers, which Plotly rounds to 0.01 px, are fine enough for any zoom.
  const TALLEST = 6_000;
  const CONFIG = { staticPlot: true, displayModeBar: false, responsive: false };

  class Plot {
    constructor(element) {
      this.element = element;
      this.clear();
    }

    /** Nothing of the present series is drawn any more. */
    clear() {
      this.from = null; // times of the first and last bar drawn
      this.to = null;
      this.revision = -1;
      this.key = '';
      this.element.style.visibility = 'hidden';
    }

    /**
     * Whether Plotly is here; fetches it when it is not. It is big: compiling it takes seconds on a slow machine, so it
     * comes after the first candles, which the overlay can draw without it.
     */
    ready(then) {
      if (window.Plotly) return true;
      if (!this.script) {
        this.script = Object.assign(document.createElement('script'), { src: document.querySelector('meta[name=plotly]').content });
        this.script.onload = then;
        this.script.onerror = () => (this.script = null); // the next draw asks again
        document.head.append(this.script);
      }
      return false;
    }

    /** Draw `bars` (two or more, closed); `type` null: their volume alone. Costs some 40 ms at 600. */
    draw(bars, view, type, revision, key) {
      const { step } = view;
      const colors = CV.theme.colors();
      const low = bars.reduce((least, bar) => Math.min(least, bar.l), Infinity);
      const high = bars.reduce((most, bar) => Math.max(most, bar.h), -Infinity);
      const pad = (high - low) * 0.01 || high * 1e-6;
      const base = (this.base = {
        left: bars[0].t - step / 2,
        right: bars[bars.length - 1].t + step / 2,
        low: low - pad,
        high: high + pad,
        volume: bars.reduce((most, bar) => Math.max(most, bar.v), 0) || 1,
      });
      base.width = Math.round(((base.right - base.left) / step) * view.spacing);
      base.height = Math.round(Math.min(TALLEST, Math.max(400, ((base.high - base.low) / (view.high - view.low)) * view.height)));
      const axis = { visible: false, fixedrange: true, autorange: false };
      const layout = {
        width: base.width,
        height: base.height,
        margin: { l: 0, r: 0, t: 0, b: 0 },
        paper_bgcolor: 'rgba(0,0,0,0)',
        plot_bgcolor: 'rgba(0,0,0,0)',
        showlegend: false,
        hovermode: false,
        uirevision: key,
        boxgap: 1 - BODY,
        boxgroupgap: 0,
        bargap: 1 - BODY,
        xaxis: { ...axis, type: 'linear', range: [base.left, base.right], rangeslider: { visible: false } },
        yaxis: { ...axis, range: [0, base.volume] },
        yaxis2: { ...axis, range: [base.low, base.high], overlaying: 'y' },
      };
      const x = bars.map((bar) => bar.t);
      const traces = [volume(x, bars, colors)];
      if (type) traces.push(price(x, bars, type, colors));
      window.Plotly.react(this.element, traces, layout, CONFIG);
      Object.assign(this, { from: x[0], to: x[x.length - 1], revision, key });
      this.element.style.visibility = '';
    }

    /** Move what is drawn to where `view` wants it. */
    place(view, volumeTop) {
      if (this.to === null) return;
      const { base } = this;
      const plots = this.element._fullLayout._plots;
      const sx = ((base.right - base.left) / (view.right - view.left)) * (view.width / base.width);
      const tx = view.x(base.left);
      const sy = ((base.high - base.low) / (view.high - view.low)) * (view.height / base.height);
      if (plots.xy2) move(plots.xy2, sx, sy, tx, view.y(base.high));
      const volumeScale = (base.volume / volumeTop) * (view.height / base.height);
      move(plots.xy, sx, volumeScale, tx, view.height - base.height * volumeScale);
    }
  }

  function move(subplot, sx, sy, tx, ty) {
    subplot.plot.node().setAttribute('transform', `matrix(${sx} 0 0 ${sy} ${tx} ${ty})`);
  }

  function volume(x, bars, colors) {
    return {
      type: 'bar', x, y: bars.map((bar) => bar.v), yaxis: 'y', opacity: VOLUME_OPACITY,
      marker: { color: bars.map((bar) => (bar.c < bar.o ? colors.down : colors.up)), line: { width: 0 } },
    };
  }

  function price(x, bars, type, colors) {
    if (type === 'line') {
      return {
        type: 'scatter', mode: 'lines', x, y: bars.map((bar) => bar.c), yaxis: 'y2',
        line: { color: colors.accent, width: 2, simplify: false },
      };
    }
    const side = (color) => ({ line: { color, width: 1 }, fillcolor: color });
    return {
      type: 'candlestick', x, yaxis: 'y2', whiskerwidth: 0,
      open: bars.map((bar) => bar.o), high: bars.map((bar) => bar.h),
      low: bars.map((bar) => bar.l), close: bars.map((bar) => bar.c),
      increasing: side(colors.up), decreasing: side(colors.down),
    };
  }

  Plot.BODY = BODY;
  Plot.VOLUME_OPACITY = VOLUME_OPACITY;
  CV.Plot = Plot;
})();
