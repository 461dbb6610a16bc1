/* The followed symbols in a row (a list on the phone, and in the symbol dialog): price, change, the last day's line. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const WIDTH = 40;
  const HEIGHT = 16;
  const SVG = 'http://www.w3.org/2000/svg';

  class Strip {
    constructor(element, markets, choose) {
      this.element = element;
      this.markets = markets;
      this.rows = new Map();
      this.dirty = new Set(markets.symbols);
      this.paint = () => this.draw();
      // When all are quoted in the same currency the row need not say so each time.
      element.classList.toggle('one-quote', new Set(markets.symbols.map(CV.format.quote)).size === 1);
      element.replaceChildren(...markets.symbols.map((symbol) => this.row(symbol, choose)));
      markets.onChange((symbol) => {
        this.dirty.add(symbol);
        CV.gently(this.paint);
      });
      CV.frame(this.paint);
    }

    row(symbol, choose) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'market';
      button.dataset.symbol = symbol;
      const part = (name, text) => {
        const span = document.createElement('span');
        span.className = name;
        span.textContent = text || '';
        button.append(span);
        return span;
      };
      part('market-name', CV.format.base(symbol)).append(Object.assign(document.createElement('small'), { textContent: '/' + CV.format.quote(symbol) }));
      const price = part('market-price', '–');
      const change = part('market-change');
      const svg = document.createElementNS(SVG, 'svg');
      svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
      svg.setAttribute('aria-hidden', 'true');
      const path = document.createElementNS(SVG, 'path');
      svg.append(path);
      button.append(svg);
      button.addEventListener('click', () => choose(symbol));
      this.rows.set(symbol, { button, price, change, svg, path });
      return button;
    }

    select(symbol) {
      this.rows.forEach(({ button }, name) => button.setAttribute('aria-pressed', String(name === symbol)));
      const row = this.rows.get(symbol);
      if (row) row.button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }

    /** Show only symbols that contain `text`; returns them. */
    filter(text) {
      const wanted = text.trim().toUpperCase().replace(/[-\s]/g, '/');
      return this.markets.symbols.filter((symbol) => {
        const fits = symbol.includes(wanted) || symbol.replace('/', '').includes(wanted.replace('/', ''));
        this.rows.get(symbol).button.hidden = !fits;
        return fits;
      });
    }

    draw() {
      this.dirty.forEach((symbol) => {
        const { price, change, svg, path } = this.rows.get(symbol);
        const market = this.markets.get(symbol);
        CV.write(price, CV.format.number(market.last, this.markets.decimals(symbol)));
        const { percent } = this.markets.change(symbol);
        const direction = CV.format.direction(percent);
        CV.write(change, Number.isFinite(percent) ? CV.format.percent(percent) : '');
        change.dataset.direction = direction;
        svg.dataset.direction = direction;
        if (market.spark.length > 1 && path.dataset.drawn !== market.spark.join()) {
          path.dataset.drawn = market.spark.join();
          path.setAttribute('d', spark(market.spark));
        }
      });
      this.dirty.clear();
    }
  }

  function spark(values) {
    const low = Math.min(...values);
    const span = Math.max(...values) - low || 1;
    const x = (i) => ((i / (values.length - 1)) * (WIDTH - 2) + 1).toFixed(1);
    const y = (value) => (HEIGHT - 2 - ((value - low) / span) * (HEIGHT - 4)).toFixed(1);
    return values.map((value, i) => `${i ? 'L' : 'M'}${x(i)},${y(value)}`).join('');
  }

  CV.Strip = Strip;
})();
