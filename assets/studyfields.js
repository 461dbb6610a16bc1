/* The parameters of an indicator, edited where its legend names them. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  /** A form for those of `study` that are numbers, null without any. `done(params)` with those that differ from its defaults, `done(null)` on Esc. */
  CV.studyFields = (study, done) => {
    const fields = study.entry.parameters.filter(({ kind }) => kind === 'int' || kind === 'float');
    if (!fields.length) return null;
    const form = element('form', 'study-fields');
    const inputs = fields.map(({ name, kind, default: usual }) => {
      const words = name.replaceAll('_', ' ');
      return Object.assign(element('input'), {
        name, title: words, ariaLabel: words, type: 'number', min: kind === 'int' ? 1 : 0, max: 1000, step: kind === 'int' ? 1 : 'any',
        required: usual !== null, value: study.params[name] ?? usual ?? '',
      });
    });
    const defaults = Object.assign(element('button', 'plain', '↺'), { type: 'button', title: 'Defaults', ariaLabel: 'Defaults' });
    defaults.addEventListener('click', () => fields.forEach(({ default: usual }, i) => (inputs[i].value = usual ?? '')));
    form.append(...inputs, defaults, Object.assign(element('button', 'plain', '✓'), { title: 'Apply', ariaLabel: 'Apply' }));
    let over = false;
    const end = (params) => {
      if (over) return; // taking the form away takes the focus from it, which ends it again
      over = true;
      done(params);
    };
    const apply = () => {
      if (!form.reportValidity()) return;
      const given = fields.map(({ name, default: usual }, i) => [name, inputs[i].value, usual]);
      end(Object.fromEntries(given.filter(([, value, usual]) => value !== '' && Number(value) !== usual).map(([name, value]) => [name, Number(value)])));
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      apply();
    });
    form.addEventListener('focusout', ({ relatedTarget }) => form.contains(relatedTarget) || (form.checkValidity() ? apply() : end(null)));
    form.addEventListener('keydown', (event) => {
      event.stopPropagation(); // keys of the chart
      if (event.key === 'Escape') end(null);
    });
    return form;
  };
})();
