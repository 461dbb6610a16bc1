/* What to be told of: a form for a new alert, and for one that is changed. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KINDS = { price: 'Price', change: 'Change', indicator: 'Indicator', volume: 'Volume', news: 'News' };
  const DIRECTIONS = {
    price: { cross: 'reaches', above: 'rises to', below: 'falls to' },
    change: { cross: 'moves by', above: 'rises by', below: 'falls by' },
    indicator: { cross: 'reaches', above: 'rises to', below: 'falls to' },
    volume: { above: 'is above' },
    news: { above: 'is at least', below: 'is at most' },
  };
  const UNITS = { price: '', change: '%', indicator: '', volume: '× the average of 20', news: '−1 to 1' };
  const FIRST = { price: '', change: '5', indicator: '70', volume: '3', news: '0.5' };
  const FRAMES = ['5s', '1m', '5m', '15m', '1h', '4h', '1d'];
  const PAUSES = { 10: '10 s', 60: '1 min', 300: '5 min', 900: '15 min', 3600: '1 h', 86400: '24 h' };

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class AlertForm {
    /** `save(asked, rule)` resolves, or throws what is wrong; `done()` when it may go. */
    constructor(save, done) {
      Object.assign(this, { save, done, rule: null });
      const form = (this.element = element('form', 'alert-form'));
      form.noValidate = true;
      this.title = element('h3');
      this.kind = this.select('Kind', 'kind', KINDS);
      this.direction = this.select('Condition', 'direction', {});
      this.value = Object.assign(element('input'), { name: 'value', inputMode: 'decimal', autocomplete: 'off', required: true });
      this.unit = element('span', 'unit');
      this.span = this.select('Within', 'span', { '5m': '5m', '1h': '1h', '24h': '24h' });
      this.timeframe = this.select('Timeframe', 'timeframe', Object.fromEntries(FRAMES.map((name) => [name, name])));
      this.indicator = this.select('Indicator', 'indicator', {});
      this.figure = this.select('Figure', 'figure', {});
      this.repeat = this.select('Fires', 'repeat', { once: 'Once', every: 'Every time' });
      this.cooldown = this.select('Then rests', 'cooldown', PAUSES);
      this.expires = Object.assign(element('input'), { name: 'expires_at', type: 'datetime-local' });
      this.note = Object.assign(element('input'), { name: 'note', maxLength: 200, autocomplete: 'off' });
      this.said = Object.assign(element('p', 'said'), { role: 'status' });
      const value = this.labelled('Value', this.value);
      value.append(this.unit);
      const buttons = element('div', 'buttons');
      this.submit = Object.assign(element('button', 'primary'), { type: 'submit' });
      const cancel = Object.assign(element('button', 'cancel', 'Cancel'), { type: 'button' });
      cancel.addEventListener('click', () => this.done());
      buttons.append(this.submit, cancel);
      form.append(
        this.title, this.kind.label, this.indicator.label, this.figure.label, this.direction.label, value, this.span.label, this.timeframe.label,
        this.repeat.label, this.cooldown.label, this.labelled('Until', this.expires), this.labelled('Note', this.note), this.said, buttons,
      );
      this.kind.field.addEventListener('change', () => {
        this.value.value = this.kind.field.value === 'price' ? this.price : FIRST[this.kind.field.value];
        this.arrange();
      });
      this.indicator.field.addEventListener('change', () => this.figures());
      this.repeat.field.addEventListener('change', () => this.arrange());
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        this.send();
      });
    }

    labelled(words, field) {
      const label = element('label');
      label.append(element('span', '', words), field);
      return label;
    }

    select(words, name, options) {
      const field = Object.assign(element('select'), { name });
      this.fill(field, options);
      return { field, label: this.labelled(words, field) };
    }

    fill(field, options) {
      const before = field.value;
      field.replaceChildren(...Object.entries(options).map(([value, text]) => Object.assign(element('option', '', text), { value })));
      if (before in options) field.value = before;
    }

    /** For a new one of `symbol` at `price` (a text), or to change `rule`. */
    open(symbol, price, rule) {
      Object.assign(this, { symbol, price, rule: rule || null });
      const asked = rule || { kind: 'price', direction: 'cross', value: price, repeat: 'once', cooldown: 60, note: '' };
      CV.write(this.title, rule ? `Change alert on ${symbol}` : `New alert on ${symbol}`);
      CV.write(this.submit, rule ? 'Save' : 'Create');
      CV.write(this.said, '');
      this.kind.field.value = asked.kind;
      this.arrange();
      const fields = { direction: this.direction, span: this.span, timeframe: this.timeframe, repeat: this.repeat };
      for (const [name, { field }] of Object.entries(fields)) if (asked[name]) field.value = asked[name];
      if (!(asked.cooldown in PAUSES)) this.fill(this.cooldown.field, { ...PAUSES, [asked.cooldown]: `${asked.cooldown} s` });
      this.cooldown.field.value = asked.cooldown;
      this.value.value = asked.value;
      this.note.value = asked.note;
      const ends = CV.rest.ms(asked.expires_at);
      this.expires.value = ends === null ? '' : CV.rest.iso(ends + CV.zone.shift(ends)).slice(0, 16);
      this.arrange();
      if (asked.kind === 'indicator') this.list(asked);
    }

    /** Only what the kind has. */
    arrange() {
      const kind = this.kind.field.value;
      this.fill(this.direction.field, DIRECTIONS[kind]);
      CV.write(this.unit, UNITS[kind]);
      this.span.label.hidden = kind !== 'change';
      this.timeframe.label.hidden = kind !== 'indicator' && kind !== 'volume';
      this.indicator.label.hidden = kind !== 'indicator';
      this.cooldown.label.hidden = this.repeat.field.value !== 'every';
      if (kind === 'indicator' && !this.entries) this.list({ indicator: 'rsi', figure: 'value' });
      this.figures();
    }

    async list({ indicator, figure }) {
      try {
        this.entries = this.entries || new Map((await CV.rest.get('indicators/list')).filter((one) => one.streamed).map((one) => [one.name, one]));
      } catch (error) {
        return void CV.write(this.said, `Indicators cannot be loaded: ${error.message}.`);
      }
      this.fill(this.indicator.field, Object.fromEntries([...this.entries.values()].map((one) => [one.name, one.title])));
      this.indicator.field.value = indicator;
      this.figures();
      this.figure.field.value = figure;
    }

    figures() {
      const entry = this.entries && this.entries.get(this.indicator.field.value);
      const outputs = entry ? entry.outputs.map(({ name }) => name) : [];
      this.fill(this.figure.field, Object.fromEntries(outputs.map((name) => [name, name])));
      this.figure.label.hidden = this.kind.field.value !== 'indicator' || outputs.length < 2;
    }

    asked() {
      const kind = this.kind.field.value;
      // As typed here and there: a comma for a point, spaces between thousands.
      const value = Number(this.value.value.replace(/[\s\u202f]/g, '').replace(',', '.').replace('\u2212', '-'));
      if (!this.value.value.trim() || !Number.isFinite(value)) throw new Error('Value: write a number.');
      return {
        symbol: this.symbol, kind, direction: this.direction.field.value, value,
        ...(kind === 'change' && { span: this.span.field.value }),
        ...((kind === 'indicator' || kind === 'volume') && { timeframe: this.timeframe.field.value }),
        ...(kind === 'indicator' && { indicator: this.indicator.field.value, figure: this.figure.field.value }),
        repeat: this.repeat.field.value, cooldown: Number(this.cooldown.field.value), note: this.note.value.trim(),
        expires_at: this.expires.value ? CV.rest.iso(CV.zone.at(this.expires.valueAsNumber)) : null,
      };
    }

    async send() {
      try {
        this.submit.disabled = true;
        await this.save(this.asked(), this.rule);
        this.done();
      } catch (error) {
        CV.write(this.said, error.message);
      } finally {
        this.submit.disabled = false;
      }
    }
  }

  CV.AlertForm = AlertForm;
})();
