// What the pages of operators and admins share: calls, errors, amounts, times, forms, dialogs, lists and views.
// Answers are inserted as text, never as markup.
(() => {
  'use strict';
  const { locale, t, parts, word, grouped, percent, errorText } = window.paycowLanguage;

  // ---- Calls ----

  // Failure is an error answer, or no answer at all.
  class Failure extends Error {
    constructor({ status = 0, code = 'unreachable', msg, field = '', requestId = '', retryAfter = 0 }) {
      super(msg);
      Object.assign(this, { status, code, field, requestId, retryAfter });
    }
  }

  // parseJSON returns numbers with a decimal point as text, because amounts are exact and floats are not.
  function parseJSON(text) {
    const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+\.\d+(?:[eE][+-]?\d+)?/g;
    return JSON.parse(text.replace(tokens, (token) => (token[0] === '"' ? token : `"${token}"`)));
  }

  const timeout = 30_000; // milliseconds

  async function send(method, path, body, headers, signal = AbortSignal.timeout(timeout)) {
    const request = { method, headers: { Accept: 'application/json', ...headers }, credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal };
    if (body instanceof Blob) {
      request.headers['Content-Type'] = body.type;
      request.body = body;
    } else if (body !== undefined) {
      request.headers['Content-Type'] = 'application/json';
      request.body = JSON.stringify(body);
    }
    let answer;
    try {
      answer = await fetch(path, request);
    } catch {
      throw new Failure({ msg: t('PayCow did not answer. Please check your connection and try again.') });
    }
    if (answer.ok) return answer;
    let said = {};
    try { said = JSON.parse(await answer.text()); } catch { /* a proxy's page instead of JSON */ }
    throw new Failure({
      status: answer.status, code: said.code || 'http_' + answer.status, field: said.field, requestId: said.requestId,
      msg: errorText(said.code, said.msg) || t('The server answered with {status}. Please try again later.', { status: answer.status }),
      retryAfter: Number(answer.headers.get('Retry-After')) || 0,
    });
  }

  // call sends a request and returns the answer's body, undefined if there is none.
  async function call(method, path, body, headers) {
    const answer = await send(method, path, body, headers);
    let text;
    try {
      text = await answer.text();
    } catch {
      throw new Failure({ msg: t('The answer was cut off. Please try again.') });
    }
    return text === '' ? undefined : parseJSON(text);
  }

  // createOnce creates something by POST. A request that is sent again within ten minutes, because its answer was lost, creates
  // nothing more: it has the key that it had before. Later the same body is a new one. hint is added where it may have worked.
  const sameFor = 600_000;
  const createKeys = new Map(); // by what was asked for
  async function createOnce(path, body, hint) {
    const text = path + JSON.stringify(body);
    if (!(Date.now() - createKeys.get(text)?.at < sameFor)) createKeys.set(text, { at: Date.now(), key: crypto.getRandomValues(new Uint32Array(4)).join('-') });
    let made;
    try {
      made = await call('POST', path, body, { 'Idempotency-Key': createKeys.get(text).key });
    } catch (error) {
      const isLost = error instanceof Failure && (!error.status || error.status >= 500);
      throw isLost ? new Failure({ ...error, msg: `${error.message} ${hint}` }) : error;
    }
    createKeys.delete(text);
    return made;
  }

  // query builds a query string from the parameters that are not empty.
  function query(parameters) {
    const pairs = Object.entries(parameters).filter(([, value]) => value !== '' && value !== null && value !== undefined && value !== false);
    return pairs.length ? '?' + new URLSearchParams(pairs) : '';
  }

  // explain returns the text to show for an error.
  function explain(error) {
    if (!(error instanceof Failure)) {
      console.error(error);
      return t('Something went wrong on this page. Please reload it.');
    }
    let text = error.message;
    if (error.status === 429 && error.retryAfter) text += ' ' + t('Try again in {time}.', { time: span(error.retryAfter) });
    if (error.status >= 500 && error.requestId) text += ' ' + t('(request {id})', { id: error.requestId });
    return text;
  }

  function span(seconds) {
    if (seconds < 90) return t('{count} seconds', { count: seconds });
    if (seconds < 5400) return t('{count} minutes', { count: Math.round(seconds / 60) });
    return t('{count} hours', { count: Math.round(seconds / 3600) });
  }

  const isLoggedOut = (error) => error instanceof Failure && error.status === 401 && (error.code === 'not_logged_in' || error.code === 'unauthorized');

  // ---- Elements ----

  // el creates an element. Properties that begin with "on" are listeners, all others are attributes. Children are nodes or text.
  function el(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? '' : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ''));
    return element;
  }

  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // fill replaces an element's children unless the signature is unchanged, so that focus and selection are kept. If what had
  // the focus is gone, the heading gets it.
  const signatures = new WeakMap();
  function fill(element, signature, ...children) {
    if (signatures.get(element) === signature) return false;
    signatures.set(element, signature);
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    const key = focused && (focused.getAttribute('href') || focused.dataset.key);
    element.replaceChildren(...children.flat().map((child) => (typeof child === 'function' ? child() : child)).flat());
    if (!focused) return true;
    const same = key && $$('a[href],[data-key]', element).find((other) => (other.getAttribute('href') || other.dataset.key) === key);
    (same || $('[data-view]:not([hidden]) h1'))?.focus({ preventScroll: true });
    return true;
  }

  // amount shows the digits exactly as received, with the separators of the language. What is copied is the plain number.
  const amount = (digits) => el('data', { class: 'amount', value: digits, dir: 'ltr' }, grouped(digits));
  document.addEventListener('copy', (event) => {
    const text = String(getSelection());
    const known = new Map($$('data').filter((node) => getSelection().containsNode(node, true)).map((node) => [node.textContent, node.value]));
    if (!known.size) return;
    // In one pass, the longest first: one amount may be a part of another, or of what another became.
    const patterns = [...known.keys()].sort((a, b) => b.length - a.length).map((amount) => amount.replace(/[^\d]/g, (mark) => (/\s/.test(mark) ? '\\s' : '\\' + mark)));
    const plain = text.replace(new RegExp(patterns.join('|'), 'g'), (amount) => known.get(amount) ?? known.get([...known.keys()].find((other) => other.replace(/\s/g, ' ') === amount.replace(/\s/g, ' '))));
    if (plain === text) return;
    event.clipboardData.setData('text/plain', plain);
    event.preventDefault();
  });

  // decimal returns a number as the API reads it, whether it was typed with a point or with a comma. It returns '' if it can be
  // read as two numbers: 1.234 is more than a thousand in some languages.
  function decimal(text) {
    const [, whole, fraction] = /^(\d+)[.,](\d+)$/.exec(text.trim()) ?? [];
    if (!whole) return text.trim();
    return fraction.length === 3 && /^[1-9]\d{0,2}$/.test(whole) ? '' : `${whole}.${fraction}`;
  }

  const twoReadings = (text) => t('{text} can be read as two numbers. Write {whole} or {decimal}.', { text: text.trim(), whole: text.trim().replace(/[.,]/, ''), decimal: text.trim().replace(',', '.') + '0' });

  // typed returns a number of the API as a form shows it, so that decimal reads it.
  const typed = (digits) => (digits === null || digits === undefined ? '' : decimal(String(digits)) || digits + '0');

  const isZero = (text) => /^[-+]?[0.]*$/.test(String(text));

  const toTheMinute = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  const toTheSecond = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });

  // time shows an instant in the viewer's time zone. The exact time is in the title.
  function time(text, isPrecise = false) {
    if (!text) return document.createTextNode('–');
    const at = new Date(text);
    if (Number.isNaN(at.getTime())) return document.createTextNode(text);
    const exact = at.toISOString().replace('T', ' ').replace('Z', ' UTC');
    return el('time', { datetime: text, title: exact }, (isPrecise ? toTheSecond : toTheMinute).format(at));
  }

  // dayStart returns the start of a day in the viewer's time zone.
  function dayStart(text, later = 0) {
    const [year, month, date] = text.split('-').map(Number);
    const at = new Date(year, month - 1, date + later);
    return Number.isNaN(at.getTime()) ? '' : at.toISOString();
  }

  // period returns the parameters of an API call for the days that a list's filters name, both included.
  const period = (parameters) => ({
    from: parameters.get('from') && dayStart(parameters.get('from')), to: parameters.get('to') && dayStart(parameters.get('to'), 1),
  });

  const day = (date) => new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(date);

  // short abbreviates a long hash. The full hash is in the title.
  const short = (text) => (text.length > 17 ? el('code', { title: text }, `${text.slice(0, 8)}…${text.slice(-6)}`) : el('code', {}, text));

  // ---- The words of the API ----
  // Each word has its tone; exceptions and alarms have a text as well. A Go test compares these lists with package models.

  const statuses = {
    PENDING: { tone: 'wait', step: '' }, DETECTED: { tone: 'wait', step: 'wait' }, CONFIRMING: { tone: 'wait', step: 'wait' },
    PAID: { tone: 'good', step: 'good' }, EXPIRED: { tone: '', step: 'bad' }, REJECTED: { tone: 'bad', step: 'bad' },
  };
  const exceptions = {
    UNDERPAID: { tone: 'bad', alert: 'wait', text: t('Less than the amount arrived in time. What arrived was credited.') },
    OVERPAID: { tone: 'wait', alert: 'wait', text: t('More than the amount arrived. All of it was credited.') },
    PAID_LATE: { tone: 'wait', alert: 'wait', text: t('The transfer arrived after the payment had expired. It was credited.') },
    REVERTED: { tone: 'bad', alert: 'bad', text: t('A chain reorganisation removed a transfer that had been reported. If it had been credited, the ledger holds the reversal.') },
    ACCEPTED: { tone: 'good', alert: 'good', text: t('This payment was short or late, and was accepted.') },
    UNDERPAID_ACCEPTED: { tone: 'good', alert: 'good', text: t('A little less than the amount arrived, within your tolerance. What arrived was credited.') },
    AFTER_REJECT: { tone: 'bad', alert: 'bad', text: t('A transfer arrived after the payment was rejected. It was credited; agree with the payer on what to refund.') },
  };
  const nodeStates = {
    OK: { tone: 'good' }, SLOW: { tone: 'wait' }, ERRORING: { tone: 'bad' }, RATE_LIMITED: { tone: 'wait' }, STALE: { tone: 'wait' },
    SYNCING: { tone: 'wait' }, FORKED: { tone: 'bad' }, WRONG_CHAIN: { tone: 'bad' }, LYING: { tone: 'bad' },
  };
  const alarmKinds = {
    NODE_LYING: t('A node contradicts the others'),
    NODE_WRONG_CHAIN: t('A node follows the wrong chain'),
    QUORUM_MISSING: t('Too few nodes agree'),
    BLOCK_DOUBTFUL: t('No node gives a believable answer for a block'),
    TRANSFER_MISSED: t('A transfer was missed at first'),
    TRANSFER_DISPROVED: t('A stored transfer does not exist'),
    REORG_BELOW_FINALITY: t('A final block was replaced'),
    RECEIPTS_UNDECODABLE: t('This version cannot check the receipts of a block'),
    AMOUNT_TOO_LARGE: t('A transfer is too large to be real'),
    TOKEN_PAUSED: t('The token is paused'),
    TOKEN_FEE_CHANGED: t('The token charges a fee'),
    TOKEN_DEPRECATED: t('The token moved to another contract'),
    ADDRESS_BLACKLISTED: t('A deposit address is blacklisted'),
    FUNDS_DESTROYED: t('The issuer destroyed funds'),
    BOOKS_DIFFER: t('Reconciliation found a difference'),
    PAYMENT_ALTERED: t('A payment’s row was changed or planted'),
    EARLY_TRANSFER: t('A transfer is older than its payment'),
    DATABASE_RESTORED: t('The database was restored to an earlier moment'),
    CLOCK_SKEW: t('A clock is wrong'),
    CREDIT_CONTRADICTED: t('A credited transfer is not on the chain'),
  };
  const otherTones = { ACTIVE: 'good', SUSPENDED: 'bad', CREDITED: 'good', REMOVED: 'bad', ENABLED: 'good', FAILING: 'wait', DISABLED: 'bad', DELIVERED: 'good', PARKED: 'bad', TEST: 'wait', INVITED: 'wait', ALTERED: 'bad', USED_UP: '', CREDIT: 'good', REVERSAL: 'bad' };

  const toneOf = (name) => (statuses[name] || exceptions[name] || nodeStates[name])?.tone ?? otherTones[name] ?? '';
  const badge = (name, isOutline = false) => el('span', { class: `badge ${toneOf(name)}${isOutline ? ' outline' : ''}` }, word(name));
  const statusBadges = (payment) => el('span', { class: 'badges' }, badge(payment.status), payment.exception ? badge(payment.exception, true) : '', payment.test ? badge('TEST', true) : '');

  // external returns a link to another tool, such as Temporal's web UI.
  const external = (url, text, more = '') => (/^https?:\/\//.test(url)
    ? el('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, text, more && el('span', { class: 'visually-hidden' }, more)) : text);

  // ---- Messages ----

  let toastTimer;
  function toast(text) {
    const box = $('[data-toast]');
    if (!box) return;
    clearTimeout(toastTimer);
    box.textContent = text;
    toastTimer = setTimeout(() => { box.textContent = ''; }, 5000);
  }

  async function copy(text, what) {
    try {
      if (navigator.clipboard) {
        await navigator.clipboard.writeText(text);
      } else { // pages over plain http have no clipboard API
        const box = el('textarea', { readonly: true, 'aria-hidden': 'true', class: 'visually-hidden' });
        box.value = text;
        document.body.append(box);
        const before = document.activeElement;
        box.select();
        const done = document.execCommand('copy');
        box.remove();
        before?.focus();
        if (!done) throw new Error('not copied');
      }
      toast(t('{what} copied.', { what }));
    } catch {
      toast(t('Your browser does not allow copying. Please select the text and copy it.'));
    }
  }

  // bindDownload makes a button download a whole list as a CSV file for spreadsheets, not only the visible page. address
  // returns the list's address and its parameters.
  function bindDownload(button, name, address) {
    button.addEventListener('click', async () => {
      if (button.getAttribute('aria-busy')) return;
      button.setAttribute('aria-busy', 'true');
      try {
        const [path, parameters] = address();
        const answer = await send('GET', path + query({ ...parameters, csv: 'spreadsheet', limit: 200 }), undefined, { Accept: 'text/csv' }, null); // a long list takes longer than a call may
        const url = URL.createObjectURL(await answer.blob());
        const link = el('a', { href: url, download: `paycow-${name}-${new Date().toISOString().slice(0, 10)}.csv` });
        document.body.append(link);
        link.click();
        link.remove();
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
        toast(t('The CSV was downloaded.'));
      } catch (error) {
        if (isLoggedOut(error)) api.onLoggedOut?.();
        else $('[data-page-error]').textContent = error instanceof Failure ? explain(error) : t('The download was cut off. Please try again.');
      } finally {
        button.removeAttribute('aria-busy');
      }
    });
  }

  const copyable = (text, what, shown) => el('span', { class: 'copyable' }, shown || el('code', {}, text),
    el('button', { class: 'button small', type: 'button', 'data-key': 'copy ' + what, onclick: () => copy(text, what) }, t('Copy'), el('span', { class: 'visually-hidden' }, ' ' + what)));

  // ---- Forms ----

  function complaint(input) {
    const { validity } = input;
    const label = labelOf(input);
    if (validity.valueMissing) return t('{label} is required.', { label });
    if (validity.typeMismatch && input.type === 'email') return t('Enter an e-mail address such as name@example.com.');
    if (validity.typeMismatch && input.type === 'url') return t('Enter a URL that begins with https://.');
    if (validity.badInput && input.type.startsWith('date')) return t('{label} is not complete.', { label });
    if (validity.tooShort) return t('{label} must have at least {least} characters; it has {count}.', { label, least: input.minLength, count: input.value.length });
    if (validity.patternMismatch) return t('{label} must be {count} digits.', { label, count: input.maxLength });
    if (input.inputMode === 'decimal' && input.value.trim() && !decimal(input.value)) return twoReadings(input.value);
    if (validity.rangeUnderflow || validity.rangeOverflow || validity.stepMismatch || validity.badInput) return t('{label} must be a whole number from {min} to {max}.', { label, min: input.min, max: input.max });
    return validity.valid ? '' : input.validationMessage;
  }

  const labelOf = (input) => {
    const label = input.labels?.[0]?.cloneNode(true);
    label?.querySelectorAll('.muted').forEach((part) => part.remove());
    return label?.textContent.trim() || t('This field');
  };

  function markField(input, message) {
    const field = input.closest('.field');
    const id = input.id + '-error';
    const others = (input.getAttribute('aria-describedby') || '').split(' ').filter((name) => name && name !== id);
    $('#' + CSS.escape(id))?.remove();
    if (message) {
      input.setAttribute('aria-invalid', 'true');
      input.setAttribute('aria-describedby', [id, ...others].join(' '));
      field.append(el('p', { class: 'field-error', id }, message));
      return;
    }
    input.removeAttribute('aria-invalid');
    if (others.length) input.setAttribute('aria-describedby', others.join(' '));
    else input.removeAttribute('aria-describedby');
  }

  const inputsOf = (form) => $$('input,select,textarea', form).filter((input) => input.name && !input.disabled && !input.readOnly);

  // inWords returns the API's sentence about a field with the field's label in place of its name in the API.
  const inWords = (text, input) => (text.startsWith(input.name + ' ') ? labelOf(input) + text.slice(input.name.length) : text);

  // onSubmit validates a form, shows errors beside the fields, and runs one call at a time.
  function onSubmit(form, run) {
    let busy = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (busy) return;
      const alert = $('[data-error]', form);
      alert.textContent = '';
      const inputs = inputsOf(form);
      const wrong = inputs.filter((input) => {
        const message = complaint(input);
        markField(input, message);
        return message;
      });
      if (wrong.length) {
        if (wrong.length > 1) alert.textContent = t('Please fix {count} fields.', { count: wrong.length });
        wrong[0].focus();
        return;
      }
      const button = event.submitter || $('[type=submit]', form);
      busy = true;
      button?.setAttribute('aria-busy', 'true');
      try {
        await run(Object.fromEntries(inputs.map((input) => [input.name, input.inputMode === 'decimal' ? decimal(input.value) : input.value])));
      } catch (error) {
        if (isLoggedOut(error) && api.onLoggedOut) {
          api.onLoggedOut();
          return;
        }
        const text = explain(error);
        const input = error.field && inputs.find((other) => other.name === error.field);
        if (input) {
          markField(input, inWords(text, input));
          input.focus();
        } else alert.textContent = text;
      } finally {
        busy = false;
        button?.removeAttribute('aria-busy');
      }
    });
    form.addEventListener('input', (event) => {
      if (event.target.getAttribute('aria-invalid')) markField(event.target, '');
    });
  }

  // A password can be shown while it is typed. Submitting the form hides it again.
  function setShown(button, isShown) {
    const input = document.getElementById(button.dataset.show);
    input.type = isShown ? 'text' : 'password';
    $('[data-word]', button).textContent = isShown ? t('Hide') : t('Show');
  }
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-show]');
    if (button) setShown(button, document.getElementById(button.dataset.show).type === 'password');
  });
  document.addEventListener('submit', (event) => $$('[data-show]', event.target).forEach((button) => setShown(button, false)), true);

  // ask opens a dialog with a form, which closes when run succeeds. The promise resolves to whether it did. A notice can
  // only be confirmed.
  let dialogs = 0;
  function ask({ title, text = [], fields = [], confirm, danger = false, isNotice = false, run }) {
    const id = `dialog-${++dialogs}`;
    const rows = fields.map((field) => {
      const fieldID = `${id}-${field.name}`;
      const common = { id: fieldID, name: field.name, required: field.required, maxlength: field.maxlength, 'aria-describedby': field.hint ? fieldID + '-hint' : null };
      const input = field.type === 'textarea' ? el('textarea', { ...common, rows: 3 })
        : field.options ? el('select', common, field.options.map(([value, label]) => el('option', { value }, label)))
        : el('input', { ...common, type: field.type || 'text', autocomplete: field.autocomplete, min: field.min, max: field.max, step: field.step, inputmode: field.inputmode, pattern: field.pattern, class: field.class });
      if (!field.options) input.value = field.value ?? '';
      return el('div', { class: 'field' }, el('label', { for: fieldID }, field.label, field.required ? '' : el('span', { class: 'muted' }, ' ' + t('(optional)'))),
        field.type === 'password' ? el('div', { class: 'password' }, input, el('button', { type: 'button', class: 'show', 'data-show': fieldID, 'aria-controls': fieldID },
          el('span', { 'data-word': true }, t('Show')), el('span', { class: 'visually-hidden' }, ' ' + t('password')))) : input,
        field.hint ? el('p', { class: 'hint', id: fieldID + '-hint' }, field.hint) : '');
    });
    const form = el('form', { method: 'post', novalidate: true },
      el('h2', { id: id + '-title' }, title),
      ...[text].flat().map((line) => (line instanceof Node ? line : el('p', {}, line))),
      el('div', { class: 'alert bad', role: 'alert', 'data-error': true }),
      rows,
      el('div', { class: 'actions' },
        isNotice ? '' : el('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, t('Cancel')),
        el('button', { type: 'submit', class: 'button primary' + (danger ? ' danger' : '') }, confirm)));
    const dialog = el('dialog', { 'aria-labelledby': id + '-title' }, form);
    document.body.append(dialog);
    return new Promise((resolve) => {
      let isDone = false;
      onSubmit(form, async (values) => {
        await run(values);
        isDone = true;
        dialog.close();
      });
      dialog.addEventListener('close', () => {
        dialog.remove();
        resolve(isDone);
      });
      dialog.showModal();
      (inputsOf(form)[0] || $('.actions .button', form)).focus();
    });
  }

  // ---- Lists ----

  // table builds a list. On narrow screens its rows are shown as cards, so the ARIA roles are explicit. A column is
  // {title, cell(row), class, label}; with label, the card shows the column's title beside the cell.
  function table(caption, columns, rows, { rowClass = '', isLinked = false } = {}) {
    const box = el('div', { class: 'scroll' }, el('table', { class: `table list${isLinked ? ' rows' : ''}`, role: 'table' },
      el('caption', { class: 'visually-hidden' }, caption),
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, columns.map((column) => el('th', { scope: 'col', role: 'columnheader', class: column.class }, column.isQuiet ? el('span', { class: 'visually-hidden' }, column.title) : column.title)))),
      el('tbody', { role: 'rowgroup' }, rows.map((row) => el('tr', { role: 'row', class: rowClass && rowClass(row) },
        columns.map((column) => el('td', { role: 'cell', class: column.class, 'data-label': column.label ? column.title : null }, column.cell(row))))))));
    // A table that scrolls sideways must be reachable by keyboard.
    new ResizeObserver(() => {
      const isWide = box.scrollWidth > box.clientWidth;
      for (const [name, value] of Object.entries({ tabindex: '0', role: 'region', 'aria-label': t('{name}, table', { name: caption }) })) {
        if (isWide) box.setAttribute(name, value);
        else box.removeAttribute(name);
      }
    }).observe(box);
    return box;
  }

  const empty = (title, text = '') => el('p', { class: 'empty' }, el('strong', {}, title), text);

  // searchedTo says how far back a search for parts of words has looked. "Older" goes on from there.
  const searchedTo = (page) => (page.searchedTo ? el('p', { class: 'empty' },
    parts('Searched back to {time}. “Older” searches further back. A complete reference, user, transaction, address or id is found at once.', { time: time(page.searchedTo) })) : '');

  // Pager keeps the page in the URL, so that it can be shared and survives a reload. A cursor leads only forwards, so the
  // browser's history keeps the cursors of the pages before. Where they are not known, as behind a shared link, the way back
  // leads to the first page.
  class Pager {
    constructor(element, onChange, name = 'page') {
      Object.assign(this, { element, onChange, name, before: [], cursor: '' });
    }

    read(parameters) {
      this.cursor = parameters.get(this.name) || '';
      this.before = this.cursor ? history.state?.[this.name] || null : [];
    }

    show(next) {
      const button = (key, text, disabled, run) => el('button', { type: 'button', class: 'button', 'data-key': key, disabled, onclick: run }, text);
      fill(this.element, `${this.before?.length} ${this.cursor} ${next}`, this.cursor || next ? [
        this.before ? button('back', t('Newer'), !this.cursor, () => this.go(this.before.at(-1), this.before.slice(0, -1))) : button('back', t('Newest'), false, () => this.go('', [])),
        button('on', t('Older'), !next, () => this.go(next, this.before && [...this.before, this.cursor])),
      ] : []);
    }

    go(cursor, before) {
      const [path, search = ''] = location.hash.slice(1).split('?');
      const parameters = new URLSearchParams(search);
      parameters.set(this.name, cursor);
      history.pushState({ ...history.state, [this.name]: before }, '', '#' + path + query(Object.fromEntries(parameters)));
      Object.assign(this, { cursor, before });
      this.onChange();
    }
  }

  // checkPeriod says so beside the field if a period ends before it begins.
  function checkPeriod(form) {
    const [from, to] = ['from', 'to'].map((name) => $(`[name="${name}"]`, form));
    const isRight = !from || !from.value || !to.value || from.value <= to.value;
    if (to) markField(to, isRight ? '' : t('To must not be before From.'));
    return isRight;
  }

  // bindFilters keeps a list's filters in the URL, so that they can be shared and the back button works. view is the path of
  // the list, or a function that returns it.
  function bindFilters(form, view) {
    const apply = () => {
      if (!checkPeriod(form)) return;
      const values = Object.fromEntries(inputsOf(form).map((input) => [input.name, input.value.trim()]));
      const target = '#' + (typeof view === 'function' ? view() : view) + query(values);
      if (target !== location.hash) location.hash = target;
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      apply();
    });
    form.addEventListener('change', (event) => {
      if (event.target.matches('select,input[type=date]')) apply();
    });
    $('[data-clear]', form)?.addEventListener('click', () => {
      form.reset();
      apply();
    });
    return (parameters) => {
      inputsOf(form).forEach((input) => { input.value = parameters.get(input.name) || ''; });
      checkPeriod(form);
    };
  }

  // ---- Views ----

  const pollEvery = 10_000;

  // views shows the section named by the URL: #name, #name/argument or #name?parameters. A view has
  // show(argument, parameters), called when it is opened, and load(isCurrent, isPoll), called then, and as a poll every
  // ten seconds while it is visible and when the page is seen again.
  function views(all, home) {
    const main = $('#main');
    const pageError = $('[data-page-error]');
    const pageTitle = document.title;
    let current = '';
    let shownPath = '';
    let generation = 0;
    let timer;
    let opened = false;

    async function load(isPoll) {
      clearTimeout(timer);
      const mine = ++generation;
      const isCurrent = () => mine === generation;
      try {
        await all[current].load?.(isCurrent, isPoll === true);
        if (isCurrent()) pageError.textContent = '';
      } catch (error) {
        if (isLoggedOut(error)) {
          api.onLoggedOut?.();
          return;
        }
        if (error.status === 403) api.onForbidden?.();
        if (isCurrent()) pageError.textContent = explain(error);
      }
      if (isCurrent() && !document.hidden) timer = setTimeout(load, pollEvery, true);
    }

    function open() {
      const [path, search = ''] = location.hash.slice(1).split('?');
      const [name, argument = ''] = path.split('/');
      if (name === 'main') return; // the skip link
      const view = all[name] ? name : home;
      const isChange = view !== current || path !== shownPath;
      shownPath = path;
      if (current && view !== current) all[current].leave?.();
      current = view;
      for (const section of $$('[data-view]')) section.hidden = section.dataset.view !== view;
      const tab = all[view].tab || view;
      for (const link of $$('.side nav a')) {
        const isCurrent = link.getAttribute('href') === '#' + tab;
        if (isCurrent) {
          link.setAttribute('aria-current', 'page');
          link.scrollIntoView?.({ block: 'nearest', inline: 'nearest' });
        } else {
          link.removeAttribute('aria-current');
        }
      }
      pageError.textContent = '';
      all[view].show?.(argument, new URLSearchParams(search));
      const heading = $(`[data-view="${view}"] h1`);
      document.title = `${heading.textContent} · ${pageTitle}`;
      if (opened && isChange) {
        window.scrollTo(0, 0);
        heading.focus({ preventScroll: true });
      }
      opened = true;
      load();
    }

    window.addEventListener('hashchange', open);
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) clearTimeout(timer);
      else load(true);
    });
    window.addEventListener('online', () => load(true));
    open();
    main.setAttribute('aria-busy', 'false');
    return { load, show: open };
  }

  const api = {
    Failure, parseJSON, call, createOnce, query, explain, isLoggedOut, el, $, $$, fill, amount, decimal, twoReadings, typed, isZero, time, dayStart, period, day, short, badge, bindDownload,
    locale, t, parts, word, percent, grouped, statuses, exceptions, alarmKinds, statusBadges, external, toast, copy, copyable, onSubmit, ask, table, empty, searchedTo, Pager, bindFilters, views, onLoggedOut: null, onForbidden: null,
  };
  window.paycow = api;
})();
