/* Which part of the series is on screen: time ↔ x, price ↔ y. Knows nothing of how it is drawn. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const SPACING = 8; // px per bar to begin with
  const NARROWEST = 1.5;
  const WIDEST = 60;
  // More would not be told apart, and is more than is ever drawn at once.
  const MOST_VISIBLE = 600;
  const RIGHT_BARS = 6; // free room right of the newest bar, for the eye and the price tag
  const PAD_TOP = 44; // px, where the legend lies
  const PAD_BOTTOM = 0.14;

  class View {
    constructor(step) {
      this.step = step;
      this.width = 1;
      this.height = 1;
      this.spacing = SPACING;
      this.right = 0; // ms at the right edge
      this.following = true; // keeps the newest bar on screen
      this.manual = null; // {low, high} once the user scaled the price axis
      this.low = 0;
      this.high = 1;
      this.log = false;
    }

    get left() {
      return this.right - (this.width / this.spacing) * this.step;
    }

    x(t) {
      return this.width - ((this.right - t) / this.step) * this.spacing;
    }

    time(x) {
      return this.right - ((this.width - x) / this.spacing) * this.step;
    }

    y(price) {
      if (this.log) return ((ln(this.high) - ln(price)) / (ln(this.high) - ln(this.low))) * this.height;
      return ((this.high - price) / (this.high - this.low)) * this.height;
    }

    price(y) {
      if (this.log) return Math.exp(ln(this.high) - (y / this.height) * (ln(this.high) - ln(this.low)));
      return this.high - (y / this.height) * (this.high - this.low);
    }

    narrowest() {
      return Math.max(NARROWEST, this.width / MOST_VISIBLE);
    }

    resize(width, height) {
      this.width = Math.max(1, width);
      this.height = Math.max(1, height);
      this.spacing = Math.max(this.spacing, this.narrowest());
    }

    /** Show the newest bar with a little room beside it. */
    follow(last) {
      this.following = true;
      this.right = last.t + RIGHT_BARS * this.step;
    }

    /** The newest bar is `by` ms later than before: move on with it if it was in view. */
    advance(by) {
      if (this.following) this.right += by;
    }

    pan(pixels, series) {
      this.right -= (pixels / this.spacing) * this.step;
      this.clamp(series);
    }

    /** `factor` > 1 shows fewer bars; the time under `x` stays where it is. */
    zoom(factor, x, series) {
      const anchor = this.time(x);
      this.spacing = Math.min(WIDEST, Math.max(this.narrowest(), this.spacing * factor));
      this.right = anchor + ((this.width - x) / this.spacing) * this.step;
      this.clamp(series);
    }

    /** `t` in the middle. */
    centre(t, series) {
      this.right = t + (this.width / this.spacing / 2) * this.step;
      this.clamp(series);
    }

    /** As many bars as can be told apart, or all there are, up to the newest. */
    fitAll({ bars, last, live }) {
      if (!last) return;
      const most = this.width / (bars.length + RIGHT_BARS);
      this.spacing = Math.min(WIDEST, Math.max(this.narrowest(), most));
      this.follow(last);
      this.following = live;
    }

    /** Bars always stay in sight. */
    clamp({ bars, live }) {
      if (!bars.length) return;
      const first = bars[0].t;
      const last = bars[bars.length - 1].t;
      const room = Math.max(RIGHT_BARS, (this.width / this.spacing) * 0.7) * this.step;
      const least = Math.min(last - first, (this.width / this.spacing) * 0.3 * this.step);
      this.right = Math.min(last + room, Math.max(first + least, this.right));
      this.following = live && last >= this.left && last <= this.right - this.step / 2;
    }

    /** Fit prices to the bars [from, to), and to `low` and `high`. */
    fit(bars, from, to, [low, high] = [Infinity, -Infinity]) {
      if (this.manual) {
        Object.assign(this, this.manual);
        return;
      }
      for (let i = from; i < to; i++) {
        if (bars[i].l < low) low = bars[i].l;
        if (bars[i].h > high) high = bars[i].h;
      }
      if (low > high) return;
      if (this.log) {
        const range = ln(high) - ln(low) || 0.001;
        this.low = Math.exp(ln(low) - range * PAD_BOTTOM);
        this.high = Math.exp(ln(high) + ((ln(high) - ln(this.low)) * PAD_TOP) / Math.max(PAD_TOP, this.height - PAD_TOP));
        return;
      }
      const span = high - low || Math.abs(high) * 0.001 || 1;
      this.low = low - span * PAD_BOTTOM;
      this.high = high + ((high - this.low) * PAD_TOP) / Math.max(PAD_TOP, this.height - PAD_TOP);
    }

    scalePrice(factor) {
      if (this.log) {
        const [centre, reach] = [(ln(this.high) + ln(this.low)) / 2, ((ln(this.high) - ln(this.low)) / 2) * factor];
        this.manual = { low: Math.exp(centre - reach), high: Math.exp(centre + reach) };
        return;
      }
      const middle = (this.high + this.low) / 2;
      const half = ((this.high - this.low) / 2) * factor;
      this.manual = { low: middle - half, high: middle + half };
    }

    shiftPrice(pixels) {
      if (!this.manual) return;
      if (this.log) {
        const times = Math.exp((pixels / this.height) * (ln(this.high) - ln(this.low)));
        this.manual = { low: this.low * times, high: this.high * times };
        return;
      }
      const by = (pixels / this.height) * (this.high - this.low);
      this.manual = { low: this.low + by, high: this.high + by };
    }
  }

  // A price of nothing has no logarithm.
  const ln = (price) => Math.log(Math.max(price, 1e-300));

  CV.View = View;
})();
