// The admins' page.
(() => {
  'use strict';
  const {
    $, $$, el, call, query, explain, fill, amount, time, badge, period, bindDownload, external, toast, ask, table, empty, searchedTo, Pager, bindFilters, views, isLoggedOut, alarmKinds,
    showPayment, clearPayment, paymentColumns, security, bindSession, confirmFields, confirmation, copy, showKeys, nameOfKey,
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

  const listOf = (view) => {
    const root = $(`[data-view="${view}"]`);
    return { root, list: $('[data-list]', root), pager: new Pager($('[data-pager]', root), () => shown.load().then(() => $('[data-list]', root).scrollIntoView({ block: 'nearest' }))) };
  };

  function count(name, number) {
    const place = $(`[data-count="${name}"]`);
    place.hidden = !number;
    fill(place, String(number), String(number), el('span', { class: 'visually-hidden' }, { operators: ' waiting', health: ' failing', alarms: ' open' }[name]));
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
    fill(box, halting.map((alarm) => alarm.id).join(), halting.length ? ['Crediting is halted until this is resolved: ', halting.map((alarm) => alarm.message).join(' '), ' ', el('a', { href: '#alarms' }, 'Alarms')] : []);
    return { waiting, alarms, health };
  }

  // ---- Operators ----

  const operatorsList = listOf('operators');
  const waitingPager = new Pager($('[data-waiting-pager]'), () => shown.load(), 'waiting');
  const showOperatorFilters = bindFilters($('[data-filters]', operatorsList.root), 'operators');
  let operatorFilters = {};

  const decisions = {
    approve: { label: 'Approve', class: 'primary', done: 'approved', text: 'The account becomes active and receives its first API key and secret. Its owner gets a link to set a password.', required: false },
    reject: { label: 'Reject', class: 'danger', done: 'rejected', danger: true, text: 'The application is turned down. Whoever owns the e-mail address may apply again.', required: true },
    delete: { label: 'Delete', class: 'danger', done: 'deleted', danger: true, text: 'The application is deleted. Whoever owns the e-mail address may apply again.', isBare: true },
    suspend: { label: 'Suspend', class: 'danger', done: 'suspended', danger: true, text: 'It creates no new payments and changes nothing but its API keys, which it can revoke. It can still read its payments and balance: if its API keys have leaked, revoke them under “Access…”. Open payments continue and are credited. The operator sees your reason.', required: true },
    reactivate: { label: 'Reactivate', class: '', done: 'reactivated', text: 'The account can take payments again with its existing credentials.', required: false },
  };
  const possible = { PENDING: ['approve', 'reject'], ACTIVE: ['suspend'], SUSPENDED: ['reactivate'], REJECTED: [] };
  const isApplication = (operator) => !operator.emailVerified && !operator.payments;

  const buttons = (operator) => [...(possible[operator.status] || []), ...(isApplication(operator) ? ['delete'] : [])].map((what) => el('button', {
    type: 'button', class: 'button small ' + decisions[what].class, 'data-key': what + operator.id, onclick: () => decide(operator, what),
  }, decisions[what].label, el('span', { class: 'visually-hidden' }, ' ' + operator.name)));

  // passOn shows a link that an admin passes on to an account's owner.
  const passOn = (name, link, problem) => ask({
    title: `Link for ${name}`, text: [problem ? problem + ' ' : '', 'Pass this link on to the owner of the account, in a way that nobody else reads. With it they set their password. It works once, for 24 hours.', el('p', { class: 'copyable' }, el('code', {}, link))],
    confirm: 'Copy', run: async () => copy(link, 'Link'),
  });

  async function decide(operator, what) {
    const decision = decisions[what];
    let answer;
    await ask({
      title: `${decision.label} ${operator.name}?`,
      text: [el('p', { class: 'muted' }, operator.email, operator.emailVerified ? '' : ' (unverified)'), decision.text],
      fields: decision.isBare ? [] : [{ name: 'reason', label: 'Reason', type: 'textarea', required: decision.required, maxlength: 500, hint: 'Recorded in the audit log with your name.' }],
      confirm: decision.label, danger: decision.danger,
      run: async ({ reason = '' }) => {
        answer = await call('POST', `/api/admin/operators/${encodeURIComponent(operator.id)}/${what}`, { ...(reason.trim() && { reason: reason.trim() }), ...(what === 'approve' && { createdAt: operator.createdAt }) });
        toast(`${operator.name} is ${decision.done}.` + (answer?.mailedTo ? ` The link to set a password was mailed to ${answer.mailedTo}.` : ''));
      },
    });
    if (answer?.url) await passOn(operator.name, answer.url, answer.mailProblem);
    await shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('#operators-title').focus();
  }

  // ---- Access to accounts, after an incident ----

  const accessChanges = {
    'end-sessions': ['Log out everywhere', 'logged out everywhere'],
    'password-link': ['Create a link to set a password', ''],
    'remove-totp': ['Remove a lost second factor', 'without a second factor, and logged out everywhere'],
    unlock: ['Unlock after too many attempts to log in', 'unlocked'],
    'revoke-keys': ['Revoke all API keys', 'without an API key'],
    disable: ['Disable', 'disabled, and logged out everywhere'],
    enable: ['Enable', 'enabled'],
  };

  // changeAccess asks what to do with an account. path leads to the account, name is what it is called.
  async function changeAccess(path, name, possibleChanges) {
    let link = '';
    await ask({
      title: `Access of ${name}`, text: 'Recorded in the audit log with your name. Payments that come in are credited all the same.',
      fields: [{ name: 'what', label: 'What to do', required: true, options: possibleChanges.map((what) => [what, accessChanges[what][0]]) }, ...confirmFields(me)],
      confirm: 'Apply', danger: true,
      run: async ({ what, ...values }) => {
        const answer = await call('POST', `${path}/${what}`, confirmation(values));
        link = answer.url || '';
        if (!link) toast(`${name} is ${accessChanges[what][1]}.`);
      },
    });
    if (link) await passOn(name, link);
    await shown.load();
  }

  const accessButton = (path, name, what) => el('button', { type: 'button', class: 'button small', 'data-key': 'access' + path, onclick: () => changeAccess(path, name, what) },
    'Access…', el('span', { class: 'visually-hidden' }, ' of ' + name));

  // ---- Limits of one operator ----

  const limitFields = [
    ['minAmount', 'Smallest amount, USDT', 'decimal'], ['maxAmount', 'Largest amount, USDT', 'decimal'],
    ['maxOpen', 'Open payments at most', 'numeric'], ['maxUnpaid', 'Unpaid payments in a row at most', 'numeric'],
  ];

  async function changeLimits(operator) {
    await ask({
      title: `Limits of ${operator.name}`, text: 'They count for payments created from now on. Empty means the setting of this installation. For counts, 0 means any number.',
      fields: limitFields.map(([name, label, inputmode]) => ({ name, label, inputmode, value: operator.limits[name] ?? '', hint: el('span', {}, 'Setting: ', amount(me.limits[name])) })),
      confirm: 'Save',
      run: async (values) => {
        const wanted = Object.fromEntries(limitFields.map(([name]) => [name, values[name].trim() || null]));
        // Whoever opens the dialog again before the list is read anew sees what was saved.
        operator.limits = await call('PUT', `/api/admin/operators/${encodeURIComponent(operator.id)}/limits`, wanted);
        toast(`The limits of ${operator.name} are saved.`);
      },
    });
    await shown.load();
  }

  const limitsButton = (operator) => el('button', { type: 'button', class: 'button small', 'data-key': 'limits' + operator.id, onclick: () => changeLimits(operator) },
    'Limits…', el('span', { class: 'visually-hidden' }, ' of ' + operator.name));

  const admins = {
    async load(isCurrent) {
      const list = await call('GET', '/api/admin/admins');
      if (!isCurrent()) return;
      fill($('[data-admins]'), JSON.stringify(list), () => table('Admins', [
        { title: 'Admin', class: 'wrap full', cell: (a) => el('span', {}, el('strong', {}, a.email), a.disabledAt ? el('span', { class: 'sub' }, 'disabled ', time(a.disabledAt)) : '') },
        { title: 'Two-step login', label: true, cell: (a) => (a.totpEnabled ? 'on' : 'off') },
        { title: 'Since', label: true, cell: (a) => time(a.createdAt) },
        { title: 'Access', isQuiet: true, class: 'full', cell: (a) => accessButton(`/api/admin/admins/${encodeURIComponent(a.id)}`, a.email, ['end-sessions', 'password-link', 'remove-totp', 'unlock', a.disabledAt ? 'enable' : 'disable']) },
      ], list.admins));
    },
  };

  const website = (operator) => (operator.website ? external(operator.website, operator.website.replace(/^https?:\/\/|\/$/g, ''), ' (external site)') : '');
  const operatorColumns = [
    { title: 'Operator', class: 'wrap full', cell: (o) => el('span', {}, el('strong', {}, o.name), el('span', { class: 'sub' }, o.email, o.emailVerified ? '' : ' (unverified)'), o.website ? el('span', { class: 'sub' }, website(o)) : '') },
    { title: 'Status', class: 'wrap', cell: (o) => el('span', {}, badge(o.status), o.statusReason ? el('span', { class: 'sub' }, o.statusReason) : '') },
    { title: 'Payments', class: 'number', label: true, cell: (o) => el('a', { href: '#payments' + query({ operatorId: o.id }) }, String(o.payments), el('span', { class: 'visually-hidden' }, ' payments of ' + o.name)) },
    { title: 'Volume, USDT', class: 'number', label: true, cell: (o) => amount(o.volume) },
    { title: 'Unpaid in a row', class: 'number', label: true, cell: (o) => amount(o.unpaidRun) },
    { title: 'Since', label: true, cell: (o) => time(o.createdAt) },
    { title: 'Decide', isQuiet: true, class: 'full', cell: (o) => el('div', { class: 'actions' }, buttons(o), limitsButton(o), keysLink(o), accessButton(`/api/admin/operators/${encodeURIComponent(o.id)}`, o.name, ['revoke-keys', 'end-sessions', 'password-link', 'remove-totp', 'unlock'])) },
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
          el('div', {}, el('h3', {}, o.name), el('p', { class: 'muted' }, o.email, o.emailVerified ? '' : ' (unverified)', o.website ? ' · ' : '', website(o)), el('p', { class: 'muted' }, 'applied ', time(o.createdAt))),
          el('div', { class: 'actions' }, buttons(o))))
        : operatorFilters.search ? empty('Nobody who is waiting matches') : empty('Nobody is waiting', 'New accounts appear here.')));
      waitingPager.show(waiting.nextCursor);
      fill(operatorsList.list, JSON.stringify(all.operators), () => (all.operators.length ? table('Operators', operatorColumns, all.operators) : empty('No operators', 'Nothing matches these filters.')));
      operatorsList.pager.show(all.nextCursor);
    },
  };

  // ---- API keys of one operator ----

  const keysLink = (o) => el('a', { class: 'button small', href: '#keys/' + o.id }, 'Keys', el('span', { class: 'visually-hidden' }, ' of ' + o.name));
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
      fill($('[data-keys-of]'), keysOf, operator ? `Of ${operator.name}, ${operator.email}.` : `Of operator ${keysOf}.`);
      showKeys(keysList, all, () => [['Revoke', 'danger', revokeKey]]);
    },
  };

  async function revokeKey(key) {
    await ask({
      title: `Revoke ${nameOfKey(key)}?`, text: ['It stops working at once. This cannot be undone. Recorded in the audit log with your name.', el('p', {}, el('code', {}, key.apiKey))],
      fields: confirmFields(me), confirm: 'Revoke', danger: true,
      run: async (values) => {
        await call('POST', `${keysPath()}/${encodeURIComponent(key.id)}/revoke`, confirmation(values));
        toast(`${nameOfKey(key)} is revoked.`);
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
  const workflow = (url, more) => (url ? external(url, 'Workflow', more) : el('span', { class: 'muted' }, '–'));
  const listColumns = [
    paymentColumns.amount, paymentColumns.status,
    { title: 'Operator', label: true, class: 'wrap wide', cell: (p) => el('span', {}, p.operatorEmail) },
    paymentColumns.user, paymentColumns.created,
    { title: 'Workflow', label: true, cell: (p) => workflow(p.workflowUrl, ' of payment ' + p.paymentReference) },
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
      fill(paymentsList.list, JSON.stringify([page.payments, isFiltered, page.searchedTo]), () => [page.payments.length ? table('Payments', listColumns, page.payments, { isLinked: true })
        : isFiltered ? empty(page.searchedTo ? 'Nothing matches so far' : 'Nothing matches', page.searchedTo ? '' : 'The search looks for a part of the reference, user, description, metadata, transaction or address, or for a complete id.') : empty('No payments yet'), searchedTo(page)].filter(Boolean));
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
          ['Operator', el('a', { href: '#payments' + query({ operatorId: found.operatorId }) }, found.operatorEmail)],
          ['Workflow', found.workflowUrl ? external(found.workflowUrl, 'Open in Temporal') : 'No link: PAYCOW_TEMPORAL_UI_URL is not set'],
        ],
      });
    },
  };

  // ---- Health ----

  const health = {
    async load(isCurrent) {
      const { health: now } = await glance();
      if (!isCurrent()) return;
      const isReady = now.status === 'ready';
      const put = (name, value, make) => fill($(`[data-health="${name}"]`), JSON.stringify(value), make);
      put('status', now.status, () => el('span', { class: 'badge ' + (isReady ? 'good' : 'bad') }, isReady ? 'READY' : 'NOT READY'));
      put('checks', now.checks, () => Object.entries(now.checks).map(([name, check]) => el('li', {},
        el('span', { class: 'badge ' + (check.ok ? 'good' : 'bad') }, check.ok ? 'OK' : 'FAILED'),
        el('div', {}, el('strong', {}, name[0].toUpperCase() + name.slice(1)), check.reason ? el('p', { class: 'muted' }, check.reason) : ''))));
      const fact = (name, value) => [el('dt', {}, name), el('dd', { class: 'amount' }, value ?? '–')];
      const number = (value) => (value === null || value === undefined ? '–' : amount(value));
      const { chain, queues } = now;
      put('chain', chain, () => (chain ? [
        ...fact('Head of the chain', number(chain.head)), ...fact('Read up to', number(chain.read)), ...fact('Nodes agree up to', number(chain.agreed)),
        ...fact('Finalized', number(chain.finalized)), ...fact('Behind by', `${chain.lagBlocks} ${chain.lagBlocks === 1 ? 'block' : 'blocks'}`), ...fact('Last read', time(chain.readAt, true)),
      ] : fact('Chain', 'No block has been read yet.')));
      put('queues', queues, () => [...fact('Workflows not yet started', number(queues.unstarted)), ...fact('Transfers not yet signalled', number(queues.unsignalled)), ...fact('Payments since the newest that received money', number(queues.unpaidRun))]);
      put('nodes', now.nodes, () => (now.nodes?.length ? table('Ethereum nodes', nodeColumns, now.nodes) : empty('No nodes yet', 'No worker has reported its Ethereum nodes.')));
      const links = [['Chain watcher', now.watcherUrl], ['Reconciliation', now.reconciliationUrl], ['All workflows', me.temporalUiUrl]].filter(([, url]) => url);
      put('links', links, () => (links.length ? el('ul', {}, links.map(([name, url]) => el('li', {}, external(url, name, ' in Temporal')))) : el('p', { class: 'muted' }, 'Set PAYCOW_TEMPORAL_UI_URL to show links to Temporal’s web UI.')));
    },
  };
  const nodeColumns = [
    { title: 'Node', class: 'wrap full', cell: (n) => el('span', {}, el('strong', {}, n.name), n.reason ? el('span', { class: 'sub' }, n.reason) : '') },
    { title: 'State', cell: (n) => (n.current ? badge(n.state) : el('span', { class: 'badge bad' }, 'NO REPORT')) },
    { title: 'Head', class: 'number', label: true, cell: (n) => amount(n.head) },
    { title: 'Latency', class: 'number', label: true, cell: (n) => (n.latencyMillis === undefined ? '–' : `${n.latencyMillis} ms`) },
    { title: 'In this state since', label: true, class: 'nowrap', cell: (n) => time(n.since) },
    { title: 'Reported', label: true, class: 'nowrap', cell: (n) => time(n.updatedAt, true) },
  ];

  // ---- Alarms ----

  const alarmsList = listOf('alarms');
  const titleOf = (alarm) => alarmKinds[alarm.kind] || alarm.kind;
  const openPager = new Pager($('[data-open-pager]'), () => shown.load(), 'open');

  const openAlarm = (alarm) => el('article', { class: 'card alarm' + (alarm.haltsCrediting ? ' halts' : ''), 'aria-labelledby': 'alarm-' + alarm.id },
    el('div', { class: 'alarm-head' },
      el('div', {}, el('h3', { id: 'alarm-' + alarm.id }, titleOf(alarm)), alarm.haltsCrediting ? el('span', { class: 'badge bad outline' }, 'HALTS CREDITING') : ''),
      el('button', { type: 'button', class: 'button small' + (alarm.haltsCrediting ? ' danger' : ''), 'data-key': 'resolve' + alarm.id, onclick: () => resolve(alarm) }, 'Resolve', el('span', { class: 'visually-hidden' }, ' alarm ' + alarm.id))),
    el('p', {}, alarm.message),
    el('p', { class: 'muted' }, alarm.subject ? el('span', {}, 'about ', el('code', {}, alarm.subject), ' · ') : '', 'since ', time(alarm.raisedAt, true),
      alarm.count > 1 ? el('span', {}, ` · raised ${alarm.count} times, last `, time(alarm.lastAt, true)) : ''));

  async function resolve(alarm) {
    await ask({
      title: `Resolve “${titleOf(alarm)}”?`,
      text: [alarm.message, ...(alarm.haltsCrediting ? [el('p', { class: 'alert bad' }, 'Crediting resumes at once. First make sure that the nodes now report the correct chain.')] : [])],
      fields: [{ name: 'resolution', label: 'What you found and did', type: 'textarea', required: true, maxlength: 500, hint: 'Recorded with the alarm and in the audit log, with your name.' }],
      confirm: 'Resolve', danger: alarm.haltsCrediting,
      run: async ({ resolution }) => {
        await call('POST', `/api/admin/alarms/${encodeURIComponent(alarm.id)}/resolve`, { resolution: resolution.trim() });
        toast('Alarm resolved.');
      },
    });
    await shown.load();
    if (!document.activeElement || document.activeElement === document.body) $('#alarms-title').focus();
  }

  const oldColumns = [
    { title: 'Alarm', class: 'wrap full', cell: (a) => el('span', {}, el('strong', {}, titleOf(a)), el('span', { class: 'sub' }, a.message)) },
    { title: 'Raised', label: true, class: 'nowrap', cell: (a) => time(a.raisedAt) },
    { title: 'Resolved', label: true, class: 'nowrap', cell: (a) => time(a.resolvedAt) },
    { title: 'By', label: true, class: 'wrap full', cell: (a) => el('span', {}, a.resolvedBy, a.resolution ? el('span', { class: 'sub' }, a.resolution) : '') },
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
        : el('div', { class: 'card' }, empty('No open alarms', 'Anything that needs your attention appears here.'))));
      openPager.show(open.nextCursor);
      fill(alarmsList.list, JSON.stringify(old.alarms), () => (old.alarms.length ? table('Resolved alarms', oldColumns, old.alarms) : empty('None yet')));
      alarmsList.pager.show(old.nextCursor);
    },
  };

  // ---- Audit log ----

  const auditList = listOf('audit');
  const showAuditFilters = bindFilters($('[data-filters]', auditList.root), 'audit');
  let auditFilters = {};
  const auditColumns = [
    { title: 'When', class: 'nowrap', cell: (entry) => time(entry.at, true) },
    { title: 'Who', class: 'wrap wide', cell: (entry) => el('span', {}, entry.actorType === 'operator' && entry.actorName ? 'operator ' : '', named(entry.actor, entry.actorName), entry.actorType === 'operator' && entry.actorEmail ? el('span', { class: 'sub' }, entry.actorEmail) : '', entry.address ? el('span', { class: 'sub' }, entry.address) : '') },
    { title: 'Action', class: 'wrap', cell: (entry) => el('strong', {}, entry.actionText) },
    { title: 'About', label: true, class: 'wrap', cell: (entry) => named(entry.subject, entry.subjectName) },
    { title: 'Detail', class: 'wrap full', cell: (entry) => document.createTextNode(entry.detail || '') },
  ];
  // named shows who or what an entry of the audit log names, with a link where there is a page about it.
  function named(word, name) {
    const [, kind, id] = /^([a-z]+):([0-9a-f]{24})$/.exec(word || '') || [];
    if (!id) return document.createTextNode(name || word.replace(':', ' ') || '–');
    const text = name || 'deleted ' + kind;
    const look = { title: word };
    if (kind === 'payment') return el('span', look, 'payment ', name ? el('a', { href: '#payment/' + id }, text) : el('code', {}, id));
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
      fill(auditList.list, JSON.stringify(page.entries), () => (page.entries.length ? table('Audit log', auditColumns, page.entries) : empty('No entries', 'Nothing matches these filters.')));
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
      operators: withGlance(operators), keys: withGlance(keys), payments: withGlance(payments), payment: withGlance(payment), health, alarms: withGlance(alarms), audit: withGlance(audit),
      admins: withGlance(admins), security: withGlance({ load: guard.load, leave: guard.leave }),
    }, 'operators');
  })();
})();
