/* Below the chart: news of the coin, depth of the book, statistics and a converter. Which one is open is kept in the browser. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.dock';
  const ARTICLES = 50;
  const AGES = 30_000;
  const DAILY = 366;
  const SPANS = [['24 h', 1], ['7 d', 7], ['1 month', 30], ['3 months', 91], ['1 year', 365]];

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class Dock {
    constructor(root, socket, markets) {
      Object.assign(this, { root, socket, markets });
      this.buttons = [...root.querySelectorAll('[data-dock]')];
      this.panes = new Map([...root.querySelectorAll('[data-of]')].map((pane) => [pane.dataset.of, pane]));
      this.news = new News(this.panes.get('news'), socket, markets);
      this.depth = new Depth(this.panes.get('depth'), socket, markets);
      this.mood = new CV.Mood(this.panes.get('mood'), socket);
      this.statistics = new Statistics(this.panes.get('statistics'), markets);
      this.buttons.forEach((button) => button.addEventListener('click', () => this.open(button.dataset.dock === this.pane ? '' : button.dataset.dock)));
      this.open(CV.kept.read(KEY) || '');
    }

    /** '' closes it. */
    open(pane) {
      this.pane = this.panes.has(pane) ? pane : '';
      CV.kept.write(KEY, this.pane);
      this.root.dataset.open = this.pane;
      this.buttons.forEach((button) => button.setAttribute('aria-expanded', String(button.dataset.dock === this.pane)));
      this.depth.watch(this.pane === 'depth' ? this.symbol : null);
      this.feel(this.pane === 'mood' ? this.symbol : null);
      this.statistics.watch(this.pane === 'statistics' ? this.symbol : null);
    }

    /** The mood of the symbol's coin, null while nobody looks. */
    feel(symbol) {
      if (symbol === this.felt) return;
      this.felt = symbol;
      if (symbol) this.mood.show(CV.format.base(symbol).toLowerCase(), symbol);
      else this.mood.hide();
    }

    show(symbol) {
      this.symbol = symbol;
      this.news.show(symbol);
      this.open(this.pane);
    }

    /** `listener(articles)`, newest first, whenever there are others. */
    onArticles(listener) {
      this.news.listener = listener;
    }
  }

  class News {
    constructor(pane, socket, markets) {
      Object.assign(this, { pane, socket });
      this.list = pane.querySelector('.articles');
      this.empty = pane.querySelector('.dock-empty');
      this.bySymbol = new Map([...markets.bySymbol.keys()].map((symbol) => [CV.format.base(symbol).toLowerCase(), symbol]));
      this.listener = () => {};
      CV.repeat(() => this.draw(), AGES, true);
    }

    show(symbol) {
      const coin = CV.format.base(symbol).toLowerCase();
      if (coin === this.coin) return;
      if (this.end) this.end();
      this.coin = coin;
      this.articles = new Map();
      this.draw();
      // All news share one channel and one count: those of other coins are passed over here.
      this.end = this.socket.subscribe({ type: 'news' }, (article) => article.symbols.includes(coin) && this.take([article]), () => this.load(coin));
      this.load(coin);
    }

    async load(coin) {
      try {
        const found = await CV.rest.get(`news/${coin}`, { limit: ARTICLES });
        if (coin === this.coin) this.take(found);
      } catch (error) {
        if (coin === this.coin) CV.write(this.empty, `News cannot be loaded: ${error.message}.`);
      }
    }

    take(articles) {
      articles.forEach((article) => this.articles.set(article.url, article));
      const newest = [...this.articles.values()].sort((a, b) => CV.rest.ms(b.time) - CV.rest.ms(a.time)).slice(0, ARTICLES);
      this.articles = new Map(newest.map((article) => [article.url, article]));
      this.draw();
    }

    draw() {
      if (!this.articles) return;
      const articles = [...this.articles.values()];
      const now = this.socket.now();
      this.list.replaceChildren(...articles.map((article) => CV.article.line(article, CV.rest.ms(article.time), this.bySymbol, now)));
      CV.write(this.empty, articles.length ? '' : `No news of ${this.coin.toUpperCase()} yet. The next article appears here, and as a mark on the chart.`);
      this.listener(articles);
    }
  }

  /** Cumulative amounts to buy and to sell, by price. */
  class Depth {
    constructor(pane, socket, markets) {
      Object.assign(this, { pane, socket, markets });
      this.canvas = pane.querySelector('canvas');
      this.paint = () => this.draw();
      new ResizeObserver(() => CV.frame(this.paint)).observe(pane);
      CV.theme.onChange(() => CV.frame(this.paint));
    }

    watch(symbol) {
      if (symbol === this.symbol) return;
      if (this.end) this.end();
      this.end = null;
      Object.assign(this, { symbol, book: null });
      CV.frame(this.paint);
      if (!symbol) return;
      this.end = this.socket.subscribe({ type: 'book', symbol, forming: true }, (book) => {
        this.book = book;
        CV.frame(this.paint);
      });
    }

    draw() {
      const { clientWidth: width, clientHeight: height } = this.pane;
      if (!width || !height) return;
      const ratio = window.devicePixelRatio || 1;
      Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
      const ctx = this.canvas.getContext('2d');
      ctx.scale(ratio, ratio);
      const { book } = this;
      const whole = book && book.bids.length && book.asks.length;
      this.pane.dataset.state = whole ? 'live' : 'empty';
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

  class Statistics {
    constructor(pane, markets) {
      this.markets = markets;
      this.list = pane.querySelector('.performance');
      this.converter(pane.querySelector('.converter'));
      markets.onChange((symbol) => symbol === this.symbol && CV.frame((this.paint = this.paint || (() => this.draw()))));
    }

    converter(root) {
      const field = () => Object.assign(element('input'), { type: 'number', min: 0, step: 'any', inputMode: 'decimal' });
      this.fields = [field(), field()];
      this.names = [element('span'), element('span')];
      this.edited = 0;
      this.fields.forEach((input, n) => {
        const label = element('label');
        label.append(this.names[n], input);
        root.append(label);
        input.addEventListener('input', () => {
          this.edited = n;
          this.convert();
        });
      });
      this.fields[0].value = 1;
    }

    async watch(symbol) {
      if (symbol === this.symbol) return;
      Object.assign(this, { symbol, days: [] });
      if (!symbol) return;
      this.names.forEach((name, n) => CV.write(name, n ? CV.format.quote(symbol) : CV.format.base(symbol)));
      this.draw();
      try {
        const days = await CV.rest.get('crypto/data', { symbol, interval: '1d', limit: DAILY });
        if (symbol !== this.symbol) return;
        this.days = days.map((row) => ({ t: CV.rest.ms(row.window_start), high: row.high, low: row.low, close: row.close }));
        this.draw();
      } catch {
        // The next change of price draws what there is; opening it again asks again.
      }
    }

    draw() {
      if (!this.symbol) return;
      const { last, open } = this.markets.get(this.symbol) || {};
      if (!Number.isFinite(last)) return;
      const decimals = this.markets.decimals(this.symbol);
      const rows = SPANS.map(([name, days]) => {
        const before = days === 1 ? open : this.closed(days);
        const change = before ? (last / before - 1) * 100 : NaN;
        return [name, CV.format.percent(change), Math.sign(change) || 0];
      });
      const high = Math.max(...this.days.map((day) => day.high), last);
      const low = Math.min(...this.days.map((day) => day.low), last);
      const span = this.days.length > 364 ? '1-year' : `${this.days.length}-day`;
      if (this.days.length) {
        rows.push([`${span} high`, `${CV.format.number(high, decimals)}  ${CV.format.percent((last / high - 1) * 100)}`, 0]);
        rows.push([`${span} low`, `${CV.format.number(low, decimals)}  ${CV.format.percent((last / low - 1) * 100)}`, 0]);
      }
      this.list.replaceChildren(...rows.map(([name, words, direction]) => {
        const row = element('div');
        const value = element('dd', '', words);
        value.dataset.direction = direction;
        row.append(element('dt', '', name), value);
        return row;
      }));
      this.convert(last);
    }

    /** The close of so many days ago; undefined where there is no such day. */
    closed(days) {
      const wanted = this.days[0] && this.days[0].t - days * 86_400_000;
      const day = this.days.find(({ t }) => t <= wanted);
      return day && day.t === wanted ? day.close : undefined;
    }

    convert(price) {
      const { last } = this.markets.get(this.symbol) || {};
      const rate = price || last;
      const value = Number(this.fields[this.edited].value);
      if (!rate || !this.fields[this.edited].value) return;
      const other = this.fields[1 - this.edited];
      if (document.activeElement !== other) other.value = this.edited ? Number((value / rate).toPrecision(10)) : Number((value * rate).toPrecision(10));
    }
  }

  CV.Dock = Dock;
})();
