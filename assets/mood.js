/* The mood of the news: fear and greed on a dial, the series against the price, and what prices did after news. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const SVG = 'http://www.w3.org/2000/svg';
  const WIDTH = 320;
  const HEIGHT = 120;
  // Days → the bucket and candle that are drawn: some hundred of them.
  const SPANS = { 1: ['15m', 900_000], 7: ['1h', 3_600_000], 30: ['4h', 14_400_000], 90: ['1d', 86_400_000] };
  const LATER = 60_000; // ms until figures that nothing pushes are asked for again
  const HORIZONS = ['5m', '1h', '24h'];
  const LABELS = ['positive', 'neutral', 'negative'];

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  function drawn(tag, attributes) {
    const one = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    return one;
  }

  const path = (points) => points.map(([x, y], n) => `${n ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

  class Mood {
    /** `panels`: its blocks, by name. */
    constructor(panels, socket) {
      this.dial = panels.get('dial');
      this.series = panels.get('mood-series');
      this.after = panels.get('after'); // not on the terminal
      this.panels = [this.dial, this.series, this.after].filter(Boolean);
      this.socket = socket;
      this.spans = [...this.series.section.querySelectorAll('[data-days]')]; // not on the terminal
      this.spans.forEach((button) => button.addEventListener('click', () => this.choose(Number(button.dataset.days))));
      this.choose(7);
      CV.repeat(() => this.asked && this.load(), LATER, true);
    }

    /** How far back the series goes. */
    choose(days) {
      const [interval, step] = SPANS[days];
      Object.assign(this, { interval, step, span: days * 86_400_000, count: Math.ceil((days * 86_400_000) / step) });
      this.spans.forEach((button) => button.setAttribute('aria-pressed', String(Number(button.dataset.days) === days)));
      if (this.asked) this.show(this.coin, this.symbol);
    }

    /** `coin` a token or '' for the market; `symbol` whose price is drawn. */
    show(coin, symbol) {
      if (this.subscription) this.subscription();
      this.coin = coin;
      this.symbol = symbol;
      this.panels.forEach((panel) => panel.set('loading'));
      this.subscription = this.socket.subscribe({ type: 'sentiment', symbol: coin || 'market', timeframe: this.interval }, (bucket) => this.hear(bucket));
      this.load();
    }

    /** Nobody looks: nothing is asked until the next `show`. */
    hide() {
      if (this.subscription) this.subscription();
      this.subscription = null;
      this.asked = null;
      this.panels.forEach((panel) => panel.rest());
    }

    load() {
      const asked = (this.asked = {});
      const symbol = this.coin || undefined;
      const fill = (panel, ask, draw) => panel.load(async () => {
        const answers = await Promise.all(ask());
        return asked === this.asked && draw(...answers);
      });
      fill(this.dial, () => [CV.rest.get('sentiment/gauge', { symbol })], (gauge) => this.turn(gauge));
      fill(this.series, () => [
        CV.rest.get('sentiment', { symbol, interval: this.interval, limit: this.count }),
        CV.rest.get('crypto/data', { symbol: this.symbol, interval: this.interval, limit: this.count }),
      ], (moods, candles) => this.draw(moods, candles));
      if (this.after) fill(this.after, () => [CV.rest.get('sentiment/study', { symbol, days: 90 })], (study) => this.tell(study));
    }

    hear(bucket) {
      if (!this.moods) return;
      const time = CV.rest.ms(bucket.time);
      this.moods = [{ ...bucket, time }, ...this.moods.filter((one) => one.time !== time)].sort((a, b) => b.time - a.time).slice(0, this.count);
      CV.gently((this.redraw = this.redraw || (() => this.paint())));
    }

    turn({ value, label, parts }) {
      if (value === null) return false;
      const figure = this.dial.body.querySelector('.figure');
      const angle = Math.PI * (1 - value / 100);
      const at = (radius, turned) => `${(100 + radius * Math.cos(turned)).toFixed(1)} ${(92 - radius * Math.sin(turned)).toFixed(1)}`;
      const svg = drawn('svg', { viewBox: '0 0 200 100', role: 'img', 'aria-label': `Fear and greed ${Math.round(value)} of 100: ${label}` });
      // The fifths of the scale, each in its colour; its ends are those of the labels.
      [[0, 25, 'fear-2'], [25, 45, 'fear-1'], [45, 55, 'even'], [55, 75, 'greed-1'], [75, 100, 'greed-2']].forEach(([from, to, name]) => {
        const [a, b] = [Math.PI * (1 - (from + 0.8) / 100), Math.PI * (1 - (to - 0.8) / 100)];
        svg.append(drawn('path', { d: `M${at(80, a)}A80 80 0 0 1 ${at(80, b)}`, class: `arc ${name}` }));
      });
      svg.append(drawn('path', { d: `M${at(58, angle)}L${at(92, angle)}`, class: 'needle' }));
      figure.replaceChildren(svg, element('strong', '', String(Math.round(value))), element('span', '', label));
      this.dial.body.querySelector('ul').replaceChildren(...parts.map((part) => {
        const line = element('li', 'part');
        line.title = part.about;
        const bar = element('i', 'part-bar');
        bar.style.setProperty('--share', `${part.value}%`);
        line.append(element('span', '', part.name), bar, element('b', '', String(Math.round(part.value))));
        return line;
      }));
      return true;
    }

    draw(moods, candles) {
      this.moods = moods.map((one) => ({ ...one, time: CV.rest.ms(one.time) }));
      this.candles = candles.map((one) => ({ time: CV.rest.ms(one.window_start), close: Number(one.close) }));
      return this.paint();
    }

    /** Mood as bars about the middle, −1 … 1; over them the price, each on its own scale. */
    paint() {
      const { moods, candles, step, span } = this;
      if (!moods.length) return false;
      const end = Math.max(moods[0].time, candles.length ? candles[0].time : 0) + step;
      const start = Math.max(end - span, Math.min(moods[moods.length - 1].time, candles.length ? candles[candles.length - 1].time : Infinity));
      const x = (time) => ((time - start) / Math.max(step, end - start)) * WIDTH;
      const y = (value) => HEIGHT / 2 - (value * HEIGHT) / 2;
      const wide = Math.max(1, x(start + step) * 0.7);
      const svg = drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': 'Sentiment over time, and the price' });
      svg.append(drawn('path', { d: `M0 ${HEIGHT / 2}H${WIDTH}`, class: 'middle' }));
      for (const { time, value } of moods) {
        if (time < start) continue;
        const top = Math.min(y(value), y(0));
        svg.append(drawn('rect', { x: x(time).toFixed(1), y: top.toFixed(1), width: wide.toFixed(1), height: Math.max(1, Math.abs(y(value) - y(0))).toFixed(1), class: value < 0 ? 'bad' : 'good' }));
      }
      const closes = candles.filter(({ time }) => time >= start).reverse();
      if (closes.length > 1) {
        const [low, high] = [Math.min(...closes.map((one) => one.close)), Math.max(...closes.map((one) => one.close))];
        const level = (close) => HEIGHT - 8 - ((close - low) / (high - low || 1)) * (HEIGHT - 16);
        svg.append(drawn('path', { d: path(closes.map((one) => [x(one.time + step), level(one.close)])), class: 'price' }));
      }
      const newest = moods[0];
      const words = this.series.body.querySelector('.legend');
      const sign = newest.value > 0 ? '+' : '';
      words.replaceChildren(
        element('b', newest.value < 0 ? 'bad' : 'good', `Sentiment ${sign}${CV.format.number(newest.value, 2)}`),
        element('span', '', `${CV.format.number(newest.low, 2)} … ${CV.format.number(newest.high, 2)}, ${newest.articles} articles`),
        element('span', 'of-price', `${this.symbol} close`),
      );
      this.series.body.querySelector('.figure').replaceChildren(svg);
      return true;
    }

    tell({ articles, findings }) {
      CV.write(this.after.body.querySelector('.note'), `${articles} articles of the last 90 days. Mean move after the article; in brackets how many had a price by then.`);
      const rows = LABELS.map((label) => {
        const row = element('tr');
        row.append(Object.assign(element('th', '', { positive: 'Good', neutral: 'Neutral', negative: 'Bad' }[label]), { scope: 'row' }));
        for (const horizon of HORIZONS) {
          const found = findings.find((one) => one.label === label && one.horizon === horizon);
          const cell = element('td', '', found && found.articles ? `${CV.format.percent(found.mean)} ` : '– ');
          if (found && found.articles) {
            cell.dataset.direction = CV.format.direction(found.mean);
            cell.title = [
              found.low === null ? 'one article only' : `95 of 100 such means lie between ${CV.format.percent(found.low)} and ${CV.format.percent(found.high)}`,
              `median ${CV.format.percent(found.median)}`, `${Math.round(found.rising * 100)} % rose`,
              found.before === null ? '' : `before the article ${CV.format.percent(found.before)}`,
              found.volume === null ? '' : `volume × ${CV.format.number(found.volume, 2)}`,
            ].filter(Boolean).join('\n');
          }
          cell.append(element('small', '', `(${found ? found.articles : 0})`));
          row.append(cell);
        }
        return row;
      });
      this.after.body.querySelector('tbody').replaceChildren(...rows);
      return articles > 0;
    }
  }

  CV.Mood = Mood;
})();
