/* What moves together: correlation of hourly returns of the most traded markets, those that are alike beside each other. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const AGAIN = 600_000; // ms: an hour more changes little
  const SOON = 5_000; // while there is too little to compare
  const NARROW = matchMedia('(max-width: 760px)');

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  /** Pearson's, of two lists of the same length; null when one of them does not move. */
  function correlation(a, b) {
    const n = a.length;
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

  /** A chain: begun with the pair that is most alike, then at either end whoever is most like it. */
  function chain(matrix) {
    const left = new Set(matrix.keys());
    const alike = (a, b) => matrix[a][b] ?? -2;
    const pairs = [...left].flatMap((a) => [...left].filter((b) => b > a).map((b) => [a, b]));
    const out = pairs.reduce((best, pair) => (alike(...pair) > alike(...best) ? pair : best)).slice();
    out.forEach((one) => left.delete(one));
    while (left.size) {
      const [first, last] = [out[0], out[out.length - 1]];
      const next = [...left].reduce((best, one) => (Math.max(alike(first, one), alike(last, one)) > Math.max(alike(first, best), alike(last, best)) ? one : best));
      left.delete(next);
      if (alike(first, next) > alike(last, next)) out.unshift(next);
      else out.push(next);
    }
    return out;
  }

  class Together {
    constructor(panel, board) {
      this.panel = panel;
      this.board = board;
      this.body = panel.body.querySelector('tbody');
      this.spans = [...panel.section.querySelectorAll('[data-span]')];
      this.spans.forEach((button) => button.addEventListener('click', () => this.choose(Number(button.dataset.span))));
      NARROW.addEventListener('change', () => this.load());
      this.choose(168);
      CV.repeat(() => this.load(), AGAIN, true);
    }

    choose(hours) {
      this.hours = hours;
      this.spans.forEach((button) => button.setAttribute('aria-pressed', String(Number(button.dataset.span) === hours)));
      this.load();
    }

    load() {
      clearTimeout(this.later);
      const asked = (this.asked = {});
      this.panel.load(() => this.ask(asked));
    }

    async ask(asked) {
      const traded = () => [...this.board.rows.values()].some(({ volume }) => volume);
      if (!traded()) await this.board.load();
      const most = NARROW.matches ? 7 : 16;
      const symbols = [...this.board.rows.values()].sort((a, b) => b.volume - a.volume).slice(0, most).map(({ symbol }) => symbol);
      const ask = async (symbol) => {
        const rows = await CV.rest.get('crypto/data', { symbol, interval: '1h', limit: this.hours + 1 });
        return [symbol, new Map(rows.map((one) => [one.window_start, Number(one.close)]))];
      };
      const found = (await Promise.all(symbols.map(ask))).filter(([, closes]) => closes.size > 3);
      if (asked !== this.asked) return false;
      if (found.length > 1) this.draw(found);
      else this.later = setTimeout(() => document.hidden || this.load(), SOON);
      return found.length > 1;
    }

    draw(found) {
      // Hours that all of them have, so that the same hour stands beside the same hour.
      const hours = [...found[0][1].keys()].filter((hour) => found.every(([, closes]) => closes.has(hour))).sort();
      const returns = found.map(([, closes]) => hours.slice(1).map((hour, i) => Math.log(closes.get(hour) / closes.get(hours[i]))));
      const matrix = returns.map((a, i) => returns.map((b, j) => (i === j ? 1 : correlation(a, b))));
      const order = chain(matrix);
      const name = (i) => CV.format.base(found[i][0]);
      const head = element('tr');
      head.append(element('td'), ...order.map((i) => Object.assign(element('th', '', name(i)), { scope: 'col' })));
      this.body.replaceChildren(head, ...order.map((i) => {
        const line = element('tr');
        line.append(Object.assign(element('th', '', name(i)), { scope: 'row' }), ...order.map((j) => this.cell(matrix[i][j], `${found[i][0]} · ${found[j][0]}`)));
        return line;
      }));
    }

    cell(r, title) {
      const cell = Object.assign(element('td', 'alike', r === null ? '–' : CV.format.number(r, 2)), { title });
      cell.dataset.direction = Math.sign(r || 0);
      cell.style.setProperty('--strength', `${Math.round(Math.abs(r || 0) * 60)}%`);
      return cell;
    }
  }

  CV.Together = Together;
})();
