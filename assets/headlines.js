/* News of the coin whose market is shown. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const ARTICLES = 50;
  const AGES = 30_000; // ms between two looks at the ages

  class Headlines {
    constructor(panel, socket, markets) {
      Object.assign(this, { panel, socket, lines: new Map(), articles: [] });
      this.list = panel.body.querySelector('.articles');
      this.bySymbol = new Map(markets.symbols.map((symbol) => [CV.format.base(symbol).toLowerCase(), symbol]));
      this.listener = () => {};
      panel.exports(() => [['time', 'source', 'title', 'url', 'sentiment_score', 'symbols'], ...this.articles.map((one) => [one.time, one.source, one.title, one.url, one.sentiment_score, one.symbols.join(' ')])]);
      CV.repeat(() => this.ages(), AGES, true);
    }

    /** `listener(articles)`, newest first, whenever there are others. */
    onArticles(listener) {
      this.listener = listener;
    }

    show(symbol) {
      const coin = CV.format.base(symbol).toLowerCase();
      if (coin === this.coin) return;
      if (this.end) this.end();
      Object.assign(this, { coin, articles: [] });
      this.panel.set('loading');
      this.draw();
      const ask = () => this.panel.load(() => this.load(coin), `No news of ${coin.toUpperCase()} yet. The next article appears here, and as a mark on the chart.`);
      // All news share one channel and one count: those of other coins are passed over here.
      this.end = this.socket.subscribe({ type: 'news' }, (article) => article.symbols.includes(coin) && this.take([article]), ask);
      ask();
    }

    async load(coin) {
      const found = await CV.rest.get(`news/${coin}`, { limit: ARTICLES });
      if (coin === this.coin && found.length) this.take(found);
      return found.length > 0;
    }

    /** Each address once, the newest version of it. */
    take(articles) {
      const byUrl = new Map([...this.articles, ...articles].map((article) => [article.url, article]));
      this.articles = [...byUrl.values()].sort((a, b) => CV.rest.ms(b.time) - CV.rest.ms(a.time)).slice(0, ARTICLES);
      this.panel.fresh();
      this.draw();
    }

    /** Lines that stay keep what was opened in them. */
    draw() {
      const now = this.socket.now();
      const lines = new Map(this.articles.map((article) => [article, this.lines.get(article) || CV.article.line(article, CV.rest.ms(article.time), this.bySymbol, now)]));
      this.lines = lines;
      this.list.replaceChildren(...lines.values());
      this.listener(this.articles);
    }

    ages() {
      const now = this.socket.now();
      this.lines.forEach((line, article) => CV.write(line.querySelector('time'), CV.article.since(now - CV.rest.ms(article.time))));
    }
  }

  CV.Headlines = Headlines;
})();
