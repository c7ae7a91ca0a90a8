// The admins' page.
(() => {
  'use strict';
  const {
    $, $$, el, t, parts, word, call, query, explain, fill, amount, typed, time, badge, period, bindDownload, external, toast, ask, table, empty, searchedTo, Pager, bindFilters, views, isLoggedOut, alarmKinds,
    showPayment, clearPayment, paymentColumns, security, bindSession, confirmFields, confirmation, copy, showKeys, nameOfKey, healthHistory, teamOfOperator,
  } = window.paycow;

  const ready = bindSession('admin');
  let me;
  let shown;

  async function readMe() {
    const before = me;
    me = await call('GET', '/api/admin/me');
    for (const place of $$('[data-me]')) {
      if (place.matches('input')) place.value = me[place.dataset.me];
      else place.textContent = me[place.dataset.me];
    }
    guard.update(me.totpEnabled, me.recoveryCodesLeft);
    if (before && before.secondFactorRequired !== me.secondFactorRequired) location.replace('/admin.html'); // other sections can be used
  }
  const guard = security('admin', readMe);

  // recorded shows what the server has recorded, which is in English.
  const recorded = (text) => el('bdi', { lang: 'en' }, text);

  const listOf = (view) => {
    const root = $(`[data-view="${view}"]`);
    return { root, list: $('[data-list]', root), pager: new Pager($('[data-pager]', root), () => shown.load().then(() => $('[data-list]', root).scrollIntoView({ block: 'nearest' }))) };
  };

  function count(name, number) {
    const place = $(`[data-count="${name}"]`);
    place.hidden = !number;
    fill(place, String(number), String(number), el('span', { class: 'visually-hidden' }, ' ' + { operators: t('waiting'), health: t('failing'), alarms: t('open') }[name]));
  }

  // ---- The counts in the navigation ----

  // glance updates the counts in the navigation and the warning about halted crediting.
  let glanced = false;
  async function glance() {
    const [waiting, alarms, health] = await Promise.all([
      call('GET', '/api/admin/operators?status=PENDING'), call('GET', '/api/admin/alarms?open=true'), call('GET', '/api/admin/health'),
    ]);
    count('operators', waiting.operators.length && (waiting.nextCursor ? waiting.operators.length + '+' : waiting.operators.length));
    count('alarms', alarms.alarms.length && (alarms.nextCursor ? alarms.alarms.length + '+' : alarms.alarms.length));
    count('health', Object.values(health.checks).filter((check) => !check.ok).length);
    if (!glanced) $('.side nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }); // the counts have moved it
    glanced = true;
    const halting = alarms.alarms.filter((alarm) => alarm.haltsCrediting);
    const box = $('[data-halted]');
    box.hidden = !halting.length;
    fill(box, halting.map((alarm) => alarm.id).join(), halting.length ? [...parts('Crediting is halted until this is resolved: {messages}', { messages: recorded(halting.map((alarm) => alarm.message).join(' ')) }), ' ', el('a', { href: '#alarms' }, t('Alarms'))] : []);
    return { waiting, alarms, health };
  }

  // ---- Operators ----

  const operatorsList = listOf('operators');
  const waitingPager = new Pager($('[data-waiting-pager]'), () => shown.load(), 'waiting');
  const showOperatorFilters = bindFilters($('[data-filters]', operatorsList.root), 'operators');
  let operatorFilters = {};

  const decisions = {
    approve: { label: t('Approve'), class: 'primary', question: (name) => t('Approve {name}?', { name }), done: (name) => t('{name} is approved.', { name }), text: t('The account becomes active and receives its first API key and secret. Its owner gets a link to set a password.'), required: false },
    reject: { label: t('Reject'), class: 'danger', question: (name) => t('Reject {name}?', { name }), done: (name) => t('{name} is rejected.', { name }), danger: true, text: t('The application is turned down. Whoever owns the e-mail address may apply again.'), required: true },
    delete: { label: t('Delete'), class: 'danger', question: (name) => t('Delete {name}?', { name }), done: (name) => t('{name} is deleted.', { name }), danger: true, text: t('The application is deleted. Whoever owns the e-mail address may apply again.'), isBare: true },
    suspend: { label: t('Suspend'), class: 'danger', question: (name) => t('Suspend {name}?', { name }), done: (name) => t('{name} is suspended.', { name }), danger: true, text: t('It creates no new payments and changes nothing but its API keys, which it can revoke. It can still read its payments and balance: if its API keys have leaked, revoke them under “Access…”. Open payments continue and are credited. The operator sees your reason.'), required: true },
    reactivate: { label: t('Reactivate'), class: '', question: (name) => t('Reactivate {name}?', { name }), done: (name) => t('{name} is reactivated.', { name }), text: t('The account can take payments again with its existing credentials.'), required: false },
  };
  const possible = { PENDING: ['approve', 'reject'], ACTIVE: ['suspend'], SUSPENDED: ['reactivate'], REJECTED: [] };
  const isApplication = (operator) => !operator.emailVerified && !operator.payments;

  const buttons = (operator) => [...(possible[operator.status] || []), ...(isApplication(operator) ? ['delete'] : [])].map((what) => el('button', {
    type: 'button', class: 'button small ' + decisions[what].class, 'data-key': what + operator.id, onclick: () => decide(operator, what),
  }, decisions[what].label, el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, operator.name))));

  // passOn shows a link that an admin passes on to an account's owner.
  const passOn = (name, link, problem) => ask({
    title: t('Link for {name}', { name }), text: [problem ? el('p', {}, recorded(problem)) : '', t('Pass this link on to the owner of the account, in a way that nobody else reads. With it they set their password. It works once, for 24 hours.'), el('p', { class: 'copyable' }, el('code', {}, link))],
    confirm: t('Copy'), run: async () => copy(link, t('Link')),
  });

  async function decide(operator, what) {
    const decision = decisions[what];
    let answer;
    await ask({
      title: decision.question(operator.name),
      text: [el('p', { class: 'muted' }, el('bdi', {}, operator.email), operator.emailVerified ? '' : ' ' + t('(unverified)')), decision.text],
      fields: decision.isBare ? [] : [{ name: 'reason', label: t('Reason'), type: 'textarea', required: decision.required, maxlength: 500, hint: t('Recorded in the audit log with your name.') }],
      confirm: decision.label, danger: decision.danger,
      run: async ({ reason = '' }) => {
        answer = await call('POST', `/api/admin/operators/${encodeURIComponent(operator.id)}/${what}`, { ...(reason.trim() && { reason: reason.trim() }), ...(what === 'approve' && { createdAt: operator.createdAt }) });
        toast(decision.done(operator.name) + (answer?.mailedTo ? ' ' + t('The link to set a password was mailed to {address}.', { address: answer.mailedTo }) : ''));
      },
    });
    if (answer?.url) await passOn(operator.name, answer.url, answer.mailProblem);
    await shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('#operators-title').focus();
  }

  // ---- Access to accounts, after an incident ----

  const accessChanges = {
    'end-sessions': [t('Log out everywhere'), (name) => t('{name} is logged out everywhere.', { name })],
    'password-link': [t('Create a link to set a password')],
    'remove-totp': [t('Remove a lost second factor'), (name) => t('{name} is without a second factor, and logged out everywhere.', { name })],
    unlock: [t('Unlock after too many attempts to log in'), (name) => t('{name} is unlocked.', { name })],
    'revoke-keys': [t('Revoke all API keys'), (name) => t('All API keys of {name} are revoked.', { name })],
    disable: [t('Disable'), (name) => t('{name} is disabled, and logged out everywhere.', { name })],
    enable: [t('Enable'), (name) => t('{name} is enabled.', { name })],
  };

  // changeAccess asks what to do with an account. path leads to the account, name is what it is called.
  async function changeAccess(path, name, possibleChanges) {
    let link = '';
    await ask({
      title: t('Access of {name}', { name }), text: t('Recorded in the audit log with your name. Payments that come in are credited all the same.'),
      fields: [{ name: 'what', label: t('What to do'), required: true, options: possibleChanges.map((what) => [what, accessChanges[what][0]]) }, ...confirmFields(me)],
      confirm: t('Apply'), danger: true,
      run: async ({ what, ...values }) => {
        const answer = await call('POST', `${path}/${what}`, confirmation(values));
        link = answer.url || '';
        if (!link) toast(accessChanges[what][1](name));
      },
    });
    if (link) await passOn(name, link);
    await shown.load();
  }

  const accessButton = (path, name, what) => el('button', { type: 'button', class: 'button small', 'data-key': 'access' + path, onclick: () => changeAccess(path, name, what) },
    t('Access…'), el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, name)));

  // ---- Limits of one operator ----

  const limitFields = [
    ['minAmount', t('Smallest amount, USDT'), 'decimal'], ['maxAmount', t('Largest amount, USDT'), 'decimal'],
    ['maxOpen', t('Open payments at most'), 'numeric'], ['maxUnpaid', t('Unpaid payments in a row at most'), 'numeric'],
  ];

  async function changeLimits(operator) {
    await ask({
      title: t('Limits of {name}', { name: operator.name }), text: t('They count for payments created from now on. Empty means the setting of this installation. For counts, 0 means any number.'),
      fields: limitFields.map(([name, label, inputmode]) => ({ name, label, inputmode, value: typed(operator.limits[name]), hint: el('span', {}, parts('Setting: {value}', { value: amount(me.limits[name]) })) })),
      confirm: t('Save'),
      run: async (values) => {
        const wanted = Object.fromEntries(limitFields.map(([name]) => [name, values[name].trim() || null]));
        // Whoever opens the dialog again before the list is read anew sees what was saved.
        operator.limits = await call('PUT', `/api/admin/operators/${encodeURIComponent(operator.id)}/limits`, wanted);
        toast(t('The limits of {name} are saved.', { name: operator.name }));
      },
    });
    await shown.load();
  }

  const limitsButton = (operator) => el('button', { type: 'button', class: 'button small', 'data-key': 'limits' + operator.id, onclick: () => changeLimits(operator) },
    t('Limits…'), el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, operator.name)));

  const admins = {
    async load(isCurrent) {
      const list = await call('GET', '/api/admin/admins');
      if (!isCurrent()) return;
      fill($('[data-admins]'), JSON.stringify(list), () => table(t('Admins'), [
        { title: t('Admin'), class: 'wrap full', cell: (a) => el('span', {}, el('strong', {}, el('bdi', {}, a.email)), a.disabledAt ? el('span', { class: 'sub' }, parts('disabled {time}', { time: time(a.disabledAt) })) : '') },
        { title: t('Two-step login'), label: true, cell: (a) => (a.totpEnabled ? t('On') : t('Off')) },
        { title: t('Since'), label: true, cell: (a) => time(a.createdAt) },
        { title: t('Access'), isQuiet: true, class: 'full', cell: (a) => accessButton(`/api/admin/admins/${encodeURIComponent(a.id)}`, a.email, ['end-sessions', 'password-link', 'remove-totp', 'unlock', a.disabledAt ? 'enable' : 'disable']) },
      ], list.admins));
    },
  };

  const website = (operator) => (operator.website ? external(operator.website, el('bdi', {}, operator.website.replace(/^https?:\/\/|\/$/g, '')), ' ' + t('(external site)')) : '');
  const operatorColumns = [
    { title: t('Operator'), class: 'wrap full', cell: (o) => el('span', {}, el('strong', {}, el('bdi', {}, o.name)), el('span', { class: 'sub' }, el('bdi', {}, o.email), o.emailVerified ? '' : ' ' + t('(unverified)')), o.website ? el('span', { class: 'sub' }, website(o)) : '') },
    { title: t('Status'), class: 'wrap', cell: (o) => el('span', {}, badge(o.status), o.statusReason ? el('span', { class: 'sub' }, el('bdi', {}, o.statusReason)) : '') },
    { title: t('Payments'), class: 'number', label: true, cell: (o) => el('a', { href: '#payments' + query({ operatorId: o.id }) }, String(o.payments), el('span', { class: 'visually-hidden' }, ' ', parts('payments of {name}', { name: o.name }))) },
    { title: t('Volume, USDT'), class: 'number', label: true, cell: (o) => amount(o.volume) },
    { title: t('Unpaid in a row'), class: 'number', label: true, cell: (o) => amount(o.unpaidRun) },
    { title: t('Since'), label: true, cell: (o) => time(o.createdAt) },
    { title: t('Decide'), isQuiet: true, class: 'full', cell: (o) => el('div', { class: 'actions' }, buttons(o), limitsButton(o), keysLink(o), teamLink(o), accessButton(`/api/admin/operators/${encodeURIComponent(o.id)}`, o.name, ['revoke-keys', 'end-sessions', 'password-link', 'remove-totp', 'unlock'])) },
  ];

  const operators = {
    show(_, parameters) {
      showOperatorFilters(parameters);
      operatorFilters = { search: parameters.get('search') || '', status: parameters.get('status') || '' };
      operatorsList.pager.read(parameters);
      waitingPager.read(parameters);
    },
    async load(isCurrent) {
      const [waiting, all] = await Promise.all([
        call('GET', '/api/admin/operators' + query({ waiting: 'true', search: operatorFilters.search, cursor: waitingPager.cursor })),
        call('GET', '/api/admin/operators' + query({ ...operatorFilters, waiting: 'false', cursor: operatorsList.pager.cursor })),
      ]);
      if (!isCurrent()) return;
      fill($('[data-waiting]'), JSON.stringify([waiting.operators, operatorFilters.search]), () => el('div', { class: 'card' }, waiting.operators.length
        ? waiting.operators.map((o) => el('div', { class: 'request' },
          el('div', {}, el('h3', {}, el('bdi', {}, o.name)), el('p', { class: 'muted' }, el('bdi', {}, o.email), o.emailVerified ? '' : ' ' + t('(unverified)'), o.website ? ' · ' : '', website(o)), el('p', { class: 'muted' }, parts('applied {time}', { time: time(o.createdAt) }))),
          el('div', { class: 'actions' }, buttons(o))))
        : operatorFilters.search ? empty(t('Nobody who is waiting matches')) : empty(t('Nobody is waiting'), t('New accounts appear here.'))));
      waitingPager.show(waiting.nextCursor);
      fill(operatorsList.list, JSON.stringify(all.operators), () => (all.operators.length ? table(t('Operators'), operatorColumns, all.operators) : empty(t('No operators'), t('Nothing matches these filters.'))));
      operatorsList.pager.show(all.nextCursor);
    },
  };

  // ---- API keys of one operator ----

  const keysLink = (o) => el('a', { class: 'button small', href: '#keys/' + o.id }, t('Keys'), el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, o.name)));
  const teamLink = (o) => el('a', { class: 'button small', href: '#team/' + o.id }, t('Team'), el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, o.name)));
  const keysList = listOf('keys').list;
  let keysOf = '';
  const keysPath = () => `/api/admin/operators/${encodeURIComponent(keysOf)}/keys`;
  const keys = {
    tab: 'operators',
    show(id) {
      if (id !== keysOf) {
        fill(keysList, '');
        fill($('[data-keys-of]'), '');
      }
      keysOf = id;
    },
    async load(isCurrent) {
      const [{ keys: all }, { operators }] = await Promise.all([call('GET', keysPath()), call('GET', '/api/admin/operators' + query({ search: keysOf }))]);
      if (!isCurrent()) return;
      const operator = operators.find((one) => one.id === keysOf); // another one's name may hold the id
      fill($('[data-keys-of]'), keysOf, operator ? parts('Of {name}, {email}.', operator) : parts('Of operator {id}.', { id: keysOf }));
      showKeys(keysList, all, () => [[t('Revoke'), 'danger', revokeKey]]);
    },
  };

  async function revokeKey(key) {
    await ask({
      title: t('Revoke {name}?', { name: nameOfKey(key) }), text: [t('It stops working within a second. This cannot be undone. Recorded in the audit log with your name.'), el('p', {}, el('code', {}, key.apiKey))],
      fields: confirmFields(me), confirm: t('Revoke'), danger: true,
      run: async (values) => {
        await call('POST', `${keysPath()}/${encodeURIComponent(key.id)}/revoke`, confirmation(values));
        toast(t('{name} is revoked.', { name: nameOfKey(key) }));
      },
    });
    await shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('#api-keys-title').focus();
  }

  // ---- Payments ----

  const paymentsList = listOf('payments');
  const showPaymentFilters = bindFilters($('[data-filters]', paymentsList.root), 'payments');
  let paymentFilters = {};
  let isSearched = false; // a search for parts reads much, so its result is not polled
  const workflow = (url, more) => (url ? external(url, t('Workflow'), more) : el('span', { class: 'muted' }, '–'));
  const listColumns = [
    paymentColumns.amount, paymentColumns.status,
    { title: t('Operator'), label: true, class: 'wrap wide', cell: (p) => el('bdi', {}, p.operatorEmail) },
    paymentColumns.user, paymentColumns.created,
    { title: t('Workflow'), label: true, cell: (p) => workflow(p.workflowUrl, ' ' + p.paymentReference) },
  ];

  const payments = {
    show(_, parameters) {
      showPaymentFilters(parameters);
      paymentFilters = Object.fromEntries(['search', 'status', 'exception', 'operatorId'].map((name) => [name, parameters.get(name) || '']));
      paymentsList.pager.read(parameters);
    },
    async load(isCurrent, isPoll) {
      if (isPoll && isSearched) return;
      isSearched = false;
      const page = await call('GET', '/api/admin/payments' + query({ ...paymentFilters, match: paymentFilters.search && 'part', cursor: paymentsList.pager.cursor, limit: 25 }));
      if (!isCurrent()) return;
      isSearched = Boolean(paymentFilters.search);
      const isFiltered = Object.values(paymentFilters).some(Boolean);
      fill(paymentsList.list, JSON.stringify([page.payments, isFiltered, page.searchedTo]), () => [page.payments.length ? table(t('Payments'), listColumns, page.payments, { isLinked: true })
        : isFiltered ? empty(page.searchedTo ? t('Nothing matches so far') : t('Nothing matches'), page.searchedTo ? '' : t('The search looks for a part of the reference, user, description, metadata, transaction or address, or for a complete id.')) : empty(t('No payments yet')), searchedTo(page)].filter(Boolean));
      paymentsList.pager.show(page.nextCursor);
    },
  };

  let paymentID = '';
  const payment = {
    tab: 'payments',
    show(id) {
      if (id !== paymentID) clearPayment();
      paymentID = id;
    },
    async load(isCurrent) {
      const found = await call('GET', '/api/admin/payment/' + encodeURIComponent(paymentID));
      if (!isCurrent()) return;
      showPayment(found, {
        extra: [
          [t('Operator'), el('a', { href: '#payments' + query({ operatorId: found.operatorId }) }, el('bdi', {}, found.operatorEmail))],
          [t('Workflow'), found.workflowUrl ? external(found.workflowUrl, t('Open in Temporal')) : t('No link: PAYCOW_TEMPORAL_UI_URL is not set')],
        ],
      });
    },
  };

  // ---- Health ----

  const checkNames = { database: t('Database'), temporal: 'Temporal', chain: t('Chain'), nodes: t('Nodes'), crediting: t('Crediting'), token: t('Token') };
  const drawHistory = healthHistory(() => shown.load());
  const health = {
    async load(isCurrent) {
      const { health: now } = await glance();
      if (!isCurrent()) return;
      const isReady = now.status === 'ready';
      const put = (name, value, make) => fill($(`[data-health="${name}"]`), JSON.stringify(value), make);
      put('status', now.status, () => el('span', { class: 'badge ' + (isReady ? 'good' : 'bad') }, isReady ? t('READY') : t('NOT READY')));
      put('checks', now.checks, () => Object.entries(now.checks).map(([name, check]) => el('li', {},
        el('span', { class: 'badge ' + (check.ok ? 'good' : 'bad') }, check.ok ? t('OK') : t('FAILED')),
        el('div', {}, el('strong', {}, checkNames[name] || name[0].toUpperCase() + name.slice(1)), check.reason ? el('p', { class: 'muted' }, recorded(check.reason)) : ''))));
      const fact = (name, value) => [el('dt', {}, name), el('dd', { class: 'amount' }, value ?? '–')];
      const number = (value) => (value === null || value === undefined ? '–' : amount(value));
      const { chain, queues } = now;
      put('chain', chain, () => (chain ? [
        ...fact(t('Head of the chain'), number(chain.head)), ...fact(t('Read up to'), number(chain.read)), ...fact(t('Nodes agree up to'), number(chain.agreed)),
        ...fact(t('Finalized'), number(chain.finalized)), ...fact(t('Behind by'), t('{count} blocks', { count: chain.lagBlocks })), ...fact(t('Last read'), time(chain.readAt, true)),
      ] : fact(t('Chain'), t('No block has been read yet.'))));
      put('queues', queues, () => [...fact(t('Workflows not yet started'), number(queues.unstarted)), ...fact(t('Transfers not yet signalled'), number(queues.unsignalled)), ...fact(t('Payments since the newest that received money'), number(queues.unpaidRun))]);
      put('nodes', now.nodes, () => (now.nodes?.length ? table(t('Ethereum nodes'), nodeColumns, now.nodes) : empty(t('No nodes yet'), t('No worker has reported its Ethereum nodes.'))));
      const links = [[t('Chain watcher'), now.watcherUrl], [t('Reconciliation'), now.reconciliationUrl], [t('All workflows'), me.temporalUiUrl]].filter(([, url]) => url);
      put('links', links, () => (links.length ? el('ul', {}, links.map(([name, url]) => el('li', {}, external(url, name, ' ' + t('in Temporal'))))) : el('p', { class: 'muted' }, t('Set PAYCOW_TEMPORAL_UI_URL to show links to Temporal’s web UI.'))));
      await drawHistory(isCurrent); // last: what is wrong now is shown even if the history cannot be read
    },
  };
  const nodeColumns = [
    { title: t('Node'), class: 'wrap full', cell: (n) => el('span', {}, el('strong', {}, el('bdi', {}, n.name)), n.reason ? el('span', { class: 'sub' }, recorded(n.reason)) : '') },
    { title: t('State'), cell: (n) => (n.current ? badge(n.state) : el('span', { class: 'badge bad' }, t('NO REPORT'))) },
    { title: t('Head'), class: 'number', label: true, cell: (n) => amount(n.head) },
    { title: t('Latency'), class: 'number', label: true, cell: (n) => (n.latencyMillis === undefined ? '–' : t('{count} ms', { count: n.latencyMillis })) },
    { title: t('In this state since'), label: true, class: 'nowrap', cell: (n) => time(n.since) },
    { title: t('Reported'), label: true, class: 'nowrap', cell: (n) => time(n.updatedAt, true) },
  ];

  // ---- Alarms ----

  const alarmsList = listOf('alarms');
  const titleOf = (alarm) => alarmKinds[alarm.kind] || alarm.kind;
  const openPager = new Pager($('[data-open-pager]'), () => shown.load(), 'open');

  const openAlarm = (alarm) => el('article', { class: 'card alarm' + (alarm.haltsCrediting ? ' halts' : ''), 'aria-labelledby': 'alarm-' + alarm.id },
    el('div', { class: 'alarm-head' },
      el('div', {}, el('h3', { id: 'alarm-' + alarm.id }, titleOf(alarm)), alarm.haltsCrediting ? el('span', { class: 'badge bad outline' }, t('HALTS CREDITING')) : ''),
      el('button', { type: 'button', class: 'button small' + (alarm.haltsCrediting ? ' danger' : ''), 'data-key': 'resolve' + alarm.id, onclick: () => resolve(alarm) }, t('Resolve'), el('span', { class: 'visually-hidden' }, ' ' + t('alarm {id}', { id: alarm.id })))),
    el('p', {}, recorded(alarm.message)),
    el('p', { class: 'muted' }, alarm.subject ? el('span', {}, parts('about {subject}', { subject: el('code', {}, alarm.subject) }), ' · ') : '', parts('since {time}', { time: time(alarm.raisedAt, true) }),
      alarm.count > 1 ? el('span', {}, ' · ', parts('raised {count} times, last {time}', { count: alarm.count, time: time(alarm.lastAt, true) })) : ''));

  async function resolve(alarm) {
    await ask({
      title: t('Resolve “{title}”?', { title: titleOf(alarm) }),
      text: [el('p', {}, recorded(alarm.message)), ...(alarm.haltsCrediting ? [el('p', { class: 'alert bad' }, t('Crediting resumes at once. First make sure that the nodes now report the correct chain.'))] : [])],
      fields: [{ name: 'resolution', label: t('What you found and did'), type: 'textarea', required: true, maxlength: 500, hint: t('Recorded with the alarm and in the audit log, with your name.') }],
      confirm: t('Resolve'), danger: alarm.haltsCrediting,
      run: async ({ resolution }) => {
        await call('POST', `/api/admin/alarms/${encodeURIComponent(alarm.id)}/resolve`, { resolution: resolution.trim() });
        toast(t('Alarm resolved.'));
      },
    });
    await shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('#alarms-title').focus();
  }

  const oldColumns = [
    { title: t('Alarm'), class: 'wrap full', cell: (a) => el('span', {}, el('strong', {}, titleOf(a)), el('span', { class: 'sub' }, recorded(a.message))) },
    { title: t('Raised'), label: true, class: 'nowrap', cell: (a) => time(a.raisedAt) },
    { title: t('Resolved'), label: true, class: 'nowrap', cell: (a) => time(a.resolvedAt) },
    { title: t('By'), label: true, class: 'wrap full', cell: (a) => el('span', {}, el('bdi', {}, a.resolvedBy), a.resolution ? el('span', { class: 'sub' }, el('bdi', {}, a.resolution)) : '') },
  ];

  const alarms = {
    show(_, parameters) {
      openPager.read(parameters);
      alarmsList.pager.read(parameters);
    },
    async load(isCurrent) {
      const [open, old] = await Promise.all([
        call('GET', '/api/admin/alarms' + query({ open: 'true', cursor: openPager.cursor })), call('GET', '/api/admin/alarms' + query({ open: 'false', cursor: alarmsList.pager.cursor })),
      ]);
      if (!isCurrent()) return;
      const halting = open.alarms.filter((alarm) => alarm.haltsCrediting);
      fill($('[data-open-alarms]'), JSON.stringify(open.alarms), () => (open.alarms.length
        ? [...halting, ...open.alarms.filter((alarm) => !alarm.haltsCrediting)].map(openAlarm)
        : el('div', { class: 'card' }, empty(t('No open alarms'), t('Anything that needs your attention appears here.')))));
      openPager.show(open.nextCursor);
      fill(alarmsList.list, JSON.stringify(old.alarms), () => (old.alarms.length ? table(t('Resolved alarms'), oldColumns, old.alarms) : empty(t('None yet'))));
      alarmsList.pager.show(old.nextCursor);
    },
  };

  // ---- Audit log ----

  const auditList = listOf('audit');
  const showAuditFilters = bindFilters($('[data-filters]', auditList.root), 'audit');
  let auditFilters = {};
  const auditColumns = [
    { title: t('When'), class: 'nowrap', cell: (entry) => time(entry.at, true) },
    { title: t('Who'), class: 'wrap wide', cell: (entry) => el('span', {}, entry.actorType === 'operator' && entry.actorName ? parts('operator {name}', { name: named(entry.actor, entry.actorName) }) : entry.actorType === 'member' ? parts('team member {name}', { name: entry.actorName }) : named(entry.actor, entry.actorName), entry.actorType === 'operator' && entry.actorEmail ? el('span', { class: 'sub' }, el('bdi', {}, entry.actorEmail)) : '', entry.address ? el('span', { class: 'sub' }, entry.address) : '') },
    { title: t('Action'), class: 'wrap', cell: (entry) => el('strong', {}, word(entry.actionText)) },
    { title: t('About'), label: true, class: 'wrap', cell: (entry) => named(entry.subject, entry.subjectName) },
    { title: t('Detail'), class: 'wrap full', cell: (entry) => recorded(entry.detail || '') },
  ];
  // actors are who acts without an account.
  const actors = { unknown: t('Unknown'), cli: t('Command line'), temporal: t('Temporal, by hand') };

  // named shows who or what an entry of the audit log names, with a link where there is a page about it.
  function named(subject, name) {
    const [, kind, id] = /^([a-z]+):([0-9a-f]{24})$/.exec(subject || '') || [];
    if (!id) return el('bdi', {}, actors[subject] || name || subject.replace(':', ' ') || '–');
    const text = el('bdi', {}, name || ({ operator: t('deleted operator'), payment: t('deleted payment'), admin: t('deleted admin') }[kind] || subject.replace(':', ' ')));
    const look = { title: subject };
    if (kind === 'payment') return el('span', look, parts('payment {reference}', { reference: name ? el('a', { href: '#payment/' + id }, text) : el('code', {}, id) }));
    return kind === 'operator' && name ? el('a', { ...look, href: '#operators' + query({ search: id }) }, text) : el('span', look, text);
  }

  const audit = {
    show(_, parameters) {
      showAuditFilters(parameters);
      auditFilters = { ...Object.fromEntries(['actor', 'action', 'subject'].map((name) => [name, parameters.get(name) || ''])), ...period(parameters) };
      auditList.pager.read(parameters);
    },
    async load(isCurrent) {
      const page = await call('GET', '/api/admin/audit' + query({ ...auditFilters, cursor: auditList.pager.cursor }));
      if (!isCurrent()) return;
      fill(auditList.list, JSON.stringify(page.entries), () => (page.entries.length ? table(t('Audit log'), auditColumns, page.entries) : empty(t('No entries'), t('Nothing matches these filters.'))));
      auditList.pager.show(page.nextCursor);
    },
  };

  for (const [list, name, address] of [
    [operatorsList, 'operators', () => ['/api/admin/operators', operatorFilters]],
    [paymentsList, 'payments', () => ['/api/admin/payments', { ...paymentFilters, match: paymentFilters.search && 'part' }]],
    [auditList, 'audit-log', () => ['/api/admin/audit', auditFilters]],
  ]) bindDownload($('[data-csv]', list.root), name, address);

  // ---- Start ----

  // withGlance updates the counts along with the view. If the counts fail, the view is still shown.
  const withGlance = (view) => ({
    ...view,
    load: async (isCurrent, isPoll) => {
      const counts = glance().catch((error) => { if (isLoggedOut(error)) throw error; });
      await view.load?.(isCurrent, isPoll);
      await counts;
    },
  });

  (async () => {
    try {
      await readMe();
    } catch (error) {
      if (isLoggedOut(error) || error.code === 'admins_only') {
        window.paycow.onLoggedOut();
        return;
      }
      $('[data-loading]').hidden = true;
      $('[data-page-error]').textContent = explain(error);
      setTimeout(() => location.reload(), 15_000);
      return;
    }
    ready();
    if (me.secondFactorRequired) { // until then nothing else answers
      $('[data-factor-needed]').hidden = false;
      for (const link of $$('.side nav a')) link.hidden = link.getAttribute('href') !== '#security';
      shown = views({ security: { load: guard.load, leave: guard.leave } }, 'security');
      return;
    }
    shown = views({
      operators: withGlance(operators), keys: withGlance(keys), team: withGlance(teamOfOperator(() => me, () => shown.load())), payments: withGlance(payments), payment: withGlance(payment), health, alarms: withGlance(alarms), audit: withGlance(audit),
      admins: withGlance(admins), security: withGlance({ load: guard.load, leave: guard.leave }),
    }, 'operators');
  })();
})();
