// The list of API keys, as operators and admins see it.
(() => {
  'use strict';
  const { el, fill, table, time, badge, empty } = window.paycow;

  const hasEnded = (key) => key.expiresAt !== null && new Date(key.expiresAt) <= new Date();
  const nameOf = (key) => key.name || 'Main key';
  const lines = (texts) => el('span', {}, texts.map((text) => el('span', { class: 'line' }, el('code', {}, text))));

  const columns = [
    { title: 'Key', class: 'wrap full', cell: (k) => el('span', {}, el('strong', {}, nameOf(k)), ' ', hasEnded(k) ? badge('EXPIRED') : k.isReplaced ? badge('REPLACED') : '', k.test ? [' ', badge('TEST', true)] : '', el('span', { class: 'sub' }, el('code', {}, k.apiKey))) },
    { title: 'Scopes', label: true, class: 'nowrap', cell: (k) => lines(k.scopes) },
    { title: 'Networks', label: true, cell: (k) => (k.networks.length ? lines(k.networks) : document.createTextNode('Any')) },
    { title: 'Ends', label: true, cell: (k) => (k.expiresAt ? time(k.expiresAt) : document.createTextNode('Never')) },
    { title: 'Last used', label: true, cell: (k) => (k.lastUsedAt ? time(k.lastUsedAt) : document.createTextNode('Never')) },
  ];

  // showKeys lists API keys in an element. actions are the buttons of a key that is valid: [label, class, run(key)].
  function showKeys(list, keys, actions) {
    const buttons = (key) => actions(key).map(([label, look, run]) => el('button', {
      type: 'button', class: 'button small ' + look, 'data-key': label + key.id, onclick: () => run(key),
    }, label, el('span', { class: 'visually-hidden' }, ' ' + nameOf(key))));
    fill(list, JSON.stringify(keys.map((key) => [key, hasEnded(key)])), () => (keys.length ? table('API keys', [...columns,
      { title: 'Change', isQuiet: true, class: 'full', cell: (k) => (hasEnded(k) ? '' : el('div', { class: 'actions' }, buttons(k))) },
    ], keys) : empty('No API keys', 'There is no valid key.')));
  }

  Object.assign(window.paycow, { showKeys, nameOfKey: nameOf });
})();
