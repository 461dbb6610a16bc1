/* The markets page: the table and its screens, who gained and lost most, the map, what moves together. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOVERS = 5;
  const REFRESH = 60_000;
  const SOON = 5_000; // while something is not there yet: in the first minute of a first start
  const CALM = 1_000; // ms between two drawings of what is not a figure in a row

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  /** A short list of rows, the first ones by `sign` × change. */
  class Movers {
    constructor(panel, board, sign) {
      Object.assign(this, { panel, board, sign, list: panel.body.querySelector('ol') });
      this.lines = Array.from({ length: MOVERS }, () => {
        const line = element('li');
        const link = element('a', 'line');
        link.append(element('b'), element('span', 'figure'), element('span', 'change'));
        line.append(link);
        return line;
      });
    }

    /** Whether there is anything. */
    draw() {
      const rows = [...this.board.rows.values()].filter(({ change }) => change * this.sign > 0).sort((a, b) => (b.change - a.change) * this.sign).slice(0, MOVERS);
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
      return wanted.length > 0;
    }
  }

  class Page {
    constructor(root) {
      const find = (selector) => root.querySelector(selector);
      this.root = root;
      const panels = CV.Panels.of(root);
      this.panel = panels.get('markets-table');
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      this.socket = new CV.Socket(`${scheme}://${location.host}/ws/crypto?batch=1`);
      this.board = new CV.Board(root.dataset.symbols.split(' ').filter(Boolean), this.socket, (rows) => this.changed(rows));
      this.drawn = [new Movers(panels.get('gainers'), this.board, 1), new Movers(panels.get('losers'), this.board, -1), new CV.Heat(panels.get('map'), this.board)];
      this.search = Object.assign(element('input'), { type: 'search', placeholder: 'Find a market', autocomplete: 'off', spellcheck: false, ariaLabel: 'Find a market' });
      find('.filters').prepend(this.search);
      this.table = new CV.GridTable(find('#markets-slot'), this.board);
      new CV.Status(find('.banner'), () => {});
      CV.repeat(() => this.load(), REFRESH);
      new CV.Together(panels.get('together'), this.board);
      panels.watch(this.socket);
    }

    load() {
      this.panel.load(async () => {
        const [whole] = await Promise.all([this.board.load(), this.open()]);
        clearTimeout(this.soon);
        if (!whole) this.soon = setTimeout(() => document.hidden || this.load(), SOON);
        return true;
      });
      this.drawn.forEach((one) => one.panel.load(async () => {
        await this.board.load();
        return one.draw();
      }));
    }

    /** The table, with what belongs to it; once. */
    async open() {
      await this.table.open();
      if (this.opened) return;
      this.opened = true;
      const { table } = this;
      this.search.addEventListener('input', () => table.search(this.search.value));
      if (this.search.value) table.search(this.search.value);
      new CV.Screens(this.root, table);
      this.columns(table);
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
      this.table.move(rows);
      this.later = this.later || setTimeout(() => {
        this.later = null;
        CV.frame((this.paint = this.paint || (() => this.draw())));
      }, rows ? CALM : 0);
    }

    draw() {
      for (const one of this.drawn) {
        if (one.draw()) one.panel.fresh();
        else if (one.panel.state === 'live') one.panel.set('empty');
      }
    }
  }

  CV.pages = Object.assign(CV.pages || {}, { markets: (root) => new Page(root) });
})();
