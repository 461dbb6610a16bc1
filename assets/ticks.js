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

  /** Times at which the clock that a chart of `timeframe` shows reads round, at least `gap` px apart. */
  function times(from, to, width, gap, timeframe) {
    const least = ((to - from) * gap) / width;
    const step = STEPS.find((one) => one >= least);
    const { zoneShift, zoneTime } = CV.format;
    const first = from + zoneShift(timeframe, from);
    const values = [];
    const add = (reading) => {
      const t = zoneTime(timeframe, reading);
      // A reading that the clock leaves out or has twice, when it is changed, is no tick of its own.
      if (t >= from && t <= to && !(t <= values[values.length - 1])) values.push(t);
      return t <= to;
    };
    if (step) {
      let reading = Math.ceil(first / step) * step;
      while (add(reading)) reading += step;
      return { step, values };
    }
    const every = MONTHS.find((n) => n * MONTH >= least) || 12 * Math.ceil(least / (12 * MONTH));
    const date = new Date(first);
    let month = date.getUTCFullYear() * 12 + date.getUTCMonth();
    month -= month % every;
    while (add(Date.UTC(Math.floor(month / 12), month % 12, 1))) month += every;
    return { step: every * MONTH, values };
  }

  CV.ticks = { prices, times };
})();
