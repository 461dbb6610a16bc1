/* The console page: the WebSocket by hand. Frames are shown as they came. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const SHOWN = 200;
  const TYPES = ['trade', 'candle', 'ticker', 'book', 'indicator', 'news', 'sentiment', 'status'];
  const FRAMES = ['', '5s', '1m', '5m', '15m', '1h', '4h', '1d'];

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class Console {
    constructor(root) {
      const find = (selector) => root.querySelector(selector);
      this.list = find('.frames');
      this.panel = CV.Panels.of(root).get('frames-block');
      this.state = find('.connection');
      this.counts = find('.counts');
      this.toggle = find('.connect');
      this.received = { frames: 0, bytes: 0, types: new Map() };
      this.waiting = [];
      this.second = 0;
      this.toggle.addEventListener('click', () => (this.socket ? this.socket.close() : this.connect()));
      const pause = find('.pause');
      pause.addEventListener('click', () => pause.setAttribute('aria-pressed', String((this.paused = !this.paused))));
      find('.clear').addEventListener('click', () => this.clear());
      this.fields(find('.ask'));
      this.quick(find('.quick'));
      this.raw(find('.raw'));
      new CV.RestConsole(find('.rest'));
      new CV.Status(find('.banner'), () => {});
      setInterval(() => this.tell(), 1_000);
    }

    field(parent, label, control) {
      const box = element('label', '', label);
      box.append(control);
      parent.append(box);
      return control;
    }

    select(options) {
      const one = document.createElement('select');
      one.append(...options.map((value) => Object.assign(element('option', '', value || '(all)'), { value })));
      return one;
    }

    button(parent, text, act) {
      const one = Object.assign(element('button', '', text), { type: 'button' });
      one.addEventListener('click', act);
      parent.append(one);
    }

    fields(line) {
      this.type = this.field(line, 'Type', this.select(TYPES));
      this.symbol = this.field(line, 'Symbol', Object.assign(element('input'), { value: 'BTC/USDT', spellcheck: false }));
      this.timeframe = this.field(line, 'Timeframe', this.select(FRAMES));
      this.forming = this.field(line, 'Forming', Object.assign(element('input'), { type: 'checkbox' }));
      this.button(line, 'Subscribe', () => this.ask('subscribe'));
      this.button(line, 'Unsubscribe', () => this.ask('unsubscribe'));
    }

    quick(line) {
      this.button(line, 'Ping', () => this.send({ action: 'ping' }));
      this.button(line, 'List subscriptions', () => this.send({ action: 'list_subscriptions' }));
      this.button(line, 'All trades', () => this.send({ action: 'subscribe', type: 'trade', symbol: '*' }));
      this.button(line, 'Closed candles', () => this.send({ action: 'subscribe', type: 'candle', symbol: '*', timeframe: '' }));
      this.button(line, 'News', () => this.send({ action: 'subscribe', type: 'news', symbol: '*' }));
    }

    raw(line) {
      const text = this.field(line, 'Message', Object.assign(element('input', 'wide-input'), { value: '{"action":"ping"}', spellcheck: false }));
      const send = () => this.send(text.value);
      text.addEventListener('keydown', (event) => event.key === 'Enter' && send());
      this.button(line, 'Send', send);
    }

    ask(action) {
      const wanted = { action, type: this.type.value, symbol: this.symbol.value.trim(), timeframe: this.timeframe.value };
      if (action === 'subscribe' && this.forming.checked) wanted.forming = true;
      this.send(wanted);
    }

    /** Whatever is typed goes out as it is: the server's answer to nonsense is worth seeing. */
    send(message) {
      const text = typeof message === 'string' ? message : JSON.stringify(message);
      if (!this.socket) this.connect();
      this.put('sent', text);
      if (this.socket.ready) this.socket.send(text);
      else this.socket.addEventListener('ready', () => this.socket.send(text), { once: true });
    }

    connect() {
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      const socket = (this.socket = new WebSocket(`${scheme}://${location.host}/ws/crypto`));
      this.show('connecting');
      socket.addEventListener('open', async () => {
        this.show('open');
        const token = await CV.access.token().catch(() => '');
        if (CV.access.on) {
          socket.send(JSON.stringify({ action: 'authenticate', token }));
          this.put('sent', '{"action":"authenticate","token":"…"}');
        }
        socket.ready = true;
        socket.dispatchEvent(new Event('ready'));
      });
      socket.addEventListener('message', ({ data }) => this.receive(data));
      socket.addEventListener('close', ({ code, reason }) => {
        this.socket = null;
        this.show('closed');
        this.put('note', `closed ${code}${reason ? ` ${reason}` : ''}`);
      });
    }

    show(state) {
      CV.write(this.state, state);
      this.state.dataset.state = state;
      CV.write(this.toggle, state === 'closed' ? 'Connect' : 'Disconnect');
    }

    receive(text) {
      this.received.frames += 1;
      this.received.bytes += text.length;
      this.second += 1;
      const [, type] = text.match(/"type":"([a-z_]+)"/) || [];
      this.received.types.set(type || '?', (this.received.types.get(type || '?') || 0) + 1);
      if (!this.paused) this.put('received', text);
    }

    /** One drawing per frame of the screen, of at most as many lines as are kept. */
    put(kind, text) {
      this.waiting.push([kind, text, new Date()]);
      if (this.waiting.length > SHOWN) this.waiting.shift();
      CV.frame((this.paint = this.paint || (() => this.draw())));
    }

    draw() {
      const lines = this.waiting.splice(0).reverse().map(([kind, text, at]) => {
        const line = element('li', 'frame');
        line.dataset.kind = kind;
        line.append(element('time', '', at.toISOString().slice(11, 23)), element('span', 'mark', { sent: '→', received: '←', note: '·' }[kind]), element('code', '', text));
        return line;
      });
      this.list.prepend(...lines);
      while (this.list.children.length > SHOWN) this.list.lastElementChild.remove();
      this.panel.set(this.list.children.length ? 'live' : 'empty');
    }

    clear() {
      this.list.replaceChildren();
      this.received = { frames: 0, bytes: 0, types: new Map() };
      this.panel.set('empty');
      this.tell();
    }

    tell() {
      const { frames, bytes, types } = this.received;
      const each = [...types].map(([type, count]) => `${type} ${CV.format.number(count, 0)}`).join(' · ');
      CV.write(this.counts, frames ? `${CV.format.number(frames, 0)} frames, ${CV.format.compact(bytes)} characters, ${this.second}/s · ${each}` : '');
      this.second = 0;
    }
  }

  CV.pages = Object.assign(CV.pages || {}, { console: (root) => new Console(root) });
})();
