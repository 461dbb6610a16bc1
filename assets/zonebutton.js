/* The chart's corner: names the clock its times are read on, and opens the list of others. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });
  const COMMON = ['UTC', 'local', 'America/New_York', 'America/Chicago', 'America/Los_Angeles', 'America/Sao_Paulo', 'Europe/London', 'Europe/Paris',
    'Africa/Lagos', 'Asia/Dubai', 'Asia/Kolkata', 'Asia/Singapore', 'Asia/Hong_Kong', 'Asia/Tokyo', 'Australia/Sydney'];

  class ZoneButton {
    /** `timeframe()` is the chart's: days are UTC's, whatever clock is chosen. */
    constructor(chart, root, timeframe) {
      this.timeframe = timeframe;
      this.button = Object.assign(element('button', 'plain'), { id: 'zone-button', type: 'button' });
      this.button.addEventListener('click', () => this.open());
      chart.append(this.button);
      this.dialog = Object.assign(element('dialog'), { id: 'zones', ariaLabel: 'Time zone' });
      this.input = Object.assign(element('input'), {
        type: 'search', placeholder: 'Search time zones', autocomplete: 'off', spellcheck: false, ariaLabel: 'Search time zones',
      });
      const close = Object.assign(element('button', 'dialog-close', 'Esc'), { type: 'button', title: 'Close', ariaLabel: 'Close' });
      close.addEventListener('click', () => this.dialog.close());
      const head = element('div', 'picker-head');
      head.append(this.input, close);
      this.list = element('div', 'picker-list');
      this.none = element('p', 'picker-empty', 'No such time zone.');
      this.dialog.append(head, this.list, this.none);
      root.append(this.dialog);
      this.dialog.addEventListener('click', (event) => event.target === this.dialog && this.dialog.close());
      this.input.addEventListener('input', () => this.filter());
      this.input.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter') return;
        event.preventDefault(); // the button behind the dialog would take it for its own
        if (this.list.firstChild) this.list.firstChild.click();
      });
      CV.zone.onChange(() => this.draw());
    }

    /** The distance now: what a summer's axis says of winter is written at its own times. */
    draw() {
      const label = CV.format.zoneName(this.timeframe(), Date.now());
      CV.write(this.button, label);
      this.button.title = this.button.ariaLabel = CV.texts.of(`Time zone: ${label}`);
    }

    open() {
      this.input.value = '';
      this.filter();
      this.dialog.showModal();
      this.input.focus();
    }

    filter() {
      const words = this.input.value.trim().toLowerCase().replaceAll(' ', '_');
      // Browsers list some places by names of old (Calcutta), so those above are looked through, too.
      const all = [...new Set([...COMMON, ...CV.zone.names()])];
      const found = words ? all.filter((name) => `${name} ${title(name)}`.toLowerCase().replaceAll(' ', '_').includes(words)) : COMMON;
      this.list.replaceChildren(...found.slice(0, 60).map((name) => this.row(name)));
      this.none.hidden = found.length > 0;
    }

    row(name) {
      const row = Object.assign(element('button', 'zone'), { type: 'button' });
      row.dataset.zone = name;
      row.setAttribute('aria-pressed', String(name === CV.zone.name()));
      row.append(element('span', '', CV.texts.of(title(name))), element('span', 'detail', distance(name)));
      row.addEventListener('click', () => {
        CV.zone.choose(name);
        this.dialog.close();
      });
      return row;
    }
  }

  /** 'New York (America)'. */
  function title(name) {
    if (name === 'local') return `This computer's: ${CV.zone.local()}`;
    const parts = name.replaceAll('_', ' ').split('/');
    const place = parts.pop();
    return parts.length ? `${place} (${parts.join(', ')})` : place;
  }

  /** 'UTC−5' today. */
  function distance(name) {
    if (name === 'UTC') return '';
    const zone = name === 'local' ? undefined : name;
    const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'shortOffset' }).formatToParts();
    return parts.find(({ type }) => type === 'timeZoneName').value.replace('GMT', 'UTC').replace('-', '\u2212');
  }

  CV.ZoneButton = ZoneButton;
})();
