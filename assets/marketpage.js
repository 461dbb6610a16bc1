/* The markets page: the table and its screens, who gained and lost most, the map, what moves together. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOVERS = 5;
  const CALM = 1_000; // ms between two drawings of what is not a figure in a row

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  /** A short list of rows, the first ones by `sign` × change. */
  class Movers {
    constructor(block, board, sign) {
      Object.assign(this, { block, board, sign, list: block.querySelector('ol') });
      this.lines = Array.from({ length: MOVERS }, () => {
        const line = element('li');
        const link = element('a', 'line');
        link.append(element('b'), element('span', 'figure'), element('span', 'change'));
        line.append(link);
        return line;
      });
    }

    draw() {
      const rows = [...this.board.rows.values()].filter(({ change }) => change * this.sign > 0).sort((a, b) => (b.change - a.change) * this.sign).slice(0, MOVERS);
      this.block.dataset.state = rows.length ? 'ready' : this.board.error === undefined ? 'loading' : 'empty';
      rows.forEach((row, i) => {
        const link = this.lines[i].firstChild;
        const [name, price, change] = link.children;
        link.href = `/t/${CV.format.plain(row.symbol)}`;
        CV.write(name, row.symbol);
        CV.write(price, CV.format.number(row.last, CV.Board.digits(row)));
        CV.write(change, `${CV.format.arrow(row.change)} ${CV.format.percent(row.change)}`);
        change.dataset.direction = Math.sign(row.change);
      });
      const wanted = this.lines.slice(0, rows.length);
      if (this.list.children.length !== wanted.length) this.list.replaceChildren(...wanted);
    }
  }

  class Page {
    constructor(root) {
      const find = (selector) => root.querySelector(selector);
      this.root = root;
      this.block = find('.markets-table');
      this.stale = this.block.querySelector('.stale');
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      this.socket = new CV.Socket(`${scheme}://${location.host}/ws/crypto?batch=1`);
      this.board = new CV.Board(root.dataset.symbols.split(' ').filter(Boolean), this.socket, (rows) => this.changed(rows));
      this.drawn = [new Movers(find('.gainers'), this.board, 1), new Movers(find('.losers'), this.board, -1), new CV.Heat(find('.map'), this.board)];
      this.search = Object.assign(element('input'), { type: 'search', placeholder: 'Find a market', autocomplete: 'off', spellcheck: false, ariaLabel: 'Find a market' });
      find('.filters').prepend(this.search);
      this.table = new CV.GridTable(find('#markets-slot'), this.board, (table) => this.ready(table));
      new CV.Status(find('.banner'), () => {});
      this.socket.onState(() => this.say());
    }

    ready(table) {
      this.search.addEventListener('input', () => table.search(this.search.value));
      if (this.search.value) table.search(this.search.value);
      new CV.Screens(this.root, table);
      this.columns(table);
      this.say();
    }

    /** Which columns there are, in a box that the button opens. */
    columns(table) {
      const box = this.root.querySelector('.columns-box');
      const list = box.querySelector('div');
      const draw = () => list.replaceChildren(...table.columns().map(({ id, name, shown }) => {
        const label = element('label');
        const tick = Object.assign(element('input'), { type: 'checkbox', checked: shown });
        tick.addEventListener('change', () => table.show(id, tick.checked));
        label.append(tick, element('span', '', name));
        return label;
      }));
      box.addEventListener('beforetoggle', ({ newState }) => newState === 'open' && draw());
      const opener = Object.assign(this.root.querySelector('.columns-button'), { popoverTargetElement: box, hidden: false });
      opener.ariaHasPopup = 'true';
      Object.assign(box, { popover: 'auto', hidden: false });
      box.querySelector('button').addEventListener('click', () => {
        table.reset();
        draw();
      });
    }

    changed(rows) {
      if (this.table) this.table.move(rows);
      if (!rows) this.say();
      if (!rows && !this.together && [...this.board.rows.values()].some(({ volume }) => volume)) this.together = new CV.Together(this.root.querySelector('.together'), this.board);
      this.later = this.later || setTimeout(() => {
        this.later = null;
        CV.frame((this.paint = this.paint || (() => this.drawn.forEach((one) => one.draw()))));
      }, rows ? CALM : 0);
    }

    /** Whether the figures are those of now, and why not. */
    say() {
      const lost = this.socket.state !== 'open' && this.socket.attempts > 0;
      const words = lost ? 'Connection lost. Prices stand still; trying again by itself.' : this.board && this.board.error ? `Not up to date: ${this.board.error}. Trying again by itself.` : '';
      CV.write(this.stale, words);
      this.stale.hidden = !words;
      this.block.dataset.state = this.table && this.table.api ? (words ? 'stale' : 'ready') : 'loading';
    }
  }

  CV.pages = Object.assign(CV.pages || {}, { markets: (root) => new Page(root) });
})();
