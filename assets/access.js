/* Who is logged in. The cookies are the browser's business; the socket needs the token itself, which lives here as long as the page. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const on = document.querySelector('meta[name=access]')?.content === 'on';
  const listeners = new Set();
  let token = null;
  let pending = null;
  let timer = 0;

  /** A fresh token. To the login page when the login is over; rejects when the server does not answer. */
  function renew() {
    pending = pending || ask().finally(() => (pending = null));
    return pending;
  }

  async function ask() {
    const response = await fetch('/api/v1/auth/refresh', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
    if (response.status === 401) {
      leave();
      throw new Error('the login is over');
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const { data } = await response.json();
    token = data.access_token;
    clearTimeout(timer);
    timer = setTimeout(() => renew().catch(() => {}), data.expires_in * 800);
    listeners.forEach((listener) => listener(token));
    return token;
  }

  function leave() {
    CV.kept.write('cryptoviz.login', '');
    location.assign(`/login?${new URLSearchParams({ next: location.pathname + location.search })}`);
  }

  async function logout() {
    await fetch('/api/v1/auth/logout', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
    leave();
  }

  /** Write who is logged in into `button`, whose menu leads to the settings and out. */
  async function greet(button) {
    if (!on) return;
    CV.menu(button, () => ({ items: [{ words: 'Settings', href: '/settings' }, { words: 'Log out', act: logout }] }));
    try {
      const { name } = await CV.rest.get('auth/me');
      button.querySelector('.user-name').textContent = name;
      button.title = `Logged in as ${name}`;
      button.hidden = false;
    } catch {
      // The settings page says it, too.
    }
  }

  CV.access = {
    on,
    greet,
    renew,
    logout,
    /** The token, fetched once; null where access is off. */
    token: () => (on ? (token ? Promise.resolve(token) : renew()) : Promise.resolve(null)),
    /** `listener(token)` for each that is new. */
    onRenew: (listener) => listeners.add(listener),
  };
  if (on) renew().catch(() => {});
})();
