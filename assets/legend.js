/* O H L C V Δ% of the bar under the crosshair, else of the newest. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  class Legend {
    constructor(root) {
      this.root = root;
      this.name = root.querySelector('.legend-name');
      this.cells = Object.fromEntries([...root.querySelectorAll('[data-figure]')].map((cell) => [cell.dataset.figure, cell]));
    }

    show(symbol, timeframe) {
      CV.write(this.name, `${symbol} · ${timeframe}`);
    }

    draw({ bar, before }, decimals) {
      const { format } = CV;
      this.root.classList.toggle('blank', !bar);
      if (!bar) return;
      for (const figure of ['o', 'h', 'l', 'c']) CV.write(this.cells[figure], format.number(bar[figure], decimals));
      CV.write(this.cells.v, format.compact(bar.v));
      // Against the close before it: what the market did in this window, gap included.
      const from = before ? before.c : bar.o;
      const percent = ((bar.c - from) / from) * 100;
      const direction = format.direction(percent);
      CV.write(this.cells.change, `${format.arrow(direction)} ${format.percent(percent)}`);
      this.cells.change.dataset.direction = direction;
      this.root.dataset.direction = bar.c < bar.o ? -1 : 1;
    }
  }

  CV.Legend = Legend;
})();
