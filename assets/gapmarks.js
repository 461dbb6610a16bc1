/* A band on the time axis for each stretch whose trades are missing for good: what is drawn above it is not all there was. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const EVERY = 60_000;
  const LEAST = 3; // px, to be seen at any zoom

  class GapMarks {
    constructor(element, chart) {
      Object.assign(this, { element, chart, gaps: [], marks: [] });
      CV.repeat(() => this.load(), EVERY, true);
      CV.zone.onChange(() => this.draw(this.gaps));
    }

    show(symbol) {
      this.symbol = symbol;
      this.draw([]);
      this.load();
    }

    async load() {
      const { symbol } = this;
      if (!symbol) return;
      try {
        const gaps = await CV.rest.get('quality/gaps', { symbol });
        if (symbol === this.symbol) this.draw(gaps);
      } catch {
        // The data page says why; here the next minute asks again.
      }
    }

    draw(gaps) {
      this.gaps = gaps;
      this.marks = gaps.map((gap) => {
        const [starts, ends] = [CV.rest.ms(gap.starts_at), CV.rest.ms(gap.ends_at)];
        const mark = Object.assign(document.createElement('i'), { className: 'gap-mark' });
        const count = BigInt(gap.last_id) - BigInt(gap.first_id) + 1n;
        mark.title = `Trades are missing here, ${CV.format.number(Number(count), 0)} of them: ${CV.format.moment(starts, '5s')}`;
        return { mark, starts, ends };
      });
      this.element.replaceChildren(...this.marks.map(({ mark }) => mark));
      this.place();
    }

    place() {
      const { view } = this.chart;
      for (const { mark, starts, ends } of this.marks) {
        // A bar stands round its time, half a bar to either side.
        const from = Math.max(0, view.x(starts) - view.spacing / 2);
        const width = Math.min(view.width, view.x(ends) + view.spacing / 2) - from;
        mark.hidden = width <= 0;
        mark.style.transform = `translateX(${Math.round(from)}px)`;
        mark.style.width = `${Math.max(LEAST, Math.round(width))}px`;
      }
    }
  }

  CV.GapMarks = GapMarks;
})();
