/* What the server says of itself: where the data comes from, and which of its parts fail. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const EVERY = 5_000;

  class Status {
    constructor(banner) {
      this.banner = banner;
      this.poll();
      setInterval(() => document.hidden || this.poll(), EVERY);
    }

    async poll() {
      try {
        this.draw(await CV.rest.get('status'));
      } catch {
        // The connection pill already tells that the server is away.
      }
    }

    draw(status) {
      const { source, detail } = status.data || {};
      const lines = [];
      if (source === 'simulator') lines.push(['simulated', 'Simulated market', `These prices are made up${detail ? ` (${detail})` : ''}. Nothing here can be traded.`]);
      if (source === 'replay') lines.push(['simulated', 'Replay', `A recording is playing${detail ? `: ${detail}` : ''}. These prices are of the past.`]);
      for (const [name, part] of Object.entries(status.parts || {})) {
        if (part.state === 'failing') lines.push(['failing', `${name} is failing`, part.detail || 'It is being restarted.']);
      }
      const text = JSON.stringify(lines);
      if (text === this.shown) return;
      this.shown = text;
      this.banner.replaceChildren(
        ...lines.map(([kind, title, body]) => {
          const line = document.createElement('div');
          line.className = `notice ${kind}`;
          line.append(Object.assign(document.createElement('strong'), { textContent: title }), ` ${body}`);
          return line;
        }),
      );
    }
  }

  CV.Status = Status;
})();
