// Logging in and registering.
(() => {
  'use strict';
  const { $, $$, t, call, onSubmit, Failure } = window.paycow;

  const register = $('#register-form');
  if (register) {
    onSubmit(register, async ({ name, website, email }) => {
      await call('POST', '/api/operator/register', { email: email.trim(), name: name.trim(), ...(website.trim() && { website: website.trim() }) });
      register.reset();
      register.hidden = true;
      $('#register-done').hidden = false;
      document.title = t('Application received') + ' · PayCow';
      $('#register-done-title').focus();
    });
  }

  const link = $('#link-form');
  if (link) {
    const token = location.hash.slice(1);
    history.replaceState(null, '', location.pathname); // nobody reads it over a shoulder, and it stays out of the history
    for (const language of $$('.language-choice a')) language.hash = token; // it is needed in every language
    onSubmit(link, async ({ newPassword }) => {
      const { next } = await call('POST', '/api/account/password', { token: token || 'missing', newPassword });
      location.replace(/^\/login\.html(\?admin)?$/.test(next) ? next : '/login.html');
    });
  }

  const login = $('#login-form');
  if (!login) return;
  const parameters = new URLSearchParams(location.search);
  const role = parameters.has('admin') ? 'admin' : 'operator';
  for (const part of $$('[data-who]')) part.hidden = part.dataset.who !== role;
  if (role === 'admin') {
    $('#login-title').textContent = t('Log in as admin');
    document.title = t('Log in as admin') + ' · PayCow';
  }
  const notice = $('[data-notice]');
  if (parameters.has('ended')) {
    notice.textContent = t('Your session has ended. Please log in again.');
    notice.hidden = false;
  }

  const code = $('#code');
  function step(name) {
    for (const part of $$('[data-step]', login)) part.hidden = part.dataset.step !== name;
    code.disabled = name !== 'code';
    code.value = '';
    code.inputMode = 'numeric';
    $('label[for=code]').textContent = t('Six-digit code');
    $('[data-recover]').hidden = false;
    notice.hidden = true;
    $('[data-submit]').textContent = name === 'code' ? t('Continue') : t('Log in');
    (name === 'code' ? code : $('#email')).focus();
  }
  $('[data-again]').addEventListener('click', () => {
    login.reset();
    $('[data-error]', login).textContent = '';
    step('password');
  });
  // Six digits complete the form, so they submit it. A recovery code has letters and is longer.
  code.addEventListener('input', () => {
    const typed = code.value.replace(/\s/g, '');
    if (code.inputMode !== 'numeric' || !/^\d{6}$/.test(typed)) return;
    code.value = typed;
    login.requestSubmit();
  });
  $('[data-recover]').addEventListener('click', () => {
    code.inputMode = 'text';
    code.value = '';
    $('label[for=code]').textContent = t('Recovery code');
    $('[data-recover]').hidden = true;
    code.focus();
  });

  onSubmit(login, async (values) => {
    let answer;
    try {
      answer = await call('POST', `/api/${role}/login`, { email: values.email.trim(), password: values.password, ...(values.code && { code: values.code }) });
    } catch (error) {
      if (error instanceof Failure && error.code === 'totp_required' && !values.code) {
        step('code');
        return;
      }
      if (error instanceof Failure && error.code === 'login_failed') {
        const text = values.code ? t('This code is wrong or was already used. Wait for the next one.') : t('The e-mail address or the password is wrong.');
        code.value = '';
        (values.code ? code : $('#password')).focus();
        throw new Failure({ ...error, msg: text });
      }
      throw error;
    }
    // Follow only paths of this installation, and return to the view that was requested.
    const next = /^\/[a-z]+\.html$/.test(answer.next) ? answer.next : role === 'admin' ? '/admin.html' : '/dashboard.html';
    location.assign(next + location.hash);
  });
})();
