/* The news page: the feed with its filters, live, and the sources. Articles are text here, never markup. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const PAGE = 50;
  const MOST = 1_000; // articles kept on the page
  const AGES = 30_000; // ms between two looks at the ages
  const TYPING = 250;
  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class News {
    constructor(root) {
      const find = (selector) => root.querySelector(selector);
      this.root = root;
      const panels = CV.Panels.of(root);
      this.feed = panels.get('feed');
      this.list = find('.articles');
      this.more = find('.older');
      this.sources = panels.get('sources');
      this.bySymbol = new Map(root.dataset.symbols.split(' ').map((symbol) => [CV.format.base(symbol).toLowerCase(), symbol]));
      this.filter = { coin: '', mood: '', q: '', source: '' };
      this.shown = new Map(); // url → {article, line}
      this.cursor = null;
      this.search = Object.assign(element('input'), {
        type: 'search', placeholder: 'Search headlines', autocomplete: 'off', spellcheck: false, ariaLabel: 'Search headlines', maxLength: 100,
      });
      this.source = Object.assign(element('select'), { ariaLabel: 'Source' });
      this.source.addEventListener('change', () => this.choose({ source: this.source.value }));
      this.offer([]);
      find('.filters').prepend(this.search);
      find('.filters').append(this.source);
      this.search.addEventListener('input', () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.choose({ q: this.search.value.trim() }), TYPING);
      });
      for (const group of ['coin', 'mood']) {
        root.querySelectorAll(`[data-${group}]`).forEach((button) => button.addEventListener('click', () => this.choose({ [group]: button.dataset[group] })));
      }
      this.more.addEventListener('click', () => this.load(this.cursor));
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      this.socket = new CV.Socket(`${scheme}://${location.host}/ws/crypto?batch=1`);
      this.socket.subscribe({ type: 'news' }, (article) => this.hear(article), () => this.load());
      new CV.Status(find('.banner'), (status) => this.health(status), (error) => this.sources.failed(error));
      this.mood = new CV.Mood(panels, this.socket);
      panels.watch(this.socket);
      const { coin } = Object.fromEntries(new URLSearchParams(location.search));
      this.choose({ coin: this.bySymbol.has(coin) ? coin : '' });
      CV.repeat(() => this.ages(), AGES, true);
    }

    choose(change) {
      this.filter = { ...this.filter, ...change };
      for (const group of ['coin', 'mood']) {
        this.root.querySelectorAll(`[data-${group}]`).forEach((button) => button.setAttribute('aria-pressed', String(button.dataset[group] === this.filter[group])));
      }
      if (change.coin !== undefined) this.mood.show(change.coin, this.bySymbol.get(change.coin) || this.bySymbol.values().next().value);
      this.shown.clear();
      this.list.replaceChildren();
      this.feed.set('loading');
      this.load();
    }

    matches(article) {
      const { coin, mood: wanted, q, source } = this.filter;
      if (source && article.source !== source) return false;
      if (coin && !article.symbols.includes(coin)) return false;
      if (wanted && CV.article.mood(article.sentiment_score) !== (wanted === 'good' ? 1 : -1)) return false;
      const text = `${article.title} ${article.content}`.toLowerCase();
      return q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
    }

    load(cursor) {
      const narrow = Object.values(this.filter).some(Boolean);
      this.feed.load(() => this.ask(cursor), narrow ? 'No article matches. Widen the filters.' : 'No news yet. What each source answers is told beside this.');
    }

    async ask(cursor) {
      const { filter } = this;
      const { coin, mood: wanted, q, source } = filter;
      const params = {
        limit: PAGE, cursor: cursor || undefined, symbol: coin || undefined, source: source || undefined, q: q || undefined,
        min_score: wanted === 'good' ? CV.article.GOOD : undefined, max_score: wanted === 'bad' ? CV.article.BAD : undefined,
      };
      const { data, next } = await CV.rest.page('news', params);
      if (filter !== this.filter) return false;
      this.cursor = next;
      this.more.hidden = !next;
      data.filter((article) => this.matches(article)).forEach((article) => this.put(article));
      return this.shown.size > 0;
    }

    hear(article) {
      if (this.feed.state === 'loading' || !this.matches(article)) return;
      this.put(article);
      this.feed.fresh();
    }

    /** In order of time, each address once, the newest version of it. */
    put(article) {
      const known = this.shown.get(article.url);
      if (known) known.line.remove();
      const time = CV.rest.ms(article.time);
      const line = CV.article.line(article, time, this.bySymbol, this.socket.now());
      this.shown.set(article.url, { article, time, line });
      const after = [...this.list.children].find((one) => Number(one.dataset.time) < time);
      this.list.insertBefore(line, after || null);
      while (this.shown.size > MOST) {
        const last = this.list.lastElementChild;
        this.shown.delete(last.dataset.url);
        last.remove();
      }
    }

    /** Sources to choose from: those that are asked, in their order. */
    offer(names) {
      if (String(names) === String(this.offered)) return;
      this.offered = names;
      this.source.replaceChildren(...['', ...names].map((name) => Object.assign(element('option', '', name || 'All sources'), { value: name })));
      this.source.value = this.filter.source;
    }

    ages() {
      const now = this.socket.now();
      this.shown.forEach(({ time, line }) => CV.write(line.querySelector('time'), CV.article.since(now - time)));
    }

    /** What the news worker says of its sources: the facts that are sentences. */
    health({ workers }) {
      const worker = workers.news;
      const facts = Object.entries((worker && worker.facts) || {}).filter(([, value]) => typeof value === 'string');
      this.offer(facts.map(([name]) => name));
      this.sources.answered(facts.length > 0, worker && (worker.detail || worker.state));
      this.sources.body.querySelector('ul').replaceChildren(...facts.map(([name, words]) => {
        const line = element('li', 'line');
        line.dataset.kind = words.startsWith('ok') ? 'good' : 'waiting';
        line.append(element('i', 'lamp'), element('b', '', name), Object.assign(element('span', 'detail', words), { title: words }));
        return line;
      }));
    }
  }

  CV.pages = Object.assign(CV.pages || {}, { news: (root) => new News(root) });
})();
