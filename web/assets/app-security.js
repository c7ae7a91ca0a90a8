// Password and second factor. Operators and admins have the same calls under different paths.
(() => {
  'use strict';
  const { $, el, call, onSubmit, ask, copy, toast, fill, table, time, explain } = window.paycow;
  const part = (name) => $(`[data-totp="${name}"]`);

  // security sets up the section for a role. It calls reload after a change, which reads the account again.
  function security(role, reload) {
    const path = `/api/${role}`;
    onSubmit($('#password-form'), async ({ currentPassword, newPassword }) => {
      await call('POST', path + '/password', { currentPassword, newPassword });
      $('#password-form').reset();
      toast('Password changed. All other sessions have ended.');
    });

    let isEnabled = false;
    let secret = '';
    function show(step) {
      for (const name of ['off', 'setup', 'on']) part(name).hidden = name !== step;
      const state = part('badge');
      state.className = 'badge ' + (isEnabled ? 'good' : '');
      state.textContent = isEnabled ? 'On' : 'Off';
      if (step !== 'setup') { // do not keep the key in the page
        secret = '';
        part('secret').textContent = '';
        part('qr').removeAttribute('src');
        part('setup').reset();
      }
    }

    // Where the account is logged in, and the way out there.
    const sessionsList = $('[data-sessions]');
    async function showSessions() {
      const { sessions } = await call('GET', path + '/sessions');
      fill(sessionsList, JSON.stringify(sessions), () => table('Sessions', [
        { title: 'From', class: 'wrap', cell: (s) => el('span', {}, s.address || '–', s.isCurrent ? el('span', { class: 'sub' }, 'this browser') : '') },
        { title: 'Last used', label: true, cell: (s) => time(s.seenAt) },
        { title: 'Since', label: true, cell: (s) => time(s.createdAt) },
        { title: 'End', isQuiet: true, cell: (s) => (s.isCurrent ? '' : el('button', { type: 'button', class: 'button small', onclick: () => endSession(s.id) }, 'Log out', el('span', { class: 'visually-hidden' }, ' there'))) },
      ], sessions));
      $('[data-end-sessions]').disabled = sessions.length < 2;
    }
    async function endSession(id) {
      try {
        await call('POST', path + '/sessions/end', id ? { id } : {});
        toast(id ? 'Logged out there.' : 'Logged out everywhere else.');
        await showSessions();
      } catch (error) {
        if (window.paycow.isLoggedOut(error)) window.paycow.onLoggedOut();
        else toast(explain(error));
      }
    }
    $('[data-end-sessions]').addEventListener('click', () => endSession());

    part('start').addEventListener('click', () => ask({
      title: 'Set up two-step login', text: 'Enter your password first.',
      fields: [{ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true, maxlength: 256 }],
      confirm: 'Continue',
      run: async ({ password }) => {
        const answer = await call('POST', path + '/totp/start', { password });
        secret = answer.secret;
        part('secret').textContent = secret.match(/.{1,4}/g).join(' ');
        part('qr').src = 'data:image/svg+xml,' + encodeURIComponent(answer.qrSvg);
        show('setup');
      },
    }).then((isDone) => { if (isDone) $('#totp-code').focus(); }));
    part('copy').addEventListener('click', () => copy(secret, 'Key'));
    part('cancel').addEventListener('click', () => {
      show('off');
      part('start').focus();
    });
    onSubmit(part('setup'), async ({ code }) => {
      await call('POST', path + '/totp/enable', { code: code.trim() });
      update(true);
      toast('Two-step login is on.');
      part('disable').focus();
      await reload();
    });
    part('disable').addEventListener('click', () => ask({
      title: 'Turn off two-step login?', text: 'Logging in will then take only your password.',
      fields: [
        { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true, maxlength: 256 },
        { name: 'code', label: 'Code from the app', inputmode: 'numeric', autocomplete: 'one-time-code', pattern: '[0-9]{6}', maxlength: 6, required: true, class: 'code' },
      ],
      confirm: 'Turn off', danger: true,
      run: async ({ password, code }) => {
        await call('POST', path + '/totp/disable', { password, code: code.trim() });
        update(false);
        toast('Two-step login is off.');
        await reload();
      },
    }).then((isDone) => { if (isDone) part('start').focus(); }));

    function update(enabled) {
      if (enabled === isEnabled && !part('setup').hidden) return; // setup is in progress
      isEnabled = enabled;
      show(enabled ? 'on' : 'off');
    }
    return { update, load: showSessions, leave: () => show(isEnabled ? 'on' : 'off') };
  }

  // confirmFields asks for what the account's owner confirms an action with.
  const confirmFields = (me) => [
    { name: 'password', label: 'Your password', type: 'password', autocomplete: 'current-password', required: true, maxlength: 256 },
    ...(me.totpEnabled ? [{ name: 'code', label: 'Code from the app', inputmode: 'numeric', autocomplete: 'one-time-code', pattern: '[0-9]{6}', maxlength: 6, required: true, class: 'code' }] : []),
  ];
  const confirmation = ({ password, code }) => ({ password, ...(code && { code: code.trim() }) });

  // bindSession sets up the log-out button, and what happens when the session has ended. It returns a function to call once
  // the account is known.
  function bindSession(role) {
    let isReady = false;
    window.paycow.onLoggedOut = () => {
      const words = [role === 'admin' && 'admin', isReady && 'ended'].filter(Boolean).join('&');
      location.replace('/login.html' + (words && '?' + words) + location.hash);
    };
    $('[data-logout]').addEventListener('click', async () => {
      try {
        await call('POST', `/api/${role}/logout`);
      } catch (error) {
        if (!window.paycow.isLoggedOut(error)) {
          toast(window.paycow.explain(error));
          return;
        }
      }
      location.replace(role === 'admin' ? '/login.html?admin' : '/login.html');
    });
    return () => {
      isReady = true;
      $('[data-logout]').hidden = false;
      $('.side nav').hidden = false;
      $('[data-loading]').hidden = true;
    };
  }

  Object.assign(window.paycow, { security, bindSession, confirmFields, confirmation });
})();
