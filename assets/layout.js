/* Panels shown, folded, moved and resized; and layouts under names, with the chart's type, scale and indicators. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const NOW = 'cryptoviz.layout';
  const NAMED = 'cryptoviz.layouts';
  const LONGEST = 40;
  const STEP = 16; // px a key moves an edge
  const MENU_STEP = 48; // and a choice of the menu
  const PHONE = ['book', 'tape', 'headlines', 'sentiment', 'statistics'];
  const TABS = { tape: 'Trades', book: 'Book', statistics: 'Stats' };

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });
  const { AREAS, SIZES, PANEL, DETAILED, COMPACT, within } = CV.shape;

  function read(key) {
    try {
      return JSON.parse(CV.kept.read(key)) || {};
    } catch {
      return {};
    }
  }

  class Layout {
    /** `chart()` is what a layout keeps of the chart, `use(chart)` brings it back; `arranged()` after the rows of panels changed their height. */
    constructor(root, button, panels, { chart, use, arranged }) {
      Object.assign(this, { root, panels, chart, use, arranged });
      this.areas = new Map(AREAS.map((area) => [area, root.querySelector(`#${area}`)]));
      this.row = root.querySelector('.dock-tabs');
      this.known = [...panels.all.keys()];
      this.shape = this.sound(read(NOW));
      this.named = new Map(Object.entries(CV.access.on ? {} : read(NAMED)));
      this.boxes = new Map();
      this.tabs = new Map();
      this.edges = [];
      panels.all.forEach((panel) => this.equip(panel));
      this.edge(this.areas.get('left'), 'left', 'Width of the left column', (event, box) => event.clientX - box.left);
      this.edge(this.areas.get('right'), 'right', 'Width of the right column', (event, box) => box.right - event.clientX);
      this.edge(this.areas.get('dock'), 'dock', 'Height of what lies below the chart', (event, box) => box.bottom - event.clientY);
      this.phone(root.querySelector('#tabs .choice'));
      this.dialog(button);
      this.mover = new CV.PanelDrag(this);
      this.apply();
    }

    sound(kept) {
      return CV.shape.sound(kept, this.known);
    }

    areaOf(id) {
      return AREAS.find((area) => this.shape.areas[area].includes(id));
    }

    /** Ids of `area` that are not hidden, in order. */
    visible(area) {
      return this.shape.areas[area].filter((id) => !this.shape.hidden.includes(id));
    }

    /** A panel's own buttons, its tab and its edge. */
    equip(panel) {
      CV.menu(panel.more, () => this.menu(panel));
      panel.folder.addEventListener('click', () => this.fold(panel.id));
      const tab = Object.assign(element('button', '', panel.title), { type: 'button' });
      tab.dataset.dock = panel.id;
      tab.toggleAttribute('data-past', panel.section.hasAttribute('data-past'));
      tab.addEventListener('click', () => this.open(panel.id === this.shape.open ? '' : panel.id));
      this.tabs.set(panel.id, tab);
      this.edge(panel.section, panel.id, `Height of ${panel.title}`, (event, box) => event.clientY - box.top);
    }

    menu(panel) {
      const { id } = panel;
      const area = this.areaOf(id);
      const ids = this.shape.areas[area];
      const at = ids.indexOf(id);
      const step = (by, words) => ids[at + by] !== undefined && { words, act: () => this.move(id, area, at + by) };
      const to = (other, words) => other !== area && { words, act: () => this.move(id, other) };
      const grow = (by, words) => ({ words, act: () => this.grow(id, by) });
      return {
        items: [
          step(-1, area === 'dock' ? 'Move before' : 'Move up'),
          step(1, area === 'dock' ? 'Move behind' : 'Move down'),
          to('left', 'Move to the left column'),
          to('right', 'Move to the right column'),
          to('dock', 'Move below the chart'),
          grow(MENU_STEP, 'Larger'),
          grow(-MENU_STEP, 'Smaller'),
          panel.rows && { words: 'Export as CSV', act: () => panel.save() },
          { words: 'Hide', act: () => this.hide(id, true) },
        ],
        note: panel.about.textContent,
      };
    }

    apply() {
      const { shape, root } = this;
      for (const area of AREAS) {
        const home = this.areas.get(area);
        const ids = this.visible(area);
        // In the document as on the screen: that is the way of the Tab key, too.
        const sections = shape.areas[area].map((id) => this.panels.get(id).section);
        const there = [...home.children].filter((child) => child.matches('.panel'));
        if (there.length !== sections.length || sections.some((section, at) => section !== there[at])) home.append(...sections);
        root.classList.toggle(`no-${area}`, !ids.length);
        root.style.setProperty(`--${area}`, `${shape.sizes[area]}px`);
        if (area !== 'dock') this.column(area, ids);
      }
      this.dock(this.visible('dock'));
      root.classList.toggle('no-strip', !shape.strip);
      root.classList.toggle('dense', shape.dense);
      this.boxes.forEach((box, name) => (box.checked = name in shape ? shape[name] : !shape.hidden.includes(name)));
      this.edges.forEach(({ edge, size }) => edge.setAttribute('aria-valuenow', String(Math.round(size()))));
      this.arranged();
    }

    /** The last that is not folded takes what the others leave. */
    column(area, ids) {
      const { shape } = this;
      const open = ids.filter((id) => !shape.folded.includes(id));
      shape.areas[area].forEach((id) => {
        const { section, folder } = this.panels.get(id);
        const folded = shape.folded.includes(id);
        section.classList.toggle('hidden', !ids.includes(id));
        section.classList.toggle('folded', folded);
        section.classList.toggle('rest', id === open[open.length - 1]);
        if (shape.heights[id]) section.style.setProperty('--height', `${shape.heights[id]}px`);
        else section.style.removeProperty('--height');
        folder.setAttribute('aria-expanded', String(!folded));
      });
    }

    dock(ids) {
      const { shape } = this;
      const open = ids.includes(shape.open) ? shape.open : '';
      this.areas.get('dock').dataset.open = open;
      const tabs = ids.map((id) => this.tabs.get(id));
      if (tabs.some((tab, at) => this.row.children[at] !== tab) || this.row.children.length !== tabs.length) this.row.replaceChildren(...tabs);
      for (const id of shape.areas.dock) {
        const { section, folder } = this.panels.get(id);
        section.classList.remove('folded', 'rest');
        section.classList.toggle('hidden', id !== open);
        this.tabs.get(id).setAttribute('aria-expanded', String(id === open));
        folder.setAttribute('aria-expanded', String(id === open));
      }
    }

    change(change) {
      Object.assign(this.shape, change);
      CV.kept.write(NOW, JSON.stringify(this.shape));
      this.apply();
    }

    /** `id` as number `at` of `area`, at its end without that. Focus goes with it. */
    move(id, area, at = Infinity) {
      const { shape } = this;
      for (const one of AREAS) shape.areas[one] = shape.areas[one].filter((each) => each !== id);
      shape.areas[area].splice(at, 0, id);
      this.change({ hidden: shape.hidden.filter((each) => each !== id), ...(area === 'dock' ? { open: id } : {}) });
      this.panels.get(id).more.focus();
    }

    hide(id, hidden) {
      const others = this.shape.hidden.filter((each) => each !== id);
      const next = this.visible('dock').find((each) => each !== id) || '';
      this.change({ hidden: hidden ? [...others, id] : others, ...(hidden && this.shape.open === id ? { open: next } : {}) });
    }

    fold(id) {
      if (this.areaOf(id) === 'dock') {
        this.open('');
        this.tabs.get(id).focus();
        return;
      }
      const { folded } = this.shape;
      this.change({ folded: folded.includes(id) ? folded.filter((each) => each !== id) : [...folded, id] });
    }

    /** The dock shows `id`, '' closes it. */
    open(id) {
      this.change({ open: id });
    }

    /** Bring `id` into sight, wherever it is. */
    reveal(id) {
      const area = this.areaOf(id);
      this.show(id);
      this.change({
        hidden: this.shape.hidden.filter((each) => each !== id), folded: this.shape.folded.filter((each) => each !== id),
        ...(area === 'dock' ? { open: id } : {}),
      });
      this.panels.get(id).section.scrollIntoView({ block: 'nearest' });
    }

    /** Higher by `by`; in the dock that is all of it. */
    grow(id, by) {
      const { section } = this.panels.get(id);
      if (this.areaOf(id) === 'dock') this.resize('dock', this.shape.sizes.dock + by);
      else this.resize(id, section.offsetHeight + by);
      this.panels.get(id).more.focus();
    }

    /** px of an area or a panel; undefined sets it back. */
    resize(name, size) {
      const { shape } = this;
      if (name in SIZES) shape.sizes[name] = size === undefined ? DETAILED.sizes[name] : within(SIZES[name], size);
      else if (size === undefined) delete shape.heights[name];
      else shape.heights[name] = within(PANEL, size);
      this.change({});
    }

    /** An edge of `owner` that is pulled, or moved by the arrow keys. */
    edge(owner, name, words, size) {
      const sideways = name === 'left' || name === 'right';
      const kind = name in SIZES ? name : 'panel';
      const edge = Object.assign(element('div', `edge edge-${kind}`), { tabIndex: 0, role: 'separator', ariaLabel: words });
      const [least, most] = SIZES[name] || PANEL;
      const now = () => this.shape.sizes[name] || owner.offsetHeight;
      edge.setAttribute('aria-valuemin', String(least));
      edge.setAttribute('aria-valuemax', String(most));
      edge.setAttribute('aria-orientation', sideways ? 'vertical' : 'horizontal');
      edge.addEventListener('pointerdown', (event) => {
        event.preventDefault();
        event.stopPropagation();
        edge.setPointerCapture(event.pointerId);
      });
      edge.addEventListener('pointermove', (event) => {
        if (edge.hasPointerCapture(event.pointerId)) this.resize(name, size(event, owner.getBoundingClientRect()));
      });
      edge.addEventListener('dblclick', () => this.resize(name));
      edge.addEventListener('keydown', (event) => {
        const by = { ArrowUp: 1, ArrowLeft: 1, ArrowDown: -1, ArrowRight: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        event.stopPropagation();
        this.resize(name, now() + (name === 'right' || name === 'dock' ? by : -by) * STEP);
      });
      owner.append(edge);
      this.edges.push({ edge, size: now });
    }

    /** The phone shows one panel at a time. */
    phone(row) {
      this.picks = new Map();
      for (const id of PHONE) {
        const pick = Object.assign(element('button', '', TABS[id] || this.panels.get(id).title), { type: 'button' });
        pick.dataset.pane = id;
        pick.addEventListener('click', () => this.show(id));
        this.picks.set(id, pick);
        row.append(pick);
      }
      const more = Object.assign(element('button'), { type: 'button', title: 'More panels', ariaLabel: 'More panels' });
      more.append(element('span', 'icon icon-more'));
      CV.menu(more, () => ({ items: this.known.filter((id) => !PHONE.includes(id)).map((id) => ({ words: this.panels.get(id).title, act: () => this.show(id) })) }));
      row.append(more);
      this.others = more;
      this.show(PHONE[0]);
    }

    show(id) {
      this.panels.all.forEach(({ section }) => section.classList.toggle('chosen', section.id === id));
      this.picks.forEach((pick, name) => pick.setAttribute('aria-pressed', String(name === id)));
      this.others.classList.toggle('current', !this.picks.has(id));
    }

    dialog(button) {
      const dialog = Object.assign(element('dialog'), { id: 'layouts', ariaLabel: 'Layout' });
      const switches = element('div', 'switches');
      const check = (name, words, change) => {
        const label = element('label');
        const box = Object.assign(element('input'), { type: 'checkbox' });
        box.addEventListener('change', () => change(box.checked));
        label.append(box, element('span', '', words));
        switches.append(label);
        this.boxes.set(name, box);
      };
      check('strip', 'Strip of markets', (strip) => this.change({ strip }));
      this.panels.all.forEach((panel) => check(panel.id, panel.title, (shown) => this.hide(panel.id, !shown)));
      check('dense', 'Tighter rows', (dense) => this.change({ dense }));
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
      this.said = element('p', 'said');
      this.said.setAttribute('role', 'status');
      const hint = element('p', 'hint', 'Panels are moved by their headers, or from their menus; edges are pulled.');
      dialog.append(element('h2', '', 'Layout'), switches, hint, element('h3', '', 'Layouts'), this.list, form, this.said, close);
      this.root.append(dialog);
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
      const rows = [['Detailed', DETAILED], ['Compact', COMPACT]].map(([name, shape]) => choose(name, () => this.change(this.sound(shape))));
      for (const [name, kept] of this.named) {
        const row = element('span', 'named');
        const remove = Object.assign(element('button', 'plain'), { type: 'button', title: `Remove ${name}`, ariaLabel: `Remove ${name}` });
        remove.append(element('span', 'icon icon-close'));
        remove.addEventListener('click', () => {
          this.named.delete(name);
          this.store('DELETE', name);
        });
        row.append(choose(name, () => {
          this.change(this.sound(kept.shape));
          this.use(kept.chart || {});
        }), remove);
        rows.push(row);
      }
      this.list.replaceChildren(...rows);
    }

    /** As things are, under `name`. */
    save(name) {
      this.named.set(name, { shape: this.sound(this.shape), chart: this.chart() });
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
