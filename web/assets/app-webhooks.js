// The dashboard's webhooks: the endpoints, one endpoint with its deliveries, and one delivery with its tries.
(() => {
  'use strict';
  const {
    $, $$, el, t, parts, percent, call, query, explain, fill, time, badge, toast, copyable, ask, table, empty, short, Pager, bindFilters, isLoggedOut, Failure,
    confirmFields, confirmation,
  } = window.paycow;
  const part = (name) => $(`[data-webhook="${name}"]`);
  const endpointPath = (id) => '/api/webhook-endpoints/' + encodeURIComponent(id);
  const deliveryPath = (id) => '/api/webhook-deliveries/' + encodeURIComponent(id);

  // The types of events that an endpoint can choose. A Go test compares them with package models.
  const eventTypes = {
    'payment.detected': t('a transfer was seen'),
    'payment.confirming': t('the full amount has its first confirmations'),
    'payment.paid': t('paid: deliver on this event'),
    'payment.expired': t('the time has passed'),
    'payment.rejected': t('you rejected it'),
    'payment.exception': t('too little, too much, late, or after it was rejected'),
    'payment.reverted': t('a reorg removed a transfer'),
    'payment.accepted': t('you accepted what arrived'),
    'endpoint.disabled': t('PayCow disabled an endpoint'),
  };
  const everything = '*';

  // recorded shows what the server has recorded, which is in English.
  const recorded = (text) => el('bdi', { lang: 'en' }, text);

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
    const all = box(everything, t('All events, also those of later versions'));
    const some = Object.entries(eventTypes).map(([name, text]) => box(name, [el('code', {}, name), ' ', text]));
    const isAll = () => $('input', all).checked;
    const list = el('div', { class: 'choices field' }, some);
    const update = () => { list.hidden = isAll(); };
    all.addEventListener('change', update);
    update();
    const test = el('input', { type: 'checkbox', name: 'test', id: `${id}-test` });
    const node = el('div', { class: 'form' },
      field('url', t('URL'), address, t('Where PayCow sends the events. It must be reachable from the internet by https.')),
      el('fieldset', { class: 'field choices' }, el('legend', {}, t('Events')), all, list),
      field('description', [el('span', {}, t('Description'), ' '), el('span', { class: 'muted' }, t('(optional)'))], words),
      isNew ? el('div', { class: 'field choices' }, el('label', { for: test.id }, test, el('span', {}, t('For test payments only. This cannot be changed later.')))) : '');
    const read = () => {
      const chosen = isAll() ? [everything] : $$('input', list).filter((input) => input.checked).map((input) => input.value);
      if (!chosen.length) throw new Failure({ msg: t('Choose at least one type of event.') });
      return { url: address.value.trim(), events: chosen, description: words.value.trim(), ...(test.checked && { test: true }) };
    };
    return { node, read };
  }

  // ---- Lists ----

  const stateOf = (endpoint) => (!endpoint.enabled ? 'DISABLED' : endpoint.failingSince ? 'FAILING' : 'ENABLED');
  const badges = (endpoint) => el('span', { class: 'badges' }, badge(stateOf(endpoint)), endpoint.test ? badge('TEST', true) : '');
  const eventsOf = (endpoint) => (endpoint.events.includes(everything) ? t('All events') : endpoint.events.join(', '));
  const lastOf = (delivery) => delivery.attempts.at(-1);
  const outcome = (attempt) => (attempt.status ? t('answered {status}', { status: attempt.status }) : attempt.error || t('no answer'));

  const endpointColumns = [
    { title: t('Endpoint'), class: 'wrap full', cell: (e) => el('span', {}, el('a', { class: 'row-link', href: '#webhook/' + e.id }, el('bdi', {}, e.url)), e.description ? el('span', { class: 'sub' }, el('bdi', {}, e.description)) : '') },
    { title: t('State'), cell: (e) => el('span', {}, badges(e), e.enabled && e.failingSince ? el('span', { class: 'sub' }, parts('since {time}', { time: time(e.failingSince) })) : el('span', { class: 'sub' }, recorded(e.disabledReason || ''))) },
    { title: t('Events'), label: true, class: 'wrap', cell: (e) => el('bdi', {}, eventsOf(e)) },
    { title: t('Delivered in 7 days'), label: true, class: 'number', cell: (e) => document.createTextNode(successOf(e)) },
  ];

  // successOf returns which part of the deliveries that ended in the last days succeeded.
  function successOf({ recent }) {
    const ended = recent ? recent.delivered + recent.parked : 0;
    return ended ? t('{percent} of {ended}', { percent: percent(Math.floor((recent.delivered * 1000) / ended) / 1000), ended }) : '–';
  }

  const deliveryColumns = [
    { title: t('Event'), class: 'wrap full', cell: (d) => el('span', {}, el('a', { class: 'row-link', href: '#delivery/' + d.id }, el('bdi', {}, d.eventType)), el('span', { class: 'sub' }, short(d.eventId))) },
    { title: t('Status'), cell: (d) => badge(d.status) },
    { title: t('Last try'), label: true, class: 'wrap', cell: (d) => (lastOf(d) ? el('span', {}, time(lastOf(d).at), el('span', { class: 'sub' }, `${d.attempts.length}: `, el('bdi', {}, outcome(lastOf(d))))) : document.createTextNode(t('None yet'))) },
    { title: t('Next try'), label: true, cell: (d) => time(d.nextAttemptAt) },
    { title: t('Change'), isQuiet: true, cell: (d) => redeliverButton(d) },
  ];

  const attemptColumns = [
    { title: t('Try'), class: 'nowrap', cell: (a) => el('strong', {}, time(a.at, true)) },
    { title: t('Result'), cell: (a) => el('span', { class: `badge ${a.status >= 200 && a.status < 300 ? 'good' : 'bad'}` }, a.status ? String(a.status) : t('NO ANSWER')) },
    { title: t('Duration'), label: true, class: 'nowrap', cell: (a) => document.createTextNode(t('{count} ms', { count: a.durationMs })) },
    { title: t('Answer'), label: true, class: 'wrap full', cell: answerOf },
  ];

  function answerOf(attempt) {
    const text = attempt.answer || '';
    return el('div', {}, attempt.error ? el('p', {}, recorded(attempt.error)) : '',
      text ? el('details', {}, el('summary', {}, t('Show the answer')), code(text, t('Answer of the endpoint'))) : attempt.error ? '' : el('span', { class: 'muted' }, t('Empty')));
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
    return button(delivery.status === 'PENDING' ? t('Try now') : t('Redeliver'), () => redeliver(delivery), look, `${delivery.eventType} ${delivery.eventId}`);
  }

  // isDue reports whether the next try is about to be made.
  const isDue = (delivery) => delivery.status === 'PENDING' && (!delivery.nextAttemptAt || new Date(delivery.nextAttemptAt) - new Date() < 10_000);

  async function redeliver(delivery) {
    await call('POST', deliveryPath(delivery.id) + '/redeliver');
    toast(t('It is sent again.'));
    watch();
    await reload();
  }

  // showSecret shows a secret until the dialog is closed.
  const showSecret = (text, note) => ask({
    title: t('Signing secret'), text: [note, copyable(text, t('Secret')), el('p', {}, el('a', { href: '/docs/webhooks#webhook-verify' }, t('How to verify a webhook')))],
    confirm: t('Close'), isNotice: true, run: async () => {},
  });

  async function addEndpoint() {
    const fields = endpointFields();
    let made;
    await ask({
      title: t('Add an endpoint'), text: [fields.node], confirm: t('Add endpoint'),
      run: async () => { made = await call('POST', '/api/webhook-endpoints', fields.read()); },
    });
    if (!made) return;
    await showSecret(made.secret, t('Your server verifies webhooks with this secret. You can see it again later with your password.'));
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
        title: t('Change this endpoint'), text: [fields.node], confirm: t('Save'),
        run: async () => {
          await call('PATCH', endpointPath(endpoint.id), fields.read());
          toast(t('Saved.'));
        },
      });
    },
    async enable(endpoint) {
      await call('PATCH', endpointPath(endpoint.id), { enabled: true });
      toast(t('Enabled.'));
    },
    async disable(endpoint) {
      await ask({
        title: t('Disable this endpoint?'), text: t('No events are sent to it until you enable it. Deliveries that wait for their next try are parked.'),
        confirm: t('Disable'), danger: true,
        run: async () => {
          await call('PATCH', endpointPath(endpoint.id), { enabled: false });
          toast(t('Disabled.'));
        },
      });
    },
    async redeliverFailed(endpoint) {
      await ask({
        title: t('Redeliver what failed'), text: t('Every parked delivery of this endpoint since then is sent again.'),
        fields: [{ name: 'since', label: t('Since'), type: 'datetime-local', required: true, value: localTime(new Date(Date.now() - 7 * 86_400_000)), hint: t('In your time zone.') }],
        confirm: t('Redeliver'),
        run: async ({ since }) => {
          const { count, more } = await call('POST', endpointPath(endpoint.id) + '/redeliver-failed', { since: new Date(since).toISOString() });
          toast(t('{count} deliveries are sent again.', { count }) + (more ? ' ' + t('There are more: repeat this.') : ''));
        },
      });
    },
    reveal: (endpoint) => ask({
      title: t('Show the signing secret'), text: t('Enter your password.'), fields: confirmFields(account()), confirm: t('Show'),
      run: async (values) => {
        const { secret } = await call('POST', endpointPath(endpoint.id) + '/secret', confirmation(values));
        setTimeout(() => showSecret(secret, t('Keep it on your server.')));
      },
    }),
    async rotate(endpoint) {
      let made;
      await ask({
        title: t('Rotate the signing secret?'), text: t('While both secrets are valid, each webhook carries a signature by either, so your server can switch at any time.'),
        fields: [{ name: 'overlapHours', label: t('Hours until the old secret ends'), type: 'number', min: 0, max: 168, step: 1, value: '24', required: true, inputmode: 'numeric', hint: t('0 to 168 (one week). Choose 0 if the old secret may have leaked.') + (endpoint.oldSecretUntil ? ' ' + t('Only 0 is possible now, because the secret before also signs: it ends both.') : '') }],
        confirm: t('Rotate'), danger: true,
        run: async ({ overlapHours }) => { made = await call('POST', endpointPath(endpoint.id) + '/rotate-secret', { overlapHours: Number(overlapHours) }); },
      });
      if (made) await showSecret(made.secret, t('This is the new secret. Your server needs it before the old one ends.'));
    },
    async remove(endpoint) {
      const isDone = await ask({
        title: t('Delete this endpoint?'), text: [t('No more events are sent to it. This cannot be undone.'), el('p', {}, el('code', {}, endpoint.url))],
        confirm: t('Delete'), danger: true, run: () => call('DELETE', endpointPath(endpoint.id)),
      });
      if (!isDone) return;
      toast(t('Deleted.'));
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
      ? parts('Deliveries have failed since {time}. They are tried again for 72 hours.', { time: time(endpoint.failingSince) }) : [t('PayCow disabled this endpoint.'), ' ', recorded(endpoint.disabledReason || '')]);
    fill(part('actions'), signature, () => [
      endpoint.enabled ? button(t('Send a test event'), then(actions.test), 'primary') : button(t('Enable'), then(actions.enable), 'primary'),
      button(t('Change'), then(actions.change)),
      endpoint.enabled ? button(t('Disable'), then(actions.disable)) : '',
      button(t('Delete'), then(actions.remove), 'danger'),
    ].filter(Boolean));
    fill(part('facts'), signature, () => rows([
      [t('URL'), copyable(endpoint.url, t('URL'))],
      endpoint.description && [t('Description'), el('bdi', {}, endpoint.description)],
      [t('Events'), el('bdi', {}, eventsOf(endpoint))],
      endpoint.test && [t('Kind'), t('For test payments only')],
      [t('Delivered in 7 days'), successOf(endpoint)],
      [t('Added'), time(endpoint.createdAt)],
      [t('Id'), copyable(endpoint.id, t('Endpoint id'))],
    ]));
    const isRotating = endpoint.oldSecretUntil && new Date(endpoint.oldSecretUntil) > new Date();
    fill(part('secret'), signature + isRotating, () => [
      isRotating ? el('p', { class: 'alert wait' }, parts('The old secret signs too, until {time}.', { time: time(endpoint.oldSecretUntil) })) : '',
      el('div', { class: 'actions' }, button(t('Show the secret'), then(actions.reveal)), button(t('Rotate'), then(actions.rotate), '', t('the secret'))),
    ].filter(Boolean));
    fill(part('redeliver'), endpoint.id + endpoint.enabled, () => (!endpoint.enabled ? [] : [button(t('Redeliver what failed'), then(actions.redeliverFailed), 'small')]));
  }

  function writeDeliveries(page) {
    fill(part('deliveries'), JSON.stringify([page.deliveries, page.deliveries.map(isDue), status]), () => (page.deliveries.length
      ? table(t('Deliveries'), deliveryColumns, page.deliveries, { isLinked: true })
      : status ? empty(t('Nothing matches')) : empty(t('No deliveries yet'), t('They appear here once an event has happened, or when you send a test event.'))));
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
      [t('Event'), el('bdi', {}, delivery.eventType)],
      delivery.test && [t('Kind'), t('For test payments only')],
      [t('Event id'), copyable(delivery.eventId, t('Event id'))],
      payment && [t('Payment'), el('a', { href: '#payment/' + payment }, el('code', {}, payment))],
      [t('Endpoint'), delivery.request.url ? el('a', { href: '#webhook/' + delivery.endpointId }, el('bdi', {}, delivery.request.url)) : t('deleted')],
      [t('Created'), time(delivery.createdAt, true)],
      delivery.nextAttemptAt && [t('Next try'), time(delivery.nextAttemptAt, true)],
      delivery.parkedReason && [t('Why it is parked'), recorded(delivery.parkedReason)],
    ]));
    fill(part('attempts'), signature, () => (delivery.attempts.length ? table(t('Tries'), attemptColumns, [...delivery.attempts].reverse())
      : empty(t('No try yet'), t('The first one is made within a moment.'))));
    const headers = Object.entries(delivery.request.headers).map(([name, value]) => `${name}: ${value}`).join('\n');
    fill(part('request'), JSON.stringify(delivery.request), () => [
      headers ? code(headers, t('Headers of the newest try')) : '',
      delivery.request.body ? code(indented(delivery.request.body), t('Body')) : el('p', { class: 'muted' }, t('The event is no longer stored.')),
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
            ? table(t('Endpoints'), endpointColumns, endpoints, { isLinked: true })
            : empty(t('No endpoints yet'), t('Add one, and PayCow tells your server when a payment changes.'))));
        },
      },
      webhook: endpointView,
      delivery: deliveryView,
    };
  }

  Object.assign(window.paycow, { webhooks });
})();
