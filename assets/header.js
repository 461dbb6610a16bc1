/* The price of the shown symbol and its day. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  class Header {
    constructor(root, markets) {
      this.markets = markets;
      this.symbol = '';
      this.price = root.querySelector('#price');
      this.change = root.querySelector('#change');
      this.name = root.querySelector('#symbol-name');
      this.figures = {
        high: root.querySelectorAll('[data-stat=high]'), low: root.querySelectorAll('[data-stat=low]'),
        volume: root.querySelectorAll('[data-stat=volume]'), open: root.querySelectorAll('[data-stat=open]'),
        range: root.querySelectorAll('[data-stat=range]'),
      };
      this.shown = NaN;
      this.titled = 0;
      this.paint = () => this.draw();
      markets.onChange((symbol) => symbol === this.symbol && CV.gently(this.paint));
    }

    show(symbol) {
      this.symbol = symbol;
      this.shown = NaN;
      this.titled = 0;
      this.draw();
    }

    draw() {
      const { format } = CV;
      const market = this.markets.get(this.symbol);
      CV.write(this.name, this.symbol);
      if (!market) return;
      const decimals = this.markets.decimals(this.symbol);
      const { last } = market;
      CV.write(this.price, format.number(last, decimals));
      if (last !== this.shown && Number.isFinite(this.shown)) {
        this.price.dataset.direction = Math.sign(last - this.shown);
        CV.flash(this.price, last - this.shown);
      }
      this.shown = last;
      const { percent } = this.markets.change(this.symbol);
      const direction = format.direction(percent);
      CV.write(this.change, Number.isFinite(percent) ? `${format.arrow(direction)} ${format.percent(percent)}` : '');
      this.change.dataset.direction = direction;
      const put = (name, text) => this.figures[name].forEach((element) => CV.write(element, text));
      put('high', format.number(market.high, decimals));
      put('low', format.number(market.low, decimals));
      put('open', format.number(market.open, decimals));
      put('volume', `${format.compact(market.volume)} ${format.base(this.symbol)}`);
      put('range', Number.isFinite(market.high) ? format.percent(((market.high - market.low) / market.low) * 100).replace('+', '') : '–');
      const now = performance.now();
      if (now - this.titled > 1_000 && Number.isFinite(last)) {
        document.title = `${format.number(last, decimals)} ${this.symbol} · CryptoViz`;
        this.titled = now;
      }
    }
  }

  CV.Header = Header;
})();
