/* What the server says of itself: where the data comes from, and which of its parts fail. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const EVERY = 5_000;
  const PATIENCE = 1_500; // ms the page waits for the first word, so that the banner does not push it down later
  const SOURCES = {
    simulator: ['Simulated market', 'Made-up prices. Nothing here can be traded.'],
    replay: ['Replay', 'A recording is playing: prices of the past.'],
  };

  // Asked while Dash still starts.
  const early = CV.rest.get('status').catch(() => null);

  class Status {
    /** `heard` gets each answer, too, `failed` why there was none. */
    constructor(banner, heard, failed) {
      this.banner = banner;
      this.heard = heard || (() => {});
      this.failed = failed || (() => {}); // where there is a connection pill it already tells that the server is away
      this.shown = '';
      const answered = early.then((status) => (status ? this.draw(status) : this.poll()));
      this.first = Promise.race([answered, new Promise((resume) => setTimeout(resume, PATIENCE))]);
      CV.repeat(() => this.poll(), EVERY, true);
    }

    async poll() {
      try {
        this.draw(await CV.rest.get('status'));
      } catch (error) {
        this.failed(error);
      }
    }

    draw(status) {
      const { exchange, workers } = status;
      this.heard(status);
      const lines = [];
      const source = SOURCES[exchange && exchange.source];
      if (source) lines.push(['simulated', ...source]);
      for (const [name, { state, detail }] of Object.entries(workers || {})) {
        if (state === 'failing') lines.push(['failing', `The ${name} keeps failing`, detail || 'It is started again and again.']);
        if (name === 'collector' && state === 'waiting') lines.push(['failing', 'No data from the exchange', detail]);
        if (name === 'collector' && state === 'finished') lines.push(['simulated', 'The end', detail]);
      }
      const text = JSON.stringify(lines);
      if (text === this.shown) return;
      this.shown = text;
      this.banner.replaceChildren(...lines.map((line) => notice(...line)));
      if (source === SOURCES.replay && CV.theme.page() === 'terminal') this.banner.firstChild.append(steering());
    }
  }

  function notice(kind, title, body) {
    const line = document.createElement('div');
    line.className = `notice ${kind}`;
    line.title = body;
    line.append(
      Object.assign(document.createElement('strong'), { textContent: title }),
      Object.assign(document.createElement('span'), { textContent: body }),
    );
    return line;
  }

  /** A recording goes on at its own pace; what it has told so far can be paused, scrubbed and played at any. */
  function steering() {
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'steer', textContent: 'Steer it' });
    button.title = 'Play what has been recorded with pause, steps, a slider and up to 100 times the speed';
    button.addEventListener('click', () => CV.app.steer());
    return button;
  }

  CV.Status = Status;
})();
