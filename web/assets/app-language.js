// The page's language: its texts, numbers and dates. app-texts.<tag>.js gives the texts by their English wording.
(() => {
  'use strict';
  const { lang, dir } = document.documentElement;
  const texts = Object.assign(Object.create(null), window.paycowTexts);

  // Dates and numbers follow the browser's region, such as de-AT. Digits are those of wallets, and days those of the calls.
  const region = navigator.languages.find((tag) => tag.split('-')[0] === lang);
  const locale = new Intl.Locale(region || (lang === 'en' ? 'en-GB' : lang), { numberingSystem: 'latn', calendar: 'gregory' });
  const numbers = new Intl.NumberFormat(locale);
  const percents = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const plurals = new Intl.PluralRules(lang);
  const separators = Object.fromEntries(new Intl.NumberFormat(locale, { minimumFractionDigits: 1 }).formatToParts(1234567.5).map(({ type, value }) => [type, value]));

  // wording returns a text with its placeholders, in the plural form for count.
  function wording(english, count) {
    const text = texts[english] ?? english;
    return typeof text === 'string' ? text : text[plurals.select(count)] ?? text.other;
  }

  // Values other than numbers are isolated, because what a user writes could reorder the words around it.
  const plain = (value) => (typeof value === 'number' ? numbers.format(value) : dir === 'rtl' ? `\u2068${value}\u2069` : String(value));

  // t returns a text whose placeholders, such as {name}, are filled in. The key is written out, so that a test finds it.
  const t = (english, values = {}) => wording(english, values.count).replace(/\{(\w+)\}/g, (mark, name) => (name in values ? plain(values[name]) : mark));

  // parts returns such a text as pieces for an element. Values may be nodes.
  const parts = (english, values) => wording(english, values.count).split(/(\{\w+\})/).filter(Boolean).map((piece) => {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    if (!name || !(name in values)) return piece;
    const value = values[name];
    if (value instanceof Node || typeof value === 'number') return value instanceof Node ? value : numbers.format(value);
    const isolated = document.createElement('bdi');
    isolated.textContent = value;
    return isolated;
  });

  // word returns a word of the API, such as PAID_LATE, in the language.
  const word = (name) => texts[name] ?? String(name).replaceAll('_', ' ');

  // grouped returns a decimal number with the language's separators. Its digits stay as they are.
  const grouped = (digits) => String(digits).replace(/^([-+]?)(\d+)(?:\.(\d+))?$/, (_, sign, whole, fraction) =>
    sign + whole.replace(/\B(?=(\d{3})+$)/g, separators.group) + (fraction === undefined ? '' : separators.decimal + fraction));

  const percent = (rate) => percents.format(Number(rate));

  // errorText returns the text for an error's code, else the API's English sentence.
  const errorText = (code, msg) => (texts['error:' + code] ?? msg)?.replace('{msg}', () => `\u2066${msg}\u2069`);

  // The choice is remembered, so the address that is shared or kept as a bookmark does not choose for others.
  const here = new URL(location.href);
  if (here.searchParams.has('lang')) {
    here.searchParams.delete('lang');
    history.replaceState(history.state, '', here);
  }

  // Another language shows the same view: the address keeps its parameters and its fragment.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('.language-choice a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const address = new URL(location.href);
    address.searchParams.set('lang', link.hreflang);
    if (link.hash) address.hash = link.hash;
    location.assign(address);
  });

  window.paycowLanguage = { locale, t, parts, word, grouped, percent, errorText };
})();
