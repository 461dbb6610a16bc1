/* Which panels are shown, where, and how large; and layouts under names, with the chart's type, scale and indicators. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const NOW = 'cryptoviz.layout';
  const NAMED = 'cryptoviz.layouts';
  const LONGEST = 40;
  const DETAILED = { strip: true, book: true, tape: true, dock: true, left: false, tapefirst: false, side: 300, height: 200, share: 0 };
  const COMPACT = { ...DETAILED, strip: false, tape: false, dock: false, side: 240 };
  const SWITCHES = [
    ['strip', 'Strip of markets'], ['book', 'Order book'], ['tape', 'Trades'], ['dock', 'News, depth, statistics'],
    ['left', 'Panels on the left'], ['tapefirst', 'Trades above the order book'],
  ];
  const MOVES = new Set(['left', 'tapefirst']); // the others show and hide
  // px: [least, most]
  const SIZES = { side: [220, 560], height: [96, 600], share: [160, 1_200] };
  const STEP = 16; // px a key moves an edge

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });
  const within = (name, size) => Math.round(Math.min(SIZES[name][1], Math.max(SIZES[name][0], size)));

  /** What is known of a layout, from what the browser kept. */
  function sound(kept) {
    const shape = { ...DETAILED };
    for (const [name, usual] of Object.entries(DETAILED)) {
      const value = kept && kept[name];
      if (typeof value !== typeof usual) continue;
      shape[name] = typeof usual === 'boolean' || !value ? value : Number.isFinite(value) ? within(name, value) : usual;
    }
    return shape;
  }

  function read(key) {
    try {
      return JSON.parse(CV.kept.read(key)) || {};
    } catch {
      return {};
    }
  }

  class Layout {
    /** `chart()` is what a layout keeps of the chart, `use(chart)` brings it back. */
    constructor(root, button, { chart, use }) {
      Object.assign(this, { root, chart, use });
      this.shape = sound(read(NOW));
      this.named = new Map(Object.entries(CV.access.on ? {} : read(NAMED)));
      this.dialog(button);
      this.edge('side', root.querySelector('#side'), 'Width of the panels', (event, box) => (this.shape.left ? event.clientX - box.left : box.right - event.clientX));
      this.edge('height', root.querySelector('#dock'), 'Height of what lies below the chart', (event, box) => box.bottom - event.clientY - 29);
      this.edge('share', root.querySelector('#book'), 'Height of the order book', (event, box) => (this.shape.tapefirst ? box.bottom - event.clientY : event.clientY - box.top));
      this.apply();
    }

    apply() {
      const { shape, root } = this;
      for (const [name] of SWITCHES) {
        if (MOVES.has(name)) root.classList.toggle(`with-${name}`, shape[name]);
        else root.classList.toggle(`no-${name}`, !shape[name]);
      }
      root.classList.toggle('no-side', !shape.book && !shape.tape);
      root.style.setProperty('--side', `${shape.side}px`);
      root.style.setProperty('--dock', `${shape.height}px`);
      if (shape.share) root.style.setProperty('--book', `${shape.share}px`);
      else root.style.removeProperty('--book');
      this.boxes.forEach((box, name) => (box.checked = shape[name]));
      this.edges.forEach((edge, name) => edge.setAttribute('aria-valuenow', String(shape[name] || Math.round(edge.parentElement.clientHeight))));
    }

    change(change) {
      Object.assign(this.shape, change);
      CV.kept.write(NOW, JSON.stringify(this.shape));
      this.apply();
    }

    /** An edge of `panel` that is pulled, or moved by the arrow keys. */
    edge(name, panel, words, size) {
      this.edges = this.edges || new Map();
      const edge = Object.assign(element('div', `edge edge-${name}`), { tabIndex: 0, role: 'separator', ariaLabel: words });
      edge.setAttribute('aria-valuemin', String(SIZES[name][0]));
      edge.setAttribute('aria-valuemax', String(SIZES[name][1]));
      edge.setAttribute('aria-orientation', name === 'side' ? 'vertical' : 'horizontal');
      edge.addEventListener('pointerdown', (event) => {
        event.preventDefault();
        edge.setPointerCapture(event.pointerId);
      });
      edge.addEventListener('pointermove', (event) => {
        if (edge.hasPointerCapture(event.pointerId)) this.change({ [name]: within(name, size(event, panel.getBoundingClientRect())) });
      });
      edge.addEventListener('dblclick', () => this.change({ [name]: DETAILED[name] }));
      edge.addEventListener('keydown', (event) => {
        const by = { ArrowUp: 1, ArrowLeft: 1, ArrowDown: -1, ArrowRight: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        const grows = (name === 'side' && this.shape.left) || (name === 'share' && !this.shape.tapefirst) ? -by : by;
        this.change({ [name]: within(name, (this.shape[name] || panel.clientHeight) + grows * STEP) });
      });
      panel.append(edge);
      this.edges.set(name, edge);
    }

    dialog(button) {
      const dialog = Object.assign(element('dialog'), { id: 'layouts', ariaLabel: 'Layout' });
      this.boxes = new Map();
      const switches = element('div', 'switches');
      for (const [name, words] of SWITCHES) {
        const label = element('label');
        const box = Object.assign(element('input'), { type: 'checkbox' });
        box.addEventListener('change', () => this.change({ [name]: box.checked }));
        label.append(box, element('span', '', words));
        switches.append(label);
        this.boxes.set(name, box);
      }
      this.list = element('div', 'names');
      const form = element('form');
      const field = Object.assign(element('input'), { placeholder: 'Name', ariaLabel: 'Name of the layout', required: true, maxLength: LONGEST, autocomplete: 'off' });
      const save = Object.assign(element('button', 'primary', 'Save'), { type: 'submit' });
      form.append(field, save);
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        const name = field.value.trim();
        if (name) this.save(name);
        field.value = '';
      });
      const close = Object.assign(element('button', 'close', 'Close'), { type: 'button' });
      close.addEventListener('click', () => dialog.close());
      dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
      dialog.append(element('h2', '', 'Layout'), switches, element('h3', '', 'Layouts'), this.list, form, close);
      this.root.append(dialog);
      this.said = element('p', 'said');
      this.said.setAttribute('role', 'status');
      dialog.insertBefore(this.said, close);
      button.addEventListener('click', () => {
        this.names();
        dialog.showModal();
        if (CV.access.on) this.attempt(async () => (this.named = new Map(Object.entries(await CV.rest.get('layouts')))));
      });
    }

    names() {
      const choose = (name, run) => {
        const made = Object.assign(element('button', 'name', name), { type: 'button' });
        made.addEventListener('click', run);
        return made;
      };
      const rows = [['Detailed', DETAILED], ['Compact', COMPACT]].map(([name, shape]) => choose(name, () => this.change(shape)));
      for (const [name, kept] of this.named) {
        const row = element('span', 'named');
        const remove = Object.assign(element('button', 'plain'), { type: 'button', title: `Remove ${name}`, ariaLabel: `Remove ${name}` });
        remove.append(element('span', 'icon icon-close'));
        remove.addEventListener('click', () => {
          this.named.delete(name);
          this.store('DELETE', name);
        });
        row.append(choose(name, () => {
          this.change(sound(kept.shape));
          this.use(kept.chart || {});
        }), remove);
        rows.push(row);
      }
      this.list.replaceChildren(...rows);
    }

    /** As things are, under `name`. */
    save(name) {
      this.named.set(name, { shape: { ...this.shape }, chart: this.chart() });
      this.store('PUT', name);
    }

    /** In this browser; where users log in, on the server. */
    store(method, name) {
      this.names();
      if (CV.access.on) this.attempt(() => CV.rest.send(method, `layouts/${encodeURIComponent(name)}`, this.named.get(name)));
      else CV.kept.write(NAMED, JSON.stringify(Object.fromEntries(this.named)));
    }

    async attempt(work) {
      try {
        await work();
        CV.write(this.said, '');
        this.names();
      } catch (error) {
        CV.write(this.said, `Layouts cannot be kept: ${error.message}`);
      }
    }
  }

  CV.Layout = Layout;
})();
