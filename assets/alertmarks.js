/*
 * Alerts on the chart: a line with a bell on the price axis for each price that is waited for, to be dragged; a bell on the time axis where
 * one fired; and the menu that makes one, by a right click or a long press.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const LONG = 600; // ms a finger rests
  const SLACK = 6;
  const GAP = 4;

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class AlertMarks {
    /** `create(price)` opens the form. */
    constructor(root, chart, alerts, markets, create) {
      Object.assign(this, { chart, alerts, markets, create, lines: [], marks: [], held: null });
      this.element = root.querySelector('#alert-marks');
      this.lineBox = root.querySelector('#alert-lines');
      alerts.onChange(() => this.draw());
      this.watch(root, chart.surface);
    }

    show(symbol) {
      this.symbol = symbol;
      this.draw();
    }

    draw() {
      if (this.held) return; // what is dragged stays in the hand
      const here = this.alerts.rules.filter((rule) => rule.symbol === this.symbol && rule.kind === 'price' && rule.state === 'active');
      this.lines = here.map((rule) => this.line(rule));
      this.lineBox.replaceChildren(...this.lines.map(({ line }) => line));
      this.marks = this.alerts.firings.filter((firing) => firing.symbol === this.symbol).map((firing) => {
        const at = CV.rest.ms(firing.time);
        const mark = element('i', 'alert-mark icon icon-bell');
        mark.title = `${CV.Alerts.words(firing.alert, this.markets.decimals(this.symbol))}: ${CV.format.moment(at, '5s')}`;
        return { mark, at };
      });
      this.element.replaceChildren(...this.marks.map(({ mark }) => mark));
      this.place();
    }

    line(rule) {
      const line = element('div', 'alert-line');
      const bell = Object.assign(element('button', 'alert-bell'), { type: 'button' });
      const price = element('span');
      bell.append(element('span', 'icon icon-bell'), price);
      line.append(bell);
      const one = { rule, line, price, value: rule.value };
      bell.title = CV.texts.of('Drag to another price; the panel has more');
      bell.ariaLabel = `Alert at ${CV.format.number(rule.value, this.chart.decimals)}`;
      bell.addEventListener('pointerdown', (event) => {
        if (event.button > 0) return;
        event.preventDefault();
        bell.setPointerCapture(event.pointerId);
        this.held = one;
        line.classList.add('held');
      });
      bell.addEventListener('pointermove', (event) => {
        if (this.held !== one) return;
        const { top } = this.chart.element.getBoundingClientRect();
        const y = Math.max(0, Math.min(this.chart.view.height, event.clientY - top));
        one.value = Number(this.chart.view.price(y).toFixed(this.chart.decimals));
        this.place();
      });
      bell.addEventListener('pointerup', () => this.held === one && this.drop(one));
      bell.addEventListener('pointercancel', () => {
        one.value = rule.value;
        this.release(one);
      });
      return one;
    }

    async drop(one) {
      const { rule, value } = one;
      this.release(one);
      if (value === rule.value || !(value > 0)) return;
      try {
        await this.alerts.change(rule, { value });
      } catch {
        this.alerts.refresh(); // back to where it is
      }
    }

    release(one) {
      this.held = null;
      one.line.classList.remove('held');
      this.place();
    }

    /** Where prices and times are now. */
    place() {
      const { view, decimals } = this.chart;
      for (const { line, price, value } of this.lines) {
        const y = view.y(value);
        line.hidden = !(y >= 0 && y <= view.height);
        line.style.transform = `translateY(${Math.round(y)}px)`;
        price.textContent = CV.format.number(value, decimals);
      }
      for (const { mark, at } of this.marks) {
        const x = view.x(at);
        mark.hidden = !(x >= 0 && x <= view.width);
        mark.style.transform = `translateX(${Math.round(x)}px)`;
      }
    }

    // -- the menu -----------------------------------------------------------------------------------------------------

    watch(root, surface) {
      this.menu = Object.assign(element('div'), { id: 'chart-menu', popover: 'auto' });
      this.choice = Object.assign(element('button'), { type: 'button', role: 'menuitem' });
      this.choice.addEventListener('click', () => {
        this.menu.hidePopover();
        this.quick(this.price);
      });
      this.more = Object.assign(element('button', '', 'Another alert…'), { type: 'button', role: 'menuitem' });
      this.more.addEventListener('click', () => {
        this.menu.hidePopover();
        this.create(this.price);
      });
      this.said = element('p', 'said');
      this.menu.role = 'menu';
      this.menu.append(this.choice, this.more, this.said);
      root.append(this.menu);
      surface.addEventListener('contextmenu', (event) => {
        event.preventDefault();
        this.open(event.clientX, event.clientY);
      });
      // A finger: not every browser makes a menu of a long press.
      let timer = 0;
      let start = null;
      const end = () => clearTimeout(timer);
      surface.addEventListener('pointerdown', (event) => {
        end();
        if (event.pointerType === 'mouse' || !event.isPrimary) return;
        start = event;
        timer = setTimeout(() => this.open(start.clientX, start.clientY), LONG);
      });
      surface.addEventListener('pointermove', (event) => start && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > SLACK && end());
      for (const name of ['pointerup', 'pointercancel']) surface.addEventListener(name, end);
    }

    open(x, y) {
      const { top } = this.chart.element.getBoundingClientRect();
      const { view, decimals, series } = this.chart;
      if (!series || !series.last || y - top > view.height) return;
      this.price = Number(view.price(y - top).toFixed(decimals));
      CV.write(this.choice, `Alert at ${CV.format.number(this.price, decimals)}`);
      CV.write(this.said, '');
      if (!this.menu.matches(':popover-open')) this.menu.showPopover();
      this.menu.style.left = `${Math.max(GAP, Math.min(innerWidth - this.menu.offsetWidth - GAP, x))}px`;
      this.menu.style.top = `${Math.max(GAP, Math.min(innerHeight - this.menu.offsetHeight - GAP, y))}px`;
      this.choice.focus();
    }

    /** At once, as most are: once, whichever way the price comes. */
    async quick(price) {
      try {
        await this.alerts.save({ symbol: this.symbol, kind: 'price', direction: 'cross', value: price });
      } catch (error) {
        this.menu.showPopover();
        CV.write(this.said, error.message);
      }
    }
  }

  CV.AlertMarks = AlertMarks;
})();
