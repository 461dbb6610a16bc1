/* Screens: filters and order under a name. Some are ready; one's own are kept in the browser. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.screens';
  const MOST = 20;

  const only = (field, type, filter) => ({ [field]: { filterType: 'number', type, filter } });
  const READY = {
    '': {},
    starred: only('starred', 'greaterThan', 0),
    up: only('change', 'greaterThan', 0),
    down: only('change', 'lessThan', 0),
    oversold: only('rsi', 'lessThan', 30),
    overbought: only('rsi', 'greaterThan', 70),
    good: only('mood', 'greaterThan', 0.1),
  };

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class Screens {
    constructor(root, table) {
      this.table = table;
      this.ready = [...root.querySelectorAll('[data-screen]')];
      this.ready.forEach((button) => button.addEventListener('click', () => table.use({ filter: READY[button.dataset.screen] })));
      this.list = root.querySelector('.own-screens');
      this.form();
      table.onChange(() => this.press());
      this.draw();
    }

    form() {
      const form = element('form', 'keep-screen');
      this.name = Object.assign(element('input'), { maxLength: 24, placeholder: 'Name this screen', ariaLabel: 'Name this screen', autocomplete: 'off' });
      form.append(this.name, Object.assign(element('button', '', 'Save'), { type: 'submit' }));
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        const name = this.name.value.trim();
        if (!name) return;
        this.write([...this.read().filter((one) => one.name !== name), { name, ...this.table.screen }].slice(-MOST));
        this.name.value = '';
      });
      this.list.after(form);
    }

    read() {
      try {
        const kept = JSON.parse(CV.kept.read(KEY) || '[]');
        return kept.filter(({ name, filter }) => typeof name === 'string' && filter && typeof filter === 'object');
      } catch {
        return []; // a stranger's entry
      }
    }

    write(screens) {
      CV.kept.write(KEY, screens.length ? JSON.stringify(screens) : '');
      this.draw();
    }

    draw() {
      this.list.replaceChildren(...this.read().map((screen) => {
        const chip = element('span', 'own-screen');
        const use = Object.assign(element('button', 'own-name', screen.name), { type: 'button' });
        use.addEventListener('click', () => this.table.use(screen));
        use.dataset.filter = JSON.stringify(screen.filter);
        const away = Object.assign(element('button', 'plain', '×'), { type: 'button', ariaLabel: `Remove ${screen.name}`, title: `Remove ${screen.name}` });
        away.addEventListener('click', () => this.write(this.read().filter(({ name }) => name !== screen.name)));
        chip.append(use, away);
        return chip;
      }));
      this.press();
    }

    /** Which of them is what is filtered by now. */
    press() {
      const now = JSON.stringify(this.table.screen.filter);
      this.ready.forEach((button) => button.setAttribute('aria-pressed', String(JSON.stringify(READY[button.dataset.screen]) === now)));
      this.list.querySelectorAll('.own-name').forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.filter === now)));
    }
  }

  CV.Screens = Screens;
})();
