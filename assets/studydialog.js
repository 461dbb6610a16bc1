/* The dialog that adds indicators. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class StudyDialog {
    constructor(dialog, opener, studies) {
      Object.assign(this, { dialog, studies });
      this.input = Object.assign(element('input'), {
        type: 'search', placeholder: 'Search indicators', autocomplete: 'off', spellcheck: false, ariaLabel: 'Search indicators',
      });
      dialog.querySelector('.picker-head').prepend(this.input);
      this.list = dialog.querySelector('.picker-list');
      this.note = dialog.querySelector('.picker-empty');
      dialog.querySelector('.dialog-close').addEventListener('click', () => dialog.close());
      dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
      opener.addEventListener('click', () => this.choose());
      this.input.addEventListener('input', () => this.filter());
      this.input.addEventListener('keydown', (event) => this.key(event));
    }

    async choose() {
      this.input.value = '';
      this.say('Loading…');
      this.list.replaceChildren();
      this.dialog.showModal();
      this.input.focus();
      try {
        this.all = [...(await this.studies.known()).values()].sort((a, b) => b.streamed - a.streamed);
        this.filter();
      } catch (error) {
        this.say(`The list cannot be loaded: ${error.message}.`);
      }
    }

    say(text) {
      CV.write(this.note, text);
      this.note.hidden = !text;
    }

    filter() {
      if (!this.all) return;
      const words = this.input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      const hits = (entry) => words.every((word) => `${entry.name} ${entry.title} ${entry.category}`.toLowerCase().includes(word));
      // One that is called so comes before one that only speaks of it.
      const rank = (entry) => (words[0] && entry.name.startsWith(words[0]) ? 0 : 1);
      this.found = this.all.filter(hits).sort((a, b) => rank(a) - rank(b));
      this.list.replaceChildren(...this.found.map((entry) => this.row(entry)));
      this.say(this.found.length ? '' : 'No such indicator.');
      this.mark(0);
    }

    row(entry) {
      const row = Object.assign(element('button', 'indicator'), { type: 'button' });
      row.dataset.name = entry.name;
      row.append(element('b', '', entry.title), element('span', 'detail', `${entry.category} · ${entry.pane === 'overlay' ? 'over the candles' : 'own pane'}`));
      row.addEventListener('click', () => {
        if (this.studies.add(entry)) this.dialog.close();
        else this.say('Twelve are shown already. Remove one first.');
      });
      return row;
    }

    mark(at) {
      const rows = [...this.list.children];
      this.at = rows.length ? (at + rows.length) % rows.length : 0;
      rows.forEach((row, i) => row.classList.toggle('marked', i === this.at));
      if (rows[this.at]) rows[this.at].scrollIntoView({ block: 'nearest' });
    }

    key(event) {
      const steps = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in steps) {
        event.preventDefault();
        this.mark(this.at + steps[event.key]);
      } else if (event.key === 'Enter' && this.list.children[this.at]) {
        event.preventDefault();
        this.list.children[this.at].click();
      }
    }
  }

  CV.StudyDialog = StudyDialog;
})();
