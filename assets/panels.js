/*
 * Panels: what surrounds the chart, and the blocks of the other pages. The markup is components/panels.py and components/block.py; each
 * section gets one CV.Panel here, under its id or its name.
 *
 * The contract of a panel's content, for those who add one (price alerts: id `alerts`, which layout.js already puts into the dock):
 *   - `panel("alerts", "Alerts", about, [...])` among the others in components/panels.py; layout.js finds it, gives it a tab and a menu;
 *   - app.js constructs the content with `this.panels.get('alerts')`, and calls its `show(symbol)` when another symbol is chosen;
 *   - the content fills `panel.body`, puts its own controls into `panel.tools`, and says how it is doing by
 *       panel.load(job)   asks: job() resolves to whether there is anything, and what it throws is shown, and tried again;
 *       panel.answered(there), panel.failed(error)   the same, of what somebody else has asked for;
 *       panel.set('live' | 'empty' | 'loading', words)   when it knows without asking; words for the empty one: what will appear, and when;
 *       panel.fresh()     whenever something came: its age is told when nothing comes any more;
 *       panel.watch((shown) => …)   to do nothing while nobody looks;
 *       panel.exports(() => rows)   where there is data to take along: an array of arrays, names first.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const RETRY_FIRST = 2_000;
  const RETRY_MOST = 30_000;
  const EVERY = 500;
  const QUIET = 15_000; // ms without a message after which a panel that has them all the time says so

  /** A spreadsheet would run what begins like a formula, and articles are strangers'. */
  function cell(value) {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '');
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  class Panel {
    constructor(section) {
      // A panel may have blocks inside: what is its own lies right below it.
      const find = (selector) => section.querySelector(`:scope > ${selector}`);
      const said = find('.panel-said p');
      Object.assign(this, {
        section, id: section.id || section.dataset.block, heading: find('* > h2'), body: find(':is(.panel-body, .scroll)'), tools: find('* > .panel-tools'),
        more: find('* > .panel-more'), folder: find('* > .panel-fold'), age: find('* > .panel-age'), said, none: said.textContent, retry: find('* > .panel-retry'),
        about: find('.panel-about'), steady: 'steady' in section.dataset, state: section.dataset.state, job: null, at: performance.now(), old: '', failure: '', retries: 0,
      });
      this.retry.addEventListener('click', () => this.attempt());
    }

    get title() {
      return this.heading.textContent;
    }

    /** 'loading', 'live', 'empty' or 'error', and the words that stand in for what is not there; without them those it came with. */
    set(state, words = '') {
      this.state = state;
      if (state === 'loading') this.failure = ''; // it was of another question
      if (state === 'empty' || state === 'error') CV.write(this.said, words || this.none);
      this.retry.hidden = state !== 'error' || !this.job;
      this.tell();
    }

    /** Something came that it does not show. */
    heard() {
      this.at = performance.now();
    }

    /** Something came. */
    fresh() {
      this.heard();
      if (this.state !== 'live') this.set('live');
      else if (this.old) this.judge('');
    }

    tell() {
      const state = this.state === 'live' && this.old ? 'stale' : this.state;
      if (this.section.dataset.state !== state) this.section.dataset.state = state;
    }

    /** `lost`: why nothing can come, '' while it can. */
    judge(lost) {
      const age = performance.now() - this.at;
      const reason = lost || (this.failure && `cannot be refreshed: ${this.failure}`) || (this.steady && age > QUIET ? 'nothing new from the market' : '');
      const words = reason && this.state === 'live' ? `${CV.format.age(age)} old · ${reason}` : '';
      if (words === this.old) return;
      this.old = words;
      CV.write(this.age, words);
      this.age.title = words;
      this.tell();
    }

    /** Ask by `job`, and again until it is answered. `job()` resolves to whether there is anything; a later call takes the place of this one. */
    load(job, empty) {
      Object.assign(this, { job, nothing: empty, retries: 0 });
      return this.attempt();
    }

    async attempt() {
      const { job } = this;
      clearTimeout(this.timer);
      if (this.state === 'error') this.set('loading');
      try {
        const found = await job();
        if (job === this.job) this.answered(found, this.nothing);
      } catch (error) {
        if (error.name === 'AbortError' || job !== this.job) return;
        this.failed(error);
        this.timer = setTimeout(() => this.attempt(), Math.min(RETRY_MOST, RETRY_FIRST * 2 ** this.retries++));
      }
    }

    /** There is something, or nothing, in these words. */
    answered(found, nothing) {
      Object.assign(this, { failure: '', retries: 0 });
      this.heard();
      this.set(found ? 'live' : 'empty', nothing);
    }

    /** What is there stays, and says how old it is. */
    failed(error) {
      this.failure = error.message;
      if (this.state !== 'live') this.set('error', `${this.title} cannot be loaded: ${error.message}. Trying again by itself.`);
    }

    /** Nothing is asked any more, and what is under way is not waited for. */
    rest() {
      this.job = null;
      this.failure = '';
      clearTimeout(this.timer);
    }

    /** `listener(shown)` now, and whenever the body comes into sight or leaves it: folded, hidden, behind another tab. */
    watch(listener) {
      let shown = null;
      new ResizeObserver(() => {
        const now = this.body.getClientRects().length > 0;
        if (now !== shown) listener((shown = now));
      }).observe(this.section);
    }

    exports(rows) {
      this.rows = rows;
    }

    /** What it shows as a file. */
    save() {
      const text = this.rows().map((row) => row.map(cell).join(',')).join('\n');
      const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/csv' })), download: `${this.id}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    }
  }

  class Panels {
    constructor(sections) {
      this.all = new Map([...sections].map((section) => [section.id || section.dataset.block, new Panel(section)]));
    }

    /** The blocks below `root`. */
    static of(root) {
      return new Panels(root.querySelectorAll('[data-block]'));
    }

    /** Judge them all the time; over `socket`, what is old because of that says so. */
    watch(socket) {
      CV.repeat(() => this.judge(socket && socket.state !== 'open' && socket.attempts > 0 ? 'connection lost' : ''), EVERY);
    }

    get(id) {
      return this.all.get(id);
    }

    judge(lost) {
      this.all.forEach((panel) => panel.judge(lost));
    }
  }

  CV.Panel = Panel;
  CV.Panels = Panels;
})();
