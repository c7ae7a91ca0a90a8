// The operator's dashboard.
(() => {
  'use strict';
  const {
    $, $$, el, t, parts, percent, call, createOnce, query, explain, fill, amount, decimal, twoReadings, typed, isZero, time, dayStart, period, bindDownload, toast, copy, onSubmit, ask, table, empty, searchedTo, Pager, bindFilters, views,
    badge, isLoggedOut, Failure, showPayment, clearPayment, paymentColumns, Chart, drawDays, security, bindSession, confirmFields, confirmation, copyable, showKeys, nameOfKey, webhooks, balance, notifications, links, team,
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
    const standing = { ACTIVE: 'active', SUSPENDED: 'suspended' }[me.status] || 'waiting';
    for (const link of $$('[data-for]')) link.hidden = !link.dataset.for.split(' ').includes(standing) || !(link.dataset.roles || me.role).split(' ').includes(me.role);
    guard.update(me.totpEnabled, me.recoveryCodesLeft);
  }
  const guard = security('operator', readMe);
  // A member of the team sees nothing that its role may not do.
  const isOwner = () => me.role === 'owner';

  // ---- The account's status ----

  const standings = {
    PENDING: {
      headline: t('Your account is waiting for approval'), text: t('An admin reviews every new account. There is nothing for you to do.'),
      next: [t('This page updates once a decision is made. You can close it.'), t('After approval, your API key and secret appear in the Credentials section.'), t('Until then you can read the documentation and turn on two-step login under Security.')],
    },
    REJECTED: {
      headline: t('Your application was declined'), text: t('This account cannot take payments.'),
      next: [t('If you think this is a mistake, contact the admin of this installation and give your e-mail address.')],
    },
    SUSPENDED: {
      headline: t('Your account is suspended'), text: t('Its API key cannot create new payments. Nothing is lost: open payments continue, and whatever arrives is credited to your balance. You can still see your balance and your payments, and revoke API keys.'),
      next: [t('Contact the admin of this installation.'), t('Once an admin reactivates the account, your existing credentials can create payments again.')],
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

  // watched is a view of a suspended operator, who sees the whole dashboard once the account is active again.
  const watched = (view) => ({
    ...view,
    load: async (isCurrent, isPoll) => {
      await view.load(isCurrent, isPoll);
      await readMe();
      if (me.status !== shownStatus) location.reload();
    },
  });

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
  let shownStatus;
  window.paycow.onForbidden = () => readMe().then(() => { if (me.status !== shownStatus) location.reload(); }, () => {});

  // ---- Overview ----

  const charts = { volume: new Chart($('[data-chart="volume"]')), conversion: new Chart($('[data-chart="conversion"]')) };
  let days = 30;
  for (const input of $$('[name="days"]')) {
    input.addEventListener('change', () => {
      days = Number(input.value);
      shown.load();
    });
  }

  const dayColumns = [
    { title: t('Day (UTC)'), class: 'nowrap', cell: (d) => el('strong', {}, d.date) },
    { title: t('Created'), class: 'number', label: true, cell: (d) => String(d.created) },
    { title: t('Paid'), class: 'number', label: true, cell: (d) => String(d.paid) },
    { title: t('Volume, USDT'), class: 'number', label: true, cell: (d) => amount(d.volume) },
    { title: t('Conversion'), class: 'number', label: true, cell: (d) => (d.ended ? percent(d.paid / d.ended) : '–') },
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
      put('volume-note', t('Credited in {days} days; {paid} of {created} payments paid', { days: stats.days.length, paid: totals.paid, created: totals.created }));
      put('conversion', totals.conversion === null ? '–' : percent(totals.conversion));
      put('conversion-note', t('Of {ended} ended payments; {open} open', { ended: totals.paid + totals.expired + totals.rejected, open: totals.open }));
      const isNew = !recent.payments.length; // empty charts would say nothing
      $('[data-begin]').hidden = !isNew || me.status !== 'ACTIVE' || !isOwner();
      for (const chart of $$('[data-charts]')) chart.hidden = isNew;
      const signature = JSON.stringify(stats.days);
      if (!isNew && fill($('[data-stat="table"]'), signature, () => table(t('Payments by day'), dayColumns, [...stats.days].reverse()))) drawDays(charts, stats.days);
      fill($('[data-recent]'), JSON.stringify(recent.payments), () => (recent.payments.length
        ? table(t('Newest payments'), recentColumns, recent.payments, { isLinked: true })
        : empty(t('No payments yet'))));
    },
  };

  // ---- Payments ----

  const paymentsView = $('[data-view="payments"]');
  const list = $('[data-list]', paymentsView);
  const pager = new Pager($('[data-pager]', paymentsView), () => shown.load().then(() => $('#payments-title').scrollIntoView({ block: 'nearest' })));
  const showFilters = bindFilters($('[data-filters]', paymentsView), 'payments');
  let filters = {};

  const listColumns = [paymentColumns.amount, paymentColumns.status, paymentColumns.user, paymentColumns.reference, paymentColumns.created];

  // The totals of what the filters select are read when they change, and then once a minute.
  const totals = $('[data-totals]', paymentsView);
  let totalsAt = 0;
  let isSearched = false; // a search for parts reads much, so its result is not polled
  const showTotals = (sums) => (sums === null ? [t('More than {limit} payments. Choose a shorter period to see totals.', { limit: 10_000 })] : parts('{count} payments · due {due} · received {received} · credited {credited} USDT', {
    count: sums.payments, due: amount(sums.amountRequested), received: amount(sums.amountReceived), credited: amount(sums.amountCredited),
  }));

  const payments = {
    show(_, parameters) {
      showFilters(parameters);
      const pick = (name) => parameters.get(name) || '';
      filters = {
        search: pick('search'), status: pick('status'), exception: pick('exception'),
        test: pick('test'), ...period(parameters),
      };
      pager.read(parameters);
      totalsAt = 0;
      fill(totals, '', '');
    },
    async load(isCurrent, isPoll) {
      if (isPoll && isSearched) return;
      isSearched = false;
      const isNew = !filters.search && !filters.test && Date.now() - totalsAt > 60_000;
      const page = await call('GET', '/api/payments' + query({ ...filters, match: filters.search && 'part', cursor: pager.cursor, limit: 25, totals: isNew && 'true' }));
      if (!isCurrent()) return;
      isSearched = Boolean(filters.search);
      if (isNew) {
        totalsAt = Date.now();
        fill(totals, JSON.stringify(page.totals), () => showTotals(page.totals));
      }
      const { test, ...others } = filters;
      const isFiltered = Object.values(others).some(Boolean);
      fill(list, JSON.stringify([page.payments, isFiltered, test, page.searchedTo]), () => [page.payments.length ? table(t('Payments'), listColumns, page.payments, { isLinked: true })
        : isFiltered ? empty(page.searchedTo ? t('Nothing matches so far') : t('Nothing matches'), page.searchedTo ? '' : t('The search looks for a part of the reference, user, description, metadata, transaction or address, or for a complete id.')) : test ? empty(t('No test payments'), t('Create an API key for test payments, then a payment with it. They are kept for 30 days.')) : empty(t('No payments yet')), searchedTo(page)].filter(Boolean));
      pager.show(page.nextCursor);
    },
  };

  bindDownload($('[data-csv]', paymentsView), 'payments', () => ['/api/payments', { ...filters, match: filters.search && 'part' }]);

  $('[data-new-payment]').addEventListener('click', async () => {
    let made;
    await ask({
      title: t('New payment'), text: t('It gets a checkout page of its own. Send the page’s link to the payer.'),
      fields: [
        { name: 'amount', label: t('Amount in USDT'), required: true, maxlength: 20, inputmode: 'decimal', autocomplete: 'off' },
        { name: 'userId', label: t('User'), required: true, maxlength: 256, autocomplete: 'off', hint: t('Your own id for the payer or the order. Payers can read it.') },
        { name: 'description', label: t('Description'), maxlength: 200, autocomplete: 'off', hint: t('The payer reads it on the checkout page.') },
        { name: 'minutes', label: t('Minutes to pay'), type: 'number', min: 5, max: 1440, step: 1, inputmode: 'numeric', hint: t('From 5 to 1440 (one day). Without it, the installation’s payment window applies.') },
      ],
      confirm: t('Create payment'),
      run: async ({ amount: wanted, userId, description, minutes }) => {
        made = await createOnce('/api/payment/create', {
          amount: wanted.trim(), userId: userId.trim(), network: 'ERC20', ...(description.trim() && { description: description.trim() }), ...(minutes && { expiresIn: Math.round(Number(minutes) * 60) }),
        }, t('The payment may have been created; check the list before you change anything.'));
      },
    });
    if (!made) return;
    location.hash = '#payment/' + made.paymentId;
    toast(t('Payment created. Copy its checkout link and send it to the payer.'));
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
    const isOpen = me.status === 'ACTIVE' && !['PAID', 'EXPIRED', 'REJECTED'].includes(found.status);
    const isAcceptable = me.status === 'ACTIVE' && found.status === 'EXPIRED' && ['UNDERPAID', 'PAID_LATE'].includes(found.exception);
    showPayment(found, {
      actions: [
        found.paymentUrl && isOpen && { label: t('Copy checkout link'), run: () => copy(found.paymentUrl, t('Checkout link')) },
        isOwner() && isAcceptable && { label: t('Accept'), class: 'primary', run: () => decide(found, 'accept') },
        isOwner() && isOpen && { label: t('Reject'), class: 'danger', run: () => decide(found, 'reject') },
      ].filter(Boolean),
    });
  }

  async function decide(found, what) {
    const isReject = what === 'reject';
    await ask({
      title: isReject ? t('Reject this payment?') : t('Accept this payment?'),
      text: isReject
        ? [t('The payer is told not to send anything. This cannot be undone.'), isZero(found.amountReceived) ? '' : t('Part of the amount has already arrived. It stays credited to your balance.')].filter(Boolean)
        : [el('p', {}, parts('It becomes PAID with {received} of {requested} USDT received. This cannot be undone.', { received: amount(found.amountReceived), requested: amount(found.amountRequested) }))],
      fields: [{ name: 'reason', label: t('Reason'), type: 'textarea', required: isReject, maxlength: 500, hint: t('Shown in the payment’s timeline.') }],
      confirm: isReject ? t('Reject payment') : t('Accept payment'), danger: isReject,
      run: async ({ reason }) => {
        const body = reason.trim() ? { reason: reason.trim() } : {};
        try {
          const after = await call('POST', `/api/payment/${encodeURIComponent(found._id)}/${what}`, body);
          if (paymentID === after._id) write(after);
          toast(isReject ? t('Payment rejected.') : t('Payment accepted.'));
        } catch (error) {
          if (!(error instanceof Failure && error.code === 'decision_pending')) throw error;
          toast(t('Accepted. The page updates once it has taken effect.'));
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
    $('[data-secret]').setAttribute('aria-label', t('hidden'));
    $('[data-copy-secret]').hidden = true;
    $('[data-reveal]').textContent = t('Show');
    $('[data-secret-note]').textContent = t('Shown for one minute after you enter your password.');
  }

  function showSecret(text) {
    clearTimeout(hideTimer);
    secret = text;
    $('[data-secret]').textContent = text;
    $('[data-secret]').removeAttribute('aria-label');
    $('[data-copy-secret]').hidden = false;
    $('[data-reveal]').textContent = t('Hide');
    $('[data-secret-note]').textContent = t('Hidden again after one minute.');
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

  $('[data-copy-key]').addEventListener('click', () => copy(me.apiKey, t('API key')));
  $('[data-copy-secret]').addEventListener('click', () => copy(secret, t('API secret')));
  $('[data-copy-curl]').addEventListener('click', () => copy($('[data-curl]').textContent, t('Request')));
  $('[data-reveal]').addEventListener('click', () => {
    if (secret) {
      hideSecret();
      return;
    }
    ask({
      title: t('Show the API secret'), text: t('Enter your password. The secret is hidden again after one minute.'), fields: confirmFields(me), confirm: t('Show'),
      run: async (values) => showSecret((await call('POST', '/api/operator/credentials/reveal', confirmation(values))).apiSecret),
    });
  });
  const graceField = { name: 'graceHours', label: t('Hours until the old ones stop working'), type: 'number', min: 0, max: 168, step: 1, value: '24', required: true, inputmode: 'numeric', hint: t('0 to 168 (one week). Choose 0 if they may have leaked: they then stop at once.') };
  $('[data-rotate]').addEventListener('click', () => ask({
    title: t('Create new credentials?'), text: t('Your server needs the new key and secret before the old ones stop working.'),
    fields: [graceField, ...confirmFields(me)],
    confirm: t('Create new credentials'), danger: true,
    run: async ({ graceHours, ...values }) => {
      const answer = await call('POST', '/api/operator/credentials/rotate', { ...confirmation(values), graceHours: Number(graceHours) });
      me.apiKey = answer.apiKey;
      showKey();
      showSecret(answer.apiSecret);
      toast(Number(graceHours) ? t('New credentials created.') : t('New credentials created. The old ones no longer work.'));
      shown.load();
    },
  }));

  const credentials = {
    show() {
      hideSecret();
      showKey();
    },
    // load shows the keys that were replaced and still work.
    async load(isCurrent) {
      const { keys: all } = await call('GET', '/api/keys');
      if (!isCurrent()) return;
      const old = all.filter((key) => key.isReplaced && !key.name && new Date(key.expiresAt) > new Date());
      const box = $('[data-old-key]');
      box.hidden = !old.length;
      fill(box, JSON.stringify(old), () => old.map((key) => el('div', { class: 'old-key' },
        el('p', {}, parts('The old key {key} works until {time}.', { key: el('code', {}, key.apiKey), time: time(key.expiresAt, true) }), ' ', key.lastUsedAt ? parts('Last used {time}.', { time: time(key.lastUsedAt) }) : t('It was never used.')),
        el('p', {}, el('button', { type: 'button', class: 'button small danger', 'data-key': 'revoke' + key.id, onclick: () => revokeKey(key) }, t('Revoke the old key now'))))));
    },
    leave: hideSecret,
  };

  // ---- API keys ----

  const keyForm = $('#key-form');
  const keysList = $('[data-list]', $('[data-view="keys"]'));

  const keys = {
    show() {
      keyForm.hidden = me.status !== 'ACTIVE';
      const box = $('[data-key-code]', keyForm);
      box.hidden = !me.totpEnabled;
      $('input', box).disabled = !me.totpEnabled;
    },
    async load(isCurrent) {
      const { keys: all } = await call('GET', '/api/keys');
      if (!isCurrent()) return;
      showKeys(keysList, all, (key) => [...(key.isReplaced || me.status !== 'ACTIVE' ? [] : [[t('Rotate'), '', rotateKey]]), [t('Revoke'), 'danger', revokeKey]]);
    },
    leave: () => keyForm.reset(),
  };

  // showNewKey shows a secret that is shown only this once.
  const showNewKey = (name, { apiKey, apiSecret }) => ask({
    title: name, text: [t('Copy the secret to your program now. It is not shown here again.'),
      el('h3', { class: 'label' }, t('API key'), ' ', el('code', {}, 'x-api-key')), copyable(apiKey, t('API key')),
      el('h3', { class: 'label' }, t('API secret'), ' ', el('code', {}, 'x-api-secret')), copyable(apiSecret, t('API secret'))],
    confirm: t('I have saved it'), isNotice: true, run: async () => {},
  });

  onSubmit(keyForm, async ({ name, networks, expiresAt, ...values }) => {
    const scopes = $$('[name="scopes"]:checked', keyForm).map((box) => box.value);
    if (!scopes.length) throw new Failure({ msg: t('Choose at least one scope.'), field: 'scopes' });
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
      title: t('Rotate {name}?', { name: nameOfKey(key) }), text: t('A new key and secret get its name, scopes, networks and end. Your program needs them before the old ones stop working.'),
      fields: [graceField, ...confirmFields(me)], confirm: t('Rotate'), danger: true,
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
      title: t('Revoke {name}?', { name: nameOfKey(key) }), text: [t('It stops working within a second. This cannot be undone.'), el('p', {}, el('code', {}, key.apiKey))],
      confirm: t('Revoke'), danger: true,
      run: () => call('DELETE', '/api/keys/' + encodeURIComponent(key.id)),
    });
    if (!isDone) return;
    toast(t('{name} is revoked.', { name: nameOfKey(key) }));
    await readMe();
    await shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('[data-view]:not([hidden]) h1').focus();
  }

  // ---- Settings ----

  const settingsForm = $('#settings-form');
  const toleranceForm = $('#tolerance-form');
  const confirmationsForm = $('#confirmations-form');
  const notified = notifications(() => me);
  const settings = {
    async show() {
      // Until the present settings are shown, nothing can be typed that they would replace, and nothing saved instead of them.
      enableSettings(false);
      settingsForm.setAttribute('aria-busy', 'true');
      try {
        writeSettings(await call('GET', '/api/operator/settings'));
        writeTolerance(await call('GET', '/api/operator/tolerance'));
        writeConfirmations(await call('GET', '/api/operator/confirmations'));
        await notified.read();
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
    for (const form of [settingsForm, toleranceForm, confirmationsForm, notified.form]) {
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
        title: t('Change where payers may return to?'), text: t('Enter a code from your authenticator app.'), fields: confirmFields(me).slice(1), confirm: t('Save'),
        run: async ({ code }) => { after = await call('PUT', '/api/operator/settings', { ...wanted, code: code.trim() }); },
      });
      if (!isDone) return;
    }
    if (after) writeSettings(after);
    await readMe();
    toast(t('Saved.'));
  });

  // ---- Tolerance ----

  function writeTolerance(now) {
    for (const name of ['amount', 'percent']) toleranceForm.elements[name].value = typed(now[name]);
  }
  onSubmit(toleranceForm, async ({ amount, percent }) => {
    const wanted = { amount: amount.trim() || null, percent: percent.trim() || null };
    let after;
    const isDone = await ask({
      title: t('Change the tolerance?'), text: t('It decides for how little a payment is PAID.'), fields: confirmFields(me), confirm: t('Save'),
      run: async (values) => { after = await call('PUT', '/api/operator/tolerance', { ...wanted, ...confirmation(values) }); },
    });
    if (!isDone) return;
    writeTolerance(after);
    toast(t('Saved.'));
  });

  // ---- Confirmations by amount ----

  function writeConfirmations(now) {
    $('[data-floor]', confirmationsForm).textContent = String(now.floor);
    confirmationsForm.elements.steps.value = now.steps.map((step) => `${typed(step.from)} ${step.confirmations}`).join('\n');
    $('[data-error]', confirmationsForm).textContent = now.altered ? t('The saved steps were changed outside PayCow, so no payment can be created. Enter all of them again and save. Saving an empty field removes them.') : '';
  }
  onSubmit(confirmationsForm, async ({ steps: text }) => {
    const steps = text.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
      const [from, ...rest] = line.split(/\s+/);
      if (!decimal(from)) throw new Failure({ msg: twoReadings(from), field: 'steps' });
      return { from: decimal(from), confirmations: rest.join(' ') };
    });
    let after;
    const isDone = await ask({
      title: t('Change the confirmations?'), text: t('They decide how long a payment waits before it is PAID.'), fields: confirmFields(me), confirm: t('Save'),
      run: async (values) => { after = await call('PUT', '/api/operator/confirmations', { steps, ...confirmation(values) }); },
    });
    if (!isDone) return;
    writeConfirmations(after);
    toast(t('Saved.'));
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
    toast(t('Saved.'));
  });
  $('[data-remove-logo]', logoForm).addEventListener('click', async () => {
    try {
      await call('DELETE', '/api/operator/logo');
      me.logoUrl = null;
      showLogo();
      logoForm.elements.logo.focus();
      toast(t('Removed.'));
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
    shownStatus = me.status;
    const status = { show: showStanding, load: loadStanding };
    const ledger = balance(() => shown.load());
    const isActive = me.status === 'ACTIVE';
    const reload = () => shown.load();
    const linkList = links(isActive && isOwner(), reload);
    $('[data-new-payment]').hidden = !isActive || !isOwner();
    const members = isOwner() ? { team: team(() => me, reload) } : {};
    const developing = me.role === 'accountant' ? {} : { credentials, keys, ...webhooks(() => me, reload) };
    shown = isActive ? views({ ...account, overview, payments, payment, links: linkList, balance: ledger, ...developing, ...members, ...(isOwner() && { settings }) }, 'overview')
      : me.status === 'SUSPENDED' ? views({ ...account, status, overview: watched(overview), payments: watched(payments), payment: watched(payment), links: watched(linkList), balance: watched(ledger), ...(developing.keys && { keys: watched(keys) }), ...(members.team && { team: watched(members.team) }) }, 'status')
        : views({ ...account, status }, 'status');
  })();
})();
