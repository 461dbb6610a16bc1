/* Tells of an alert that fires: on the page always, by the browser and by a sound when that was asked for, by a click. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOST = 4; // on the page at once
  const STAYS = 15_000;
  const BEEPS = [[880, 0], [1175, 0.14]]; // Hz, s
  const KEYS = { sound: 'cryptoviz.alerts.sound', browser: 'cryptoviz.alerts.browser' };

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  class AlertToasts {
    constructor(root, alerts, markets, go) {
      Object.assign(this, { markets, go });
      this.place = Object.assign(element('div'), { id: 'toasts', role: 'status' });
      root.append(this.place);
      alerts.onFiring((firing) => this.tell(firing));
    }

    /** Two buttons for a panel's header. */
    switches() {
      return [
        this.toggle('sound', 'sound', 'Sound when an alert fires', async () => true),
        this.toggle('browser', 'bell', 'Notification of the browser when an alert fires', async () => 'Notification' in window && (await Notification.requestPermission()) === 'granted'),
      ];
    }

    toggle(name, icon, title, may) {
      const button = Object.assign(element('button', 'plain alert-switch'), { type: 'button', title, ariaLabel: title });
      button.append(element('span', `icon icon-${icon}`));
      const show = () => button.setAttribute('aria-pressed', String(this.wants(name)));
      button.addEventListener('click', async () => {
        const on = !this.wants(name) && (await may());
        CV.kept.write(KEYS[name], on ? '1' : '');
        show();
        if (on && name === 'sound') this.beep();
      });
      show();
      return button;
    }

    wants(name) {
      return CV.kept.read(KEYS[name]) === '1';
    }

    tell(firing) {
      const { symbol, article } = firing;
      const words = CV.Alerts.words(firing.alert, this.markets.decimals(symbol));
      const toast = element('div', 'toast');
      const text = Object.assign(element('button', 'toast-text'), { type: 'button' });
      text.append(element('b', '', symbol), element('span', '', words));
      const more = firing.alert.note || (article && article.title);
      if (more) text.append(element('small', 'headline', more));
      text.addEventListener('click', () => {
        this.go(symbol);
        toast.remove();
      });
      const close = Object.assign(element('button', 'plain'), { type: 'button', title: 'Close', ariaLabel: 'Close' });
      close.append(element('span', 'icon icon-close'));
      close.addEventListener('click', () => toast.remove());
      toast.append(element('span', 'icon icon-bell'), text, close);
      this.place.append(toast);
      while (this.place.children.length > MOST) this.place.firstElementChild.remove();
      setTimeout(() => toast.remove(), STAYS);
      if (this.wants('sound')) this.beep();
      if (this.wants('browser') && 'Notification' in window && Notification.permission === 'granted') {
        new Notification(symbol, { body: [CV.texts.of(words), more].filter(Boolean).join('\n'), tag: `alert ${firing.id}` });
      }
    }

    beep() {
      const audio = (this.audio = this.audio || new AudioContext());
      audio.resume().then(() => {
        for (const [frequency, at] of BEEPS) {
          const [tone, volume] = [audio.createOscillator(), audio.createGain()];
          tone.frequency.value = frequency;
          volume.gain.setValueAtTime(0.2, audio.currentTime + at);
          volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.3);
          tone.connect(volume).connect(audio.destination);
          tone.start(audio.currentTime + at);
          tone.stop(audio.currentTime + at + 0.3);
        }
      }).catch(() => {}); // a page that nobody has touched may make no sound
    }
  }

  CV.AlertToasts = AlertToasts;
})();
