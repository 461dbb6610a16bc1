/* The newest figure of each indicator, and what it is usually read as. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const NONE = 'No indicators yet. They appear here once enough candles have closed.';
  // Above the second: bought too much, below the first: sold too much.
  const BOUNDS = { rsi: [30, 70], mfi: [20, 80], stochastic: [20, 80], williams_r: [-80, -20], cci: [-100, 100] };
  const EXTREMES = ['Overbought', 'Oversold'];
  const MAIN = ['value', 'middle_band']; // the figure that is shown; the others are told when it is pointed at
  const TREND = 25; // of ADX: from here on there is one

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });
  const against = (price, level) => (price > level ? ['Price above', 1] : ['Price below', -1]);
  const channel = ({ upper_band: upper, lower_band: lower }, price) => (price > upper ? ['Above the band', 1] : price < lower ? ['Below the band', -1] : ['Within the band', 0]);
  const trend = ({ value_signal: signal }) => (signal > 0 ? ['Up trend', 1] : ['Down trend', -1]);

  const RULES = {
    macd: ({ value_histogram: histogram }) => (histogram > 0 ? ['Above its signal', 1] : ['Below its signal', -1]),
    momentum: ({ value }) => (value > 0 ? ['Rising', 1] : ['Falling', -1]),
    bollinger: channel, donchian: channel, keltner: channel,
    sma: ({ value }, price) => against(price, value), ema: ({ value }, price) => against(price, value), vwap: ({ value }, price) => against(price, value),
    atr: ({ value }, price) => [`${CV.format.number((value / price) * 100, 2)}% of the price`, 0],
    adx: ({ value, upper_band: up, lower_band: down }) => (value < TREND ? ['No trend', 0] : up > down ? ['Up trend', 1] : ['Down trend', -1]),
    supertrend: trend, psar: trend,
    ichimoku: ({ upper_band: a, lower_band: b }, price) => (price > Math.max(a, b) ? ['Above the cloud', 1] : price < Math.min(a, b) ? ['Below the cloud', -1] : ['In the cloud', 0]),
    support_resistance: ({ support_level: support, resistance_level: resistance }, price) => (price > resistance ? ['Above resistance', 1] : price < support ? ['Below support', -1] : ['Between the levels', 0]),
  };

  /** [words, direction] of the newest figures of indicator `name`; direction 0 says neither. */
  function reading(name, figures, price) {
    const bounds = BOUNDS[name];
    if (bounds) return figures.value > bounds[1] ? ['Overbought', 0] : figures.value < bounds[0] ? ['Oversold', 0] : ['In between', 0];
    return RULES[name] ? RULES[name](figures, price) : ['', 0];
  }

  class Readings {
    constructor(panel, socket, markets, studies) {
      Object.assign(this, { panel, socket, markets, studies, rows: new Map(), newest: new Map() });
      this.list = panel.body.querySelector('.reading-rows');
      this.paint = () => this.draw();
      panel.watch((shown) => {
        this.shown = shown;
        this.watch();
      });
      panel.exports(() => [['indicator', 'time', 'figure', 'value', 'reading'], ...[...this.newest].flatMap(([name, { time, figures }]) => Object.entries(figures).map(([column, value]) => [name, CV.rest.iso(time), column, value, this.read(name)[0]]))]);
    }

    show(symbol, timeframe) {
      Object.assign(this, { symbol, timeframe });
      this.watch();
    }

    /** Figures of the symbol at the timeframe, while somebody looks. */
    watch() {
      const wanted = this.shown && this.symbol ? `${this.symbol} ${this.timeframe}` : null;
      if (wanted === this.watched) return;
      if (this.end) this.end();
      this.panel.rest();
      Object.assign(this, { watched: wanted, end: null, newest: new Map() });
      if (!wanted) return;
      const { symbol, timeframe } = this;
      this.panel.set('loading');
      const ask = () => this.panel.load(() => this.load(symbol, timeframe, wanted), NONE);
      this.end = this.socket.subscribe({ type: 'indicator', symbol, timeframe, forming: true }, (data) => this.hear(data), ask);
      ask();
    }

    async load(symbol, interval, wanted) {
      this.known = await this.studies.known();
      const rows = await CV.rest.get('indicators', { symbol, interval });
      if (wanted !== this.watched) return false;
      rows.forEach((row) => this.keep(row));
      this.draw();
      return rows.length > 0;
    }

    keep(row) {
      const entry = this.known.get(row.indicator_type);
      const time = CV.rest.ms(row.time);
      const before = this.newest.get(row.indicator_type);
      if (!entry || (before && before.time > time)) return;
      this.newest.set(row.indicator_type, { time, figures: Object.fromEntries(entry.outputs.map(({ name }) => [name, row[name]]).filter(([, value]) => Number.isFinite(value))) });
    }

    hear(data) {
      if (!this.known) return;
      this.keep(data);
      this.panel.fresh();
      CV.gently(this.paint);
    }

    read(name) {
      return reading(name, this.newest.get(name).figures, (this.markets.get(this.symbol) || {}).last);
    }

    draw() {
      const decimals = this.markets.decimals(this.symbol);
      const names = [...this.known.keys()].filter((name) => this.newest.has(name));
      names.forEach((name) => this.rows.has(name) || this.rows.set(name, this.row(this.known.get(name))));
      const lines = names.map((name) => this.rows.get(name).line);
      if (lines.length !== this.list.children.length || lines.some((line, at) => line !== this.list.children[at])) this.list.replaceChildren(...lines);
      for (const name of names) {
        const { figures, said } = this.rows.get(name);
        const { figures: newest } = this.newest.get(name);
        const study = { entry: this.known.get(name) };
        const spelt = Object.entries(newest).map(([column, value]) => [column, CV.panes.spell(study, column, value, decimals)]);
        const [, main] = spelt.find(([column]) => MAIN.includes(column)) || spelt[0] || ['', '–'];
        CV.write(figures, main);
        figures.title = spelt.map(([column, figure]) => `${column.replaceAll('_', ' ')} ${figure}`).join('\n');
        const [words, direction] = this.read(name);
        CV.write(said, words && direction ? `${CV.format.arrow(direction)} ${words}` : words);
        said.dataset.direction = direction;
        said.classList.toggle('extreme', EXTREMES.includes(words));
      }
    }

    row(entry) {
      const line = element('li', 'reading');
      line.dataset.name = entry.name;
      const name = Object.assign(element('span', 'reading-name', entry.name.replaceAll('_', ' ').toUpperCase()), { title: entry.title });
      const [figures, said] = [element('b'), element('span', 'reading-said')];
      const add = Object.assign(element('button', 'plain'), { type: 'button', title: `${entry.title}: onto the chart`, ariaLabel: `${entry.title}: onto the chart` });
      add.append(element('span', 'icon icon-plus'));
      add.addEventListener('click', () => this.studies.add(entry));
      line.append(name, figures, said, add);
      return { line, figures, said };
    }
  }

  CV.Readings = Readings;
})();
