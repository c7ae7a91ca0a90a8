// The operator's balance and the ledger entries behind it.
(() => {
  'use strict';
  const { $, el, t, badge, call, query, fill, amount, time, bindDownload, short, copyable, table, empty, Pager } = window.paycow;

  // causeOf returns the transaction that an entry is about.
  function causeOf(entry) {
    const hash = /0x[0-9a-f]{64}/.exec(entry.externalId)?.[0];
    return hash ? copyable(hash, t('Transaction'), short(hash)) : el('code', {}, entry.externalId);
  }

  const columns = [
    { title: t('Amount'), class: 'nowrap', cell: (entry) => el('strong', {}, amount(entry.amount), ' USDT') },
    { title: t('Kind'), cell: (entry) => badge(entry.kind) },
    { title: t('Booked'), label: true, class: 'nowrap', cell: (entry) => time(entry.createdAt, true) },
    { title: t('Payment'), label: true, cell: (entry) => el('a', { href: '#payment/' + entry.paymentId }, el('code', {}, short(entry.paymentId))) },
    { title: t('Transaction'), label: true, class: 'wrap full', cell: causeOf },
  ];

  // balance returns the view. reload loads it again.
  function balance(reload) {
    const view = $('[data-view="balance"]');
    const pager = new Pager($('[data-pager]', view), () => reload().then(() => $('#entries-title').scrollIntoView({ block: 'nearest' })));
    bindDownload($('[data-csv]', view), 'ledger', () => ['/api/ledger', {}]);
    const put = (name, text) => {
      const place = $(`[data-balance="${name}"]`);
      place.closest('.figure').classList.toggle('long', text.length > 10);
      fill(place, text, amount(text));
    };
    return {
      show: (_, parameters) => pager.read(parameters),
      async load(isCurrent) {
        const [sums, page] = await Promise.all([call('GET', '/api/balance'), call('GET', '/api/ledger' + query({ cursor: pager.cursor, limit: 25 }))]);
        if (!isCurrent()) return;
        put('available', String(sums.available));
        put('pending', String(sums.pending));
        fill($('[data-list]', view), JSON.stringify(page.entries), () => (page.entries.length ? table(t('Ledger entries'), columns, page.entries)
          : empty(t('No entries yet'), t('Each transfer is credited once it has all its confirmations.'))));
        pager.show(page.nextCursor);
      },
    };
  }

  window.paycow.balance = balance;
})();
