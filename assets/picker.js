/* The dialog that chooses a symbol. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  class Picker {
    constructor(dialog, button, markets, choose) {
      Object.assign(this, { dialog, choose });
      this.input = Object.assign(document.createElement('input'), {
        type: 'search', placeholder: 'Search symbols', autocomplete: 'off', spellcheck: false, ariaLabel: 'Search symbols',
      });
      dialog.querySelector('.picker-head').prepend(this.input);
      dialog.querySelector('#picker-close').addEventListener('click', () => dialog.close());
      this.empty = dialog.querySelector('.picker-empty');
      this.list = new CV.Strip(dialog.querySelector('.picker-list'), markets, (symbol) => {
        dialog.close();
        this.chosen(symbol);
      });
      button.addEventListener('click', () => this.open());
      this.input.addEventListener('input', () => this.filter());
      this.input.addEventListener('keydown', (event) => this.key(event));
      dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
      addEventListener('keydown', (event) => {
        if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
          event.preventDefault();
          this.open();
        }
      });
    }

    /** For something else than usual, with `choose`. */
    open(choose = this.choose) {
      if (this.dialog.open) return;
      this.chosen = choose;
      this.input.value = '';
      this.filter();
      this.dialog.showModal();
      this.input.focus();
    }

    filter() {
      this.found = this.list.filter(this.input.value);
      this.empty.hidden = this.found.length > 0;
      this.mark(0);
    }

    mark(at) {
      this.at = this.found.length ? (at + this.found.length) % this.found.length : 0;
      this.list.rows.forEach(({ button }, symbol) => button.classList.toggle('marked', symbol === this.found[this.at]));
    }

    key(event) {
      const steps = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in steps) {
        event.preventDefault();
        this.mark(this.at + steps[event.key]);
      } else if (event.key === 'Enter' && this.found.length) {
        event.preventDefault();
        this.list.rows.get(this.found[this.at]).button.click();
      }
    }
  }

  CV.Picker = Picker;
})();
