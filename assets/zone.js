/*
 * The clock that times are read on: UTC, this machine's, or that of a place. Chosen in the chart's corner or in Settings, kept in this
 * browser. Candles stay windows of UTC; only how their times are read differs.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.timezone';
  const LOCAL = 'local';
  const UTC = 'UTC';
  const MINUS = '\u2212';
  // Clocks are changed at full quarters of an hour, so within one the offset is the same.
  const QUARTER = 900_000;
  const REMEMBERED = 5_000; // quarters; a year's worth of daily ticks is far below
  const listeners = [];
  let offsets = new Map();
  let reader = null;
  let name = sound(CV.kept.read(KEY));

  /** A name that this browser knows, else this machine's zone. */
  function sound(wanted) {
    try {
      if (wanted && wanted !== LOCAL) new Intl.DateTimeFormat('en', { timeZone: wanted });
      return wanted || LOCAL;
    } catch {
      return LOCAL;
    }
  }

  function read(ms) {
    if (!reader) {
      const figures = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' };
      reader = new Intl.DateTimeFormat('en-US', { timeZone: name, hourCycle: 'h23', calendar: 'gregory', numberingSystem: 'latn', ...figures });
    }
    const part = {};
    for (const { type, value } of reader.formatToParts(ms)) part[type] = Number(value);
    return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - ms;
  }

  /** ms to add to `ms` of UTC for the reading of the chosen clock then. */
  function shift(ms) {
    if (name === UTC) return 0;
    if (name === LOCAL) return -new Date(ms).getTimezoneOffset() * 60_000;
    const quarter = Math.floor(ms / QUARTER) * QUARTER;
    let found = offsets.get(quarter);
    if (found === undefined) {
      if (offsets.size >= REMEMBERED) offsets.clear();
      found = read(quarter);
      offsets.set(quarter, found);
    }
    return found;
  }

  /** When the clock reads `reading` (as ms). A reading that is left out in spring is taken as the hour after it. */
  function at(reading) {
    const guess = reading - shift(reading);
    return reading - shift(guess);
  }

  /** 'UTC', 'UTC+2', 'UTC−3:30': the clock's distance at `ms`. */
  function label(ms) {
    const minutes = Math.round(shift(ms) / 60_000);
    if (!minutes) return UTC;
    const size = Math.abs(minutes);
    const rest = size % 60;
    return `UTC${minutes < 0 ? MINUS : '+'}${Math.floor(size / 60)}${rest ? ':' + String(rest).padStart(2, '0') : ''}`;
  }

  function use(wanted) {
    name = sound(wanted);
    offsets = new Map();
    reader = null;
    listeners.forEach((listener) => listener());
  }

  /** 'UTC', 'local' or an IANA name. */
  function choose(wanted) {
    CV.kept.write(KEY, wanted);
    use(wanted);
  }

  // Another tab, or the Settings page.
  addEventListener('storage', (event) => event.key === KEY && use(event.newValue));

  CV.zone = {
    choose, shift, at, label,
    name: () => name,
    /** What this machine's zone is called. */
    local: () => new Intl.DateTimeFormat().resolvedOptions().timeZone,
    names: () => (Intl.supportedValuesOf ? Intl.supportedValuesOf('timeZone') : []),
    onChange: (listener) => listeners.push(listener),
  };
})();
