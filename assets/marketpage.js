/* The markets page: a live table to sort and to screen, a map of volume and change, correlations. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const SLOW = 60_000; // ms between two looks at what nothing pushes here
  const SOON = 5_000; // the same while something is not there yet: in the first minute of a first start
  const HOURS = 168;
  const MOST_PAIRS = 16; // symbols of the correlation table
  const SVG = 'http://www.w3.org/2000/svg';
  const TEXT = ['symbol'];

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  const SCREENS = {
    '': () => true,
    starred: (row, starred) => starred.has(row.symbol),
    up: (row) => row.change > 0,
    down: (row) => row.change < 0,
    oversold: (row) => row.rsi < 30,
    overbought: (row) => row.rsi > 70,
    good: (row) => row.mood > 0.1,
  };

  /** Rectangles of `values` (descending) that fill w × h, as square as they can be (Bruls, Huizing, van Wijk: squarified treemaps). */
  function squarify(values, w, h) {
    const total = values.reduce((sum, value) => sum + value, 0) || 1;
    const areas = values.map((value) => (value / total) * w * h);
    const out = [];
    let [x, y] = [0, 0];
    const worst = (row, side) => {
      const sum = row.reduce((a, b) => a + b, 0);
      return Math.max((side * side * row[0]) / (sum * sum), (sum * sum) / (side * side * row[row.length - 1]));
    };
    for (let i = 0; i < areas.length; ) {
      const side = Math.min(w, h);
      const row = [areas[i]];
      while (i + row.length < areas.length && worst([...row, areas[i + row.length]], side) <= worst(row, side)) row.push(areas[i + row.length]);
      const thick = row.reduce((a, b) => a + b, 0) / (side || 1);
      let along = 0;
      for (const area of row) {
        const long = area / (thick || 1);
        out.push(w >= h ? { x, y: y + along, w: thick, h: long } : { x: x + along, y, w: long, h: thick });
        along += long;
      }
      if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
      i += row.length;
    }
    return out;
  }

  /** Pearson's, of two lists of the same length; null when one of them does not move. */
  function correlation(a, b) {
    const n = Math.min(a.length, b.length);
    if (n < 3) return null;
    const mean = (list) => list.reduce((sum, value) => sum + value, 0) / n;
    const [ma, mb] = [mean(a), mean(b)];
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      ab += (a[i] - ma) * (b[i] - mb);
      aa += (a[i] - ma) ** 2;
      bb += (b[i] - mb) ** 2;
    }
    return aa && bb ? ab / Math.sqrt(aa * bb) : null;
  }

  class Page {
    constructor(root) {
      const find = (selector) => root.querySelector(selector);
      this.root = root;
      this.symbols = root.dataset.symbols.split(' ').filter(Boolean);
      this.block = find('.markets-table');
      this.body = this.block.querySelector('tbody');
      this.tiles = find('.tiles');
      this.together = find('.together');
      this.starred = CV.stars.names;
      this.screen = '';
      this.sorted = { field: 'volume', down: true };
      this.extra = new Map(this.symbols.map((symbol) => [symbol, { rsi: NaN, mean: NaN, mood: NaN }]));
      this.search = Object.assign(element('input'), { type: 'search', placeholder: 'Find a market', autocomplete: 'off', spellcheck: false, ariaLabel: 'Find a market' });
      find('.filters').prepend(this.search);
      this.search.addEventListener('input', () => this.order());
      this.screens = [...root.querySelectorAll('[data-screen]')];
      this.screens.forEach((button) => button.addEventListener('click', () => this.choose(button.dataset.screen)));
      this.heads = [...root.querySelectorAll('th[data-field]')].filter((head) => head.dataset.field !== 'spark');
      this.heads.forEach((head) => {
        const sort = element('button', 'plain', head.textContent);
        sort.type = 'button';
        head.replaceChildren(sort);
        sort.addEventListener('click', () => this.sort(head.dataset.field));
      });
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      this.socket = new CV.Socket(`${scheme}://${location.host}/ws/crypto?batch=1`);
      this.markets = new CV.Markets(this.symbols, this.socket);
      this.rows = new Map(this.symbols.map((symbol) => [symbol, this.row(symbol)]));
      this.dirty = new Set(this.symbols);
      this.paint = () => this.draw();
      this.markets.onChange((symbol) => {
        this.dirty.add(symbol);
        CV.gently(this.paint);
      });
      new CV.Status(find('.banner'), () => {});
      this.choose('');
      this.sort('volume', true);
      CV.repeat(() => this.look(), SLOW);
      new ResizeObserver(() => this.map()).observe(this.tiles);
    }

    row(symbol) {
      const line = element('tr');
      const name = element('th', 'symbol');
      name.scope = 'row';
      const star = element('button', 'plain star', '☆');
      star.type = 'button';
      star.addEventListener('click', () => this.star(symbol));
      name.append(star, Object.assign(element('a', '', symbol), { href: `/t/${CV.format.plain(symbol)}` }));
      const cells = {};
      for (const { dataset } of this.root.querySelectorAll('th[data-field]')) {
        if (dataset.field !== 'symbol') cells[dataset.field] = element('td', dataset.field);
      }
      const svg = document.createElementNS(SVG, 'svg');
      svg.setAttribute('viewBox', '0 0 80 20');
      svg.setAttribute('aria-hidden', 'true');
      svg.append(document.createElementNS(SVG, 'path'));
      cells.spark.append(svg);
      line.append(name, ...Object.values(cells));
      this.body.append(line);
      return { line, star, cells, svg };
    }

    /** The figures that are sorted by. */
    figures(symbol) {
      const market = this.markets.get(symbol);
      return {
        symbol, last: market.last, change: this.markets.change(symbol).percent, high: market.high, low: market.low,
        volume: market.volume * market.last, ...this.extra.get(symbol), trend: (market.last / this.extra.get(symbol).mean - 1) * 100,
      };
    }

    choose(screen) {
      this.screen = screen;
      this.screens.forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.screen === screen)));
      this.order();
    }

    sort(field, down) {
      const same = this.sorted.field === field;
      this.sorted = { field, down: down === undefined ? (same ? !this.sorted.down : !TEXT.includes(field)) : down };
      this.heads.forEach((head) => head.setAttribute('aria-sort', head.dataset.field === field ? (this.sorted.down ? 'descending' : 'ascending') : 'none'));
      this.order();
    }

    star(symbol) {
      CV.stars.toggle(symbol);
      this.dirty.add(symbol);
      this.draw();
      this.order();
    }

    order() {
      if (!this.rows) return;
      const wanted = this.search.value.trim().toUpperCase().replace(/[-\s]/g, '/');
      const { field, down } = this.sorted;
      const sign = down ? -1 : 1;
      const rows = this.symbols.map((symbol) => this.figures(symbol));
      // What is not known stands last, whichever way.
      rows.sort((a, b) => (TEXT.includes(field) ? sign * a[field].localeCompare(b[field])
        : Number.isNaN(a[field]) - Number.isNaN(b[field]) || sign * (a[field] - b[field]) || a.symbol.localeCompare(b.symbol)));
      let shown = 0;
      const lines = rows.map((row) => {
        const { line } = this.rows.get(row.symbol);
        line.hidden = !(SCREENS[this.screen](row, this.starred) && row.symbol.replace('/', '').includes(wanted.replace('/', '')));
        shown += !line.hidden;
        return line;
      });
      if (lines.some((line, i) => this.body.children[i] !== line)) this.body.append(...lines);
      this.block.dataset.state = shown ? 'ready' : 'empty';
    }

    draw() {
      this.dirty.forEach((symbol) => {
        const { cells, star, svg, line } = this.rows.get(symbol);
        const row = this.figures(symbol);
        const market = this.markets.get(symbol);
        const digits = this.markets.decimals(symbol);
        const starred = this.starred.has(symbol);
        CV.write(star, starred ? '★' : '☆');
        star.setAttribute('aria-pressed', String(starred));
        star.title = star.ariaLabel = `${symbol}: ${starred ? 'a favourite' : 'make it a favourite'}`;
        const before = cells.last.textContent;
        CV.write(cells.last, CV.format.number(row.last, digits));
        if (before && before !== '–' && before !== cells.last.textContent) this.flash(line, market.moved);
        CV.write(cells.change, Number.isFinite(row.change) ? CV.format.percent(row.change) : '–');
        cells.change.dataset.direction = CV.format.direction(row.change);
        CV.write(cells.high, CV.format.number(row.high, digits));
        CV.write(cells.low, CV.format.number(row.low, digits));
        CV.write(cells.volume, CV.format.compact(row.volume));
        CV.write(cells.rsi, CV.format.number(row.rsi, 1));
        cells.rsi.dataset.direction = row.rsi > 70 ? -1 : row.rsi < 30 ? 1 : 0;
        const trend = Number.isFinite(row.trend) ? Math.sign(row.trend) : NaN;
        CV.write(cells.trend, Number.isNaN(trend) ? '–' : `${CV.format.arrow(trend)} ${CV.format.percent(row.trend)}`);
        cells.trend.dataset.direction = trend || 0;
        CV.write(cells.mood, Number.isFinite(row.mood) ? `${row.mood > 0 ? '+' : ''}${CV.format.number(row.mood, 2)}` : '–');
        cells.mood.dataset.direction = CV.format.direction(row.mood);
        svg.dataset.direction = CV.format.direction(row.change);
        if (market.spark.length > 1 && svg.dataset.drawn !== market.spark.join()) {
          svg.dataset.drawn = market.spark.join();
          const [low, high] = [Math.min(...market.spark), Math.max(...market.spark)];
          const path = market.spark.map((value, i) => `${i ? 'L' : 'M'}${((i / (market.spark.length - 1)) * 78 + 1).toFixed(1)},${(18 - ((value - low) / (high - low || 1)) * 16).toFixed(1)}`);
          svg.firstChild.setAttribute('d', path.join(''));
        }
      });
      this.dirty.clear();
      this.later = this.later || setTimeout(() => {
        this.later = null;
        this.order();
        this.map();
      }, 1_000);
    }

    flash(line, direction) {
      if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
      const cell = line.querySelector('.last');
      cell.getAnimations().forEach((one) => one.cancel());
      const colour = getComputedStyle(cell).getPropertyValue(direction < 0 ? '--down-tint' : '--up-tint');
      cell.animate([{ background: colour }, { background: 'transparent' }], 600);
    }

    /** What is not pushed: indicators by the hour, moods, returns. */
    async look() {
      const ask = async (symbol) => {
        const own = this.extra.get(symbol);
        const base = CV.format.base(symbol).toLowerCase();
        const [figures, moods, hours] = await Promise.all([
          CV.rest.get('indicators', { symbol, interval: '1h' }),
          CV.rest.get('sentiment', { symbol: base, interval: '1d', limit: 1 }),
          CV.rest.get('crypto/data', { symbol, interval: '1h', limit: HOURS }),
        ]);
        const value = (type) => (figures.find((one) => one.indicator_type === type) || {}).value;
        const [rsi, mean] = [value('rsi'), value('sma')];
        own.rsi = rsi === undefined ? NaN : rsi;
        own.mean = mean === undefined ? NaN : mean;
        own.mood = moods.length && moods[0].articles ? moods[0].value : NaN;
        own.closes = new Map(hours.map((one) => [one.window_start, Number(one.close)]));
        this.dirty.add(symbol);
      };
      await Promise.allSettled(this.symbols.map(ask));
      this.draw();
      this.order();
      this.correlate();
      clearTimeout(this.soon);
      if ([...this.extra.values()].some(({ rsi }) => Number.isNaN(rsi))) this.soon = setTimeout(() => document.hidden || this.look(), SOON);
    }

    map() {
      const rows = this.symbols.map((symbol) => this.figures(symbol)).filter((row) => row.volume > 0 && Number.isFinite(row.change)).sort((a, b) => b.volume - a.volume);
      const { clientWidth: w, clientHeight: h } = this.tiles;
      this.tiles.closest('.block').dataset.state = rows.length ? 'ready' : this.later ? 'loading' : 'empty';
      if (!w || !h || !rows.length) return;
      // The root of the volume: the largest market would leave no room for the others.
      const places = squarify(rows.map((row) => Math.sqrt(row.volume)), w, h);
      this.made = this.made || new Map();
      rows.forEach((row, i) => {
        if (!this.made.has(row.symbol)) {
          const tile = Object.assign(element('a', 'tile'), { href: `/t/${CV.format.plain(row.symbol)}` });
          tile.append(element('b', '', CV.format.base(row.symbol)), element('span'));
          this.made.set(row.symbol, tile);
          this.tiles.append(tile);
        }
        const tile = this.made.get(row.symbol);
        const place = places[i];
        Object.assign(tile.style, { left: `${place.x}px`, top: `${place.y}px`, width: `${place.w}px`, height: `${place.h}px` });
        tile.dataset.direction = CV.format.direction(row.change);
        tile.style.setProperty('--strength', `${Math.min(70, 15 + Math.abs(row.change) * 12)}%`);
        CV.write(tile.lastChild, CV.format.percent(row.change));
        tile.title = `${row.symbol} ${CV.format.percent(row.change)}, volume ${CV.format.compact(row.volume)}`;
      });
    }

    correlate() {
      const named = this.symbols.filter((symbol) => (this.extra.get(symbol).closes || new Map()).size > 3).slice(0, MOST_PAIRS);
      this.together.dataset.state = named.length > 1 ? 'ready' : 'empty';
      // Hours that all of them have, so that the same hour stands beside the same hour.
      const hours = named.length ? [...this.extra.get(named[0]).closes.keys()].filter((hour) => named.every((symbol) => this.extra.get(symbol).closes.has(hour))).sort() : [];
      const returns = new Map(named.map((symbol) => {
        const closes = hours.map((hour) => this.extra.get(symbol).closes.get(hour));
        return [symbol, closes.slice(1).map((close, i) => Math.log(close / closes[i]))];
      }));
      const head = element('tr');
      head.append(element('th'), ...named.map((symbol) => Object.assign(element('th', '', CV.format.base(symbol)), { scope: 'col' })));
      const lines = named.map((symbol) => {
        const line = element('tr');
        line.append(Object.assign(element('th', '', CV.format.base(symbol)), { scope: 'row' }));
        for (const other of named) {
          const r = symbol === other ? 1 : correlation(returns.get(symbol), returns.get(other));
          const cell = element('td', '', r === null ? '–' : CV.format.number(r, 2));
          cell.dataset.direction = Math.sign(r || 0);
          cell.style.setProperty('--strength', `${Math.round(Math.abs(r || 0) * 60)}%`);
          cell.title = `${symbol} · ${other}`;
          line.append(cell);
        }
        return line;
      });
      this.together.querySelector('tbody').replaceChildren(head, ...lines);
    }
  }

  CV.pages = Object.assign(CV.pages || {}, { markets: (root) => new Page(root) });
})();
