/* Dark or light, the user's word, else the system's; and which page. Loaded in <head>, so that nothing wrong is painted first. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.theme';
  const COLOURS = 'cryptoviz.colours';
  const root = document.documentElement;
  const system = window.matchMedia('(prefers-color-scheme: light)');
  const listeners = [];
  const OTHERS = [ // whatever else the address says, it is the terminal's
    'console',
    'data',
    'markets',
    'news',
    'settings',
  ];
  let palette = null;

  function stored(key) {
    try {
      return localStorage.getItem(key);
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

  function store(key, value) {
    try {
      if (value) localStorage.setItem(key, value);
      else localStorage.removeItem(key);
    } catch {
      // as above
    }
  }

  const chosen = () => (['light', 'dark'].includes(stored(KEY)) ? stored(KEY) : '');
  const resolved = () => chosen() || (system.matches ? 'light' : 'dark');

  /** 'dark', 'light', or '' for what the system says. */
  function choose(name) {
    store(KEY, name);
    apply(resolved());
  }

  const toggle = () => choose(root.dataset.theme === 'light' ? 'dark' : 'light');

  /** What rising and falling look like: '' for green and red, 'blue' for blue and orange, which everybody can tell apart. */
  function paint(name) {
    store(COLOURS, name);
    root.dataset.colours = name;
    apply(resolved());
  }

  system.addEventListener('change', () => apply(resolved()));
  root.dataset.colours = stored(COLOURS) === 'blue' ? 'blue' : '';
  apply(resolved());

  const named = location.pathname.slice(1);
  root.dataset.page = OTHERS.includes(named) ? named : 'terminal';

  /** px of a measure of tokens.css, as it is at `element`. */
  CV.measure = (element, name) => parseFloat(getComputedStyle(element).getPropertyValue(name));
  /** What this browser keeps, where it may. */
  CV.kept = { read: stored, write: store };
  CV.theme = { page: () => root.dataset.page, colors, choose, chosen, paint, colours: () => root.dataset.colours, studies: () => colors().studies, toggle, onChange: (listener) => listeners.push(listener), name: () => root.dataset.theme };
})();
