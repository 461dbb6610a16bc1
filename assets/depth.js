/* Cumulative amounts to buy and to sell, by price. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const PATIENCE = 5_000; // ms after which a source without a book is said to have none
  const NONE = 'No order book from this source.';

  class Depth {
    constructor(panel, socket, markets) {
      Object.assign(this, { panel, socket, markets });
      this.canvas = panel.body.querySelector('canvas');
      this.paint = () => this.draw();
      panel.watch((shown) => {
        this.shown = shown;
        this.watch();
      });
      new ResizeObserver(() => CV.frame(this.paint)).observe(panel.body);
      CV.theme.onChange(() => CV.frame(this.paint));
    }

    show(symbol) {
      this.symbol = symbol;
      this.watch();
    }

    /** Listen to the book while somebody looks. */
    watch() {
      const wanted = this.shown ? this.symbol : null;
      if (wanted === this.watched) return;
      if (this.end) this.end();
      clearTimeout(this.timer);
      Object.assign(this, { watched: wanted, book: null, end: null });
      this.panel.set('loading');
      CV.frame(this.paint);
      if (!wanted) return;
      this.timer = setTimeout(() => this.socket.state === 'open' && !this.book && this.panel.set('empty', NONE), PATIENCE);
      this.end = this.socket.subscribe({ type: 'book', symbol: wanted, forming: true }, (book) => {
        this.book = book;
        this.panel.fresh();
        CV.gently(this.paint);
      });
    }

    draw() {
      const { clientWidth: width, clientHeight: height } = this.panel.body;
      if (!width || !height) return;
      const ratio = window.devicePixelRatio || 1;
      Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
      const ctx = this.canvas.getContext('2d');
      ctx.scale(ratio, ratio);
      const { book } = this;
      const whole = book && book.bids.length && book.asks.length;
      if (!whole) return;
      const colors = CV.theme.colors();
      const sides = [['bids', colors.up], ['asks', colors.down]].map(([side, color]) => ({ color, steps: cumulated(book[side]) }));
      const middle = (sides[0].steps[0].price + sides[1].steps[0].price) / 2;
      const reach = Math.max(...sides.map(({ steps }) => Math.abs(steps[steps.length - 1].price - middle)));
      const most = Math.max(...sides.map(({ steps }) => steps[steps.length - 1].total));
      const bottom = height - 22;
      const x = (price) => ((price - middle) / reach / 2 + 0.5) * width;
      const y = (total) => bottom - (total / most) * (bottom - 12);
      for (const { color, steps } of sides) {
        ctx.beginPath();
        ctx.moveTo(x(steps[0].price), bottom);
        let before = bottom;
        for (const { price, total } of steps) {
          ctx.lineTo(x(price), before);
          before = y(total);
          ctx.lineTo(x(price), before);
        }
        const edge = steps[0].price < middle ? 0 : width;
        ctx.lineTo(edge, before);
        ctx.strokeStyle = color;
        ctx.lineWidth = 1.5;
        ctx.stroke();
        ctx.lineTo(edge, bottom);
        ctx.fillStyle = `${color}33`;
        ctx.fill();
      }
      const decimals = this.markets.decimals(this.symbol);
      ctx.fillStyle = colors.text2;
      ctx.font = `11px ${colors.font}`;
      ctx.textBaseline = 'middle';
      for (const [align, share] of [['left', 0], ['center', 0.25], ['center', 0.5], ['center', 0.75], ['right', 1]]) {
        ctx.textAlign = align;
        ctx.fillText(CV.format.number(middle + (share - 0.5) * 2 * reach, decimals), align === 'left' ? 8 : align === 'right' ? width - 8 : share * width, height - 10);
      }
      ctx.textAlign = 'left';
      ctx.fillText(`${CV.format.compact(most)} ${CV.format.base(this.symbol)}`, 8, 12);
    }
  }

  function cumulated(levels) {
    let total = 0;
    return levels.map(([price, amount]) => ({ price: Number(price), total: (total += Number(amount)) }));
  }

  CV.Depth = Depth;
})();
