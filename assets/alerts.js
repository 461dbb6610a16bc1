/* The user's alerts and what they were told: asked over REST, kept up by the socket, said in words. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const HISTORY = 100; // firings that are shown
  const AGAIN = 60_000; // another terminal may have changed them

  // Whole sentences, for that is what is translated.
  const WORDS = {
    price: {
      above: ({ price }) => `Price rises to ${price}`, below: ({ price }) => `Price falls to ${price}`, cross: ({ price }) => `Price reaches ${price}`,
    },
    change: {
      above: ({ value, span }) => `Rises ${value}% within ${span}`, below: ({ value, span }) => `Falls ${value}% within ${span}`,
      cross: ({ value, span }) => `Moves ${value}% within ${span}`,
    },
    indicator: {
      above: ({ name, value, timeframe }) => `${name} rises to ${value} on ${timeframe}`,
      below: ({ name, value, timeframe }) => `${name} falls to ${value} on ${timeframe}`,
      cross: ({ name, value, timeframe }) => `${name} reaches ${value} on ${timeframe}`,
    },
    volume: { above: ({ value, timeframe }) => `Volume above ${value} × its average on ${timeframe}` },
    news: { above: ({ value }) => `News scored ${value} or above`, below: ({ value }) => `News scored ${value} or below` },
  };

  /** What an alert waits for, in English; `decimals` of the symbol's prices. */
  function words(alert, decimals) {
    const { kind, direction, indicator, figure, timeframe, span } = alert;
    const value = String(alert.value).replace('-', '\u2212');
    const name = indicator && (figure === 'value' ? indicator.toUpperCase() : `${indicator.toUpperCase()} ${figure}`);
    return WORDS[kind][direction]({ value, name, timeframe, span, price: CV.format.number(alert.value, decimals) });
  }

  class Alerts {
    constructor(socket) {
      Object.assign(this, { rules: [], firings: [], listeners: new Set(), told: new Set() });
      // A symbol has its own count, all of them have none: after a break the history says what was missed.
      socket.subscribe({ type: 'alert', symbol: '*' }, (firing) => this.take(firing), () => this.refresh());
      CV.repeat(() => this.refresh(), AGAIN, true);
    }

    /** `listener()` now, and whenever rules or firings are others. */
    onChange(listener) {
      this.listeners.add(listener);
      listener();
    }

    /** `listener(firing)` for each that comes while the page is open. */
    onFiring(listener) {
      this.told.add(listener);
    }

    changed() {
      this.listeners.forEach((listener) => listener());
    }

    /** Throws RestError. */
    async load() {
      const [rules, firings] = await Promise.all([CV.rest.get('alerts'), CV.rest.get('alerts/firings', { limit: HISTORY })]);
      const missed = this.known ? firings.filter(({ id }) => id > this.known) : [];
      this.rules = rules;
      this.keep(firings);
      this.known = this.firings.length ? this.firings[0].id : 0;
      missed.reverse().forEach((firing) => this.told.forEach((listener) => listener(firing)));
      this.changed();
    }

    refresh() {
      this.load().catch(() => {}); // the panel asks by itself, and says what is wrong
    }

    keep(firings) {
      const byId = new Map([...this.firings, ...firings].map((firing) => [firing.id, firing]));
      this.firings = [...byId.values()].sort((a, b) => b.id - a.id).slice(0, HISTORY);
    }

    take(firing) {
      if (this.firings.some(({ id }) => id === firing.id)) return;
      this.keep([firing]);
      this.known = Math.max(this.known || 0, firing.id);
      const rule = this.rules.find(({ id }) => id === firing.alert_id);
      if (rule && rule.repeat === 'once') rule.state = 'fired';
      this.told.forEach((listener) => listener(firing));
      this.changed();
    }

    /** What is asked for in place of `id`'s, or as a new one. Throws RestError. */
    async save(asked, id) {
      const made = await CV.rest.send(id ? 'PUT' : 'POST', id ? `alerts/${id}` : 'alerts', asked);
      const others = this.rules.filter((rule) => rule.id !== made.id);
      this.rules = id ? this.rules.map((rule) => (rule.id === id ? made : rule)) : [made, ...others];
      this.changed();
      return made;
    }

    /** The same with some of it changed. */
    change(rule, change) {
      const fields = ['symbol', 'kind', 'direction', 'value', 'timeframe', 'span', 'indicator', 'figure', 'repeat', 'cooldown', 'expires_at', 'note'];
      return this.save({ ...Object.fromEntries(fields.map((name) => [name, rule[name]])), paused: rule.state === 'paused', ...change }, rule.id);
    }

    async remove(id) {
      await CV.rest.send('DELETE', `alerts/${id}`);
      this.rules = this.rules.filter((rule) => rule.id !== id);
      this.changed();
    }
  }

  Alerts.words = words;
  CV.Alerts = Alerts;
})();
