// The operator's dashboard.
(() => {
  'use strict';
  const {
    $, $$, el, call, send, query, explain, fill, amount, isZero, time, toast, copy, onSubmit, ask, table, empty, Pager, bindFilters, views,
    badge, isLoggedOut, Failure, showPayment, clearPayment, paymentColumns, Chart, drawDays, security, bindSession, confirmFields, confirmation, copyable, showKeys, nameOfKey, webhooks,
  } = window.paycow;

  const ready = bindSession('operator');
  let me;
  let shown; // the views, once the account is known

  async function readMe() {
    me = await call('GET', '/api/operator/me');
    for (const place of $$('[data-me]')) {
      const text = me[place.dataset.me] || '';
      if (place.matches('input')) place.value = text;
      else place.textContent = text;
    }
    const isActive = me.status === 'ACTIVE';
    for (const link of $$('[data-for]')) link.hidden = (link.dataset.for === 'active') !== isActive;
    guard.update(me.totpEnabled, me.recoveryCodesLeft);
  }
  const guard = security('operator', readMe);

  // ---- The account's status ----

  const standings = {
    PENDING: {
      headline: 'Your account is waiting for approval', text: 'An admin reviews every new account. There is nothing for you to do.',
      next: ['This page updates once a decision is made. You can close it.', 'After approval, your API key and secret appear in the Credentials section.', 'Until then you can read the documentation and turn on two-step login under Security.'],
    },
    REJECTED: {
      headline: 'Your application was declined', text: 'This account cannot take payments.',
      next: ['If you think this is a mistake, contact the admin of this installation and give your e-mail address.'],
    },
    SUSPENDED: {
      headline: 'Your account is suspended', text: 'Its API key cannot create new payments. Nothing is lost: open payments continue, and whatever arrives is credited to your balance.',
      next: ['Contact the admin of this installation.', 'Once an admin reactivates the account, your existing credentials work again.'],
    },
  };

  async function loadStanding(isCurrent) {
    const before = me.status;
    await readMe();
    if (!isCurrent()) return;
    if (me.status !== before && (me.status === 'ACTIVE' || before === 'ACTIVE')) {
      location.reload();
      return;
    }
    showStanding();
  }

  function showStanding() {
    const standing = standings[me.status];
    if (!standing) return;
    fill($('[data-status="badge"]'), me.status, badge(me.status));
    $('[data-status="headline"]').textContent = standing.headline;
    $('[data-status="text"]').textContent = standing.text;
    $('[data-status="reason-box"]').hidden = !me.statusReason;
    $('[data-status="reason"]').textContent = me.statusReason || '';
    fill($('[data-status="next"]'), me.status, standing.next.map((line) => el('li', {}, line)));
  }

  // An operator who is suspended while the dashboard is open sees the account's status.
  window.paycow.onForbidden = () => readMe().then(() => { if (me.status !== 'ACTIVE') location.reload(); }, () => {});

  // ---- Overview ----

  const charts = { volume: new Chart($('[data-chart="volume"]')), conversion: new Chart($('[data-chart="conversion"]')) };
  const percent = (rate) => `${Math.round(Number(rate) * 1000) / 10}%`;
  let days = 30;
  for (const input of $$('[name="days"]')) {
    input.addEventListener('change', () => {
      days = Number(input.value);
      shown.load();
    });
  }

  const dayColumns = [
    { title: 'Day (UTC)', class: 'nowrap', cell: (d) => el('strong', {}, d.date) },
    { title: 'Created', class: 'number', label: true, cell: (d) => String(d.created) },
    { title: 'Paid', class: 'number', label: true, cell: (d) => String(d.paid) },
    { title: 'Volume, USDT', class: 'number', label: true, cell: (d) => amount(d.volume) },
    { title: 'Conversion', class: 'number', label: true, cell: (d) => (d.ended ? percent(d.paid / d.ended) : '–') },
  ];
  const recentColumns = [paymentColumns.amount, paymentColumns.status, paymentColumns.user, paymentColumns.created];

  const overview = {
    async load(isCurrent) {
      const [stats, recent] = await Promise.all([call('GET', '/api/operator/stats' + query({ days })), call('GET', '/api/payments?limit=5')]);
      if (!isCurrent()) return;
      const { totals, balance } = stats;
      const put = (name, text, node) => {
        const place = $(`[data-stat="${name}"]`);
        place.closest('.figure')?.classList.toggle('long', String(text).length > 10);
        fill(place, text, node ?? text);
      };
      put('available', balance.available, amount(balance.available));
      put('pending', balance.pending, amount(balance.pending));
      put('volume', totals.volume, amount(totals.volume));
      put('volume-note', `Credited in ${stats.days.length} days; ${totals.paid} of ${totals.created} payments paid`);
      put('conversion', totals.conversion === null ? '–' : percent(totals.conversion));
      put('conversion-note', `Of ${totals.paid + totals.expired + totals.rejected} ended payments; ${totals.open} open`);
      const signature = JSON.stringify(stats.days);
      if (fill($('[data-stat="table"]'), signature, () => table('Payments by day', dayColumns, [...stats.days].reverse()))) drawDays(charts, stats.days);
      fill($('[data-recent]'), JSON.stringify(recent.payments), () => (recent.payments.length
        ? table('Newest payments', recentColumns, recent.payments, { isLinked: true })
        : el('p', { class: 'empty' }, el('strong', {}, 'No payments yet'), 'Create the first one with the request under ', el('a', { href: '#credentials' }, 'Credentials'), '.')));
    },
  };

  // ---- Payments ----

  const paymentsView = $('[data-view="payments"]');
  const list = $('[data-list]', paymentsView);
  const pager = new Pager($('[data-pager]', paymentsView), () => shown.load().then(() => $('#payments-title').scrollIntoView({ block: 'nearest' })));
  const showFilters = bindFilters($('[data-filters]', paymentsView), 'payments');
  let filters = {};

  const listColumns = [paymentColumns.amount, paymentColumns.status, paymentColumns.user, paymentColumns.reference, paymentColumns.created];

  // dayStart returns the start of a day in the viewer's time zone.
  function dayStart(text, later = 0) {
    const [year, month, date] = text.split('-').map(Number);
    const at = new Date(year, month - 1, date + later);
    return Number.isNaN(at.getTime()) ? '' : at.toISOString();
  }

  const payments = {
    show(_, parameters) {
      showFilters(parameters);
      const pick = (name) => parameters.get(name) || '';
      filters = {
        search: pick('search'), status: pick('status'), exception: pick('exception'),
        test: pick('test'), from: pick('from') && dayStart(pick('from')), to: pick('to') && dayStart(pick('to'), 1),
      };
      pager.reset();
    },
    async load(isCurrent) {
      const page = await call('GET', '/api/payments' + query({ ...filters, cursor: pager.cursor, limit: 25 }));
      if (!isCurrent()) return;
      const { test, ...others } = filters;
      const isFiltered = Object.values(others).some(Boolean);
      fill(list, JSON.stringify([page.payments, isFiltered, test]), () => (page.payments.length ? table('Payments', listColumns, page.payments, { isLinked: true })
        : isFiltered ? empty('Nothing matches', 'The search matches a complete reference, user, transaction, address or id.') : test ? empty('No test payments', 'Make an API key for test payments, and create one with it. They are kept for 30 days.') : empty('No payments yet')));
      pager.show(page.nextCursor);
    },
  };

  // The CSV holds everything that matches the filters, not only the visible page.
  $('[data-csv]').addEventListener('click', async (event) => {
    const button = event.currentTarget;
    if (button.getAttribute('aria-busy')) return;
    button.setAttribute('aria-busy', 'true');
    try {
      const answer = await send('GET', '/api/payments' + query({ ...filters, limit: 200 }), undefined, 'text/csv');
      const url = URL.createObjectURL(await answer.blob());
      const link = el('a', { href: url, download: `paycow-payments-${new Date().toISOString().slice(0, 10)}.csv` });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      toast('The CSV was downloaded.');
    } catch (error) {
      if (isLoggedOut(error)) window.paycow.onLoggedOut();
      else $('[data-page-error]').textContent = error instanceof Failure ? explain(error) : 'The download was cut off. Please try again.';
    } finally {
      button.removeAttribute('aria-busy');
    }
  });

  // ---- One payment ----

  let paymentID = '';
  const payment = {
    tab: 'payments',
    show(id) {
      if (id !== paymentID) clearPayment();
      paymentID = id;
    },
    async load(isCurrent) {
      const found = await call('GET', '/api/payment/' + encodeURIComponent(paymentID));
      if (isCurrent()) write(found);
    },
  };

  function write(found) {
    const isOpen = !['PAID', 'EXPIRED', 'REJECTED'].includes(found.status);
    const isAcceptable = found.status === 'EXPIRED' && ['UNDERPAID', 'PAID_LATE'].includes(found.exception);
    showPayment(found, {
      actions: [
        found.paymentUrl && isOpen && { label: 'Copy checkout link', run: () => copy(found.paymentUrl, 'Checkout link') },
        isAcceptable && { label: 'Accept', class: 'primary', run: () => decide(found, 'accept') },
        isOpen && { label: 'Reject', class: 'danger', run: () => decide(found, 'reject') },
      ].filter(Boolean),
    });
  }

  async function decide(found, what) {
    const isReject = what === 'reject';
    await ask({
      title: isReject ? 'Reject this payment?' : 'Accept this payment?',
      text: isReject
        ? ['The payer is told not to send anything. This cannot be undone.', isZero(found.amountReceived) ? '' : 'Part of the amount has already arrived. It stays credited to your balance.'].filter(Boolean)
        : [el('p', {}, 'It becomes PAID with ', amount(found.amountReceived), ' of ', amount(found.amountRequested), ' USDT received. This cannot be undone.')],
      fields: [{ name: 'reason', label: 'Reason', type: 'textarea', required: isReject, maxlength: 500, hint: 'Shown in the payment’s timeline.' }],
      confirm: isReject ? 'Reject payment' : 'Accept payment', danger: isReject,
      run: async ({ reason }) => {
        const body = reason.trim() ? { reason: reason.trim() } : {};
        try {
          const after = await call('POST', `/api/payment/${encodeURIComponent(found._id)}/${what}`, body);
          if (paymentID === after._id) write(after);
          toast(isReject ? 'Payment rejected.' : 'Payment accepted.');
        } catch (error) {
          if (!(error instanceof Failure && error.code === 'decision_pending')) throw error;
          toast('Accepted. The page updates once it has taken effect.');
        }
      },
    });
    shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('#payment-title').focus();
  }

  // ---- Credentials ----

  const secretFor = 60_000;
  const mask = '•'.repeat(32);
  let secret = '';
  let hideTimer;

  function hideSecret() {
    clearTimeout(hideTimer);
    secret = '';
    $('[data-secret]').textContent = mask;
    $('[data-secret]').setAttribute('aria-label', 'hidden');
    $('[data-copy-secret]').hidden = true;
    $('[data-reveal]').textContent = 'Show';
    $('[data-secret-note]').textContent = 'Shown for one minute after you enter your password.';
  }

  function showSecret(text) {
    clearTimeout(hideTimer);
    secret = text;
    $('[data-secret]').textContent = text;
    $('[data-secret]').removeAttribute('aria-label');
    $('[data-copy-secret]').hidden = false;
    $('[data-reveal]').textContent = 'Hide';
    $('[data-secret-note]').textContent = 'Hidden again after one minute.';
    hideTimer = setTimeout(hideSecret, secretFor);
  }

  function showKey() {
    $('[data-api-key]').textContent = me.apiKey || '';
    // A shell interprets nothing inside single quotes, and neither a host nor a key contains one.
    $('[data-curl]').textContent = [
      `curl -X POST '${me.publicUrl}/api/payment/create' \\`,
      `  -H 'Content-Type: application/json' \\`,
      `  -H 'x-api-key: ${me.apiKey}' \\`,
      `  -H 'x-api-secret: YOUR_API_SECRET' \\`,
      `  -d '{"amount": 50.00, "userId": "user-1", "network": "ERC20"}'`,
    ].join('\n');
  }

  $('[data-copy-key]').addEventListener('click', () => copy(me.apiKey, 'API key'));
  $('[data-copy-secret]').addEventListener('click', () => copy(secret, 'API secret'));
  $('[data-copy-curl]').addEventListener('click', () => copy($('[data-curl]').textContent, 'Request'));
  $('[data-reveal]').addEventListener('click', () => {
    if (secret) {
      hideSecret();
      return;
    }
    ask({
      title: 'Show the API secret', text: 'Enter your password. The secret is hidden again after one minute.', fields: confirmFields(me), confirm: 'Show',
      run: async (values) => showSecret((await call('POST', '/api/operator/credentials/reveal', confirmation(values))).apiSecret),
    });
  });
  const graceField = { name: 'graceHours', label: 'Hours until the old ones stop working', type: 'number', min: 0, max: 168, step: 1, value: '24', required: true, inputmode: 'numeric', hint: '0 to 168 (one week). Choose 0 if they may have leaked: they then stop at once.' };
  $('[data-rotate]').addEventListener('click', () => ask({
    title: 'Create new credentials?', text: 'Your server needs the new key and secret before the old ones stop working.',
    fields: [graceField, ...confirmFields(me)],
    confirm: 'Create new credentials', danger: true,
    run: async ({ graceHours, ...values }) => {
      const answer = await call('POST', '/api/operator/credentials/rotate', { ...confirmation(values), graceHours: Number(graceHours) });
      me.apiKey = answer.apiKey;
      showKey();
      showSecret(answer.apiSecret);
      const old = $('[data-old-key]');
      old.hidden = false;
      old.replaceChildren(...(answer.oldValidUntil && new Date(answer.oldValidUntil) > new Date() ? ['New credentials created. The old ones work until ', time(answer.oldValidUntil, true), '.'] : ['New credentials created. The old ones no longer work.']));
      toast('New credentials created.');
    },
  }));

  const credentials = {
    show() {
      hideSecret();
      showKey();
    },
    leave: hideSecret,
  };

  // ---- API keys ----

  const keyForm = $('#key-form');
  const keysList = $('[data-list]', $('[data-view="keys"]'));

  const keys = {
    show() {
      const box = $('[data-key-code]', keyForm);
      box.hidden = !me.totpEnabled;
      $('input', box).disabled = !me.totpEnabled;
    },
    async load(isCurrent) {
      const { keys: all } = await call('GET', '/api/keys');
      if (!isCurrent()) return;
      showKeys(keysList, all, (key) => [...(key.isReplaced ? [] : [['Rotate', '', rotateKey]]), ['Revoke', 'danger', revokeKey]]);
    },
    leave: () => keyForm.reset(),
  };

  // showNewKey shows a secret that is shown only this once.
  const showNewKey = (name, { apiKey, apiSecret }) => ask({
    title: name, text: ['Copy the secret to your program now. It is not shown here again.',
      el('h3', { class: 'label' }, 'API key ', el('code', {}, 'x-api-key')), copyable(apiKey, 'API key'),
      el('h3', { class: 'label' }, 'API secret ', el('code', {}, 'x-api-secret')), copyable(apiSecret, 'API secret')],
    confirm: 'I have saved it', isNotice: true, run: async () => {},
  });

  onSubmit(keyForm, async ({ name, networks, expiresAt, ...values }) => {
    const scopes = $$('[name="scopes"]:checked', keyForm).map((box) => box.value);
    if (!scopes.length) throw new Failure({ msg: 'Choose at least one scope.', field: 'scopes' });
    const ranges = networks.split(/\s+/).filter(Boolean);
    const made = await call('POST', '/api/keys', {
      name: name.trim(), scopes, ...(ranges.length && { networks: ranges }), ...(expiresAt && { expiresAt: dayStart(expiresAt, 1) }),
      ...($('[name="test"]', keyForm).checked && { test: true }), ...confirmation(values),
    });
    keyForm.reset();
    await showNewKey(made.name, made);
    await shown.load();
  });

  async function rotateKey(key) {
    let made;
    await ask({
      title: `Rotate ${nameOfKey(key)}?`, text: 'A new key and secret get its name, scopes, networks and end. Your program needs them before the old ones stop working.',
      fields: [graceField, ...confirmFields(me)], confirm: 'Rotate', danger: true,
      run: async ({ graceHours, ...values }) => {
        made = await call('POST', '/api/operator/credentials/rotate', { ...confirmation(values), graceHours: Number(graceHours), apiKey: key.apiKey });
      },
    });
    if (!made) return;
    if (me.apiKey === key.apiKey) me.apiKey = made.apiKey;
    await showNewKey(nameOfKey(key), made);
    await shown.load();
  }

  async function revokeKey(key) {
    const isDone = await ask({
      title: `Revoke ${nameOfKey(key)}?`, text: ['It stops working at once. This cannot be undone.', el('p', {}, el('code', {}, key.apiKey))],
      confirm: 'Revoke', danger: true,
      run: () => call('DELETE', '/api/keys/' + encodeURIComponent(key.id)),
    });
    if (!isDone) return;
    toast(`${nameOfKey(key)} is revoked.`);
    await readMe();
    await shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('#api-keys-title').focus();
  }

  // ---- Settings ----

  const settingsForm = $('#settings-form');
  const toleranceForm = $('#tolerance-form');
  const confirmationsForm = $('#confirmations-form');
  const settings = {
    async show() {
      // Until the present settings are shown, nothing can be typed that they would replace, and nothing saved instead of them.
      enableSettings(false);
      settingsForm.setAttribute('aria-busy', 'true');
      try {
        writeSettings(await call('GET', '/api/operator/settings'));
        writeTolerance(await call('GET', '/api/operator/tolerance'));
        writeConfirmations(await call('GET', '/api/operator/confirmations'));
        showLogo();
        enableSettings(true);
      } catch (error) {
        if (isLoggedOut(error)) window.paycow.onLoggedOut();
        else $('[data-error]', settingsForm).textContent = explain(error);
      } finally {
        settingsForm.removeAttribute('aria-busy');
      }
    },
  };
  function enableSettings(isEnabled) {
    for (const form of [settingsForm, toleranceForm, confirmationsForm]) {
      for (const field of form.elements) field.disabled = !isEnabled;
    }
  }
  function writeSettings(now) {
    settingsForm.elements.name.value = now.name || '';
    settingsForm.elements.website.value = now.website || '';
    settingsForm.elements.returnOrigins.value = (now.returnOrigins || []).join('\n');
  }
  onSubmit(settingsForm, async ({ name, website, returnOrigins }) => {
    const origins = returnOrigins.split(/\s+/).filter(Boolean);
    const wanted = { name: name.trim(), website: website.trim(), returnOrigins: origins };
    let after;
    try {
      after = await call('PUT', '/api/operator/settings', wanted);
    } catch (error) {
      if (error.field !== 'code' || !me.totpEnabled) throw error;
      const isDone = await ask({
        title: 'Change where payers may return to?', text: 'Enter a code from your authenticator app.', fields: confirmFields(me).slice(1), confirm: 'Save',
        run: async ({ code }) => { after = await call('PUT', '/api/operator/settings', { ...wanted, code: code.trim() }); },
      });
      if (!isDone) return;
    }
    if (after) writeSettings(after);
    await readMe();
    toast('Saved.');
  });

  // ---- Tolerance ----

  function writeTolerance(now) {
    for (const name of ['amount', 'percent']) toleranceForm.elements[name].value = now[name] ?? '';
  }
  onSubmit(toleranceForm, async ({ amount, percent }) => {
    const wanted = { amount: amount.trim() || null, percent: percent.trim() || null };
    let after;
    const isDone = await ask({
      title: 'Change the tolerance?', text: 'It decides for how little a payment is PAID.', fields: confirmFields(me), confirm: 'Save',
      run: async (values) => { after = await call('PUT', '/api/operator/tolerance', { ...wanted, ...confirmation(values) }); },
    });
    if (!isDone) return;
    writeTolerance(after);
    toast('Saved.');
  });

  // ---- Confirmations by amount ----

  function writeConfirmations(now) {
    $('[data-floor]', confirmationsForm).textContent = String(now.floor);
    confirmationsForm.elements.steps.value = now.steps.map((step) => `${step.from} ${step.confirmations}`).join('\n');
    $('[data-error]', confirmationsForm).textContent = now.altered ? 'The saved steps were changed outside PayCow, so no payment can be created. Enter all of them again and save. Saving an empty field removes them.' : '';
  }
  onSubmit(confirmationsForm, async ({ steps: text }) => {
    const steps = text.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
      const [from, ...rest] = line.split(/\s+/);
      return { from, confirmations: rest.join(' ') };
    });
    let after;
    const isDone = await ask({
      title: 'Change the confirmations?', text: 'They decide how long a payment waits before it is PAID.', fields: confirmFields(me), confirm: 'Save',
      run: async (values) => { after = await call('PUT', '/api/operator/confirmations', { steps, ...confirmation(values) }); },
    });
    if (!isDone) return;
    writeConfirmations(after);
    toast('Saved.');
  });

  // ---- Logo ----

  const logoForm = $('#logo-form');
  function showLogo() {
    const box = $('[data-logo]', logoForm);
    box.hidden = !me.logoUrl;
    if (me.logoUrl) $('img', box).src = me.logoUrl;
    $('[data-remove-logo]', logoForm).hidden = !me.logoUrl;
  }
  onSubmit(logoForm, async () => {
    me.logoUrl = (await call('PUT', '/api/operator/logo', logoForm.elements.logo.files[0])).logoUrl;
    logoForm.reset();
    showLogo();
    toast('Saved.');
  });
  $('[data-remove-logo]', logoForm).addEventListener('click', async () => {
    try {
      await call('DELETE', '/api/operator/logo');
      me.logoUrl = null;
      showLogo();
      logoForm.elements.logo.focus();
      toast('Removed.');
    } catch (error) {
      if (isLoggedOut(error)) window.paycow.onLoggedOut();
      else $('[data-error]', logoForm).textContent = explain(error);
    }
  });

  // ---- Start ----

  (async () => {
    try {
      await readMe();
    } catch (error) {
      if (isLoggedOut(error)) {
        window.paycow.onLoggedOut();
        return;
      }
      $('[data-loading]').hidden = true;
      $('[data-page-error]').textContent = explain(error);
      setTimeout(() => location.reload(), 15_000);
      return;
    }
    ready();
    const account = { security: { load: guard.load, leave: guard.leave } };
    shown = me.status === 'ACTIVE' ? views({ ...account, overview, payments, payment, credentials, keys, ...webhooks(() => me, () => shown.load()), settings }, 'overview')
      : views({ ...account, status: { show: showStanding, load: loadStanding } }, 'status');
  })();
})();
