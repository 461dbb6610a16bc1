/* The indicators that are shown: which, with what parameters, kept in this browser; and their legends. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.studies';
  const MOST = 12; // more could not be told apart, and each is a request per symbol and timeframe
  const LEAST_PANE = 56;
  const MOST_PANE = 96;
  const PANES = 0.45; // of the chart's height, at most: prices keep the larger part

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  const part = (column) => (column === 'lower_band' ? 'upper_band' : column);

  function button(className, label, act) {
    const made = Object.assign(element('button', className), { type: 'button', title: label, ariaLabel: label });
    made.addEventListener('click', act);
    return made;
  }

  const sound = (kept) => (Array.isArray(kept) ? kept.filter((one) => one && typeof one.name === 'string' && one.params && typeof one.params === 'object').slice(0, MOST) : []);

  // Somebody new sees that there are panes; a phone has no room for them.
  const usual = () => (matchMedia('(min-width: 761px)').matches ? ['rsi', 'macd'].map((name) => ({ name, params: {} })) : []);

  function stored() {
    try {
      const kept = localStorage.getItem(KEY);
      return kept === null ? usual() : sound(JSON.parse(kept));
    } catch {
      return usual(); // storage may be forbidden, or hold nonsense
    }
  }

  class Studies {
    /** `changed(what)`: 'layout' when panes came or went, else 'paint'. */
    constructor(root, socket, { changed }) {
      Object.assign(this, { root, socket, changed });
      this.wanted = stored(); // {name, params}
      this.shown = [];
      this.panes = [];
      this.series = null;
      this.registry = null;
      this.next = 1;
    }

    /** Every indicator there is, by name. */
    async known() {
      if (!this.registry) this.registry = CV.rest.get('indicators/list').then((all) => new Map(all.map((entry) => [entry.name, entry])));
      try {
        return await this.registry;
      } catch (error) {
        this.registry = null;
        throw error;
      }
    }

    async show(series) {
      this.series = series;
      this.clear();
      if (!this.wanted.length) return;
      try {
        const known = await this.known();
        if (this.series === series) this.wanted.filter((one) => known.has(one.name)).forEach((one) => this.start(known.get(one.name), one));
      } catch {
        setTimeout(() => this.series === series && !this.shown.length && this.show(series), 3_000);
      }
    }

    /** These and no others: {name, params} each. */
    use(wanted) {
      this.wanted = sound(wanted);
      this.keep();
      if (this.series) this.show(this.series);
    }

    clear() {
      this.shown.forEach((one) => one.study.stop());
      this.shown = [];
      this.root.replaceChildren();
      this.changed('layout');
    }

    start(entry, wanted) {
      const id = this.next++;
      const study = new CV.Study({ entry, params: wanted.params, id }, this.series, this.socket, () => this.changed('paint'));
      const one = { study, wanted, ...this.legend(study) };
      this.shown.push(one);
      this.root.append(one.line);
      this.changed('layout');
      return study;
    }

    /** Show `entry`; false when there are too many. */
    add(entry, params = {}) {
      if (this.wanted.length >= MOST) return false;
      const wanted = { name: entry.name, params };
      this.wanted.push(wanted);
      this.keep();
      this.start(entry, wanted);
      return true;
    }

    remove(study) {
      const one = this.shown.find((each) => each.study === study);
      study.stop();
      one.line.remove();
      this.shown = this.shown.filter((each) => each !== one);
      this.wanted = this.wanted.filter((each) => each !== one.wanted);
      this.keep();
      this.changed('layout');
    }

    /** Other parameters for one that is shown. */
    change(study, params) {
      const at = this.shown.findIndex((each) => each.study === study);
      const one = this.shown[at];
      one.wanted.params = params;
      this.keep();
      study.stop();
      const next = new CV.Study({ entry: study.entry, params, id: study.id }, this.series, this.socket, () => this.changed('paint'));
      const legend = this.legend(next);
      one.line.replaceWith(legend.line);
      this.shown[at] = { study: next, wanted: one.wanted, ...legend };
      this.changed('layout');
    }

    /** Its parameters, in place of its `name`. */
    edit(study, name) {
      const form = CV.studyFields(study, (params) => {
        if (params && JSON.stringify(params) !== JSON.stringify(study.params)) this.change(study, params);
        else form.replaceWith(name);
      });
      if (!form) return;
      form.prepend(element('span', '', study.name));
      name.replaceWith(form);
      form.querySelector('input').select();
    }

    keep() {
      try {
        localStorage.setItem(KEY, JSON.stringify(this.wanted));
      } catch {
        // then they last as long as the page
      }
    }

    bars() {
      this.shown.forEach(({ study }) => study.bars());
    }

    /** Where everything lies: overlays, and panes with their `top` and `height` below `total` px of chart. */
    arrange(total) {
      const panes = this.shown.map((one) => one.study).filter((study) => !study.overlay);
      const height = Math.max(LEAST_PANE, Math.min(MOST_PANE, Math.floor((total * PANES) / Math.max(1, panes.length))));
      const room = Math.min(panes.length * height, Math.floor(total * 0.7));
      const each = panes.length ? Math.floor(room / panes.length) : 0;
      const top = total - each * panes.length;
      this.price = top;
      this.panes = panes.map((study, i) => ({ study, top: top + i * each, height: each }));
      let row = 0;
      for (const { study, line } of this.shown) {
        const pane = this.panes.find((one) => one.study === study);
        line.style.top = pane ? `${pane.top + 4}px` : `${28 + 20 * row++}px`;
      }
      return top;
    }

    colors(study) {
      const palette = CV.theme.studies();
      // Bands and lines of one study in shades that tell them from those of the next.
      const begin = this.shown.findIndex((one) => one.study === study) * 2;
      // Over the candles the two edges of a band are one thing; in a pane they are two lines that cross.
      const thing = study.overlay ? part : (column) => column;
      const parts = [...new Set(study.columns.map(thing))];
      return study.columns.map((column) => palette[(begin + parts.indexOf(thing(column))) % palette.length]);
    }

    legend(study) {
      const line = element('div', study.overlay ? 'study over' : 'study');
      line.dataset.study = study.entry.name;
      const name = element('button', 'study-name', study.title);
      name.type = 'button';
      name.title = `${study.entry.title}: parameters`;
      name.addEventListener('click', () => this.edit(this.shown.find((one) => one.line === line).study, name));
      const figures = element('span', 'study-figures');
      const cells = study.columns.map(() => figures.appendChild(element('b')));
      const remove = button('plain study-remove', `Remove ${study.title}`, () => this.remove(this.shown.find((one) => one.line === line).study));
      remove.append(element('span', 'icon icon-close'));
      line.append(name, figures, remove);
      return { line, cells };
    }

    /** Figures at the bar `t`, else at `instead`. */
    tell(t, instead, decimals) {
      for (const { study, line, cells } of this.shown) {
        const figures = study.at(t) || study.at(instead) || {};
        const colors = this.colors(study);
        study.columns.forEach((column, i) => {
          CV.write(cells[i], figures[column] === undefined ? (study.error ? '' : '–') : CV.panes.spell(study, column, figures[column], decimals));
          if (cells[i].style.color !== colors[i]) cells[i].style.color = colors[i];
        });
        line.classList.toggle('failing', Boolean(study.error));
        if (study.error) {
          CV.write(cells[0], study.error);
        }
      }
    }
  }

  CV.Studies = Studies;
})();
