/* Dark or light, the user's word, else the system's; and which page. Loaded in <head>, so that nothing wrong is painted first. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.theme';
  const root = document.documentElement;
  const system = window.matchMedia('(prefers-color-scheme: light)');
  const listeners = [];
  const OTHERS = ['console', 'data', 'markets', 'news']; // whatever else the address says, it is the terminal's
  let palette = null;

  function stored() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage may be forbidden; then the choice lasts as long as the page
    }
  }

  function apply(name) {
    root.dataset.theme = name;
    palette = null;
    listeners.forEach((listener) => listener(name));
  }

  /** The tokens a canvas needs, read once per theme. */
  function colors() {
    if (palette) return palette;
    const style = getComputedStyle(root);
    const token = (name) => style.getPropertyValue(name).trim();
    palette = {
      app: token('--bg-app'), panel: token('--bg-panel'), raised: token('--bg-raised'), line: token('--line'),
      grid: token('--grid'), text: token('--text'), text2: token('--text-2'), text3: token('--text-3'),
      up: token('--up'), down: token('--down'), accent: token('--accent'),
      upText: token('--up-text'), downText: token('--down-text'), onTag: token('--on-tag'),
      cross: token('--cross'), font: token('--font'),
      studies: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => token(`--study-${n}`)),
    };
    return palette;
  }

  function toggle() {
    const next = root.dataset.theme === 'light' ? 'dark' : 'light';
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // as above
    }
    apply(next);
    return next;
  }

  system.addEventListener('change', () => stored() || apply(system.matches ? 'light' : 'dark'));
  apply(stored() === 'light' || stored() === 'dark' ? stored() : system.matches ? 'light' : 'dark');

  const named = location.pathname.slice(1);
  root.dataset.page = OTHERS.includes(named) ? named : 'terminal';

  CV.theme = { page: () => root.dataset.page, colors, studies: () => colors().studies, toggle, onChange: (listener) => listeners.push(listener), name: () => root.dataset.theme };
})();
