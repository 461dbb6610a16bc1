/* Menus that a button opens: one at a time, closed by Escape, by a click elsewhere, or by what was chosen. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const GAP = 4;

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  let box = null;
  let owner = null;

  function make() {
    box = Object.assign(element('div'), { id: 'menu', popover: 'auto' });
    box.addEventListener('toggle', ({ newState }) => {
      if (newState !== 'open') owner.setAttribute('aria-expanded', 'false');
    });
    box.addEventListener('keydown', (event) => {
      const rows = [...box.querySelectorAll('[role=menuitem]')];
      const at = rows.indexOf(document.activeElement);
      const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
      if (event.key === 'Tab') box.hidePopover();
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      rows[(next + rows.length) % rows.length].focus();
    });
    document.body.append(box);
  }

  function row({ words, href, act }) {
    const made = Object.assign(element(href ? 'a' : 'button', '', words), href ? { href } : { type: 'button' });
    Object.assign(made, { role: 'menuitem', tabIndex: -1 });
    if (act) {
      made.addEventListener('click', () => {
        box.hidePopover();
        act();
      });
    }
    return made;
  }

  /** Beside the button, wherever there is room. */
  function place(button) {
    const { top, bottom, right } = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = box;
    const under = bottom + GAP + height <= innerHeight;
    box.style.left = `${Math.max(GAP, Math.min(innerWidth - width - GAP, right - width))}px`;
    box.style.top = `${Math.max(GAP, under ? bottom + GAP : top - GAP - height)}px`;
  }

  function open(button, { items, note }) {
    if (!box) make();
    owner = button;
    const list = element('div');
    list.setAttribute('role', 'menu');
    list.setAttribute('aria-label', button.title || button.textContent);
    list.append(...items.filter(Boolean).map(row));
    box.replaceChildren(list);
    if (note) box.append(element('p', '', note));
    box.showPopover();
    place(button);
    button.setAttribute('aria-expanded', 'true');
    list.firstElementChild.focus();
  }

  /** `button` opens what `build()` says: {items: [{words, act | href}], note: a text below them}. Nothing among the items is left out. */
  CV.menu = (button, build) => {
    button.setAttribute('aria-haspopup', 'menu');
    button.setAttribute('aria-expanded', 'false');
    // The press that closes its menu is no click to open it again.
    let closes = false;
    button.addEventListener('pointerdown', () => (closes = Boolean(box) && owner === button && box.matches(':popover-open')));
    button.addEventListener('click', () => {
      if (!closes) open(button, build());
      closes = false;
    });
  };
})();
