/* Other symbols drawn over the chart's, each from where the chart's price stood at the first bar in view. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOST = 4;
  const AHEAD = 150; // bars left of the view below which older ones are fetched
  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class Compare {
    /** `changed()` when something is to be painted, `remove(symbol)` when one is to go. */
    constructor(root, { changed, remove }) {
      Object.assign(this, { root, changed, remove });
      this.lines = []; // {series, chip, figure}
    }

    /** `symbols`, and of what series: see Series. */
    show(symbols, { timeframe, step, socket, replay }) {
      this.lines.forEach(({ series }) => series.stop());
      this.lines = symbols.slice(0, MOST).map((symbol) => {
        const series = new CV.Series({ symbol, timeframe, step, socket, replay, changed: () => this.changed() });
        const chip = element('div', 'compared');
        const figure = element('b');
        const close = Object.assign(element('button', 'plain'), { type: 'button', title: `Remove ${symbol}`, ariaLabel: `Remove ${symbol}` });
        close.append(element('span', 'icon icon-close'));
        close.addEventListener('click', () => this.remove(symbol));
        chip.append(element('i'), element('span', '', symbol), figure, close);
        series.start();
        return { series, chip, figure };
      });
      this.root.replaceChildren(...this.lines.map(({ chip }) => chip));
      this.root.hidden = !this.lines.length;
      this.changed();
    }

    /** Have bars for all of the view. */
    cover(view) {
      for (const { series } of this.lines) {
        const { bars } = series;
        if (!bars.length) continue;
        if ((view.right < bars[0].t && !series.exhausted) || (!series.live && view.left > series.last.t)) series.goTo((view.left + view.right) / 2);
        else if (series.find(view.left) < AHEAD) series.older();
        else if (!series.live && bars.length - series.find(view.right) < AHEAD) series.newer();
      }
    }

    /** The close at or before `t`, or the first there is. */
    static at({ bars }, index) {
      return bars[Math.max(0, Math.min(bars.length - 1, index))];
    }

    /** From the close of the other to a price of the chart: `start` is the first bar in view. */
    static factor(series, start) {
      return start.c / Compare.at(series, series.find(start.t)).c;
    }

    /** [lowest, highest] of the chart's prices that the lines reach in view. */
    range(view, start) {
      let [low, high] = [Infinity, -Infinity];
      for (const { series } of this.lines) {
        if (!series.bars.length) continue;
        const factor = Compare.factor(series, start);
        const end = series.find(view.right + view.step);
        for (let i = series.find(start.t); i < end; i++) {
          const price = series.bars[i].c * factor;
          if (price < low) low = price;
          if (price > high) high = price;
        }
      }
      return [low, high];
    }

    color(i) {
      const palette = CV.theme.studies();
      return palette[(palette.length - 1 - i) % palette.length];
    }

    draw(ctx, { view, bars, from }) {
      ctx.lineWidth = 2;
      ctx.lineJoin = 'round';
      this.lines.forEach(({ series }, i) => {
        if (!series.bars.length || !bars[from]) return;
        const factor = Compare.factor(series, bars[from]);
        const end = series.find(view.right + view.step);
        ctx.strokeStyle = this.color(i);
        ctx.beginPath();
        for (let at = series.find(bars[from].t); at < end; at++) ctx.lineTo(view.x(series.bars[at].t), view.y(series.bars[at].c * factor));
        ctx.stroke();
      });
    }

    /** What each has changed from the first bar in view to `t`. */
    tell(start, t) {
      this.lines.forEach(({ series, chip, figure }, i) => {
        chip.style.setProperty('--color', this.color(i));
        if (!series.bars.length || !start) return void CV.write(figure, '–');
        const close = Compare.at(series, series.find(t + 1) - 1).c;
        CV.write(figure, CV.format.percent(((close * Compare.factor(series, start)) / start.c - 1) * 100));
      });
    }
  }

  Compare.MOST = MOST;
  CV.Compare = Compare;
})();
