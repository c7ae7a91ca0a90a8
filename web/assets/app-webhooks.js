// The dashboard's webhooks: the endpoints, one endpoint with its deliveries, and one delivery with its tries.
(() => {
  'use strict';
  const {
    $, $$, el, call, query, explain, fill, time, badge, toast, copyable, ask, table, empty, short, Pager, bindFilters, isLoggedOut, Failure,
    confirmFields, confirmation,
  } = window.paycow;
  const part = (name) => $(`[data-webhook="${name}"]`);
  const endpointPath = (id) => '/api/webhook-endpoints/' + encodeURIComponent(id);
  const deliveryPath = (id) => '/api/webhook-deliveries/' + encodeURIComponent(id);

  // The types of events that an endpoint can choose. A Go test compares them with package models.
  const eventTypes = {
    'payment.detected': 'a transfer was seen',
    'payment.confirming': 'the full amount has its first confirmations',
    'payment.paid': 'paid: deliver on this event',
    'payment.expired': 'the time has passed',
    'payment.rejected': 'you rejected it',
    'payment.exception': 'too little, too much, late, or after it was rejected',
    'payment.reverted': 'a reorg removed a transfer',
    'payment.accepted': 'you accepted what arrived',
    'endpoint.disabled': 'PayCow disabled an endpoint',
  };
  const everything = '*';

  // ---- The fields of an endpoint ----

  let forms = 0;

  // endpointFields returns the fields to add or change an endpoint, and a function that reads them.
  function endpointFields({ url, events, description, isNew } = { url: '', events: [everything], description: '', isNew: true }) {
    const id = `endpoint-${++forms}`;
    const field = (name, label, input, hint) => {
      const names = { id: `${id}-${name}`, name, 'aria-describedby': hint && `${id}-${name}-hint` };
      for (const [key, value] of Object.entries(names)) if (value) input.setAttribute(key, value);
      return el('div', { class: 'field' }, el('label', { for: names.id }, label), input, hint && el('p', { class: 'hint', id: names['aria-describedby'] }, hint));
    };
    const address = el('input', { type: 'url', inputmode: 'url', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', required: true, maxlength: 2048, placeholder: 'https://' });
    const words = el('input', { autocomplete: 'off', maxlength: 200 });
    address.value = url;
    words.value = description ?? '';
    const box = (value, text) => el('label', { for: `${id}-${value}` },
      el('input', { type: 'checkbox', name: 'events', id: `${id}-${value}`, value, checked: events.includes(value) }), el('span', {}, text));
    const all = box(everything, 'All events, also those of later versions');
    const some = Object.entries(eventTypes).map(([name, text]) => box(name, [el('code', {}, name), ' ', text]));
    const isAll = () => $('input', all).checked;
    const list = el('div', { class: 'choices field' }, some);
    const update = () => { list.hidden = isAll(); };
    all.addEventListener('change', update);
    update();
    const test = el('input', { type: 'checkbox', name: 'test', id: `${id}-test` });
    const node = el('div', { class: 'form' },
      field('url', 'URL', address, 'Where PayCow sends the events. It must be reachable from the internet by https.'),
      el('fieldset', { class: 'field choices' }, el('legend', {}, 'Events'), all, list),
      field('description', [el('span', {}, 'Description '), el('span', { class: 'muted' }, '(optional)')], words),
      isNew ? el('div', { class: 'field choices' }, el('label', { for: test.id }, test, el('span', {}, 'For test payments only. This cannot be changed later.'))) : '');
    const read = () => {
      const chosen = isAll() ? [everything] : $$('input', list).filter((input) => input.checked).map((input) => input.value);
      if (!chosen.length) throw new Failure({ msg: 'Choose at least one type of event.' });
      return { url: address.value.trim(), events: chosen, description: words.value.trim(), ...(test.checked && { test: true }) };
    };
    return { node, read };
  }

  // ---- Lists ----

  const stateOf = (endpoint) => (!endpoint.enabled ? 'DISABLED' : endpoint.failingSince ? 'FAILING' : 'ENABLED');
  const badges = (endpoint) => el('span', { class: 'badges' }, badge(stateOf(endpoint)), endpoint.test ? badge('TEST', true) : '');
  const eventsOf = (endpoint) => (endpoint.events.includes(everything) ? 'All events' : endpoint.events.join(', '));
  const lastOf = (delivery) => delivery.attempts.at(-1);
  const outcome = (attempt) => (attempt.status ? `answered ${attempt.status}` : attempt.error || 'no answer');

  const endpointColumns = [
    { title: 'Endpoint', class: 'wrap full', cell: (e) => el('span', {}, el('a', { class: 'row-link', href: '#webhook/' + e.id }, e.url), e.description ? el('span', { class: 'sub' }, el('bdi', {}, e.description)) : '') },
    { title: 'State', cell: (e) => el('span', {}, badges(e), e.enabled && e.failingSince ? el('span', { class: 'sub' }, 'since ', time(e.failingSince)) : el('span', { class: 'sub' }, e.disabledReason || '')) },
    { title: 'Events', label: true, class: 'wrap', cell: (e) => document.createTextNode(eventsOf(e)) },
    { title: 'Delivered in 7 days', label: true, class: 'number', cell: (e) => document.createTextNode(successOf(e)) },
  ];

  // successOf returns which part of the deliveries that ended in the last days succeeded.
  function successOf({ recent }) {
    const ended = recent ? recent.delivered + recent.parked : 0;
    return ended ? `${Math.floor((recent.delivered * 1000) / ended) / 10}% of ${ended}` : '–';
  }

  const deliveryColumns = [
    { title: 'Event', class: 'wrap full', cell: (d) => el('span', {}, el('a', { class: 'row-link', href: '#delivery/' + d.id }, d.eventType), el('span', { class: 'sub' }, short(d.eventId))) },
    { title: 'Status', cell: (d) => badge(d.status) },
    { title: 'Last try', label: true, class: 'wrap', cell: (d) => (lastOf(d) ? el('span', {}, time(lastOf(d).at), el('span', { class: 'sub' }, `${d.attempts.length}: ${outcome(lastOf(d))}`)) : document.createTextNode('None yet')) },
    { title: 'Next try', label: true, cell: (d) => time(d.nextAttemptAt) },
    { title: 'Change', isQuiet: true, cell: (d) => redeliverButton(d) },
  ];

  const attemptColumns = [
    { title: 'Try', class: 'nowrap', cell: (a) => el('strong', {}, time(a.at, true)) },
    { title: 'Result', cell: (a) => el('span', { class: `badge ${a.status >= 200 && a.status < 300 ? 'good' : 'bad'}` }, a.status ? String(a.status) : 'NO ANSWER') },
    { title: 'Duration', label: true, class: 'nowrap', cell: (a) => document.createTextNode(`${a.durationMs} ms`) },
    { title: 'Answer', label: true, class: 'wrap full', cell: answerOf },
  ];

  function answerOf(attempt) {
    const text = attempt.answer || '';
    return el('div', {}, attempt.error ? el('p', {}, attempt.error) : '',
      text ? el('details', {}, el('summary', {}, 'Show the answer'), code(text, 'Answer of the endpoint')) : attempt.error ? '' : el('span', { class: 'muted' }, 'Empty'));
  }

  const code = (text, name) => el('pre', { class: 'code-block', tabindex: '0', role: 'region', 'aria-label': name }, el('code', {}, text));

  // indented returns JSON with line breaks. Its values stay as they are written.
  function indented(json) {
    let depth = 0;
    const newLine = () => '\n' + '  '.repeat(depth);
    return (json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) || []).map((token, i, all) => {
      if (token === ':') return ': ';
      if (token === ',') return ',' + newLine();
      if (/[{[]/.test(token[0])) return /[}\]]/.test(all[i + 1]) ? token : (depth++, token + newLine());
      if (/[}\]]/.test(token[0])) return /[{[]/.test(all[i - 1]?.[0]) ? token : (depth--, newLine() + token);
      return token;
    }).join('');
  }

  // ---- Actions ----

  let account; // returns the operator who is logged in
  let reload; // reads what is shown again

  // attempt runs an action of a button and shows its error.
  async function attempt(run) {
    try {
      await run();
    } catch (error) {
      if (isLoggedOut(error)) window.paycow.onLoggedOut();
      else $('[data-page-error]').textContent = explain(error);
    }
  }

  const button = (label, run, look = '', more = '') => el('button', { type: 'button', class: 'button ' + look, 'data-key': label + more, onclick: () => attempt(run) },
    label, more && el('span', { class: 'visually-hidden' }, ' ' + more));

  // redeliverButton sends an event again, or at once if it waits for its next try.
  function redeliverButton(delivery, look = 'small') {
    if (isDue(delivery)) return document.createTextNode('');
    return button(delivery.status === 'PENDING' ? 'Try now' : 'Redeliver', () => redeliver(delivery), look, `${delivery.eventType} ${delivery.eventId}`);
  }

  // isDue reports whether the next try is about to be made.
  const isDue = (delivery) => delivery.status === 'PENDING' && (!delivery.nextAttemptAt || new Date(delivery.nextAttemptAt) - new Date() < 10_000);

  async function redeliver(delivery) {
    await call('POST', deliveryPath(delivery.id) + '/redeliver');
    toast('It is sent again.');
    watch();
    await reload();
  }

  // showSecret shows a secret until the dialog is closed.
  const showSecret = (text, note) => ask({
    title: 'Signing secret', text: [note, copyable(text, 'Secret'), el('p', {}, el('a', { href: '/docs/webhooks#webhook-verify' }, 'How to verify a webhook'))],
    confirm: 'Close', isNotice: true, run: async () => {},
  });

  async function addEndpoint() {
    const fields = endpointFields();
    let made;
    await ask({
      title: 'Add an endpoint', text: [fields.node], confirm: 'Add endpoint',
      run: async () => { made = await call('POST', '/api/webhook-endpoints', fields.read()); },
    });
    if (!made) return;
    await showSecret(made.secret, 'Your server verifies webhooks with this secret. You can see it again later with your password.');
    location.hash = '#webhook/' + made.id;
  }

  const actions = {
    async test(endpoint) {
      const delivery = await call('POST', endpointPath(endpoint.id) + '/test');
      location.hash = '#delivery/' + delivery.id;
    },
    async change(endpoint) {
      const fields = endpointFields(endpoint);
      await ask({
        title: 'Change this endpoint', text: [fields.node], confirm: 'Save',
        run: async () => {
          await call('PATCH', endpointPath(endpoint.id), fields.read());
          toast('Saved.');
        },
      });
    },
    async enable(endpoint) {
      await call('PATCH', endpointPath(endpoint.id), { enabled: true });
      toast('Enabled.');
    },
    async disable(endpoint) {
      await ask({
        title: 'Disable this endpoint?', text: 'No events are sent to it until you enable it. Deliveries that wait for their next try are parked.',
        confirm: 'Disable', danger: true,
        run: async () => {
          await call('PATCH', endpointPath(endpoint.id), { enabled: false });
          toast('Disabled.');
        },
      });
    },
    async redeliverFailed(endpoint) {
      await ask({
        title: 'Redeliver what failed', text: 'Every parked delivery of this endpoint since then is sent again.',
        fields: [{ name: 'since', label: 'Since', type: 'datetime-local', required: true, value: localTime(new Date(Date.now() - 7 * 86_400_000)), hint: 'In your time zone.' }],
        confirm: 'Redeliver',
        run: async ({ since }) => {
          const { count, more } = await call('POST', endpointPath(endpoint.id) + '/redeliver-failed', { since: new Date(since).toISOString() });
          toast((count === 1 ? '1 delivery is sent again.' : `${count} deliveries are sent again.`) + (more ? ' There are more: repeat this.' : ''));
        },
      });
    },
    reveal: (endpoint) => ask({
      title: 'Show the signing secret', text: 'Enter your password.', fields: confirmFields(account()), confirm: 'Show',
      run: async (values) => {
        const { secret } = await call('POST', endpointPath(endpoint.id) + '/secret', confirmation(values));
        setTimeout(() => showSecret(secret, 'Keep it on your server.'));
      },
    }),
    async rotate(endpoint) {
      let made;
      await ask({
        title: 'Rotate the signing secret?', text: 'While both secrets are valid, each webhook carries a signature by either, so your server can switch at any time.',
        fields: [{ name: 'overlapHours', label: 'Hours until the old secret ends', type: 'number', min: 0, max: 168, step: 1, value: '24', required: true, inputmode: 'numeric', hint: `0 to 168 (one week). Choose 0 if the old secret may have leaked. ${endpoint.oldSecretUntil ? 'Only 0 is possible now, because the secret before also signs: it ends both.' : ''}` }],
        confirm: 'Rotate', danger: true,
        run: async ({ overlapHours }) => { made = await call('POST', endpointPath(endpoint.id) + '/rotate-secret', { overlapHours: Number(overlapHours) }); },
      });
      if (made) await showSecret(made.secret, 'This is the new secret. Your server needs it before the old one ends.');
    },
    async remove(endpoint) {
      const isDone = await ask({
        title: 'Delete this endpoint?', text: ['No more events are sent to it. This cannot be undone.', el('p', {}, el('code', {}, endpoint.url))],
        confirm: 'Delete', danger: true, run: () => call('DELETE', endpointPath(endpoint.id)),
      });
      if (!isDone) return;
      toast('Deleted.');
      location.hash = '#webhooks';
    },
  };

  // localTime returns a time as a field for times holds it.
  function localTime(at) {
    const two = (number) => String(number).padStart(2, '0');
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  }

  const rows = (pairs) => pairs.filter(Boolean).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);

  // ---- One endpoint ----

  let endpointID = '';
  let status = '';
  let pager;
  let showFilters;

  function writeEndpoint(endpoint) {
    const signature = JSON.stringify(endpoint);
    const then = (run) => async () => {
      await run(endpoint);
      if (location.hash.startsWith('#webhook/')) await reload();
    };
    fill(part('badge'), stateOf(endpoint) + endpoint.test, badges(endpoint));
    const note = part('note');
    note.className = 'alert ' + (endpoint.enabled ? 'wait' : 'bad');
    note.hidden = endpoint.enabled ? !endpoint.failingSince : !endpoint.disabledReason;
    fill(note, signature, endpoint.enabled
      ? ['Deliveries have failed since ', time(endpoint.failingSince), '. They are tried again for 72 hours.'] : ['PayCow disabled this endpoint. ', endpoint.disabledReason || '']);
    fill(part('actions'), signature, () => [
      endpoint.enabled ? button('Send a test event', then(actions.test), 'primary') : button('Enable', then(actions.enable), 'primary'),
      button('Change', then(actions.change)),
      endpoint.enabled ? button('Disable', then(actions.disable)) : '',
      button('Delete', then(actions.remove), 'danger'),
    ].filter(Boolean));
    fill(part('facts'), signature, () => rows([
      ['URL', copyable(endpoint.url, 'URL')],
      endpoint.description && ['Description', el('bdi', {}, endpoint.description)],
      ['Events', eventsOf(endpoint)],
      endpoint.test && ['Kind', 'For test payments only'],
      ['Delivered in 7 days', successOf(endpoint)],
      ['Added', time(endpoint.createdAt)],
      ['Id', copyable(endpoint.id, 'Endpoint id')],
    ]));
    const isRotating = endpoint.oldSecretUntil && new Date(endpoint.oldSecretUntil) > new Date();
    fill(part('secret'), signature + isRotating, () => [
      isRotating ? el('p', { class: 'alert wait' }, 'The old secret signs too, until ', time(endpoint.oldSecretUntil), '.') : '',
      el('div', { class: 'actions' }, button('Show the secret', then(actions.reveal)), button('Rotate', then(actions.rotate), '', 'the secret')),
    ].filter(Boolean));
    fill(part('redeliver'), endpoint.id + endpoint.enabled, () => (!endpoint.enabled ? [] : [button('Redeliver what failed', then(actions.redeliverFailed), 'small')]));
  }

  function writeDeliveries(page) {
    fill(part('deliveries'), JSON.stringify([page.deliveries, page.deliveries.map(isDue), status]), () => (page.deliveries.length
      ? table('Deliveries', deliveryColumns, page.deliveries, { isLinked: true })
      : status ? empty('Nothing matches') : empty('No deliveries yet', 'They appear here once an event has happened, or when you send a test event.')));
    pager.show(page.nextCursor);
  }

  const endpointView = {
    tab: 'webhooks',
    show(id, parameters) {
      if (id !== endpointID) for (const name of ['badge', 'note', 'actions', 'facts', 'secret', 'redeliver', 'deliveries', 'pager']) fill(part(name), '', '');
      endpointID = id;
      part('note').hidden = true;
      showFilters(parameters);
      status = parameters.get('status') || '';
      pager.read(parameters);
    },
    async load(isCurrent) {
      const endpoint = await call('GET', endpointPath(endpointID));
      const page = await call('GET', '/api/webhook-deliveries' + query({ endpointId: endpointID, test: endpoint.test, status, cursor: pager.cursor, limit: 25 }));
      if (!isCurrent()) return;
      writeEndpoint(endpoint);
      writeDeliveries(page);
    },
  };

  // ---- One delivery ----

  let deliveryID = '';
  let looks = 0; // how many more times a delivery is read soon, because its next try is about to be made
  const lookEvery = 1000; // milliseconds

  const watch = () => { looks = 20; };

  // paymentOf returns the id of the payment that an event is about.
  function paymentOf(body) {
    try {
      const id = JSON.parse(body).data?._id;
      return /^[0-9a-f]{24}$/.test(id) ? id : '';
    } catch {
      return '';
    }
  }

  function writeDelivery(delivery) {
    const signature = JSON.stringify(delivery);
    const payment = paymentOf(delivery.request.body);
    part('back').href = '#webhook/' + delivery.endpointId;
    fill(part('delivery-badge'), delivery.status, badge(delivery.status));
    fill(part('delivery-actions'), delivery.status + isDue(delivery), () => [redeliverButton(delivery, '')]);
    fill(part('delivery-facts'), signature, () => rows([
      ['Event', delivery.eventType],
      delivery.test && ['Kind', 'For test payments only'],
      ['Event id', copyable(delivery.eventId, 'Event id')],
      payment && ['Payment', el('a', { href: '#payment/' + payment }, payment)],
      ['Endpoint', delivery.request.url ? el('a', { href: '#webhook/' + delivery.endpointId }, delivery.request.url) : 'deleted'],
      ['Created', time(delivery.createdAt, true)],
      delivery.nextAttemptAt && ['Next try', time(delivery.nextAttemptAt, true)],
      delivery.parkedReason && ['Why it is parked', delivery.parkedReason],
    ]));
    fill(part('attempts'), signature, () => (delivery.attempts.length ? table('Tries', attemptColumns, [...delivery.attempts].reverse())
      : empty('No try yet', 'The first one is made within a moment.')));
    const headers = Object.entries(delivery.request.headers).map(([name, value]) => `${name}: ${value}`).join('\n');
    fill(part('request'), JSON.stringify(delivery.request), () => [
      headers ? code(headers, 'Headers of the newest try') : '',
      delivery.request.body ? code(indented(delivery.request.body), 'Body') : el('p', { class: 'muted' }, 'The event is no longer stored.'),
    ].filter(Boolean));
  }

  const deliveryView = {
    tab: 'webhooks',
    show(id) {
      if (id !== deliveryID) for (const name of ['delivery-badge', 'delivery-actions', 'delivery-facts', 'attempts', 'request']) fill(part(name), '', '');
      deliveryID = id;
      watch();
    },
    async load(isCurrent) {
      const delivery = await call('GET', deliveryPath(deliveryID));
      if (!isCurrent()) return;
      writeDelivery(delivery);
      if (isDue(delivery) && looks-- > 0) setTimeout(() => { if (isCurrent()) reload(); }, lookEvery);
    },
    leave: () => { looks = 0; },
  };

  // webhooks sets up the views. who returns the operator who is logged in; again reads what is shown.
  function webhooks(who, again) {
    account = who;
    reload = again;
    pager = new Pager(part('pager'), () => reload());
    showFilters = bindFilters($('form', part('deliveries-box')), () => 'webhook/' + endpointID);
    part('add').addEventListener('click', () => attempt(addEndpoint));
    return {
      webhooks: {
        async load(isCurrent) {
          const sides = await Promise.all(['false', 'true'].map((test) => call('GET', '/api/webhook-endpoints' + query({ test }))));
          const endpoints = sides.flatMap((side) => side.endpoints);
          if (isCurrent()) fill(part('endpoints'), JSON.stringify(endpoints), () => (endpoints.length
            ? table('Endpoints', endpointColumns, endpoints, { isLinked: true })
            : empty('No endpoints yet', 'Add one, and PayCow tells your server when a payment changes.')));
        },
      },
      webhook: endpointView,
      delivery: deliveryView,
    };
  }

  Object.assign(window.paycow, { webhooks });
})();
