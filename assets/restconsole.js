/* REST by hand, made of the server's own OpenAPI document: choose a route, fill in what it takes, see what it answers. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const SHOWN = 20_000; // characters of an answer

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class RestConsole {
    constructor(root) {
      this.routes = element('select');
      this.routes.ariaLabel = 'Route';
      this.fields = element('div', 'console-line');
      this.link = Object.assign(element('a', 'call'), { target: '_blank', rel: 'noopener' });
      this.answer = Object.assign(element('pre', 'answer'), { tabIndex: 0, ariaLabel: 'Answer' });
      this.send = Object.assign(element('button', '', 'Send'), { type: 'button' });
      this.status = element('span', 'counts');
      this.status.role = 'status';
      const [first, last] = [element('div', 'console-line'), element('div', 'console-line')];
      first.append(this.routes);
      last.append(this.send, this.link, this.status);
      root.append(first, this.fields, last, this.answer);
      this.routes.addEventListener('change', () => this.choose());
      this.fields.addEventListener('input', () => this.point());
      this.send.addEventListener('click', () => this.call());
      this.load();
    }

    async load() {
      try {
        const document = await (await fetch('/api/v1/openapi.json')).json();
        this.base = document.servers[0].url;
        this.paths = document.paths;
        this.routes.append(...Object.entries(this.paths).filter(([, { get }]) => get).map(([path, { get }]) => Object.assign(element('option', '', `GET ${path} – ${get.summary}`), { value: path })));
        this.choose();
      } catch (error) {
        this.status.textContent = `The routes cannot be loaded: ${error.message}`;
      }
    }

    choose() {
      const { parameters } = this.paths[this.routes.value].get;
      this.fields.replaceChildren(...parameters.map((one) => {
        const { enum: options, type } = one.schema;
        const label = element('label', '', one.name + (one.required ? ' *' : ''));
        label.title = one.description;
        let control;
        if (options) {
          control = element('select');
          control.append(...[one.required ? [] : [''], options].flat().map((value) => Object.assign(element('option', '', value), { value })));
        } else {
          control = Object.assign(element('input'), { type: type === 'integer' || type === 'number' ? 'number' : 'text', step: type === 'number' ? 'any' : 1, placeholder: one.example || one.schema.default || '', spellcheck: false });
          if (one.required) control.value = one.example || '';
        }
        control.name = one.name;
        control.dataset.in = one.in;
        label.append(control);
        return label;
      }));
      this.answer.textContent = '';
      this.status.textContent = '';
      this.point();
    }

    point() {
      let path = this.routes.value;
      const query = new URLSearchParams();
      for (const control of this.fields.querySelectorAll('input, select')) {
        const value = control.value.trim();
        if (control.dataset.in === 'path') path = path.replace(`{${control.name}}`, encodeURIComponent(value));
        else if (value) query.set(control.name, value);
      }
      this.link.href = `${this.base}${path}${query.size ? `?${query}` : ''}`;
      this.link.textContent = this.link.getAttribute('href');
    }

    async call() {
      const began = performance.now();
      this.status.textContent = '…';
      try {
        const response = await fetch(this.link.href, { headers: { Accept: 'application/json' } });
        const text = await response.text();
        this.status.textContent = `${response.status} ${response.statusText} · ${CV.format.compact(text.length)} characters · ${Math.round(performance.now() - began)} ms`;
        this.answer.dataset.kind = response.ok ? 'good' : 'bad';
        // As it came: parsing would round what has more digits than a browser's numbers.
        const shown = /json/.test(response.headers.get('content-type') || '') ? text.replace(/([[{,])(?=["[{])/g, '$1\n') : text;
        this.answer.textContent = shown.length > SHOWN ? `${shown.slice(0, SHOWN)}\n… (${CV.format.compact(shown.length)} characters)` : shown;
      } catch (error) {
        this.status.textContent = `The server does not answer: ${error.message}`;
      }
    }
  }

  CV.RestConsole = RestConsole;
})();
