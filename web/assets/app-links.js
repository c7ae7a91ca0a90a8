// Payment links: the list, making one, and disabling one.
(() => {
  'use strict';
  const { $, el, t, call, createOnce, query, fill, amount, time, dayStart, badge, toast, copy, ask, table, empty, Pager } = window.paycow;

  const usesOf = (link) => [
    link.maxUses === null ? amount(String(link.uses)) : t('{uses} of {limit}', { uses: link.uses, limit: link.maxUses }),
    link.openPayments ? el('span', { class: 'sub' }, t('{count} open', { count: link.openPayments })) : '',
  ];

  const columns = [
    { title: t('Link'), class: 'wrap full', cell: (link) => el('span', {}, el('a', { href: link.url, target: '_blank', rel: 'noopener' }, el('bdi', {}, link.description), el('span', { class: 'visually-hidden' }, ' ' + t('(opens in a new tab)'))), /^link_[0-9a-f]{24}$/.test(link.userId) ? '' : el('span', { class: 'sub' }, el('bdi', {}, link.userId))) },
    { title: t('Amount'), class: 'nowrap', cell: (link) => el('strong', {}, amount(link.amount), ' USDT') },
    { title: t('Status'), cell: (link) => badge(link.status) },
    { title: t('Uses'), label: true, class: 'nowrap', cell: (link) => el('span', {}, usesOf(link)) },
    { title: t('Until'), label: true, cell: (link) => (link.activeUntil ? time(link.activeUntil) : document.createTextNode(t('No end'))) },
    { title: t('Created'), label: true, cell: (link) => time(link.createdAt) },
  ];

  async function create() {
    let made;
    await ask({
      title: t('New payment link'), text: t('Whoever opens it sees your shop, the description and the amount, and pays with one button.'),
      fields: [
        { name: 'amount', label: t('Amount in USDT'), required: true, maxlength: 20, inputmode: 'decimal', autocomplete: 'off' },
        { name: 'description', label: t('Description'), required: true, maxlength: 200, autocomplete: 'off' },
        { name: 'userId', label: t('User'), maxlength: 256, autocomplete: 'off', hint: t('Your own id for the payer or the order. Payers can read it.') },
        { name: 'maxUses', label: t('How many payments'), type: 'number', min: 1, max: 1_000_000, step: 1, value: '1', inputmode: 'numeric', hint: t('1 for a link that can be used once. Empty means any number. A payment that ends without money does not count.') },
        { name: 'activeUntil', label: t('Last day'), type: 'date', hint: t('The last day on which the link works. Leave empty for no end.') },
        { name: 'minutes', label: t('Minutes to pay'), type: 'number', min: 5, max: 1440, step: 1, inputmode: 'numeric', hint: t('From 5 to 1440 (one day), once the button is pressed. Without it, the installation’s payment window applies.') },
      ],
      confirm: t('Create link'),
      run: async ({ amount: wanted, description, userId, maxUses, activeUntil, minutes }) => {
        made = await createOnce('/api/payment-links', {
          amount: wanted.trim(), description: description.trim(), ...(userId.trim() && { userId: userId.trim() }), ...(maxUses && { maxUses: Number(maxUses) }),
          ...(activeUntil && { activeUntil: dayStart(activeUntil, 1) }), ...(minutes && { expiresIn: Math.round(Number(minutes) * 60) }),
        }, t('The link may have been created; check the list before you change anything.'));
      },
    });
    if (made) toast(t('Payment link created. Copy it and send it to the payer.'));
    return made;
  }

  const disable = (link) => ask({
    title: t('Disable this payment link?'), text: [t('Nobody can create a payment through it any more. Its open payments go on. This cannot be undone.'), el('p', {}, el('strong', {}, el('bdi', {}, link.description)))],
    confirm: t('Disable'), danger: true,
    run: () => call('POST', `/api/payment-links/${encodeURIComponent(link.id)}/disable`),
  });

  // links returns the view. canChange says whether the account may change anything; reload loads the view again.
  function links(canChange, reload) {
    const view = $('[data-view="links"]');
    const pager = new Pager($('[data-pager]', view), () => reload().then(() => $('#links-title').scrollIntoView({ block: 'nearest' })));
    const add = $('[data-new-link]', view);
    add.hidden = !canChange;
    add.addEventListener('click', async () => { if (await create()) reload(); });
    const actions = (link) => (link.status === 'ACTIVE' ? [
      [t('Copy'), '', () => copy(link.url, t('Payment link'))],
      canChange && [t('Disable'), ' danger', async () => {
        if (!await disable(link)) return;
        toast(t('Disabled.'));
        await reload();
      }],
    ].filter(Boolean).map(([label, look, run]) => el('button', { type: 'button', class: 'button small' + look, 'data-key': label + link.id, onclick: run }, label, el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, link.description)))) : []);
    return {
      show: (_, parameters) => pager.read(parameters),
      async load(isCurrent) {
        const page = await call('GET', '/api/payment-links' + query({ cursor: pager.cursor, limit: 25 }));
        if (!isCurrent()) return;
        fill($('[data-list]', view), JSON.stringify(page.links), () => (page.links.length
          ? table(t('Payment links'), [...columns, { title: t('Change'), isQuiet: true, class: 'full', cell: (link) => el('div', { class: 'actions' }, actions(link)) }], page.links)
          : empty(t('No payment links yet'), t('Create one to take a payment without writing code: by e-mail, in a message or on a page.'))));
        pager.show(page.nextCursor);
      },
    };
  }

  Object.assign(window.paycow, { links });
})();
