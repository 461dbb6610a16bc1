/* Favourites: symbols with a star, on the Markets page and in the watchlist; kept in the browser. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.starred';
  const listeners = new Set();

  function read() {
    try {
      return new Set(JSON.parse(CV.kept.read(KEY) || '[]'));
    } catch {
      return new Set(); // strangers' entries: none, then
    }
  }

  const names = read();

  /** Give `symbol` its star, or take it. */
  function toggle(symbol) {
    if (!names.delete(symbol)) names.add(symbol);
    CV.kept.write(KEY, JSON.stringify([...names]));
    listeners.forEach((listener) => listener(symbol));
  }

  CV.stars = { names, toggle, onChange: (listener) => listeners.add(listener) };
})();
