/* Numbers, times and names as the terminal writes them. True minus, thin-space thousands, the user's zone. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MINUS = '\u2212';
  const THIN = '\u202f';
  const DAY = 86_400_000;
  const UNITS = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']];

  /** '67 123.45': thousands separated, `decimals` digits, true minus. */
  function number(value, decimals) {
    if (!Number.isFinite(value)) return '–';
    const text = Math.abs(value).toFixed(decimals);
    const dot = text.indexOf('.');
    let whole = dot < 0 ? text : text.slice(0, dot);
    const rest = dot < 0 ? '' : text.slice(dot);
    if (whole.length > 3) whole = whole.replace(/\B(?=(\d{3})+$)/g, THIN);
    return (value < 0 && Number(text) !== 0 ? MINUS : '') + whole + rest;
  }

  /** Digits after the point of a tick or lot size: 0.01 → 2. */
  function decimals(step) {
    if (!(step > 0)) return 2;
    const [digits, exponent] = step.toExponential().split('e');
    const fraction = (digits.split('.')[1] || '').length;
    return Math.max(0, Math.min(12, fraction - Number(exponent)));
  }

  /** Digits a price of this size is usually quoted with, until the market's tick size is known. */
  function guessDecimals(price) {
    if (!(price > 0)) return 2;
    return Math.max(2, Math.min(8, 4 - Math.floor(Math.log10(price))));
  }

  /** 1 234 567 → '1.23M'. */
  function compact(value) {
    if (!Number.isFinite(value)) return '–';
    const size = Math.abs(value);
    for (const [unit, letter] of UNITS) {
      if (size >= unit) return number(value / unit, size >= unit * 100 ? 1 : 2) + letter;
    }
    return number(value, size >= 100 ? 1 : size >= 1 ? 2 : 4);
  }

  /** '+1.24%', '−0.30%', '0.00%'. */
  function percent(value) {
    if (!Number.isFinite(value)) return '–';
    const text = number(value, 2);
    return (Number(value.toFixed(2)) > 0 ? '+' : '') + text + '%';
  }

  function arrow(value) {
    return value > 0 ? '▲' : value < 0 ? '▼' : '·';
  }

  /** -1, 0 or 1, of a figure as shown with two digits. */
  function direction(value) {
    const shown = Number((value || 0).toFixed(2));
    return Math.sign(shown);
  }

  const two = (n) => String(n).padStart(2, '0');
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const month = (d) => CV.texts.of(MONTHS[d.getUTCMonth()]);
  const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

  /** ms to add to `ms` of UTC for the reading of the clock that a chart of this timeframe shows: daily windows are UTC days. */
  const zoneShift = (timeframe, ms) => (timeframe === '1d' ? 0 : CV.zone.shift(ms));

  /** 'UTC', 'UTC+2', 'UTC−3:30': that clock at `ms`. */
  const zoneName = (timeframe, ms = Date.now()) => (timeframe === '1d' ? 'UTC' : CV.zone.label(ms));

  /** When that clock reads `reading`. */
  const zoneTime = (timeframe, reading) => (timeframe === '1d' ? reading : CV.zone.at(reading));

  /** 14:05:09 in the user's zone. */
  function clock(ms) {
    const d = new Date(ms + CV.zone.shift(ms));
    return two(d.getUTCHours()) + ':' + two(d.getUTCMinutes()) + ':' + two(d.getUTCSeconds());
  }

  /** The crosshair's time: as exact as the bars are. */
  function moment(ms, timeframe) {
    const d = new Date(ms + zoneShift(timeframe, ms));
    const day = `${CV.texts.of(WEEKDAYS[d.getUTCDay()])} ${d.getUTCDate()} ${month(d)}`;
    if (timeframe === '1d') return `${day} ${d.getUTCFullYear()}`;
    const time = two(d.getUTCHours()) + ':' + two(d.getUTCMinutes());
    const year = d.getUTCFullYear() === new Date().getUTCFullYear() ? '' : ` ${d.getUTCFullYear()}`;
    return `${day}${year}  ${time}${timeframe === '5s' ? ':' + two(d.getUTCSeconds()) : ''}`;
  }

  /** What a time-axis tick says: the day or month where one begins, else the time. */
  function tick(ms, timeframe, step) {
    const d = new Date(ms + zoneShift(timeframe, ms));
    if (d.getTime() % DAY === 0) {
      if (d.getUTCDate() === 1) return d.getUTCMonth() === 0 ? String(d.getUTCFullYear()) : month(d);
      return `${d.getUTCDate()} ${month(d)}`;
    }
    const time = two(d.getUTCHours()) + ':' + two(d.getUTCMinutes());
    return step < 60_000 ? time + ':' + two(d.getUTCSeconds()) : time;
  }

  /** Time left in a window: '0:07', '12:40', '3:12:05', '2d 04h'. */
  function countdown(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const h = Math.floor(seconds / 3600);
    if (h >= 48) return `${Math.floor(h / 24)}d ${two(h % 24)}h`;
    const m = Math.floor(seconds / 60) % 60;
    return h ? `${h}:${two(m)}:${two(seconds % 60)}` : `${m}:${two(seconds % 60)}`;
  }

  /** 12 000 → '12 s', 125 000 → '2 min'. */
  function age(ms) {
    if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
    if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
    return `${Math.round(ms / 3_600_000)} h`;
  }

  const plain = (symbol) => symbol.replace('/', '-');
  const base = (symbol) => symbol.split('/')[0];
  const quote = (symbol) => symbol.split('/')[1] || '';

  const zoned = () => (CV.zone.name() === 'local' ? {} : { timeZone: CV.zone.name() });
  /** The page's language, as the browser's country writes it where that is the browser's own. */
  const tongue = () => {
    const { lang } = document.documentElement;
    return navigator.language.startsWith(lang) ? navigator.language : lang;
  };
  /** Day and time, in the zone that was chosen, as the page's language writes them. */
  const exact = (time) => new Date(time).toLocaleString(tongue(), zoned());
  const day = (time) => new Date(time).toLocaleDateString(tongue(), zoned());
  const hour = (time) => new Date(time).toLocaleTimeString(tongue(), zoned());

  CV.format = {
    exact, day, hour,
    number, decimals, guessDecimals, compact, percent, arrow, direction, zoneShift, zoneName, zoneTime, clock, moment, tick,
    countdown, age, plain, base, quote,
  };
})();
