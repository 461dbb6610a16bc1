/* How live the page is, told in the header and, when it is not, on the chart. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEPT = 40; // trades whose median age is the lag
  const QUIET = 15_000; // ms without a trade before the page says so
  const EVERY = 500;

  class Connection {
    /** `judge(reason)`, often: why nothing can come, '' while it can. */
    constructor(root, socket, judge) {
      Object.assign(this, { root, socket, judge });
      this.pill = root.querySelector('#connection');
      this.text = root.querySelector('#connection-text');
      this.notice = root.querySelector('#chart-stale');
      this.lags = [];
      this.since = performance.now();
      socket.onState(() => this.draw());
      setInterval(() => document.hidden || this.draw(), EVERY);
    }

    /** Another symbol's trades are looked at; the way they take is the same. */
    reset() {
      this.since = performance.now();
    }

    saw(trade) {
      this.lags.push(this.socket.now() - trade.timestamp);
      if (this.lags.length > KEPT) this.lags.shift();
      this.since = performance.now();
    }

    state() {
      const { socket } = this;
      const quiet = performance.now() - this.since;
      if (socket.state === 'waiting') {
        const seconds = Math.max(1, Math.ceil((socket.retryAt - performance.now()) / 1000));
        return ['lost', `Reconnecting in ${seconds} s`, `Connection lost. Prices are ${CV.format.age(quiet)} old; trying again in ${seconds} s.`];
      }
      if (socket.state === 'connecting') return ['lost', 'Connecting…', quiet > 2_000 || socket.attempts ? `Connecting… Prices are ${CV.format.age(quiet)} old.` : ''];
      if (quiet > QUIET) return ['stale', `Quiet ${CV.format.age(quiet)}`, `No trade for ${CV.format.age(quiet)}. The connection is up; the market or its source is silent.`];
      if (!this.lags.length) return ['waiting', 'Waiting for a trade', ''];
      const lag = [...this.lags].sort((a, b) => a - b)[this.lags.length >> 1];
      return ['live', lag < 1 ? 'Live <1 ms' : lag < 10_000 ? `Live ${Math.round(lag)} ms` : `Live, ${CV.format.age(lag)} behind`, ''];
    }

    draw() {
      const [state, text, notice] = this.state();
      const { rtt, offset } = this.socket;
      this.root.dataset.connection = state;
      this.judge(state === 'lost' && notice ? 'connection lost' : '');
      CV.write(this.text, text);
      CV.write(this.notice, notice);
      this.notice.hidden = !notice;
      this.pill.title = rtt === null ? text
        : `From trade to this page, median of the last ${KEPT}\nRound trip ${rtt.toFixed(1)} ms, clock difference ${Math.round(offset)} ms`;
    }
  }

  CV.Connection = Connection;
})();
