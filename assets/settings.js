/* The settings page. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });
  const day = (time) => (time ? CV.format.day(time) : '');
  const moment = (time) => (time ? CV.format.exact(time) : '');

  function field(label, control) {
    const box = element('label', '', label);
    box.append(control);
    return box;
  }

  function select(options, value, changed) {
    const control = element('select');
    control.append(...options.map(([name, words]) => Object.assign(element('option', '', words), { value: name })));
    control.value = value;
    if (changed) control.addEventListener('change', () => changed(control.value));
    return control;
  }

  const input = (type, more) => Object.assign(element('input'), { type, spellcheck: false, ...more });

  function press(words, action, className) {
    const button = Object.assign(element('button', className || '', words), { type: 'button' });
    button.addEventListener('click', action);
    return button;
  }

  /** What an action came to, said beside it. */
  async function attempt(said, work) {
    try {
      CV.write(said, (await work()) || '');
      said.dataset.kind = 'good';
    } catch (error) {
      CV.write(said, error.message);
      said.dataset.kind = 'bad';
    }
  }

  const status = () => Object.assign(element('span', 'said'), { role: 'status' });

  class Settings {
    constructor(root) {
      this.panels = CV.Panels.of(root);
      new CV.Status(root.querySelector('.banner'));
      this.appearance();
      ['keys', 'logins', 'users'].forEach((name) => (this.panels.get(name).section.hidden = true));
      this.panels.get('account').load(() => this.load());
      this.panels.watch();
    }

    fill(name, ...children) {
      const panel = this.panels.get(name);
      panel.body.replaceChildren(...children);
      panel.set('live');
      panel.section.hidden = false;
    }

    appearance() {
      const form = element('div', 'settings-form');
      const theme = select([['', 'As the system'], ['dark', 'Dark'], ['light', 'Light']], CV.theme.chosen(), CV.theme.choose);
      CV.theme.onChange(() => (theme.value = CV.theme.chosen()));
      form.append(
        field('Language', select([['', 'As the browser'], ...Object.entries(CV.texts.languages)], CV.texts.chosen(), CV.texts.choose)),
        field('Time zone', this.zone()),
        field('Theme', theme),
        field('Rising and falling', select([['', 'Green and red'], ['blue', 'Blue and orange']], CV.theme.colours(), CV.theme.paint)),
      );
      this.fill('appearance', form);
    }

    /** The one of the chart, and of every exact time on the pages. */
    zone() {
      const names = CV.zone.names().filter((name) => name !== 'UTC');
      const zone = select([['local', `This computer's: ${CV.zone.local()}`], ['UTC', 'UTC'], ...names.map((name) => [name, name])], CV.zone.name(), CV.zone.choose);
      CV.zone.onChange(() => (zone.value = CV.zone.name()));
      return zone;
    }

    async load() {
      this.me = await CV.rest.get('auth/me');
      this.account();
      if (this.me.access === 'off') return true;
      const parts = [this.keys(), this.logins()];
      if (this.me.scopes.includes('admin')) parts.push(this.users());
      await Promise.all(parts);
      return true;
    }

    account() {
      if (this.me.access === 'off') {
        this.fill('account', element('p', 'settings-text', 'This server is open to everybody who can reach it, which is this machine unless it was set otherwise. Nobody logs in.'));
        return;
      }
      const who = element('div', 'settings-form');
      who.append(element('b', '', this.me.name), element('span', 'note', this.me.scopes.join(', ')), press('Log out', CV.access.logout));
      const form = element('form', 'settings-form');
      const now = input('password', { autocomplete: 'current-password', required: true, maxLength: 200 });
      const then = input('password', { autocomplete: 'new-password', required: true, minLength: 10, maxLength: 200 });
      const said = status();
      form.append(field('Password', now), field('New password', then), Object.assign(element('button', '', 'Change password'), { type: 'submit' }), said);
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        attempt(said, async () => {
          await CV.rest.send('POST', 'auth/password', { password: now.value, new: then.value });
          form.reset();
          this.logins();
          return 'Changed. Every other login of yours is over.';
        });
      });
      this.fill('account', who, form);
    }

    async keys() {
      const list = element('ul');
      const said = status();
      const form = element('form', 'settings-form');
      const name = input('text', { required: true, maxLength: 60, placeholder: 'nightly export' });
      const days = select([['', 'Never'], ['30', '30 days'], ['90', '90 days'], ['365', 'A year']], '90');
      const scopes = ['read', 'export', 'admin'].filter((scope) => this.me.scopes.includes(scope)).map((scope) => Object.assign(input('checkbox'), { name: scope, checked: scope === 'read' }));
      form.append(field('Name', name), field('Ends', days), ...scopes.map((box) => field(box.name, box)), Object.assign(element('button', 'main', 'Make a key'), { type: 'submit' }), said);
      const made = element('div', 'made');
      made.hidden = true;
      const draw = async () => {
        const keys = await CV.rest.get('keys');
        list.replaceChildren(...keys.map((key) => this.line(
          key.name, `${key.hint}…`, key.scopes.join(', '), `${key.expires_at ? `until ${day(key.expires_at)}` : 'for ever'} · ${key.used_at ? `used ${moment(key.used_at)}` : 'never used'}`,
          press('Revoke', () => attempt(said, async () => {
            await CV.rest.send('DELETE', `keys/${key.id}`);
            await draw();
            return `${key.name} is refused from now on.`;
          })),
        )));
        if (!keys.length) list.append(element('li', 'settings-text', 'No key yet. Programs show one as Authorization: Bearer …'));
      };
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        attempt(said, async () => {
          const key = await CV.rest.send('POST', 'keys', {
            name: name.value, scopes: scopes.filter((box) => box.checked).map((box) => box.name), ...(days.value ? { days: Number(days.value) } : {}),
          });
          made.replaceChildren(element('span', '', 'This is shown once:'), Object.assign(element('code', '', key.key), { tabIndex: 0 }), press('Copy', () => navigator.clipboard.writeText(key.key)));
          made.hidden = false;
          name.value = '';
          await draw();
        });
      });
      await attempt(said, draw);
      this.fill('keys', list, made, form);
    }

    async logins() {
      const list = element('ul');
      const said = status();
      const draw = async () => {
        const logins = await CV.rest.get('auth/logins');
        list.replaceChildren(...logins.map((login) => this.line(
          browser(login.agent), login.current ? 'here' : '', `since ${moment(login.created_at)}`, `seen ${moment(login.rotated_at)}`,
          login.current ? '' : press('End', () => attempt(said, async () => {
            await CV.rest.send('DELETE', `auth/logins/${login.id}`);
            await draw();
            return 'It is over there.';
          })),
        )));
      };
      await attempt(said, draw);
      this.fill('logins', list, said);
    }

    async users() {
      const list = element('ul');
      const said = status();
      const draw = async () => {
        const users = await CV.rest.get('users');
        list.replaceChildren(...users.map((user) => this.line(
          user.name, user.role, user.disabled ? 'kept out' : 'may come in', `since ${day(user.created_at)}`,
          user.name === this.me.name ? '' : press(user.disabled ? 'Let in' : 'Keep out', () => attempt(said, async () => {
            await CV.rest.send('PATCH', `users/${encodeURIComponent(user.name)}`, { disabled: !user.disabled });
            await draw();
          })),
        )));
      };
      await attempt(said, draw);
      this.fill('users', list, said, element('p', 'settings-text', 'New users and new passwords: cryptoviz user add, cryptoviz user passwd.'));
    }

    line(name, state, detail, figure, action) {
      const line = element('li', 'line');
      line.append(element('b', '', name), element('span', 'note', state), element('span', 'detail', detail), element('span', 'figure', figure), action);
      return line;
    }
  }

  /** Which browser an agent is, in a word or two. */
  function browser(agent) {
    const [, name] = agent.match(/(Edg|OPR|Firefox|Chrome|Safari)\//) || [];
    const [, system] = agent.match(/(Windows|Android|iPhone|iPad|Mac OS X|Linux)/) || [];
    const words = { Edg: 'Edge', OPR: 'Opera' }[name] || name;
    return words ? `${words}${system ? `, ${system}` : ''}` : agent.slice(0, 40) || 'unknown';
  }

  CV.pages = Object.assign(CV.pages || {}, { settings: (root) => new Settings(root) });
})();
