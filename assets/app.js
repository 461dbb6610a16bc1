/* The terminal: wires the parts together and keeps them and the address in step. Other pages start themselves (CV.pages). */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const FRAMES = { '5s': 5_000, '1m': 60_000, '5m': 300_000, '15m': 900_000, '1h': 3_600_000, '4h': 14_400_000, '1d': 86_400_000 };
  const DEFAULT_FRAME = '1m';
  const TYPES = ['candles', 'heikin', 'bars', 'line', 'area'];
  const SCALES = ['linear', 'log', 'percent'];
  const LOADING = { older: 'Loading older candles…', newer: 'Loading newer candles…', date: 'Loading the candles of that day…' };
  const AWAY = 30_000; // ms hidden after which the browser may have frozen us: look what was missed

  class App {
    constructor(root, panels, layout) {
      this.root = root;
      this.panels = panels;
      this.layout = layout;
      const find = (selector) => root.querySelector(selector);
      this.symbols = JSON.parse(root.dataset.symbols);
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      this.socket = new CV.Socket(`${scheme}://${location.host}/ws/crypto?batch=1`);
      this.markets = new CV.Markets(this.symbols, this.socket);
      this.header = new CV.Header(root, this.markets);
      this.strip = new CV.Strip(find('#strip'), this.markets, (symbol) => this.go({ symbol }));
      this.picker = new CV.Picker(find('#picker'), find('#symbol-button'), this.markets, (symbol) => this.go({ symbol }));
      this.watchlist = new CV.Watchlist(panels.get('watchlist'), this.markets, (symbol) => this.go({ symbol }));
      this.tape = new CV.Tape(panels.get('tape'), this.socket, this.markets);
      this.book = new CV.Book(panels.get('book'), this.socket, this.markets);
      this.depth = new CV.Depth(panels.get('depth'), this.socket, this.markets);
      this.headlines = new CV.Headlines(panels.get('headlines'), this.socket, this.markets);
      this.sentiment = new CV.Sentiment(panels.get('sentiment'), find('#mood-chip'), this.socket, () => layout.reveal('sentiment'));
      this.statistics = new CV.Statistics(panels.get('statistics'), this.markets);
      this.connection = new CV.Connection(root, this.socket, (lost) => panels.judge(lost));
      this.legend = new CV.Legend(find('#legend'));
      this.studies = new CV.Studies(find('#studies'), this.socket, {
        changed: (what) => this.chart && (what === 'layout' ? this.chart.layout() : this.chart.repaint()),
      });
      this.readings = new CV.Readings(panels.get('readings'), this.socket, this.markets, this.studies);
      this.studyDialog = new CV.StudyDialog(find('#indicators'), find('#indicators-button'), this.studies);
      this.compare = new CV.Compare(find('#compare'), {
        changed: () => this.chart && this.chart.rescaled(),
        remove: (symbol) => this.go({ compared: this.compared.filter((one) => one !== symbol) }),
      });
      find('#compare-button').addEventListener('click', () => this.picker.open((symbol) => {
        if (symbol !== this.symbol) this.go({ compared: [...new Set([...this.compared, symbol])], scale: 'percent' });
      }));
      this.chart = new CV.Chart(find('#chart'), {
        studies: this.studies,
        compare: this.compare,
        onCursor: (pointed) => this.legend.draw(pointed, this.chart.decimals),
        onFollow: (following) => (this.latest.hidden = following),
      });
      this.chart.clock = () => (this.replay || this.socket).now();
      this.marks = new CV.NewsMarks(find('#news-marks'));
      this.headlines.onArticles((articles) => this.marks.show(articles, this.chart));
      this.gaps = new CV.GapMarks(find('#gap-marks'), this.chart);
      this.alerts = new CV.Alerts(this.socket);
      const toasts = new CV.AlertToasts(root, this.alerts, this.markets, (symbol) => this.go({ symbol }));
      this.alertsPanel = new CV.AlertsPanel(panels.get('alerts'), this.alerts, toasts, this.markets, {
        reveal: () => layout.reveal('alerts'), go: (symbol) => this.go({ symbol }),
      });
      this.alertMarks = new CV.AlertMarks(root, this.chart, this.alerts, this.markets, (price) => this.alertsPanel.create(price));
      this.chart.onView = () => {
        this.marks.place(this.chart);
        this.gaps.place();
        this.alertMarks.place();
      };
      this.dates = new CV.DateDialog(root, find('#dates-button'), {
        show: (t) => this.chart.goTo(t), replay: (replay, until) => this.go({ replay, until }), timeframe: () => this.timeframe,
      });
      this.replayBar = new CV.ReplayBar(find('#replay'), { seek: (t) => this.play(t), leave: () => this.go({ replay: null, until: null }) });
      find('#camera').addEventListener('click', () => CV.camera.save(this.chart, this.symbol, this.timeframe));
      this.latest = find('#chart-latest');
      this.message = find('#chart-message');
      this.older = find('#chart-older');
      this.zones = new CV.ZoneButton(find('#chart'), root, () => this.timeframe);
      this.help = new CV.Help(root);
      this.controls(find);
      this.markets.onChange((symbol) => symbol === this.symbol && this.digits());
      addEventListener('popstate', () => this.show(this.address()));
      this.awake();
      this.show(this.address());
    }

    controls(find) {
      this.buttons = (group, pick) => {
        const buttons = [...this.root.querySelectorAll(`[data-${group}]`)];
        buttons.forEach((button) => button.addEventListener('click', () => pick(button.dataset[group])));
        return (value) => buttons.forEach((button) => button.setAttribute('aria-pressed', String(button.dataset[group] === value)));
      };
      this.pressFrame = this.buttons('timeframe', (timeframe) => this.go({ timeframe }));
      this.pressType = this.buttons('type', (type) => this.go({ type }));
      this.pressScale = this.buttons('scale', (scale) => this.go({ scale }));
      this.latest.addEventListener('click', () => this.chart.act.reset());
      find('#fit').addEventListener('click', () => this.chart.act.fit());
      const wide = find('#wide');
      const widen = (on) => wide.setAttribute('aria-pressed', String(this.root.classList.toggle('wide', on)));
      wide.addEventListener('click', () => widen());
      find('#chart-retry').addEventListener('click', () => this.series.load());
      addEventListener('keydown', (event) => {
        if (event.target.closest('input, dialog') || event.metaKey || event.ctrlKey || event.altKey) return;
        const frame = Object.keys(FRAMES)[Number(event.key) - 1];
        if (frame) this.go({ timeframe: frame });
        else if (event.key.toLowerCase() === 'f') this.chart.act.fit();
        else if (event.key.toLowerCase() === 'a' && !event.target.closest('select, textarea')) {
          event.preventDefault();
          this.alertsPanel.create();
        }
        else if (event.key === 'Escape') widen(false);
      });
    }

    /** What a layout keeps of the chart. */
    chosen() {
      const { type, scale, timeframe } = this;
      return { type, scale, timeframe, studies: this.studies.wanted.map((one) => ({ ...one })) };
    }

    /** What a layout kept of it; whatever of that is not known here stays as it is. */
    use({ type, scale, timeframe, studies }) {
      this.studies.use(studies || []);
      const known = { type: TYPES.includes(type) && type, scale: SCALES.includes(scale) && scale, timeframe: timeframe in FRAMES && timeframe };
      this.go(Object.fromEntries(Object.entries(known).filter(([, value]) => value)));
    }

    /** Rows of the panels may have another height now. */
    arranged() {
      this.book.fit();
      this.tape.fit();
    }

    /** What the address bar asks for. */
    address() {
      const [, name] = location.pathname.match(/^\/t\/([^/]+)/) || [];
      const query = new URLSearchParams(location.search);
      const wanted = decodeURIComponent(name || '').toUpperCase().replace('-', '/');
      const timeframe = query.get('tf');
      return {
        symbol: wanted || this.symbols[0],
        timeframe: timeframe in FRAMES ? timeframe : DEFAULT_FRAME,
        type: TYPES.includes(query.get('type')) ? query.get('type') : TYPES[0],
        scale: SCALES.includes(query.get('scale')) ? query.get('scale') : SCALES[0],
        replay: CV.rest.ms(query.get('replay')) || null,
        until: CV.rest.ms(query.get('until')) || null,
        compared: (query.get('compare') || '').split(',').map((one) => one.toUpperCase().replace('-', '/')).filter((one) => this.symbols.includes(one)),
      };
    }

    /** Change some of symbol, timeframe, type, and put it in the address. */
    go(change) {
      const next = { symbol: this.symbol, timeframe: this.timeframe, type: this.type, scale: this.scale, replay: this.from, until: this.until, compared: this.compared, ...change };
      const query = new URLSearchParams();
      if (next.timeframe !== DEFAULT_FRAME) query.set('tf', next.timeframe);
      if (next.type !== TYPES[0]) query.set('type', next.type);
      if (next.scale !== SCALES[0]) query.set('scale', next.scale);
      const compared = next.compared.filter((one) => one !== next.symbol).slice(-CV.Compare.MOST);
      if (compared.length) query.set('compare', compared.map(CV.format.plain).join(','));
      if (next.replay) query.set('replay', CV.rest.iso(next.replay));
      if (next.replay && next.until) query.set('until', CV.rest.iso(next.until));
      const url = `/t/${CV.format.plain(next.symbol)}${query.size ? '?' + query : ''}`;
      if (url !== location.pathname + location.search) history.pushState(null, '', url);
      this.show({ ...next, compared });
    }

    show({ symbol, timeframe, type, scale, replay, until, compared }) {
      const other = symbol !== this.symbol;
      const range = replay !== this.from || until !== this.until;
      const refill = other || timeframe !== this.timeframe || range;
      const again = range || (other && this.replay);
      Object.assign(this, { symbol, timeframe, from: replay, until });
      if (again) this.setReplay(replay);
      if (other) this.showSymbol();
      if (other || again) this.tape.show(symbol, this.replay);
      if (type !== this.type) {
        this.type = type;
        this.chart.setType(type);
        this.pressType(type);
      }
      if (scale !== this.scale) {
        this.scale = scale;
        this.chart.setScale(scale);
        this.pressScale(scale);
      }
      const others = String(compared) !== String(this.compared);
      this.compared = compared;
      if (others && !refill) this.overlay();
      if (!refill) return;
      this.pressFrame(timeframe);
      this.legend.show(symbol, timeframe);
      this.zones.draw();
      this.fill();
    }

    /** The past played from `from` on, null for what is live. The same moment of another symbol goes on from there. */
    setReplay(from) {
      const clock = from && this.replay && from === this.replay.from ? this.replay.clock : from;
      if (this.replay) this.replay.stop();
      this.replay = from ? new CV.Replay(this.symbol, from, this.until > from ? this.until : null) : null;
      if (this.replay) this.replay.clock = clock;
      this.root.classList.toggle('replaying', Boolean(from));
      this.replayBar.show(this.replay, this.timeframe);
    }

    /** Play from `t`, wherever that is. */
    play(t) {
      this.replay.clock = t;
      this.fill();
    }

    /** Play all that is stored of what the exchange, a recording, has told so far. */
    async steer() {
      const ends = ['asc', 'desc'].map((order) => CV.rest.get('crypto/data', { symbol: this.symbol, interval: '5s', start_time: CV.rest.iso(0), order, limit: 1 }));
      const [[first], [last]] = await Promise.all(ends);
      if (!first) return;
      this.go({ replay: CV.rest.ms(first.window_start), until: CV.rest.ms(last.window_end) });
      this.replayBar.playing(true);
    }

    /** Candles and indicators of what is chosen, anew. */
    fill() {
      const { symbol, timeframe, replay } = this;
      this.latest.hidden = true;
      if (this.series) this.series.stop();
      const series = (this.series = new CV.Series({
        symbol, timeframe, step: FRAMES[timeframe], socket: replay || this.socket, replay,
        changed: (what) => {
          this.chart.changed(what);
          if (what !== 'last') this.studies.bars();
          if (what === 'state') this.say();
        },
      }));
      const { step, spacing } = this.chart.view;
      this.chart.show(series, this.markets.decimals(symbol));
      if (replay && step === series.step) this.chart.view.spacing = spacing; // a seek keeps the zoom
      if (replay) replay.step = series.step;
      series.start();
      this.overlay();
      this.studies.show(series);
      this.readings.show(symbol, timeframe);
      this.say();
    }

    /** The symbols that are compared; a replay plays them along. */
    overlay() {
      const { timeframe, replay } = this;
      this.compare.show(this.compared, { timeframe, step: FRAMES[timeframe], socket: replay || this.socket, replay });
    }

    showSymbol() {
      const { symbol } = this;
      this.header.show(symbol);
      this.strip.select(symbol);
      this.picker.list.select(symbol);
      this.book.show(symbol);
      this.watchlist.select(symbol);
      this.depth.show(symbol);
      this.headlines.show(symbol);
      this.sentiment.show(symbol);
      this.statistics.show(symbol);
      this.gaps.show(symbol);
      this.alertsPanel.show(symbol);
      this.alertMarks.show(symbol);
      this.connection.reset();
      if (this.endTrades) this.endTrades();
      this.endTrades = this.socket.subscribe({ type: 'trade', symbol }, (trade) => {
        this.connection.saw(trade);
        this.chart.saw(trade);
        this.markets.tick(symbol, trade.price);
      });
    }

    digits() {
      const decimals = this.markets.decimals(this.symbol);
      if (decimals !== this.chart.decimals) this.chart.setDecimals(decimals);
    }

    /** The chart's own state: loading, empty or error, and whether older bars are on their way. */
    say() {
      const { series } = this;
      this.root.dataset.chart = series.state;
      this.older.hidden = !series.loading;
      CV.write(this.older, LOADING[series.loading] || '');
      const known = this.symbols.includes(this.symbol);
      const words = {
        empty: `No candles of ${this.symbol} yet. The first appears with its next trade.`,
        error: `Candles of ${this.symbol} cannot be loaded: ${series.error}. Trying again by itself.`,
      };
      const unknown = `${this.symbol} is not followed here. Choose another symbol above.`;
      CV.write(this.message, known || series.state === 'ready' ? words[series.state] || '' : unknown);
    }

    /** Back from the background: messages kept coming, unless the browser froze us. */
    awake() {
      let left = 0;
      const back = () => {
        this.socket.awake();
        if (left && Date.now() - left > AWAY) this.series.missed();
        left = 0;
      };
      document.addEventListener('visibilitychange', () => (document.hidden ? (left = Date.now()) : back()));
      document.addEventListener('freeze', () => (left = left || Date.now()));
      document.addEventListener('resume', () => document.hidden || back());
    }
  }

  CV.start = async () => {
    const name = CV.theme.page();
    const root = document.getElementById(name);
    if (!root || CV.started) return;
    CV.started = true;
    root.querySelectorAll('.theme').forEach((button) => button.addEventListener('click', () => CV.theme.toggle()));
    CV.menu(root.querySelector('.bottom-more'), () => ({
      items: [{ words: 'Data', href: '/data' }, { words: 'Console', href: '/console' }, { words: 'Settings', href: '/settings' }, { words: 'Dark or light', act: () => CV.theme.toggle() }],
    }));
    CV.access.greet(root.querySelector('.user'));
    if (name !== 'terminal') {
      CV.page = CV.pages[name](root);
      return;
    }
    // Where the panels lie is settled before anything comes to fill them.
    const panels = new CV.Panels(root.querySelectorAll('section.panel'));
    const layout = new CV.Layout(root, root.querySelector('#layout-button'), panels, {
      chart: () => CV.app.chosen(), use: (chart) => CV.app.use(chart), arranged: () => CV.app && CV.app.arranged(),
    });
    await new CV.Status(root.querySelector('#banner')).first;
    CV.app = new App(root, panels, layout);
    // What the bench reads: when each trade had been painted.
    CV.paints = CV.app.chart.paints;
  };

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    cryptoviz: {
      /** Called by Dash once its layout is in the document. */
      start() {
        CV.start();
        return window.dash_clientside.no_update;
      },
    },
  });
})();
