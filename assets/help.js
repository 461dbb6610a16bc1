/* The sheet of keys: "?" opens it on the terminal. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const KEYS = [
    ['1 … 7', 'Timeframe, 5s to 1d'], ['Ctrl K, ⌘ K', 'Choose a symbol'], ['← →, drag', 'Pan; older candles load by themselves'],
    ['+ −, wheel, pinch', 'Zoom; over the price axis its scale'], ['End, double click', 'The newest candle'],
    ['F, Home', 'Fit: as much as can be seen'], ['A', 'A new alert'], ['G', 'Go to a date, or replay from it'], ['Space, .', 'In a replay: play or pause, next candle'],
    ['Alt T, H, R, F, M, N', 'Draw: trend line, horizontal, rectangle, Fibonacci, measure, text'],
    ['Ctrl Z, Ctrl Shift Z', 'Undo and redo what was drawn'], ['Delete', 'Remove the chosen drawing'], ['Esc', 'End drawing, leave the wide chart'], ['?', 'This sheet'],
  ];

  class Help {
    constructor(root) {
      const element = (tag, text) => Object.assign(document.createElement(tag), { textContent: text || '' });
      const dialog = Object.assign(document.createElement('dialog'), { id: 'help', ariaLabel: 'Keys' });
      const list = element('dl');
      for (const [keys, words] of KEYS) list.append(element('dt', keys), element('dd', words));
      const close = Object.assign(element('button', 'Close'), { type: 'button' });
      close.addEventListener('click', () => dialog.close());
      dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
      dialog.append(element('h2', 'Keys'), list, close);
      root.append(dialog);
      addEventListener('keydown', (event) => {
        if (event.key !== '?' || event.target.closest('input, textarea, select, dialog')) return;
        event.preventDefault();
        dialog.showModal();
      });
    }
  }

  CV.Help = Help;
})();
