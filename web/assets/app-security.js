// Password and second factor. Operators and admins have the same calls under different paths.
(() => {
  'use strict';
  const { $, el, t, call, onSubmit, ask, copy, toast, fill, table, time, explain } = window.paycow;
  const part = (name) => $(`[data-totp="${name}"]`);

  // security sets up the section for a role. It calls reload after a change, which reads the account again.
  function security(role, reload) {
    const path = `/api/${role}`;
    onSubmit($('#password-form'), async ({ currentPassword, newPassword }) => {
      await call('POST', path + '/password', { currentPassword, newPassword });
      $('#password-form').reset();
      toast(t('Password changed. All other sessions have ended.'));
    });

    let isEnabled = false;
    let secret = '';
    function show(step) {
      for (const name of ['off', 'setup', 'on']) part(name).hidden = name !== step;
      const state = part('badge');
      state.className = 'badge ' + (isEnabled ? 'good' : '');
      state.textContent = isEnabled ? t('On') : t('Off');
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
      fill(sessionsList, JSON.stringify(sessions), () => table(t('Sessions'), [
        { title: t('Network address'), class: 'wrap', cell: (s) => el('span', {}, s.address || '–', s.isCurrent ? el('span', { class: 'sub' }, t('this browser')) : '') },
        { title: t('Last used'), label: true, cell: (s) => time(s.seenAt) },
        { title: t('Since'), label: true, cell: (s) => time(s.createdAt) },
        { title: t('Log out'), isQuiet: true, cell: (s) => (s.isCurrent ? '' : el('button', { type: 'button', class: 'button small', onclick: () => endSession(s.id) }, t('Log out'), el('span', { class: 'visually-hidden' }, ' ' + t('there')))) },
      ], sessions));
      $('[data-end-sessions]').disabled = sessions.length < 2;
    }
    async function endSession(id) {
      try {
        await call('POST', path + '/sessions/end', id ? { id } : {});
        toast(id ? t('Logged out there.') : t('Logged out everywhere else.'));
        await showSessions();
      } catch (error) {
        if (window.paycow.isLoggedOut(error)) window.paycow.onLoggedOut();
        else toast(explain(error));
      }
    }
    $('[data-end-sessions]').addEventListener('click', () => endSession());

    part('start').addEventListener('click', () => ask({
      title: t('Set up two-step login'), text: t('Enter your password first.'),
      fields: [{ name: 'password', label: t('Password'), type: 'password', autocomplete: 'current-password', required: true, maxlength: 256 }],
      confirm: t('Continue'),
      run: async ({ password }) => {
        const answer = await call('POST', path + '/totp/start', { password });
        secret = answer.secret;
        part('secret').textContent = secret.match(/.{1,4}/g).join(' ');
        part('qr').src = 'data:image/svg+xml,' + encodeURIComponent(answer.qrSvg);
        show('setup');
      },
    }).then((isDone) => { if (isDone) $('#totp-code').focus(); }));
    part('copy').addEventListener('click', () => copy(secret, t('Key')));
    part('cancel').addEventListener('click', () => {
      show('off');
      part('start').focus();
    });
    // showCodes shows new recovery codes until the page is left or they are put away: they are shown only once.
    function showCodes(codes) {
      const list = part('codes');
      list.replaceChildren(...codes.map((code) => el('li', {}, el('code', {}, code))));
      part('recovery').hidden = false;
      part('copy-codes').onclick = () => copy(codes.join('\n'), t('Recovery codes'));
      part('recovery').focus();
    }
    function hideCodes() {
      part('recovery').hidden = true;
      part('codes').replaceChildren();
      part('copy-codes').onclick = null;
    }
    part('codes-done').addEventListener('click', async () => {
      hideCodes();
      part('disable').focus();
      await reload();
    });
    onSubmit(part('setup'), async ({ code }) => {
      const { recoveryCodes } = await call('POST', path + '/totp/enable', { code: code.trim(), recoveryCodes: true });
      update(true, recoveryCodes.length);
      toast(t('Two-step login is on.'));
      showCodes(recoveryCodes);
    });
    part('new-codes').addEventListener('click', () => ask({
      title: t('Replace the recovery codes?'), text: t('The codes that you have now will stop working.'),
      fields: [passwordField, codeField],
      confirm: t('Replace'),
      run: async ({ password, code }) => {
        const { recoveryCodes } = await call('POST', path + '/totp/recovery-codes', { password, code: code.trim() });
        update(true, recoveryCodes.length);
        showCodes(recoveryCodes);
      },
    }));
    part('disable').addEventListener('click', () => ask({
      title: t('Turn off two-step login?'), text: t('Logging in will then take only your password.'),
      fields: [passwordField, codeField],
      confirm: t('Turn off'), danger: true,
      run: async ({ password, code }) => {
        await call('POST', path + '/totp/disable', { password, code: code.trim() });
        update(false);
        hideCodes();
        toast(t('Two-step login is off.'));
        await reload();
      },
    }).then((isDone) => { if (isDone) part('start').focus(); }));

    function update(enabled, codesLeft = 0) {
      part('codes-left').textContent = codesLeft
        ? t('You have {count} recovery codes left, for the day the app is lost.', { count: codesLeft })
        : t('You have no recovery codes. With them you can log in on the day the app is lost.');
      if (enabled === isEnabled && !part('setup').hidden) return; // setup is in progress
      isEnabled = enabled;
      show(enabled ? 'on' : 'off');
    }
    return {
      update,
      load: showSessions,
      leave: () => {
        hideCodes();
        show(isEnabled ? 'on' : 'off');
      },
    };
  }

  const passwordField = { name: 'password', label: t('Password'), type: 'password', autocomplete: 'current-password', required: true, maxlength: 256 };
  // A recovery code goes where a code of the app goes.
  const codeField = { name: 'code', label: t('Code from the app, or a recovery code'), autocomplete: 'one-time-code', maxlength: 40, required: true, class: 'code' };

  // confirmFields asks for what the account's owner confirms an action with.
  const confirmFields = (me) => [
    { ...passwordField, label: t('Your password') },
    ...(me.totpEnabled ? [codeField] : []),
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
