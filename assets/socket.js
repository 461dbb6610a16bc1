/* The one socket of this tab. Subscriptions are counted, survive reconnects, and resume where they stopped (seq, epoch). */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const PING_EVERY = 5_000;
  // A ping unanswered this long means the connection is dead, though TCP may take minutes to notice.
  const PING_PATIENCE = 10_000;
  // A heartbeat this late: the computer slept, and the connection most likely did not survive it. Then an answer is due at once.
  const SLEPT = 20_000;
  const AWAKE_PATIENCE = 2_000;
  const BACKOFF_FIRST = 250;
  const BACKOFF_MOST = 10_000;
  const UNAUTHORIZED = 4401;
  // Only these are numbered without holes from the server's side; a ticker may be dropped for a newer one.
  const COUNTED = new Set(['trade', 'candle', 'indicator']);

  const keyOf = (type, symbol, timeframe) => `${type}|${symbol || ''}|${timeframe || ''}`;

  class Socket {
    constructor(url) {
      this.url = url;
      this.state = 'connecting'; // connecting, open, waiting
      this.rtt = null; // ms, round trip of the newest ping
      this.offset = 0; // ms to add to this machine's clock to read the server's
      this.retryAt = 0;
      this.attempts = 0;
      this.channels = new Map();
      this.listeners = new Set();
      this.offsets = [];
      this.pingSent = 0;
      this.ws = null;
      this.beat = Date.now();
      setInterval(() => this.heartbeat(), PING_EVERY);
      addEventListener('online', () => this.reconnectNow());
      addEventListener('offline', () => this.state === 'open' && this.lost());
      CV.access.onRenew((token) => this.send({ action: 'authenticate', token }));
      this.connect();
    }

    /** Server's clock, ms. */
    now() {
      return Date.now() + this.offset;
    }

    onState(listener) {
      this.listeners.add(listener);
      listener(this);
    }

    setState(state) {
      this.state = state;
      this.listeners.forEach((listener) => listener(this));
    }

    /**
     * `message(data, envelope)` for every message of this channel, `gap()` when some were missed and cannot be replayed.
     * Returns the function that ends it.
     */
    subscribe({ type, symbol, timeframe, forming }, message, gap) {
      const key = keyOf(type, symbol, timeframe);
      let channel = this.channels.get(key);
      if (!channel) {
        channel = { type, symbol, timeframe, forming, handlers: new Set(), seq: null, epoch: null };
        this.channels.set(key, channel);
        this.send(this.request(channel));
      }
      const handler = { message, gap };
      channel.handlers.add(handler);
      return () => {
        if (!channel.handlers.delete(handler) || channel.handlers.size) return;
        this.channels.delete(key);
        this.send({ action: 'unsubscribe', type, symbol, timeframe });
      };
    }

    request(channel) {
      const { type, symbol, timeframe, forming, seq, epoch } = channel;
      const request = { action: 'subscribe', type, symbol, timeframe };
      if (forming) request.forming = true;
      if (epoch && seq !== null) Object.assign(request, { since: seq, epoch });
      return request;
    }

    send(object) {
      if (this.ws && this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(object));
    }

    connect() {
      clearTimeout(this.timer);
      this.setState('connecting');
      const ws = (this.ws = new WebSocket(this.url));
      ws.onopen = async () => {
        if (CV.access.on) {
          const token = await CV.access.token().catch(() => null);
          if (this.ws !== ws) return;
          if (!token) return void this.lost();
          this.send({ action: 'authenticate', token });
        }
        this.attempts = 0;
        this.pingSent = 0;
        this.setState('open');
        this.channels.forEach((channel) => this.send(this.request(channel)));
        this.heartbeat();
      };
      ws.onmessage = (event) => {
        // An answer alone, or all that came since the last frame (?batch=1).
        const said = JSON.parse(event.data);
        if (Array.isArray(said)) said.forEach((one) => this.receive(one));
        else this.receive(said);
      };
      ws.onclose = ({ code }) => {
        // The token is no longer good: with a new one, or to the login page.
        if (code === UNAUTHORIZED) CV.access.renew().catch(() => {});
        if (this.ws === ws) this.lost();
      };
    }

    lost() {
      if (this.ws) {
        this.ws.onclose = null;
        this.ws.close();
        this.ws = null;
      }
      this.rtt = null;
      const most = Math.min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** this.attempts++);
      // Full jitter: a thousand pages that lost one server do not come back in the same instant.
      const wait = most / 2 + (Math.random() * most) / 2;
      this.retryAt = performance.now() + wait;
      this.setState('waiting');
      this.timer = setTimeout(() => this.connect(), wait);
    }

    reconnectNow() {
      if (this.state === 'waiting') this.connect();
    }

    /** Back from wherever the page was: connect, or see within a moment whether the connection still is one. */
    awake() {
      this.reconnectNow();
      if (this.state !== 'open') return;
      const { ws } = this;
      this.pingSent = performance.now();
      this.send({ action: 'ping' });
      setTimeout(() => {
        if (this.ws !== ws || !this.pingSent) return;
        this.lost();
        this.reconnectNow();
      }, AWAKE_PATIENCE);
    }

    heartbeat() {
      const late = Date.now() - this.beat > SLEPT; // the wall clock goes on while a computer sleeps
      this.beat = Date.now();
      if (late && !document.hidden) return void this.awake();
      if (this.state !== 'open') return;
      const now = performance.now();
      if (this.pingSent) {
        if (now - this.pingSent > PING_PATIENCE) this.lost();
        return;
      }
      this.pingSent = now;
      this.send({ action: 'ping' });
    }

    receive(envelope) {
      const { type, data } = envelope;
      if (type === 'pong') return this.pong(envelope);
      if (type === 'subscribed') return this.subscribed(envelope);
      if (!data || typeof data !== 'object') return undefined;
      const channel = this.channels.get(keyOf(type, data.symbol, data.timeframe)) || this.channels.get(keyOf(type, '*'));
      if (!channel) return undefined;
      const { seq } = envelope;
      if (Number.isInteger(seq)) {
        const counted = COUNTED.has(type) && channel.symbol !== '*'; // each symbol has numbers of its own
        // Too high: some were missed. Too low: Redis lost its memory and counts anew.
        if (counted && channel.seq !== null && (seq > channel.seq + 1 || seq < channel.seq)) this.gap(channel);
        channel.seq = counted ? seq : Math.max(seq, channel.seq || 0);
      }
      channel.handlers.forEach((handler) => handler.message(data, envelope));
      return undefined;
    }

    subscribed({ data, seq, epoch, recovered }) {
      const channel = this.channels.get(keyOf(data.type, data.symbol, data.timeframe));
      if (!channel) return;
      const resumed = channel.epoch !== null;
      // Replayed messages carry their own seq and follow; the reply's is the newest there is.
      if (!resumed || recovered !== true) channel.seq = Number.isInteger(seq) ? seq : null;
      if (epoch) channel.epoch = epoch;
      if (resumed && recovered !== true) this.gap(channel);
    }

    gap(channel) {
      channel.handlers.forEach((handler) => handler.gap && handler.gap());
    }

    pong({ timestamp }) {
      const now = performance.now();
      this.rtt = now - this.pingSent;
      this.pingSent = 0;
      if (Number.isFinite(timestamp)) {
        // The ping with the shortest way tells the clocks apart best.
        this.offsets.push({ rtt: this.rtt, offset: timestamp + this.rtt / 2 - Date.now() });
        if (this.offsets.length > 20) this.offsets.shift();
        this.offset = this.offsets.reduce((best, one) => (one.rtt < best.rtt ? one : best)).offset;
      }
      this.setState(this.state);
    }
  }

  CV.Socket = Socket;
})();
