/* The panel of alerts: those that wait with how far off they are, the form, and what they told. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const STATES = { active: 'Waiting', paused: 'Paused', fired: 'Fired', expired: 'Over' };

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class AlertsPanel {
    /** `reveal()` brings it into sight, `go(symbol)` shows another. */
    constructor(panel, alerts, toasts, markets, { reveal, go }) {
      Object.assign(this, { panel, alerts, markets, reveal, go, rows: new Map() });
      const find = (selector) => panel.body.querySelector(selector);
      this.list = find('.alert-rows');
      this.history = find('.alert-history');
      this.none = find('.alert-none');
      this.never = find('.alert-never');
      this.form = new CV.AlertForm((asked, rule) => (rule ? this.alerts.save({ ...asked, paused: rule.state === 'paused' }, rule.id) : this.alerts.save(asked)), () => this.close());
      this.form.element.hidden = true;
      panel.body.prepend(this.form.element);
      const add = Object.assign(element('button', 'plain alert-add'), { type: 'button', title: 'New alert (A)', ariaLabel: 'New alert (A)' });
      add.append(element('span', 'icon icon-plus'));
      add.addEventListener('click', () => this.create());
      panel.tools.append(add, ...toasts.switches());
      panel.exports(() => [['time', 'symbol', 'alert', 'value', 'note'], ...alerts.firings.map((one) => [CV.rest.iso(CV.rest.ms(one.time)), one.symbol, this.words(one), one.value, one.alert.note])]);
      alerts.onChange(() => this.draw());
      this.distances = () => this.measure();
      markets.onChange(() => this.shown && CV.gently(this.distances));
      panel.watch((shown) => {
        this.shown = shown;
        if (shown) this.measure();
      });
      panel.load(async () => {
        await alerts.load();
        return true;
      });
    }

    show(symbol) {
      this.symbol = symbol;
      this.draw();
    }

    words(firing) {
      return CV.Alerts.words(firing.alert, this.markets.decimals(firing.symbol));
    }

    /** The form, for a new one at `price`, or at the last. */
    create(price) {
      const { last } = this.markets.get(this.symbol) || {};
      const at = Number.isFinite(price) ? price : last;
      this.open(() => this.form.open(this.symbol, Number.isFinite(at) ? at.toFixed(this.markets.decimals(this.symbol)) : ''));
    }

    edit(rule) {
      this.open(() => this.form.open(rule.symbol, String(rule.value), rule));
    }

    open(fill) {
      this.reveal();
      fill();
      this.form.element.hidden = false;
      this.form.value.focus();
      this.form.value.select();
    }

    close() {
      this.form.element.hidden = true;
    }

    draw() {
      const { rules, firings } = this.alerts;
      // The symbol that is shown comes first.
      const ordered = [...rules].sort((a, b) => Number(b.symbol === this.symbol) - Number(a.symbol === this.symbol));
      this.rows = new Map(ordered.map((rule) => [rule, this.row(rule)]));
      this.list.replaceChildren(...[...this.rows.values()].map(({ line }) => line));
      this.history.replaceChildren(...firings.map((firing) => this.told(firing)));
      this.none.hidden = rules.length > 0;
      this.never.hidden = firings.length > 0;
      this.measure();
    }

    row(rule) {
      const line = element('li', 'alert-row');
      line.dataset.state = rule.state;
      const words = CV.Alerts.words(rule, this.markets.decimals(rule.symbol));
      const what = Object.assign(element('button', 'alert-what'), { type: 'button', title: 'Change this alert' });
      what.append(element('b', '', rule.symbol), element('span', '', words));
      if (rule.note) what.append(element('small', 'headline', rule.note));
      what.addEventListener('click', () => this.edit(rule));
      const distance = element('span', 'alert-distance');
      const more = Object.assign(element('button', 'plain'), { type: 'button', title: 'Pause, change, delete', ariaLabel: 'Pause, change, delete' });
      more.append(element('span', 'icon icon-more'));
      const waits = rule.state === 'active';
      CV.menu(more, () => ({
        items: [
          waits ? { words: 'Pause', act: () => this.attempt(this.alerts.change(rule, { paused: true })) }
            : { words: 'Wait again', act: () => this.attempt(this.alerts.change(rule, { paused: false, ...(rule.state === 'expired' && { expires_at: null }) })) },
          { words: 'Change', act: () => this.edit(rule) },
          rule.symbol !== this.symbol && { words: 'Show the symbol', act: () => this.go(rule.symbol) },
          { words: 'Delete alert', act: () => this.attempt(this.alerts.remove(rule.id)) },
        ],
      }));
      line.append(element('span', 'alert-state', STATES[rule.state]), what, distance, more);
      return { line, distance };
    }

    async attempt(work) {
      try {
        await work;
      } catch (error) {
        CV.write(this.form.said, error.message);
        this.form.element.hidden = false;
      }
    }

    told(firing) {
      const line = element('li', 'alert-told');
      const at = CV.rest.ms(firing.time);
      const time = Object.assign(element('time', '', CV.format.clock(at)), { dateTime: CV.rest.iso(at), title: CV.format.moment(at, '5s') });
      line.append(time, element('b', '', firing.symbol), element('span', '', this.words(firing)));
      const href = firing.article && CV.article.link(firing.article.url);
      if (href) line.append(Object.assign(element('a', 'headline', firing.article.title), { href, target: '_blank', rel: 'noopener noreferrer nofollow' }));
      else if (firing.alert.note) line.append(element('small', 'headline', firing.alert.note));
      return line;
    }

    /** How far the price is from each level. */
    measure() {
      for (const [rule, { distance }] of this.rows) {
        const { last } = this.markets.get(rule.symbol) || {};
        const far = rule.kind === 'price' && rule.state === 'active' && last ? (rule.value / last - 1) * 100 : NaN;
        CV.write(distance, Number.isFinite(far) ? CV.format.percent(far) : '');
      }
    }
  }

  CV.AlertsPanel = AlertsPanel;
})();
