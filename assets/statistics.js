/* The change over a day to a year, the distance from the highest and lowest price, and a converter. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const DAILY = 366;
  const SPANS = [['24 h', 1], ['7 d', 7], ['1 month', 30], ['3 months', 91], ['1 year', 365]];

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class Statistics {
    constructor(panel, markets) {
      Object.assign(this, { panel, markets });
      this.list = panel.body.querySelector('.performance');
      this.converter(panel.body.querySelector('.converter'));
      panel.watch((shown) => {
        this.shown = shown;
        this.watch();
      });
      panel.exports(() => [['figure', 'value'], ...this.figures().map(([name, words, , value]) => [name, value ?? words])]);
      markets.onChange((symbol) => symbol === this.symbol && CV.gently((this.paint = this.paint || (() => this.draw()))));
    }

    converter(root) {
      const field = () => Object.assign(element('input'), { type: 'number', min: 0, step: 'any', inputMode: 'decimal' });
      this.fields = [field(), field()];
      this.names = [element('span'), element('span')];
      this.edited = 0;
      this.fields.forEach((input, n) => {
        const label = element('label');
        label.append(this.names[n], input);
        root.append(label);
        input.addEventListener('input', () => {
          this.edited = n;
          this.convert();
        });
      });
      this.fields[0].value = 1;
    }

    show(symbol) {
      this.name = symbol;
      this.watch();
    }

    /** Daily candles of the symbol, asked for once somebody looks. */
    watch() {
      const wanted = this.shown ? this.name : null;
      if (wanted === this.symbol) return;
      Object.assign(this, { symbol: wanted, days: [] });
      this.panel.rest();
      if (!wanted) return;
      this.names.forEach((name, n) => CV.write(name, n ? CV.format.quote(wanted) : CV.format.base(wanted)));
      this.panel.set('loading');
      this.panel.load(async () => {
        const days = await CV.rest.get('crypto/data', { symbol: wanted, interval: '1d', limit: DAILY });
        if (wanted !== this.symbol) return false;
        this.days = days.map((row) => ({ t: CV.rest.ms(row.window_start), high: row.high, low: row.low, close: row.close }));
        this.draw();
        return days.length > 0;
      }, `No day of ${wanted} is stored yet. Figures appear here with its first candle.`);
    }

    /** [name, words, direction, value] each. */
    figures() {
      const { last, open } = this.markets.get(this.symbol) || {};
      if (!Number.isFinite(last)) return [];
      const decimals = this.markets.decimals(this.symbol);
      const rows = SPANS.map(([name, days]) => {
        const before = days === 1 ? open : this.closed(days);
        const change = before ? (last / before - 1) * 100 : NaN;
        return [name, CV.format.percent(change), Math.sign(change) || 0, change];
      });
      if (!this.days.length) return rows;
      const span = this.days.length > 364 ? '1-year' : `${this.days.length}-day`;
      for (const [name, limit] of [['high', Math.max(...this.days.map((day) => day.high), last)], ['low', Math.min(...this.days.map((day) => day.low), last)]]) {
        rows.push([`${span} ${name}`, `${CV.format.number(limit, decimals)}  ${CV.format.percent((last / limit - 1) * 100)}`, 0, limit]);
      }
      return rows;
    }

    draw() {
      if (!this.symbol) return;
      const rows = this.figures();
      if (!rows.length) return;
      this.panel.heard();
      this.list.replaceChildren(...rows.map(([name, words, direction]) => {
        const row = element('div');
        const value = element('dd', '', words);
        value.dataset.direction = direction;
        row.append(element('dt', '', name), value);
        return row;
      }));
      this.convert();
    }

    /** The close of so many days ago; undefined where there is no such day. */
    closed(days) {
      const wanted = this.days[0] && this.days[0].t - days * 86_400_000;
      const day = this.days.find(({ t }) => t <= wanted);
      return day && day.t === wanted ? day.close : undefined;
    }

    convert() {
      const { last: rate } = this.markets.get(this.symbol) || {};
      const value = Number(this.fields[this.edited].value);
      if (!rate || !this.fields[this.edited].value) return;
      const other = this.fields[1 - this.edited];
      if (document.activeElement !== other) other.value = this.edited ? Number((value / rate).toPrecision(10)) : Number((value * rate).toPrecision(10));
    }
  }

  CV.Statistics = Statistics;
})();
