/* The data page: the ledger of quality hour by hour, the gaps that stay, and the parts. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const HOUR = 3_600_000;
  const SHOWN = 24;
  const EVERY = 10_000; // ms; the ledger is counted twice a minute
  const SELDOM = 60_000;
  const EVERY_JOB = 1_000;
  const QUIET = ['running', 'finished', 'stopped'];

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });
  const count = (value) => (value === null || value === undefined ? '–' : CV.format.number(value, 0));
  const sum = (rows, field) => rows.reduce((total, row) => (row[field] === null ? total : total + row[field]), 0);
  const size = (bytes) => (bytes >= 1e9 ? `${CV.format.number(bytes / 1e9, 2)} GB` : `${CV.format.number(bytes / 1e6, 1)} MB`);
  const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

  /** What an hour is called, and why: 'whole', 'repaired', 'missing', 'unknown' or 'none'. */
  function judge(row) {
    if (!row) return ['none', 'nothing stored'];
    if (row.trades_missing > 0 || row.gaps > 0) return ['missing', `${plural(row.trades_missing || 0, 'trade')} missing of ${count(row.trades_expected)}`];
    const differ = row.candles_mismatched ? `, ${plural(row.candles_mismatched, 'candle')} replaced by the exchange's` : '';
    if (row.trades_repaired || differ) return ['repaired', `whole: ${plural(row.trades_stored, 'trade')}, ${count(row.trades_repaired)} fetched again${differ}`];
    if (row.trades_expected === null) return ['unknown', `${plural(row.trades_stored, 'trade')}; this exchange does not number them`];
    return ['whole', `whole: ${plural(row.trades_stored, 'trade')}`];
  }

  const clock = (time) => CV.format.clock(time).slice(0, 5);

  class Ledger {
    constructor(panel) {
      this.body = panel.body.querySelector('tbody');
      this.fields = [...panel.body.querySelectorAll('[data-field]')].map((cell) => cell.dataset.field);
      this.rows = new Map();
    }

    draw(hours, now) {
      const bySymbol = new Map();
      for (const hour of hours) {
        if (!bySymbol.has(hour.symbol)) bySymbol.set(hour.symbol, []);
        bySymbol.get(hour.symbol).push(hour);
      }
      const current = Math.floor(now / HOUR) * HOUR;
      for (const [symbol, rows] of [...bySymbol].sort(([a], [b]) => a.localeCompare(b))) {
        if (!this.rows.has(symbol)) this.rows.set(symbol, this.row(symbol));
        this.fill(this.rows.get(symbol), symbol, rows, current);
      }
      return bySymbol.size > 0;
    }

    row(symbol) {
      const line = document.createElement('tr');
      const name = element('th', 'symbol');
      name.scope = 'row';
      name.append(Object.assign(element('a', '', symbol), { href: `/t/${CV.format.plain(symbol)}` }));
      const hours = element('td', 'hours');
      const strip = element('div', 'strip');
      strip.setAttribute('role', 'img');
      for (let i = 0; i < SHOWN; i++) strip.append(element('i', 'hour'));
      hours.append(strip);
      line.append(name, hours, ...this.fields.map(() => element('td')));
      this.body.append(line);
      return line;
    }

    fill(line, symbol, rows, current) {
      const at = new Map(rows.map((row) => [CV.rest.ms(row.hour), row]));
      const told = { whole: 0, repaired: 0, missing: 0, unknown: 0, none: 0 };
      [...line.querySelectorAll('.hour')].forEach((cell, i) => {
        const start = current - (SHOWN - 1 - i) * HOUR;
        const [kind, words] = judge(at.get(start));
        told[kind] += 1;
        cell.dataset.kind = kind;
        cell.title = `${clock(start)} – ${clock(start + HOUR)}: ${words}`;
      });
      const spoken = `${told.whole + told.repaired} of the last ${SHOWN} hours whole, ${told.missing} with trades missing, ${told.none} without data`;
      line.querySelector('.strip').setAttribute('aria-label', `${symbol}: ${spoken}`);
      const newest = rows[rows.length - 1];
      this.fields.forEach((field, i) => {
        const cell = line.children[i + 2];
        const lag = field.startsWith('lag_');
        const unknown = rows.every((row) => row[field] === null);
        const value = lag ? newest[field] : unknown ? null : sum(rows, field);
        CV.write(cell, lag && value !== null ? `${count(value)} ms` : count(value));
        cell.dataset.alarm = String(value > 0 && ['trades_missing', 'gaps', 'candles_mismatched'].includes(field));
        cell.dataset.zero = String(value === 0);
      });
    }
  }

  /** The sentence people come for. */
  function verdict(section, hours) {
    const [title, detail] = section.children;
    const missing = sum(hours, 'trades_missing');
    const gaps = sum(hours, 'gaps');
    const differ = sum(hours, 'candles_mismatched');
    const repaired = sum(hours, 'trades_repaired');
    const checked = sum(hours, 'candles_checked');
    section.dataset.state = !hours.length ? 'empty' : missing || gaps ? 'missing' : 'whole';
    CV.write(title, !hours.length ? 'Nothing counted yet'
      : missing ? `${plural(missing, 'trade')} missing`
        : gaps ? `${plural(gaps, 'gap')} in the last 24 hours` : 'Nothing is missing');
    if (!hours.length) {
      CV.write(detail, 'The first hour is counted within half a minute of the first trades.');
      return;
    }
    const parts = [
      `${plural(sum(hours, 'trades_stored'), 'trade')} stored in 24 hours`,
      repaired ? `${count(repaired)} of them fetched again after a break` : '',
      `${plural(sum(hours, 'duplicates'), 'duplicate')} dropped`,
      checked ? `${plural(checked, 'candle')} held against the exchange's, ${differ ? `${count(differ)} differed and were replaced` : 'all equal'}` : '',
    ];
    CV.write(detail, parts.filter(Boolean).join(' · '));
  }

  class Gaps {
    constructor(panel) {
      this.list = panel.body.querySelector('ul');
    }

    async load(symbols) {
      const answers = await Promise.all(symbols.map((symbol) => CV.rest.get('quality/gaps', { symbol, limit: 20 })));
      const gaps = answers.flat().sort((a, b) => CV.rest.ms(b.starts_at) - CV.rest.ms(a.starts_at));
      this.list.replaceChildren(...gaps.map((gap) => {
        const line = element('li', 'line');
        const ids = BigInt(gap.last_id) - BigInt(gap.first_id) + 1n;
        line.append(
          element('b', '', gap.symbol),
          element('span', '', `${CV.format.exact(gap.starts_at)} – ${CV.format.hour(gap.ends_at)}`),
          element('span', 'figure', `${CV.format.number(Number(ids), 0)} trades (${gap.first_id}–${gap.last_id})`),
          element('span', 'detail', gap.reason),
        );
        return line;
      }));
      return gaps.length > 0;
    }
  }

  /** What lies where. */
  class Storage {
    constructor(panel) {
      this.body = panel.body.querySelector('tbody');
      CV.repeat(() => panel.load(() => this.load()), SELDOM);
    }

    async load() {
      const places = await CV.rest.get('quality/storage');
      this.body.replaceChildren(...places.map(({ tier, dataset, rows, bytes, first, last }) => {
        const line = document.createElement('tr');
        const name = Object.assign(element('th', '', dataset), { scope: 'row' });
        const reach = first ? `${first.slice(0, 10)} – ${last.slice(0, 10)}` : '–';
        line.append(name, element('td', '', tier), element('td', '', rows >= 1_000 ? CV.format.compact(rows) : count(rows)), element('td', '', size(bytes)), element('td', '', reach));
        return line;
      }));
      return places.length > 0;
    }
  }

  class Parts {
    constructor(panel) {
      this.panel = panel;
      this.list = panel.body.querySelector('ul');
      this.lines = new Map();
    }

    draw({ workers, time }) {
      const names = Object.keys(workers).sort();
      for (const name of names) {
        if (!this.lines.has(name)) {
          const line = element('li', 'line');
          line.append(element('i', 'lamp'), element('b', '', name), element('span', 'state'), element('span', 'detail'), element('span', 'figure'));
          this.lines.set(name, line);
        }
        this.fill(this.lines.get(name), workers[name], time);
      }
      for (const [name] of this.lines) if (!workers[name]) this.lines.delete(name);
      const wanted = names.map((name) => this.lines.get(name));
      if (wanted.some((line, i) => this.list.children[i] !== line)) this.list.replaceChildren(...wanted);
      this.panel.answered(names.length > 0);
    }

    fill(line, { state, detail, at, facts }, time) {
      line.dataset.kind = QUIET.includes(state) ? 'good' : state === 'failing' ? 'bad' : 'waiting';
      const [, , words, why, figure] = line.children;
      CV.write(words, state);
      CV.write(why, detail);
      why.title = detail;
      const lag = facts && typeof facts.lag === 'number' ? `${plural(facts.lag, 'message')} behind · `
        : facts && typeof facts.lag_ms === 'number' ? `${CV.format.number(facts.lag_ms / 1000, 3)} s behind the exchange · ` : '';
      CV.write(figure, `${lag}${CV.format.age(Math.max(0, time - at))} ago`);
      line.title = Object.entries(facts || {}).map(([name, value]) => `${name}: ${value}`).join('\n');
    }
  }

  /** A download is a link: the browser streams it, shows how far it is, and can stop it. */
  class Export {
    constructor(panel, symbols) {
      const form = panel.body.querySelector('.export-form');
      const select = (label, options) => {
        const field = element('label', '', label);
        const one = document.createElement('select');
        one.append(...options.map(([value, shown]) => Object.assign(element('option', '', shown), { value })));
        field.append(one);
        one.addEventListener('change', () => this.point());
        form.append(field);
        return one;
      };
      const day = (label) => {
        const field = element('label', '', label);
        const one = Object.assign(document.createElement('input'), { type: 'date' });
        field.append(one);
        one.addEventListener('change', () => this.point());
        form.append(field);
        return one;
      };
      this.dataset = select('What', ['candles', 'trades', 'indicators', 'news', 'quality'].map((name) => [name, name]));
      this.symbol = select('Symbol', symbols.map((symbol) => [symbol, symbol]));
      this.timeframe = select('Timeframe', ['1m', '5s', '5m', '15m', '1h', '4h', '1d'].map((name) => [name, name]));
      this.from = day('From (UTC)');
      this.to = day('To (UTC)');
      this.format = select('As', [['csv', 'CSV'], ['parquet', 'Parquet'], ['jsonl', 'JSON lines'], ['xlsx', 'Excel']]);
      this.link = Object.assign(element('a', 'download', 'Download'), { download: '' });
      this.later = Object.assign(element('button', 'later', 'Make in the background'), { type: 'button', title: 'For large ones: it is made while you do something else, and kept for a day' });
      this.later.addEventListener('click', () => this.make());
      this.said = Object.assign(element('span', 'said'), { role: 'status' });
      form.append(this.link, this.later, this.said);
      this.jobs = element('ul', 'jobs');
      form.after(this.jobs);
      panel.set('live');
      this.point();
      CV.repeat(() => this.look(), EVERY_JOB);
    }

    async make() {
      this.later.disabled = true;
      try {
        const range = { ...(this.from.value ? { start_time: `${this.from.value}T00:00:00Z` } : {}), ...(this.to.value ? { end_time: `${this.to.value}T23:59:59.999999Z` } : {}) };
        await CV.rest.send('POST', 'export/jobs', { dataset: this.dataset.value, symbols: [this.symbol.value], interval: this.timeframe.value, format: this.format.value, ...range });
        CV.write(this.said, '');
        this.busy = true;
        await this.look();
      } catch (error) {
        CV.write(this.said, error.message);
      }
      this.later.disabled = false;
    }

    /** Asks only while one is being made, and once when the page opens. */
    async look() {
      if (this.busy === false) return;
      try {
        const jobs = await CV.rest.get('export/jobs');
        this.busy = jobs.some(({ state }) => state === 'waiting' || state === 'running');
        this.jobs.replaceChildren(...jobs.map((job) => this.line(job)));
      } catch (error) {
        CV.write(this.said, `The exports cannot be read: ${error.message}`);
      }
    }

    line(job) {
      const line = element('li', 'line');
      const made = job.state === 'done';
      const bar = Object.assign(element('progress'), { max: 1, value: job.share, ariaLabel: 'How much is there' });
      const away = Object.assign(element('button', '', made || job.state === 'failed' ? 'Remove' : 'Cancel'), { type: 'button' });
      away.addEventListener('click', async () => {
        await CV.rest.send('DELETE', `export/jobs/${job.id}`).catch((error) => CV.write(this.said, error.message));
        this.busy = true;
        this.look();
      });
      line.append(
        element('b', '', job.name),
        element('span', 'state', made ? size(job.bytes) : job.state),
        element('span', 'detail', job.error || CV.format.hour(job.created_at)),
        element('span', 'figure', plural(job.rows, 'row')),
        made ? Object.assign(element('a', 'fetch', 'Download'), { href: job.file, download: '' }) : bar,
        away,
      );
      line.dataset.kind = made ? 'good' : job.state === 'failed' ? 'bad' : 'waiting';
      return line;
    }

    point() {
      const what = this.dataset.value;
      this.timeframe.disabled = !['candles', 'indicators'].includes(what);
      const query = new URLSearchParams({ symbol: this.symbol.value, interval: this.timeframe.value, format: this.format.value });
      if (this.from.value) query.set('start_time', `${this.from.value}T00:00:00Z`);
      if (this.to.value) query.set('end_time', `${this.to.value}T23:59:59.999999Z`);
      this.link.href = `/api/v1/export/${what}?${query}`;
    }
  }

  class Data {
    constructor(root) {
      const find = (selector) => root.querySelector(selector);
      this.summary = find('.summary');
      const symbols = root.dataset.symbols.split(' ');
      const panels = CV.Panels.of(root);
      this.ledger = new Ledger(panels.get('ledger'));
      const gaps = new Gaps(panels.get('gaps'));
      const parts = new Parts(panels.get('parts'));
      new Storage(panels.get('storage'));
      new Export(panels.get('export'), symbols);
      CV.repeat(() => {
        panels.get('ledger').load(() => this.load());
        panels.get('gaps').load(() => gaps.load([...new Set([...this.ledger.rows.keys(), ...symbols])]));
      }, EVERY);
      new CV.Status(find('.banner'), (status) => parts.draw(status), (error) => parts.panel.failed(error));
      panels.watch();
    }

    async load() {
      try {
        const start = new Date(Math.floor(Date.now() / HOUR) * HOUR - (SHOWN - 1) * HOUR).toISOString();
        const hours = await CV.rest.get('quality', { start_time: start, limit: 10_000 });
        verdict(this.summary, hours);
        return this.ledger.draw(hours, Date.now());
      } catch (error) {
        if (this.summary.dataset.state === 'loading' || this.summary.dataset.state === 'error') {
          this.summary.dataset.state = 'error';
          CV.write(this.summary.children[0], 'The ledger cannot be read');
        }
        CV.write(this.summary.children[1], `Not up to date: ${error.message}. Trying again by itself.`);
        throw error;
      }
    }
  }

  CV.pages = Object.assign(CV.pages || {}, { data: (root) => new Data(root) });
})();
