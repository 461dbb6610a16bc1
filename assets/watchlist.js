/* The watchlist: followed symbols, or those with a star, with price and change; arrow keys go from one to the next. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.watchlist';
  const NONE = 'No favourites yet. A star beside a symbol, here or on the page Markets, puts it on this list.';

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class Watchlist {
    constructor(panel, markets, choose) {
      Object.assign(this, { panel, markets, choose, dirty: new Set(markets.symbols), rows: new Map() });
      this.list = panel.body.querySelector('.watch-rows');
      this.starred = CV.kept.read(KEY) === 'starred';
      this.only = Object.assign(element('button', 'plain watch-only'), { type: 'button', title: 'Favourites only', ariaLabel: 'Favourites only' });
      this.only.append(element('span', 'icon icon-star'));
      this.only.addEventListener('click', () => {
        this.starred = !this.starred;
        CV.kept.write(KEY, this.starred ? 'starred' : '');
        this.filter();
      });
      panel.tools.append(this.only);
      this.list.replaceChildren(...markets.symbols.map((symbol) => this.row(symbol)));
      this.list.addEventListener('keydown', (event) => this.key(event));
      this.paint = () => this.draw();
      markets.onChange((symbol) => {
        this.dirty.add(symbol);
        panel.heard();
        CV.gently(this.paint);
      });
      CV.stars.onChange(() => this.filter());
      panel.exports(() => [['symbol', 'last', 'change_24h_percent', 'high_24h', 'low_24h', 'volume_24h'], ...this.shown().map((symbol) => {
        const { last, high, low, volume } = markets.get(symbol);
        return [symbol, last, markets.change(symbol).percent, high, low, volume];
      })]);
      this.filter();
    }

    row(symbol) {
      const row = element('div', 'watch');
      row.dataset.symbol = symbol;
      const star = Object.assign(element('button', 'plain watch-star'), { type: 'button', tabIndex: -1 });
      star.append(element('span', 'icon icon-star'));
      star.addEventListener('click', () => CV.stars.toggle(symbol));
      const pick = Object.assign(element('button', 'watch-pick'), { type: 'button', tabIndex: -1 });
      const name = element('span', 'market-name', CV.format.base(symbol));
      name.append(element('small', '', `/${CV.format.quote(symbol)}`));
      const [price, change] = [element('span', 'watch-price', '–'), element('span', 'watch-change')];
      pick.append(name, price, change);
      pick.addEventListener('click', () => this.choose(symbol));
      row.append(star, pick);
      this.rows.set(symbol, { row, star, pick, price, change, last: NaN });
      return row;
    }

    shown() {
      return this.markets.symbols.filter((symbol) => !this.starred || CV.stars.names.has(symbol));
    }

    filter() {
      const shown = this.shown();
      this.only.setAttribute('aria-pressed', String(this.starred));
      for (const [symbol, { row, star }] of this.rows) {
        const own = CV.stars.names.has(symbol);
        row.hidden = !shown.includes(symbol);
        star.setAttribute('aria-pressed', String(own));
        star.title = star.ariaLabel = `${symbol}: ${own ? 'a favourite' : 'make it a favourite'}`;
      }
      if (!shown.length) this.panel.set('empty', NONE);
      else if (this.panel.state === 'empty') this.panel.set('live');
      this.rove();
    }

    select(symbol) {
      this.symbol = symbol;
      this.rows.forEach(({ row, pick }, name) => {
        row.classList.toggle('chosen-row', name === symbol);
        pick.setAttribute('aria-pressed', String(name === symbol));
      });
      this.rove();
      const own = this.rows.get(symbol);
      if (own) own.row.scrollIntoView({ block: 'nearest' });
    }

    /** One of them is reached by Tab: the chosen one, else the first. */
    rove() {
      const shown = this.shown();
      const stop = shown.includes(this.symbol) ? this.symbol : shown[0];
      this.rows.forEach(({ pick }, name) => (pick.tabIndex = name === stop ? 0 : -1));
    }

    key(event) {
      const shown = this.shown();
      const at = shown.indexOf(event.target.closest('.watch').dataset.symbol);
      const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[event.key];
      if (event.key.toLowerCase() === 's' && !event.ctrlKey && !event.metaKey) CV.stars.toggle(shown[at]);
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const symbol = shown[Math.max(0, Math.min(shown.length - 1, next))];
      this.rows.get(symbol).pick.focus();
      if (symbol !== this.symbol) this.choose(symbol);
    }

    draw() {
      for (const symbol of this.dirty) {
        const own = this.rows.get(symbol);
        const { last } = this.markets.get(symbol);
        if (!Number.isFinite(last)) continue;
        if (this.panel.state === 'loading') this.panel.set('live');
        CV.write(own.price, CV.format.number(last, this.markets.decimals(symbol)));
        if (Number.isFinite(own.last) && own.last !== last) CV.flash(own.price, last - own.last);
        own.last = last;
        const { percent } = this.markets.change(symbol);
        CV.write(own.change, Number.isFinite(percent) ? CV.format.percent(percent) : '');
        own.change.dataset.direction = CV.format.direction(percent);
      }
      this.dirty.clear();
    }
  }

  CV.Watchlist = Watchlist;
})();
