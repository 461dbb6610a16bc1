/* Lines, boxes and words on the chart, kept per symbol in this browser. Their points are times and prices, so they stay where they were put. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.drawings';
  const MAGNET = 'cryptoviz.magnet';
  const NEAR = 7; // px from which a drawing is taken hold of
  const MOST = 100; // of one symbol
  const STEPS = 50; // that can be undone
  const PULL = 24; // px from which the magnet draws a point to a candle's prices
  const COLOURS = [0, 2, 3, 4, 6]; // of the indicators' scale, beside the accent
  const LEVELS = [0, 0.236, 0.382, 0.5, 0.618, 0.786, 1];
  // Name → what it is called, its sign, how many points it has.
  const TOOLS = {
    trend: ['Trend line', '╱', 2], level: ['Horizontal line', '─', 1], box: ['Rectangle', '▭', 2], fib: ['Fibonacci retracement', '≡', 2],
    measure: ['Measure', '↕', 2], note: ['Text', 'T', 1],
  };
  const KEYS = { KeyT: 'trend', KeyH: 'level', KeyR: 'box', KeyF: 'fib', KeyM: 'measure', KeyN: 'note' }; // with Alt

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(KEY) || '{}');
    } catch {
      return {}; // private windows and strangers' entries: none, then
    }
  }

  class Drawings {
    constructor(chart, changed) {
      this.chart = chart;
      this.changed = changed;
      this.bar = chart.querySelector('#tools');
      this.open = document.getElementById('draw-button');
      this.kept = [];
      this.tool = '';
      this.pending = null; // being drawn
      this.chosen = null;
      this.held = null; // {one, point or null for all of it, from}
      this.past = []; // what was kept before each step, as JSON
      this.future = []; // and after it, for those who undo too much
      this.colour = null; // of what is drawn next: a place in the indicators' scale, null for the accent
      this.buttons = new Map();
      for (const [name, [words, sign]] of Object.entries(TOOLS)) this.button(name, words, sign, () => this.take(this.tool === name ? '' : name));
      this.magnet = this.button('', 'Magnet: points go to the prices of a candle', '∪', () => this.attract(!this.attracting));
      this.attract(CV.kept.read(MAGNET) === 'on');
      this.button('', 'Undo (Ctrl Z)', '↶', () => this.undo());
      this.remove = this.button('', 'Remove what is chosen (Delete), or all', '✕', () => this.erase());
      this.swatches = [null, ...COLOURS].map((colour, n) => {
        const swatch = this.button('', `Colour ${n + 1}`, '', () => this.paint(colour));
        swatch.className = 'swatch';
        swatch.style.setProperty('--color', colour === null ? 'var(--accent)' : `var(--study-${colour + 1})`);
        return { swatch, colour };
      });
      this.paint(null);
      this.open.addEventListener('click', () => {
        this.bar.hidden = !this.bar.hidden;
        this.open.setAttribute('aria-pressed', String(!this.bar.hidden));
        if (this.bar.hidden) this.take('');
      });
      addEventListener('keydown', (event) => this.key(event));
    }

    key(event) {
      const { key, code, altKey, shiftKey } = event;
      if (event.target.closest('input, textarea, select, dialog')) return;
      if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === 'z') {
        if (shiftKey) this.redo();
        else this.undo();
      } else if (altKey && KEYS[code]) this.take(this.tool === KEYS[code] ? '' : KEYS[code]);
      else if (key === 'Escape') return void this.take('');
      else if ((key === 'Delete' || key === 'Backspace') && this.chosen) this.erase();
      else return;
      event.preventDefault();
    }

    attract(on) {
      this.attracting = on;
      CV.kept.write(MAGNET, on ? 'on' : '');
      this.magnet.setAttribute('aria-pressed', String(on));
    }

    /** The chosen drawing, and whatever is drawn from now on, in `colour`. */
    paint(colour) {
      this.colour = colour;
      this.swatches.forEach(({ swatch, colour: own }) => swatch.setAttribute('aria-pressed', String(own === colour)));
      if (!this.chosen) return;
      this.chosen.colour = colour;
      this.keep();
    }

    button(name, words, sign, act) {
      const one = Object.assign(document.createElement('button'), { type: 'button', textContent: sign, title: words, ariaLabel: words });
      if (name) this.buttons.set(name, one);
      one.addEventListener('click', act);
      this.bar.append(one);
      return one;
    }

    show(series, view) {
      const { symbol } = series;
      Object.assign(this, { series, view });
      if (symbol !== this.symbol) this.kept = (stored()[symbol] || []).filter((one) => one && TOOLS[one.kind] && Array.isArray(one.points));
      if (symbol !== this.symbol) Object.assign(this, { past: [], future: [], saved: JSON.stringify(this.kept) });
      this.symbol = symbol;
      this.chosen = this.pending = null;
    }

    /** A step is done: it can be undone, and is stored. */
    keep() {
      const now = JSON.stringify(this.kept.filter((one) => one.kind !== 'measure'));
      if (now !== this.saved) {
        this.past = [...this.past, this.saved].slice(-STEPS);
        this.future = [];
        this.saved = now;
      }
      this.store();
    }

    undo() {
      this.step(this.past, this.future);
    }

    redo() {
      this.step(this.future, this.past);
    }

    /** To the newest of `from`; what is left goes to `to`. */
    step(from, to) {
      if (!from.length) return;
      to.push(this.saved);
      this.saved = from.pop();
      this.kept = JSON.parse(this.saved);
      this.chosen = this.pending = this.held = null;
      this.store();
    }

    store() {
      try {
        localStorage.setItem(KEY, JSON.stringify({ ...stored(), [this.symbol]: JSON.parse(this.saved).slice(-MOST) }));
      } catch {
        // They last as long as the page.
      }
      this.changed();
    }

    take(tool) {
      this.tool = tool;
      this.pending = this.chosen = null;
      this.kept = this.kept.filter((one) => one.kind !== 'measure');
      this.buttons.forEach((button, name) => button.setAttribute('aria-pressed', String(name === tool)));
      this.chart.dataset.tool = tool;
      this.changed();
    }

    erase() {
      this.kept = this.chosen ? this.kept.filter((one) => one !== this.chosen) : [];
      this.chosen = null;
      this.keep();
    }

    at({ x, y }) {
      const { view, series } = this;
      const t = Math.round(view.time(x) / view.step) * view.step;
      const bar = this.attracting && series.bars[series.find(t)];
      if (bar && bar.t === t) {
        const [nearest] = [bar.o, bar.h, bar.l, bar.c].sort((a, b) => Math.abs(view.y(a) - y) - Math.abs(view.y(b) - y));
        if (Math.abs(view.y(nearest) - y) <= PULL) return { t, p: nearest };
      }
      return { t, p: view.price(y) };
    }

    /** One of `kind` in the colour that is chosen. */
    made(kind, points) {
      return { kind, points, ...(this.colour === null ? {} : { colour: this.colour }) };
    }

    /** A pointer went down. True when it is ours. */
    grab(at) {
      if (this.tool) {
        if (this.pending) this.put(at);
        else if (TOOLS[this.tool][2] === 1) this.single(at);
        else this.pending = { ...this.made(this.tool, [this.at(at), this.at(at)]), began: at };
        this.changed();
        return true;
      }
      if (this.kept.some((one) => one.kind === 'measure')) {
        this.kept = this.kept.filter((one) => one.kind !== 'measure');
        this.changed();
      }
      const found = this.find(at);
      if ((found && found.one) !== this.chosen) this.changed();
      this.chosen = found ? found.one : null;
      this.held = found && { ...found, from: this.at(at) };
      return Boolean(found);
    }

    /** The pointer hovers: what is being drawn follows it. */
    move(at) {
      if (this.pending) this.pending.points[1] = this.at(at);
    }

    carry(at) {
      if (this.pending) this.move(at);
      else if (this.held) {
        const { one, point, from } = this.held;
        const to = this.at(at);
        if (point !== null) one.points[point] = to;
        else one.points.forEach((each) => Object.assign(each, { t: each.t + to.t - from.t, p: each.p + to.p - from.p }));
        this.held.from = to;
      }
      this.changed();
    }

    drop(at) {
      // Pressed, pulled and let go is as good as two clicks.
      if (this.pending && Math.hypot(at.x - this.pending.began.x, at.y - this.pending.began.y) > NEAR) this.put(at);
      if (this.held) this.keep();
      this.held = null;
    }

    put(at) {
      const { kind, points } = this.pending;
      const one = this.made(kind, [points[0], this.at(at)]);
      this.take('');
      this.kept.push(one);
      this.chosen = one;
      if (kind === 'measure') this.changed();
      else this.keep();
    }

    single(at) {
      const one = this.made(this.tool, [this.at(at)]);
      this.take('');
      if (one.kind === 'note') {
        this.ask(at, (text) => {
          this.kept.push({ ...one, text });
          this.keep();
        });
        return;
      }
      this.kept.push(one);
      this.chosen = one;
      this.keep();
    }

    ask({ x, y }, then) {
      const input = Object.assign(document.createElement('input'), { className: 'note-input', maxLength: 80, ariaLabel: 'Text', placeholder: 'Text' });
      Object.assign(input.style, { left: `${x}px`, top: `${y - 14}px` });
      const done = (keep) => {
        input.onblur = null;
        input.remove();
        if (keep && input.value.trim()) then(input.value.trim());
      };
      input.onblur = () => done(true);
      input.addEventListener('keydown', (event) => (event.key === 'Enter' || event.key === 'Escape') && done(event.key === 'Enter'));
      this.chart.append(input);
      setTimeout(() => input.focus());
    }

    /** {one, point}: what lies under a pointer; `point` null for its lines. */
    find(at) {
      for (const one of [...this.kept].reverse()) {
        const points = one.points.map((each) => this.place(each));
        const point = one.kind === 'level' ? -1 : points.findIndex((each) => Math.hypot(each.x - at.x, each.y - at.y) <= NEAR + 2);
        if (point >= 0) return { one, point };
        if (this.touches(one, points, at)) return { one, point: null };
      }
      return null;
    }

    touches({ kind, text }, [a, b], at) {
      if (kind === 'level') return Math.abs(a.y - at.y) <= NEAR;
      if (kind === 'note') return at.x >= a.x - NEAR && at.x <= a.x + 8 * (text || '').length && Math.abs(a.y - at.y) <= 10;
      if (kind === 'trend') return distance(at, a, b) <= NEAR;
      const inX = at.x >= Math.min(a.x, b.x) - NEAR && at.x <= Math.max(a.x, b.x) + NEAR;
      if (kind === 'fib') return inX && LEVELS.some((level) => Math.abs(b.y + (a.y - b.y) * level - at.y) <= NEAR);
      const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
      const edge = Math.min(Math.abs(at.x - a.x), Math.abs(at.x - b.x)) <= NEAR && at.y >= top - NEAR && at.y <= bottom + NEAR;
      return edge || (inX && Math.min(Math.abs(at.y - a.y), Math.abs(at.y - b.y)) <= NEAR);
    }

    place({ t, p }) {
      return { x: this.view.x(t), y: this.view.y(p) };
    }

    draw(ctx, decimals) {
      const colors = CV.theme.colors();
      for (const one of this.pending ? [...this.kept, this.pending] : this.kept) {
        const colour = colors.studies[one.colour] || colors.accent;
        ctx.strokeStyle = ctx.fillStyle = colour;
        ctx.lineWidth = 1.5;
        ctx.textAlign = 'left';
        const points = one.points.map((each) => this.place(each));
        this[one.kind](ctx, one, points, colors, decimals);
        if (one !== this.chosen) continue;
        for (const { x, y } of points) {
          ctx.beginPath();
          ctx.arc(one.kind === 'level' ? this.view.width / 2 : x, y, 4.5, 0, 7);
          ctx.fillStyle = colors.panel || colors.raised;
          ctx.fill();
          ctx.strokeStyle = colour;
          ctx.stroke();
        }
      }
    }

    trend(ctx, one, [a, b]) {
      stroke(ctx, a.x, a.y, b.x, b.y);
    }

    level(ctx, one, [a], colors, decimals) {
      stroke(ctx, 0, a.y, this.view.width, a.y);
      ctx.fillText(CV.format.number(one.points[0].p, decimals), 8, a.y - 8);
    }

    box(ctx, one, [a, b]) {
      ctx.globalAlpha = 0.12;
      ctx.fillRect(a.x, a.y, b.x - a.x, b.y - a.y);
      ctx.globalAlpha = 1;
      ctx.strokeRect(a.x, a.y, b.x - a.x, b.y - a.y);
    }

    fib(ctx, { points: [first, last] }, [a, b], colors, decimals) {
      const left = Math.min(a.x, b.x);
      ctx.lineWidth = 1;
      ctx.globalAlpha = 0.06;
      ctx.fillRect(a.x, a.y, b.x - a.x, b.y - a.y);
      ctx.globalAlpha = 1;
      for (const level of LEVELS) {
        const price = last.p + (first.p - last.p) * level;
        const y = this.view.y(price);
        stroke(ctx, left, y, Math.max(a.x, b.x), y);
        ctx.fillText(`${level}  ${CV.format.number(price, decimals)}`, left + 4, y - 7);
      }
    }

    measure(ctx, one, places, colors, decimals) {
      const [{ t: from, p: before }, { t: to, p: after }] = one.points;
      const [a, b] = places;
      ctx.strokeStyle = ctx.fillStyle = after < before ? colors.down : colors.up;
      this.box(ctx, one, places);
      const bars = Math.round((to - from) / this.view.step);
      const words = `${CV.format.number(after - before, decimals)}  ${CV.format.percent((after / before - 1) * 100)}  ${CV.texts.of(`${bars} bars, ${span(Math.abs(to - from))}`)}`;
      const y = b.y + (b.y < a.y ? -16 : 16);
      const width = ctx.measureText(words).width + 12;
      const x = Math.max(0, Math.min(this.view.width - width, (a.x + b.x) / 2 - width / 2));
      ctx.fillRect(x, y - 10, width, 20);
      ctx.fillStyle = colors.onTag;
      ctx.fillText(words, x + 6, y + 0.5);
    }

    note(ctx, { text, colour }, [a], colors) {
      if (colour === undefined || colour === null) ctx.fillStyle = colors.text;
      ctx.fillText(text || '', a.x, a.y);
    }
  }

  function stroke(ctx, x1, y1, x2, y2) {
    ctx.beginPath();
    ctx.moveTo(x1, y1);
    ctx.lineTo(x2, y2);
    ctx.stroke();
  }

  function distance(at, a, b) {
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const along = Math.min(1, Math.max(0, ((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy || 1)));
    return Math.hypot(at.x - a.x - along * dx, at.y - a.y - along * dy);
  }

  function span(ms) {
    const minutes = Math.round(ms / 60_000);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
  }

  CV.Drawings = Drawings;
})();
