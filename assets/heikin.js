/* Heikin-Ashi: close = mean of the bar's four prices, open = middle of the body before. A shape of the bars, not prices. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  class HeikinAshi {
    /** Shapes of all bars of `series`, index for index. Only the forming bar is computed again while nothing else changed. */
    of(series) {
      const { bars, revision } = series;
      const same = this.series === series && this.revision === revision && this.length === bars.length;
      const shapes = same ? this.shapes : [];
      for (let i = same ? bars.length - 1 : 0; i < bars.length; i++) {
        const bar = bars[i];
        const before = shapes[i - 1];
        const c = (bar.o + bar.h + bar.l + bar.c) / 4;
        const o = before ? (before.o + before.c) / 2 : (bar.o + bar.c) / 2;
        shapes[i] = { t: bar.t, o, c, h: Math.max(bar.h, o, c), l: Math.min(bar.l, o, c) };
      }
      Object.assign(this, { series, revision, length: bars.length, shapes });
      return shapes;
    }
  }

  CV.HeikinAshi = HeikinAshi;
})();
