/* The sentiment of the coin that is shown: its panel, and the chip in the header that opens it. mood.js draws. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const LATER = 60_000; // ms until the chip is asked for again

  class Sentiment {
    constructor(panel, chip, socket, open) {
      Object.assign(this, { panel, chip });
      const blocks = CV.Panels.of(panel.body);
      this.mood = new CV.Mood(blocks, socket);
      blocks.watch(socket);
      chip.addEventListener('click', open);
      panel.watch((shown) => {
        this.shown = shown;
        this.watch();
      });
      panel.exports(() => [['time', 'value', 'low', 'high', 'articles'], ...(this.mood.moods || []).map((one) => [CV.rest.iso(one.time), one.value, one.low, one.high, one.articles])]);
      CV.repeat(() => this.symbol && this.ask(), LATER, true);
    }

    show(symbol) {
      if (symbol === this.symbol) return;
      this.symbol = symbol;
      this.chip.dataset.state = 'loading';
      this.ask();
      this.watch();
    }

    watch() {
      const wanted = this.shown ? this.symbol : null;
      if (wanted === this.watched) return;
      this.watched = wanted;
      this.mood.hide();
      if (!wanted) return;
      this.panel.set('live'); // its blocks say for themselves how they are
      this.mood.show(CV.format.base(wanted).toLowerCase(), wanted);
    }

    async ask() {
      const { symbol } = this;
      try {
        const { value, label } = await CV.rest.get('sentiment/gauge', { symbol: CV.format.base(symbol).toLowerCase() });
        if (symbol !== this.symbol) return;
        this.chip.dataset.state = value === null ? 'empty' : 'live';
        this.chip.dataset.direction = value > 55 ? 1 : value < 45 ? -1 : 0;
        CV.write(this.chip.querySelector('b'), value === null ? '–' : String(Math.round(value)));
        CV.write(this.chip.querySelector('span'), value === null ? 'No sentiment' : label);
      } catch {
        if (symbol === this.symbol) this.chip.dataset.state = 'empty';
      }
    }
  }

  CV.Sentiment = Sentiment;
})();
