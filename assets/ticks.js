/* Round values for the axes. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  const HOUR = 60 * MINUTE;
  const DAY = 24 * HOUR;
  const STEPS = [
    5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
  ];
  const MONTHS = [1, 2, 3, 6, 12];
  const MONTH = 30.4 * DAY;

  /** Prices 1, 2 or 5 × 10ⁿ apart, at least `gap` px from each other. */
  function prices(low, high, height, gap) {
    const least = ((high - low) * gap) / height;
    if (!(least > 0)) return { step: 0, values: [] };
    const power = 10 ** Math.floor(Math.log10(least));
    const step = power * [1, 2, 5, 10].find((k) => k * power >= least * 0.9999);
    const values = [];
    for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(k * step);
    return { step, values };
  }

  /** Times at round clock readings of the zone `shift`, at least `gap` px apart. */
  function times(from, to, width, gap, shift) {
    const least = ((to - from) * gap) / width;
    const step = STEPS.find((one) => one >= least);
    const values = [];
    if (step) {
      for (let t = Math.ceil((from + shift) / step) * step - shift; t <= to; t += step) values.push(t);
      return { step, values };
    }
    const every = MONTHS.find((n) => n * MONTH >= least) || 12 * Math.ceil(least / (12 * MONTH));
    const date = new Date(from + shift);
    let month = date.getUTCFullYear() * 12 + date.getUTCMonth();
    month -= month % every;
    for (;;) {
      const t = Date.UTC(Math.floor(month / 12), month % 12, 1) - shift;
      if (t > to) break;
      if (t >= from) values.push(t);
      month += every;
    }
    return { step: every * MONTH, values };
  }

  CV.ticks = { prices, times };
})();
