// What the pages of operators and admins share: calls, errors, amounts, times, forms, dialogs, lists and views.
// Answers are inserted as text, never as markup.
(() => {
  'use strict';

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
      throw new Failure({ msg: 'PayCow did not answer. Please check your connection and try again.' });
    }
    if (answer.ok) return answer;
    let said = {};
    try { said = JSON.parse(await answer.text()); } catch { /* a proxy's page instead of JSON */ }
    throw new Failure({
      status: answer.status, code: said.code || 'http_' + answer.status, field: said.field, requestId: said.requestId,
      msg: said.msg || `The server answered with ${answer.status}. Please try again later.`,
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
      throw new Failure({ msg: 'The answer was cut off. Please try again.' });
    }
    return text === '' ? undefined : parseJSON(text);
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
      return 'Something went wrong on this page. Please reload it.';
    }
    let text = error.message;
    if (error.status === 429 && error.retryAfter) text += ` Try again in ${span(error.retryAfter)}.`;
    if (error.status >= 500 && error.requestId) text += ` (request ${error.requestId})`;
    return text;
  }

  function span(seconds) {
    if (seconds < 90) return `${seconds} seconds`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
    return `${Math.round(seconds / 3600)} hours`;
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

  // amount shows the digits exactly as received. Groups of three are set apart by CSS spacing, so copying yields the plain number.
  function amount(text) {
    const digits = String(text);
    const [, sign, whole, rest] = /^([-+]?)(\d+)(.*)$/.exec(digits) || ['', '', '', digits];
    const node = el('span', { class: 'amount' }, sign);
    const first = whole.length % 3 || 3;
    if (whole) node.append(whole.slice(0, first));
    for (let i = first; i < whole.length; i += 3) node.append(el('span', { class: 'g' }, whole.slice(i, i + 3)));
    node.append(rest);
    return node;
  }

  const isZero = (text) => /^[-+]?[0.]*$/.test(String(text));

  // Dates are in English. Their order follows the browser's language if that is a kind of English.
  const locale = /^en\b/i.test(navigator.language) ? navigator.language : 'en-GB';
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
    UNDERPAID: { tone: 'bad', alert: 'wait', text: 'Less than the amount arrived in time. What arrived was credited.' },
    OVERPAID: { tone: 'wait', alert: 'wait', text: 'More than the amount arrived. All of it was credited.' },
    PAID_LATE: { tone: 'wait', alert: 'wait', text: 'The transfer arrived after the payment had expired. It was credited.' },
    REVERTED: { tone: 'bad', alert: 'bad', text: 'A chain reorganisation removed a transfer that had been reported. If it had been credited, the ledger holds the reversal.' },
    ACCEPTED: { tone: 'good', alert: 'good', text: 'This payment was short or late, and was accepted.' },
    UNDERPAID_ACCEPTED: { tone: 'good', alert: 'good', text: 'A little less than the amount arrived, within your tolerance. What arrived was credited.' },
    AFTER_REJECT: { tone: 'bad', alert: 'bad', text: 'A transfer arrived after the payment was rejected. It was credited; agree with the payer on what to refund.' },
  };
  const nodeStates = {
    OK: { tone: 'good' }, SLOW: { tone: 'wait' }, ERRORING: { tone: 'bad' }, RATE_LIMITED: { tone: 'wait' }, STALE: { tone: 'wait' },
    SYNCING: { tone: 'wait' }, FORKED: { tone: 'bad' }, WRONG_CHAIN: { tone: 'bad' }, LYING: { tone: 'bad' },
  };
  const alarmKinds = {
    NODE_LYING: 'A node contradicts the others',
    NODE_WRONG_CHAIN: 'A node follows the wrong chain',
    QUORUM_MISSING: 'Too few nodes agree',
    BLOCK_DOUBTFUL: 'No node gives a believable answer for a block',
    TRANSFER_MISSED: 'A transfer was missed at first',
    TRANSFER_DISPROVED: 'A stored transfer does not exist',
    REORG_BELOW_FINALITY: 'A final block was replaced',
    RECEIPTS_UNDECODABLE: 'This version cannot check the receipts of a block',
    AMOUNT_TOO_LARGE: 'A transfer is too large to be real',
    TOKEN_PAUSED: 'The token is paused',
    TOKEN_FEE_CHANGED: 'The token charges a fee',
    TOKEN_DEPRECATED: 'The token moved to another contract',
    ADDRESS_BLACKLISTED: 'A deposit address is blacklisted',
    FUNDS_DESTROYED: 'The issuer destroyed funds',
    BOOKS_DIFFER: 'Reconciliation found a difference',
    PAYMENT_ALTERED: 'A payment’s row was changed or planted',
    EARLY_TRANSFER: 'A transfer is older than its payment',
    DATABASE_RESTORED: 'The database was restored to an earlier moment',
    CLOCK_SKEW: 'A clock is wrong',
    CREDIT_CONTRADICTED: 'A credited transfer is not on the chain',
  };
  const otherTones = { ACTIVE: 'good', SUSPENDED: 'bad', CREDITED: 'good', REMOVED: 'bad', ENABLED: 'good', FAILING: 'wait', DISABLED: 'bad', DELIVERED: 'good', PARKED: 'bad', TEST: 'wait' };

  const toneOf = (word) => (statuses[word] || exceptions[word] || nodeStates[word])?.tone ?? otherTones[word] ?? '';
  const badge = (word, isOutline = false) => el('span', { class: `badge ${toneOf(word)}${isOutline ? ' outline' : ''}` }, word.replaceAll('_', ' '));
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
      toast(`${what} copied.`);
    } catch {
      toast('Your browser does not allow copying. Please select the text and copy it.');
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
        toast('The CSV was downloaded.');
      } catch (error) {
        if (isLoggedOut(error)) api.onLoggedOut?.();
        else $('[data-page-error]').textContent = error instanceof Failure ? explain(error) : 'The download was cut off. Please try again.';
      } finally {
        button.removeAttribute('aria-busy');
      }
    });
  }

  const copyable = (text, what, shown) => el('span', { class: 'copyable' }, shown || el('code', {}, text),
    el('button', { class: 'button small', type: 'button', 'data-key': 'copy ' + what, onclick: () => copy(text, what) }, 'Copy', el('span', { class: 'visually-hidden' }, ' ' + what.toLowerCase())));

  // ---- Forms ----

  function complaint(input) {
    const { validity } = input;
    const label = labelOf(input);
    if (validity.valueMissing) return `${label} is required.`;
    if (validity.typeMismatch && input.type === 'email') return 'Enter an e-mail address such as name@example.com.';
    if (validity.typeMismatch && input.type === 'url') return 'Enter a URL that begins with https://.';
    if (validity.badInput && input.type.startsWith('date')) return `${label} is not complete.`;
    if (validity.tooShort) return `${label} must have at least ${input.minLength} characters; it has ${input.value.length}.`;
    if (validity.patternMismatch) return `${label} must be ${input.maxLength} digits.`;
    if (validity.rangeUnderflow || validity.rangeOverflow || validity.stepMismatch || validity.badInput) return `${label} must be a whole number from ${input.min} to ${input.max}.`;
    return validity.valid ? '' : input.validationMessage;
  }

  const labelOf = (input) => {
    const label = input.labels?.[0]?.cloneNode(true);
    label?.querySelectorAll('.muted').forEach((part) => part.remove());
    return label?.textContent.trim() || 'This';
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
        if (wrong.length > 1) alert.textContent = `Please fix ${wrong.length} fields.`;
        wrong[0].focus();
        return;
      }
      const button = event.submitter || $('[type=submit]', form);
      busy = true;
      button?.setAttribute('aria-busy', 'true');
      try {
        await run(Object.fromEntries(inputs.map((input) => [input.name, input.value])));
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
    $('[data-word]', button).textContent = isShown ? 'Hide' : 'Show';
  }
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-show]');
    if (button) setShown(button, $('[data-word]', button).textContent === 'Show');
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
      return el('div', { class: 'field' }, el('label', { for: fieldID }, field.label, field.required ? '' : el('span', { class: 'muted' }, ' (optional)')),
        field.type === 'password' ? el('div', { class: 'password' }, input, el('button', { type: 'button', class: 'show', 'data-show': fieldID, 'aria-controls': fieldID },
          el('span', { 'data-word': true }, 'Show'), el('span', { class: 'visually-hidden' }, ' password'))) : input,
        field.hint ? el('p', { class: 'hint', id: fieldID + '-hint' }, field.hint) : '');
    });
    const form = el('form', { method: 'post', novalidate: true },
      el('h2', { id: id + '-title' }, title),
      ...[text].flat().map((line) => (line instanceof Node ? line : el('p', {}, line))),
      el('div', { class: 'alert bad', role: 'alert', 'data-error': true }),
      rows,
      el('div', { class: 'actions' },
        isNotice ? '' : el('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Cancel'),
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
      for (const [name, value] of Object.entries({ tabindex: '0', role: 'region', 'aria-label': caption + ', table' })) {
        if (isWide) box.setAttribute(name, value);
        else box.removeAttribute(name);
      }
    }).observe(box);
    return box;
  }

  const empty = (title, text = '') => el('p', { class: 'empty' }, el('strong', {}, title), text);

  // searchedTo says how far back a search for parts of words has looked. "Older" goes on from there.
  const searchedTo = (page) => (page.searchedTo ? el('p', { class: 'empty' }, 'Searched back to ', time(page.searchedTo), '. “Older” searches further back. A complete reference, user, transaction, address or id is found at once.') : '');

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
        this.before ? button('back', 'Newer', !this.cursor, () => this.go(this.before.at(-1), this.before.slice(0, -1))) : button('back', 'Newest', false, () => this.go('', [])),
        button('on', 'Older', !next, () => this.go(next, this.before && [...this.before, this.cursor])),
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
    if (to) markField(to, isRight ? '' : 'To must not be before From.');
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
    Failure, parseJSON, call, query, explain, isLoggedOut, el, $, $$, fill, amount, isZero, time, dayStart, period, day, short, badge, bindDownload,
    statuses, exceptions, alarmKinds, statusBadges, external, toast, copy, copyable, onSubmit, ask, table, empty, searchedTo, Pager, bindFilters, views, onLoggedOut: null, onForbidden: null,
  };
  window.paycow = api;
})();
