/* The login page: name and password for a cookie, and on to where the visitor wanted to be. */
(function () {
  'use strict';
  const { CV } = window;
  const form = document.querySelector('form');
  const [name, password] = form.querySelectorAll('input');
  const button = form.querySelector('button');
  const wrong = form.querySelector('.wrong');

  /** Only an address of ours: whoever made the link chose it. */
  function next() {
    const wanted = new URLSearchParams(location.search).get('next') || '/';
    const url = new URL(wanted, location.origin);
    return url.origin === location.origin && !url.pathname.startsWith('/login') ? url.pathname + url.search : '/';
  }

  const KEY = 'cryptoviz.login'; // says only that there is one: whether to try a refresh

  const call = (path, body) => fetch(`/api/v1/auth/${path}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });

  function say(text) {
    wrong.textContent = text;
    wrong.hidden = !text;
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    say('');
    try {
      const response = await call('login', { name: name.value, password: password.value });
      if (response.ok) {
        CV.kept.write(KEY, '1');
        location.replace(next());
        return;
      }
      say(((await response.json().catch(() => null)) || {}).error || `The server answered ${response.status}.`);
      password.select();
    } catch {
      say('The server does not answer. Try again in a few seconds.');
    }
    button.disabled = false;
  });

  // Logged in already: a link from another site comes without the cookie, and an old page without a fresh one.
  if (CV.kept.read(KEY)) {
    call('refresh', {}).then((response) => {
      if (response.ok) location.replace(next());
      else CV.kept.write(KEY, '');
    }, () => {});
  }
  name.focus();
})();
