/*
 * Other languages. The code says everything in English; a file of `texts` says what each English text is in another language, with {}
 * where a figure or a name stands. Whatever appears on the page is put into it before it is painted, so that no code needs to know.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEY = 'cryptoviz.language';
  const LANGUAGES = { en: 'English', fr: 'Français' };
  const SPOKEN = ['title', 'aria-label', 'placeholder'];
  // What others wrote, and what is typed.
  const FOREIGN = 'code, pre, textarea, script, style, .headline, .teaser, .reasons, .news-mark, .brand, .line > b';
  const REMEMBERED = 2_000; // texts with figures in them are others all the time

  let exact = new Map();
  let patterns = [];
  let known = new Map();

  function language() {
    const chosen = CV.kept.read(KEY);
    if (chosen in LANGUAGES) return chosen;
    const [first] = (navigator.language || 'en').split('-');
    return first in LANGUAGES ? first : 'en';
  }

  /** `entries`: English → other, {} for what stays as it is, or is a text of its own. */
  function learn(entries) {
    exact = new Map(Object.entries(entries));
    known = new Map();
    // Whoever says most of a text itself is asked first.
    const templates = Object.entries(entries).filter(([english]) => english.includes('{}')).sort(([a], [b]) => b.length - a.length);
    patterns = templates.map(([english, other]) => {
      const parts = english.split('{}').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      return [new RegExp(`^${parts.join('([^\\n·]+?)')}$`), other];
    });
  }

  function fill(english) {
    for (const [pattern, other] of patterns) {
      const found = english.match(pattern);
      if (!found) continue;
      let next = 1;
      // {2} where the order is another one.
      return other.replace(/\{(\d?)\}/g, (_, at) => of(found[Number(at) || next++]));
    }
    for (const joint of ['\n', ' · ', ' – ', ': ']) if (english.includes(joint)) return english.split(joint).map(of).join(joint);
    return english;
  }

  /** `english` in the language of the page. */
  function of(english) {
    if (!exact.size || !/[A-Za-z]{2}|\d [a-z]/.test(english)) return english;
    const said = exact.get(english) || known.get(english);
    if (said !== undefined) return said;
    const other = fill(english);
    if (known.size >= REMEMBERED) known.clear();
    known.set(english, other);
    known.set(other, other);
    return other;
  }

  function node(text) {
    if (!text.parentElement || text.parentElement.closest(FOREIGN)) return;
    const said = of(text.data);
    if (said !== text.data) text.data = said;
  }

  function attributes(element) {
    if (element.closest(FOREIGN)) return;
    for (const name of SPOKEN) {
      const english = element.getAttribute(name);
      if (!english) continue;
      const said = of(english);
      if (said !== english) element.setAttribute(name, said);
    }
  }

  function tree(root) {
    if (root.nodeType === Node.TEXT_NODE) return void node(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return undefined;
    attributes(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    while (walker.nextNode()) {
      if (walker.currentNode.nodeType === Node.TEXT_NODE) node(walker.currentNode);
      else attributes(walker.currentNode);
    }
    return undefined;
  }

  function watch() {
    tree(document.documentElement);
    new MutationObserver((changes) => {
      for (const { type, target, addedNodes } of changes) {
        if (type === 'childList') addedNodes.forEach(tree);
        else if (type === 'characterData') node(target);
        else attributes(target);
      }
    }).observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributeFilter: SPOKEN });
  }

  const spoken = language();
  document.documentElement.lang = spoken;
  let ready = Promise.resolve();
  if (spoken !== 'en') {
    // English until it is here, and if it never comes.
    ready = fetch(`/assets/texts/${spoken}.json`).then((answer) => answer.json()).then((entries) => {
      learn(entries);
      watch();
    }).catch((error) => console.warn(`No texts in ${spoken}: ${error.message}`));
  }

  CV.texts = {
    of,
    /** Resolves when `of` knows the language: for what is said only once. */
    ready,
    languages: LANGUAGES,
    chosen: () => (CV.kept.read(KEY) in LANGUAGES ? CV.kept.read(KEY) : ''),
    choose(name) {
      CV.kept.write(KEY, name);
      location.reload();
    },
    /** English that no text was found for. For those who translate. */
    missing: () => [...known].filter(([english, other]) => english === other && !exact.has(english) && ![...exact.values()].includes(other)).map(([english]) => english),
  };
})();
