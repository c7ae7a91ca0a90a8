// One payment in full, for its operator and for admins.
(() => {
  'use strict';
  const { $, el, t, parts, word, fill, amount, isZero, time, badge, statusBadges, copyable, table, empty, short, statuses, exceptions } = window.paycow;
  const part = (name) => $(`[data-payment="${name}"]`);

  const usdt = (digits) => el('span', {}, amount(digits), ' USDT');

  // advice says what an exception means and what can be done.
  function advice(payment) {
    if (payment.test) return { tone: 'wait', text: t('This is a test payment. Its outcome is simulated and no money moves: no transfer exists, and your balance stays as it is.') };
    const exception = exceptions[payment.exception];
    if (!exception) return undefined;
    const canAccept = payment.status === 'EXPIRED' && (payment.exception === 'UNDERPAID' || payment.exception === 'PAID_LATE');
    return { tone: exception.alert, text: exception.text + (canAccept ? ' ' + t('The operator can accept the payment.') : '') };
  }

  function facts(payment, extra) {
    const rows = [
      [t('Requested'), usdt(payment.amountRequested)],
      [t('Received'), usdt(payment.amountReceived)],
      [t('Credited'), usdt(payment.amountCredited)],
      [t('Confirmations'), payment.txHash ? t('{done} of {required}', { done: payment.confirmations, required: payment.requiredConfirmations }) : t('{count} required', { count: payment.requiredConfirmations })],
      ...extra,
      [t('User'), el('bdi', {}, payment.userId)],
      payment.description && [t('Description'), el('bdi', {}, payment.description)],
      ...Object.entries(payment.metadata).map(([key, value]) => [el('span', {}, parts('Metadata {key}', { key })), el('bdi', {}, value)]),
      payment.linkId && [t('Payment link'), copyable(payment.linkId, t('Payment link id'))],
      [t('Reference'), copyable(payment.paymentReference, t('Reference'))],
      [t('Payment id'), copyable(payment._id, t('Payment id'))],
      [t('Deposit address'), payment.depositAddress ? copyable(payment.depositAddress, t('Deposit address')) : t('withheld')],
      [t('Network'), t('{currency} on {network}', { currency: payment.currencyInfo, network: payment.depositNetwork })],
      [t('Created'), time(payment.createdAt, true)],
      [t('Expires'), time(payment.expiresAt, true)],
      payment.decision && [t('Decision'), decisions[payment.decision.toLowerCase()] || payment.decision],
      payment.reason && [t('Reason'), el('bdi', {}, payment.reason)],
      payment.paymentUrl && [t('Checkout page'), el('span', { class: 'copyable' }, el('a', { href: payment.paymentUrl, target: '_blank', rel: 'noopener' }, t('Open'), el('span', { class: 'visually-hidden' }, ' ' + t('the checkout page in a new tab'))), copyable(payment.paymentUrl, t('Checkout link'), ' '))],
    ];
    return rows.filter(Boolean).map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
  }

  // deciders are who decides about a payment, other than an API key.
  const deciders = { dashboard: t('by the operator, in the dashboard'), temporal: t('with a signal in Temporal') };
  const decisions = { accept: t('accepted'), reject: t('rejected') };

  function timeline(events) {
    return events.map((event) => el('li', { class: event.exception === 'REVERTED' ? 'bad' : statuses[event.status]?.step || '' },
      el('p', {}, el('span', { class: 'what' }, word(event.status)), event.exception ? el('span', {}, ' ', badge(event.exception, true)) : ''),
      el('p', { class: 'muted' }, time(event.at, true)),
      isZero(event.amountReceived) && isZero(event.amountCredited) ? '' : el('p', { class: 'muted' }, isZero(event.amountCredited) ? parts('received {amount}', { amount: usdt(event.amountReceived) })
        : parts('received {received}, credited {credited}', { received: usdt(event.amountReceived), credited: usdt(event.amountCredited) })),
      event.txHash ? el('p', { class: 'muted' }, short(event.txHash)) : '',
      event.reason ? el('p', {}, '“', el('bdi', {}, event.reason), '”') : '',
      event.decidedBy ? el('p', { class: 'muted' }, deciders[event.decidedBy] || parts('by API key {key}', { key: el('code', {}, event.decidedBy) })) : ''));
  }

  const transferColumns = [
    { title: t('Amount'), class: 'nowrap', cell: (transfer) => el('strong', { class: transfer.state === 'REMOVED' ? 'struck' : null }, usdt(transfer.amount)) },
    { title: t('State'), cell: (transfer) => el('span', {}, badge(transfer.state), transfer.beforePayment ? el('span', { class: 'sub' }, t('older than the payment, does not pay it')) : '') },
    { title: t('Confirmations'), label: true, cell: (transfer) => String(transfer.confirmations) },
    { title: t('Block'), label: true, cell: (transfer) => el('span', {}, String(transfer.blockNumber), el('span', { class: 'sub' }, time(transfer.blockTime))) },
    { title: t('Transaction'), label: true, class: 'wrap full', cell: (transfer) => copyable(transfer.txHash, t('Transaction'), short(transfer.txHash)) },
    { title: t('Sender'), label: true, class: 'wrap full', cell: (transfer) => copyable(transfer.from, t('Sender'), short(transfer.from)) },
  ];
  const ledgerColumns = [
    { title: t('Amount'), class: 'nowrap', cell: (line) => el('strong', {}, usdt(line.amount)) },
    { title: t('Kind'), cell: (line) => badge(line.kind) },
    { title: t('Booked'), label: true, cell: (line) => time(line.createdAt, true) },
    { title: t('Entry'), label: true, class: 'wrap', cell: (line) => el('span', { class: 'mono' }, String(line.id)) },
  ];

  // showPayment shows a payment. extra holds more rows; actions are the buttons that are possible now.
  function showPayment(payment, { extra = [], actions = [] } = {}) {
    const { serverTime, ...lasting } = payment; // changes with every answer and is not shown
    const signature = JSON.stringify(lasting);
    fill(part('amount'), payment.amountRequested, amount(payment.amountRequested));
    fill(part('badges'), payment.status + payment.exception + payment.test, statusBadges(payment));
    const said = advice(payment);
    const box = part('advice');
    box.hidden = !said;
    box.className = 'alert ' + (said ? said.tone : '');
    box.textContent = said ? said.text : '';
    fill(part('facts'), signature, () => facts(payment, extra).flat());
    fill(part('timeline'), signature, () => (payment.timeline.length ? timeline(payment.timeline) : [el('li', {}, el('span', { class: 'muted' }, t('Nothing has happened yet.')))]));
    fill(part('transfers'), signature, () => (payment.transfers.length ? table(t('Transfers to the deposit address'), transferColumns, payment.transfers) : empty(t('No transfers yet'), t('Transfers appear here once they are in a block.'))));
    fill(part('ledger'), signature, () => (payment.ledger.length ? table(t('Ledger entries of this payment'), ledgerColumns, payment.ledger) : payment.test ? empty(t('No entries'), t('A test payment is never credited.')) : empty(t('No entries yet'), t('Each transfer is credited once it has all its confirmations.'))));
    fill(part('actions'), JSON.stringify(actions.map((action) => action.label)), () => actions.map((action) => el('button', { type: 'button', class: 'button ' + (action.class || ''), 'data-key': action.label, onclick: action.run }, action.label)));
  }

  // clearPayment empties the view, so that one payment never shows under the URL of another.
  function clearPayment() {
    for (const name of ['amount', 'badges', 'facts', 'timeline', 'transfers', 'ledger', 'actions']) fill(part(name), '', '');
    part('advice').hidden = true;
  }

  const status = { title: t('Status'), cell: statusBadges };
  const amountColumn = {
    title: t('Amount'), class: 'nowrap', cell: (p) => el('span', {}, el('a', { class: 'row-link', href: '#payment/' + p._id }, amount(p.amountRequested), ' USDT'),
      isZero(p.amountReceived) || p.amountReceived === p.amountRequested ? '' : el('span', { class: 'sub' }, parts('received {amount}', { amount: amount(p.amountReceived) }))),
  };
  const user = { title: t('User'), label: true, class: 'wrap', cell: (p) => el('bdi', {}, p.userId) };
  const reference = { title: t('Reference'), label: true, class: 'nowrap', cell: (p) => el('code', {}, p.paymentReference) };
  const created = { title: t('Created'), label: true, class: 'nowrap', cell: (p) => time(p.createdAt) };

  Object.assign(window.paycow, { showPayment, clearPayment, paymentColumns: { amount: amountColumn, status, user, reference, created } });
})();
