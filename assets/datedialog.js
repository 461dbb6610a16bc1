/* The dialog that goes to a date: to look at it, or to play it again from there. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class DateDialog {
    /** `show(t)` and `replay(from, until or null)`, Unix ms; `timeframe()` is the chart's, whose clock the fields show. */
    constructor(root, button, { show, replay, timeframe }) {
      this.timeframe = timeframe;
      this.dialog = Object.assign(element('dialog'), { id: 'dates', ariaLabel: 'Go to a date' });
      this.input = Object.assign(element('input'), { type: 'datetime-local', required: true, ariaLabel: 'Date and time' });
      this.until = Object.assign(element('input'), { type: 'datetime-local', ariaLabel: 'End of the replay' });
      this.zone = element('span');
      const act = (className, words, run) => {
        const made = Object.assign(element('button', className, words), { type: 'button' });
        made.addEventListener('click', () => this.done(run));
        return made;
      };
      const close = Object.assign(element('button', 'plain', 'Cancel'), { type: 'button' });
      close.addEventListener('click', () => this.dialog.close());
      const field = element('div', 'field');
      field.append(this.input, this.zone);
      const last = element('label', 'field');
      last.append(element('span', '', 'Replay until'), this.until);
      const buttons = element('div', 'buttons');
      buttons.append(act('primary', 'Show', show), act('', 'Replay from here', replay), close);
      this.dialog.append(element('h2', '', 'Go to'), field, last, buttons);
      root.append(this.dialog);
      this.input.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter') return;
        event.preventDefault();
        this.done(show);
      });
      this.dialog.addEventListener('click', (event) => event.target === this.dialog && this.dialog.close());
      button.addEventListener('click', () => this.open());
      addEventListener('keydown', (event) => {
        if (event.key.toLowerCase() !== 'g' || event.metaKey || event.ctrlKey || event.altKey) return;
        if (event.target.closest('input, textarea, select, dialog')) return;
        event.preventDefault();
        this.open();
      });
    }

    open() {
      const local = (t) => new Date(t + CV.format.zoneShift(this.timeframe(), t)).toISOString().slice(0, 16);
      this.input.max = this.until.max = local(Date.now());
      if (!this.input.value) this.input.value = local(Date.now() - 86_400_000);
      CV.write(this.zone, CV.format.zoneName(this.timeframe()));
      this.dialog.showModal();
    }

    done(run) {
      // The field says itself what is wrong with it.
      this.until.min = this.input.value;
      if (!this.input.reportValidity() || !this.until.reportValidity()) return;
      this.dialog.close();
      const time = ({ valueAsNumber: reading }) => (Number.isNaN(reading) ? null : CV.format.zoneTime(this.timeframe(), reading));
      run(time(this.input), time(this.until));
    }
  }

  CV.DateDialog = DateDialog;
})();
