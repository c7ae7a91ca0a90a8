// The list of API keys, as operators and admins see it.
(() => {
  'use strict';
  const { el, t, fill, table, time, badge, empty } = window.paycow;

  const hasEnded = (key) => key.expiresAt !== null && new Date(key.expiresAt) <= new Date();
  const nameOf = (key) => key.name || t('Main key');
  const lines = (texts) => el('span', {}, texts.map((text) => el('span', { class: 'line' }, el('code', {}, text))));

  const columns = [
    { title: t('Key'), class: 'wrap full', cell: (k) => el('span', {}, el('strong', {}, el('bdi', {}, nameOf(k))), ' ', hasEnded(k) ? badge('EXPIRED') : k.isReplaced ? badge('REPLACED') : '', k.test ? [' ', badge('TEST', true)] : '', el('span', { class: 'sub' }, el('code', {}, k.apiKey))) },
    { title: t('Scopes'), label: true, class: 'nowrap', cell: (k) => lines(k.scopes) },
    { title: t('Networks'), label: true, cell: (k) => (k.networks.length ? lines(k.networks) : document.createTextNode(t('Any'))) },
    { title: t('Ends'), label: true, cell: (k) => (k.expiresAt ? time(k.expiresAt) : document.createTextNode(t('Never'))) },
    { title: t('Last used'), label: true, cell: (k) => (k.lastUsedAt ? time(k.lastUsedAt) : document.createTextNode(t('Never'))) },
  ];

  // showKeys lists API keys in an element. actions are the buttons of a key that is valid: [label, class, run(key)].
  function showKeys(list, keys, actions) {
    const buttons = (key) => actions(key).map(([label, look, run]) => el('button', {
      type: 'button', class: 'button small ' + look, 'data-key': label + key.id, onclick: () => run(key),
    }, label, el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, nameOf(key)))));
    fill(list, JSON.stringify(keys.map((key) => [key, hasEnded(key)])), () => (keys.length ? table(t('API keys'), [...columns,
      { title: t('Change'), isQuiet: true, class: 'full', cell: (k) => (hasEnded(k) ? '' : el('div', { class: 'actions' }, buttons(k))) },
    ], keys) : empty(t('No API keys'), t('There is no valid key.'))));
  }

  Object.assign(window.paycow, { showKeys, nameOfKey: nameOf });
})();
