// One payment in full, for its operator and for admins.
(() => {
  'use strict';
  const { $, el, fill, amount, isZero, time, badge, statusBadges, copyable, table, empty, short, statuses, exceptions } = window.paycow;
  const part = (name) => $(`[data-payment="${name}"]`);

  const usdt = (digits) => el('span', {}, amount(digits), ' USDT');

  // advice says what an exception means and what can be done.
  function advice(payment) {
    if (payment.test) return { tone: 'wait', text: 'This is a test payment. Its outcome is simulated and no money moves: no transfer exists, and your balance stays as it is.' };
    const exception = exceptions[payment.exception];
    if (!exception) return undefined;
    const canAccept = payment.status === 'EXPIRED' && (payment.exception === 'UNDERPAID' || payment.exception === 'PAID_LATE');
    return { tone: exception.alert, text: exception.text + (canAccept ? ' The operator can accept the payment.' : '') };
  }

  function facts(payment, extra) {
    const rows = [
      ['Requested', usdt(payment.amountRequested)],
      ['Received', usdt(payment.amountReceived)],
      ['Credited', usdt(payment.amountCredited)],
      ['Confirmations', payment.txHash ? `${payment.confirmations} of ${payment.requiredConfirmations}` : `${payment.requiredConfirmations} required`],
      ...extra,
      ['User', el('span', {}, payment.userId)],
      payment.description && ['Description', el('bdi', {}, payment.description)],
      ...Object.entries(payment.metadata).map(([key, value]) => [el('span', {}, 'Metadata ', el('bdi', {}, key)), el('bdi', {}, value)]),
      ['Reference', copyable(payment.paymentReference, 'Reference')],
      ['Payment id', copyable(payment._id, 'Payment id')],
      ['Deposit address', payment.depositAddress ? copyable(payment.depositAddress, 'Deposit address') : 'withheld'],
      ['Network', `${payment.currencyInfo} on ${payment.depositNetwork}`],
      ['Created', time(payment.createdAt, true)],
      ['Expires', time(payment.expiresAt, true)],
      payment.decision && ['Decision', payment.decision.toLowerCase()],
      payment.reason && ['Reason', el('span', {}, payment.reason)],
      payment.paymentUrl && ['Checkout page', el('span', { class: 'copyable' }, el('a', { href: payment.paymentUrl, target: '_blank', rel: 'noopener' }, 'Open', el('span', { class: 'visually-hidden' }, ' the checkout page in a new tab')), copyable(payment.paymentUrl, 'Checkout link', ' '))],
    ];
    return rows.filter(Boolean).map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
  }

  // deciders are who decides about a payment, other than an API key.
  const deciders = { dashboard: 'by the operator, in the dashboard', temporal: 'with a signal in Temporal' };

  function timeline(events) {
    return events.map((event) => el('li', { class: event.exception === 'REVERTED' ? 'bad' : statuses[event.status]?.step || '' },
      el('p', {}, el('span', { class: 'what' }, event.status), event.exception ? el('span', {}, ' ', badge(event.exception, true)) : ''),
      el('p', { class: 'muted' }, time(event.at, true)),
      isZero(event.amountReceived) && isZero(event.amountCredited) ? '' : el('p', { class: 'muted' }, 'received ', usdt(event.amountReceived), isZero(event.amountCredited) ? '' : el('span', {}, ', credited ', usdt(event.amountCredited))),
      event.txHash ? el('p', { class: 'muted' }, short(event.txHash)) : '',
      event.reason ? el('p', {}, '“', event.reason, '”') : '',
      event.decidedBy ? el('p', { class: 'muted' }, deciders[event.decidedBy] || el('span', {}, 'by API key ', el('code', {}, event.decidedBy))) : ''));
  }

  const transferColumns = [
    { title: 'Amount', class: 'nowrap', cell: (t) => el('strong', { class: t.state === 'REMOVED' ? 'struck' : null }, usdt(t.amount)) },
    { title: 'State', cell: (t) => el('span', {}, badge(t.state), t.beforePayment ? el('span', { class: 'sub' }, 'older than the payment, does not pay it') : '') },
    { title: 'Confirmations', label: true, cell: (t) => String(t.confirmations) },
    { title: 'Block', label: true, cell: (t) => el('span', {}, String(t.blockNumber), el('span', { class: 'sub' }, time(t.blockTime))) },
    { title: 'Transaction', label: true, class: 'wrap full', cell: (t) => copyable(t.txHash, 'Transaction', short(t.txHash)) },
    { title: 'From', label: true, class: 'wrap full', cell: (t) => copyable(t.from, 'Sender', short(t.from)) },
  ];
  const ledgerColumns = [
    { title: 'Amount', class: 'nowrap', cell: (line) => el('strong', {}, usdt(line.amount)) },
    { title: 'Kind', cell: (line) => el('span', { class: 'badge ' + (line.kind === 'CREDIT' ? 'good' : 'bad') }, line.kind) },
    { title: 'Booked', label: true, cell: (line) => time(line.createdAt, true) },
    { title: 'Entry', label: true, class: 'wrap', cell: (line) => el('span', { class: 'mono' }, String(line.id)) },
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
    fill(part('timeline'), signature, () => (payment.timeline.length ? timeline(payment.timeline) : [el('li', {}, el('span', { class: 'muted' }, 'Nothing has happened yet.'))]));
    fill(part('transfers'), signature, () => (payment.transfers.length ? table('Transfers to the deposit address', transferColumns, payment.transfers) : empty('No transfers yet', 'Transfers appear here once they are in a block.')));
    fill(part('ledger'), signature, () => (payment.ledger.length ? table('Ledger entries of this payment', ledgerColumns, payment.ledger) : payment.test ? empty('No entries', 'A test payment is never credited.') : empty('No entries yet', 'Each transfer is credited once it has all its confirmations.')));
    fill(part('actions'), JSON.stringify(actions.map((action) => action.label)), () => actions.map((action) => el('button', { type: 'button', class: 'button ' + (action.class || ''), 'data-key': action.label, onclick: action.run }, action.label)));
  }

  // clearPayment empties the view, so that one payment never shows under the URL of another.
  function clearPayment() {
    for (const name of ['amount', 'badges', 'facts', 'timeline', 'transfers', 'ledger', 'actions']) fill(part(name), '', '');
    part('advice').hidden = true;
  }

  const status = { title: 'Status', cell: statusBadges };
  const amountColumn = {
    title: 'Amount', class: 'nowrap', cell: (p) => el('span', {}, el('a', { class: 'row-link', href: '#payment/' + p._id }, amount(p.amountRequested), ' USDT'),
      isZero(p.amountReceived) || p.amountReceived === p.amountRequested ? '' : el('span', { class: 'sub' }, 'received ', amount(p.amountReceived))),
  };
  const user = { title: 'User', label: true, class: 'wrap', cell: (p) => el('span', {}, p.userId) };
  const reference = { title: 'Reference', label: true, class: 'nowrap', cell: (p) => el('code', {}, p.paymentReference) };
  const created = { title: 'Created', label: true, class: 'nowrap', cell: (p) => time(p.createdAt) };

  Object.assign(window.paycow, { showPayment, clearPayment, paymentColumns: { amount: amountColumn, status, user, reference, created } });
})();
