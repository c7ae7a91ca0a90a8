// This script updates the checkout page without reloading it and lets a browser wallet pay. Without the script the page
// refreshes itself. The server renders and escapes all markup; text from wallets is only ever inserted as text.
"use strict";
(() => {
  const texts = JSON.parse(document.body.dataset.texts);
  const fill = (id, values = {}) => texts[id].replace(/\{(\w+)\}/g, (whole, name) => name in values ? String(values[name]) : whole);
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const byId = (id) => document.getElementById(id);

  // ---- the server's markup, replaced part by part

  let clockOffset = 0; // server's clock minus ours, in milliseconds
  const shown = new Map(); // the last markup of each part
  for (const node of document.querySelectorAll("[data-part]")) shown.set(node.dataset.part, node.outerHTML);

  function apply(markup) {
    const fresh = new DOMParser().parseFromString(markup, "text/html");
    const headline = part("clock").dataset.headline;
    const chosen = document.querySelector("input[name=qr]:checked")?.id;
    const isHelped = document.querySelector(".exchange")?.open;
    const focused = document.activeElement;
    for (const node of fresh.querySelectorAll("[data-part]")) {
      const name = node.dataset.part;
      if (shown.get(name) === node.outerHTML) continue;
      shown.set(name, node.outerHTML);
      const hadFocus = part(name).contains(focused);
      part(name).replaceWith(document.importNode(node, true));
      if (hadFocus) (focused.id && byId(focused.id) || document.querySelector("main")).focus?.();
    }
    if (chosen && byId(chosen)) byId(chosen).checked = true;
    const help = document.querySelector(".exchange");
    if (isHelped && help) help.open = true;
    setClock();
    localize();
    showPrint();
    const now = part("clock").dataset;
    document.title = [now.title, document.querySelector(".payee").textContent].filter(Boolean).join(" · ");
    if (now.headline !== headline) byId("announce").textContent = now.headline;
    drawWallets();
    if (now.final === "true") stopFollowing();
  }

  // ---- the time left, by the server's clock

  // Times are written as in the payer's country, if it speaks the page's language, and in the digits of every wallet.
  // Some browsers name a language that is no valid tag, such as "en-US@posix".
  const language = document.documentElement.lang;
  const isTag = (tag) => { try { return Intl.getCanonicalLocales(tag).length > 0; } catch { return false; } };
  const country = navigator.languages.find((tag) => tag.split("-")[0] === language && isTag(tag)) ?? language;
  const timeFormat = (styles) => new Intl.DateTimeFormat(country, { ...styles, numberingSystem: "latn" });
  const receiptFormat = timeFormat({ dateStyle: "long", timeStyle: "long" });

  function untilText(end) {
    const isSoon = end - new Date() < 12 * 3_600_000; // then the time alone says which day
    return fill("until", { Time: timeFormat(isSoon ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" }).format(end) });
  }

  function setClock() {
    const clock = part("clock").dataset;
    clockOffset = Number(clock.now) - Date.now();
    const until = byId("until");
    if (until) until.textContent = untilText(new Date(Number(clock.end) - clockOffset));
    tick();
  }

  // localize writes the times of a receipt in the payer's own time zone.
  function localize() {
    for (const node of document.querySelectorAll("time")) node.textContent = receiptFormat.format(new Date(node.dateTime));
  }

  function tick() {
    const countdown = byId("countdown"), clock = part("clock").dataset;
    if (!countdown || clock.stopped === "true") return;
    const left = Math.max(0, Math.floor((Number(clock.end) - Date.now() - clockOffset) / 1000));
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(left / 3600), minutes = Math.floor(left / 60) % 60;
    countdown.textContent = left === 0 ? texts.over : (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(left % 60);
  }

  // ---- updates: server-sent events, and polling where they do not arrive

  let source = null, pollTimer = 0, retryTimer = 0, lastMessage = Date.now();
  const pollPause = Math.max(2, Number(document.body.dataset.refresh)) * 1000;

  function follow() {
    clearTimeout(retryTimer);
    source?.close();
    source = new EventSource(document.body.dataset.events);
    source.addEventListener("state", (event) => { onMessage(); apply(JSON.parse(event.data)); });
    source.addEventListener("alive", onMessage);
    source.addEventListener("error", () => {
      startPolling();
      if (source.readyState === EventSource.CLOSED) retryTimer = setTimeout(follow, 30000);
    });
  }

  function onMessage() {
    lastMessage = Date.now();
    clearInterval(pollTimer);
    pollTimer = 0;
    byId("offline").hidden = true;
  }

  function startPolling() {
    if (!pollTimer && !isDone()) pollTimer = setInterval(poll, pollPause);
  }

  async function poll() {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      lastMessage = Date.now();
      byId("offline").hidden = true;
      apply(await answer.text());
    } catch {
      byId("offline").textContent = texts.offline;
      byId("offline").hidden = false;
    }
  }

  const isDone = () => part("clock").dataset.final === "true";

  function stopFollowing() {
    source?.close();
    clearInterval(pollTimer);
    clearTimeout(retryTimer);
    pollTimer = 0;
  }

  // A page that wakes up asks at once. A stream that has gone silent is backed by polling.
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !isDone()) { poll(); follow(); } });
  setInterval(() => { if (!isDone() && Date.now() - lastMessage > 45000) { startPolling(); } }, 15000);

  // ---- copying and printing

  document.addEventListener("click", async (event) => {
    if (event.target.closest("[data-print]")) print();
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const isCopied = await copy(button.dataset.copy);
    byId("announce").textContent = isCopied ? texts.copied : texts.copy_failed;
    if (!isCopied) return;
    const label = button.textContent;
    if (label === texts.copied) return;
    button.textContent = texts.copied;
    setTimeout(() => { button.textContent = label; }, 1500);
  });

  function showPrint() {
    for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  }

  // What is selected by hand is copied as the buttons do: with the value of each <data> in place of its text. A <data> of
  // which only a piece is selected is selected as a whole. The longest comes first, because it may contain a shorter one.
  document.addEventListener("copy", (event) => {
    if (document.activeElement instanceof HTMLTextAreaElement) return; // what a button copies is a value already
    const selection = getSelection();
    const ranges = Array.from({ length: selection.rangeCount }, (_, i) => selection.getRangeAt(i).cloneRange());
    const touched = [...document.querySelectorAll("data")].filter((node) => ranges.some((range) => widen(range, node)));
    if (!touched.length) return;
    selection.removeAllRanges();
    for (const range of ranges) selection.addRange(range);
    touched.sort((a, b) => b.textContent.length - a.textContent.length);
    const plain = String(selection);
    const copied = touched.reduce((text, node) => text.replaceAll(node.textContent, node.value), plain);
    if (copied === plain) return;
    event.clipboardData.setData("text/plain", copied.trim());
    event.preventDefault();
  });

  // widen makes a range that has some of a node's text contain all of it, and reports whether it has some.
  function widen(range, node) {
    if (!range.intersectsNode(node)) return false;
    const isCutBefore = node.contains(range.startContainer), isCutAfter = node.contains(range.endContainer);
    const piece = document.createRange();
    piece.selectNodeContents(node);
    if (isCutBefore) piece.setStart(range.startContainer, range.startOffset);
    if (isCutAfter) piece.setEnd(range.endContainer, range.endOffset);
    if (!String(piece)) return false;
    if (isCutBefore) range.setStartBefore(node);
    if (isCutAfter) range.setEndAfter(node);
    return true;
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const field = document.createElement("textarea"); // pages over plain http have no clipboard API
      field.value = text;
      document.body.append(field);
      field.select();
      const isCopied = document.execCommand("copy");
      field.remove();
      return isCopied;
    }
  }

  // ---- browser wallets: announced by EIP-6963, else window.ethereum (EIP-1193)

  const wallets = new Map(); // by the wallet's announced id
  let busy = false;
  const sentKey = "paycow-sent-" + document.body.dataset.id;

  addEventListener("eip6963:announceProvider", (event) => {
    const { info, provider } = event.detail ?? {};
    if (!info?.uuid || typeof provider?.request !== "function") return;
    wallets.set(info.uuid, { name: String(info.name), icon: String(info.icon ?? ""), provider });
    drawWallets();
  });

  function drawWallets() {
    const box = document.querySelector("[data-keep=wallet]"), list = byId("wallets");
    const canPay = part("pay").dataset.call !== undefined;
    const sent = sessionStorage.getItem(sentKey);
    box.hidden = !(canPay && wallets.size) && !byId("wallet-status").textContent;
    list.hidden = !canPay || sent !== null;
    const open = document.querySelector(".open");
    if (open) open.hidden = sent !== null;
    for (const [uuid, wallet] of wallets) {
      let button = list.querySelector(`[data-wallet="${CSS.escape(uuid)}"]`);
      if (!button) {
        button = document.createElement("button");
        button.type = "button";
        button.className = "button primary";
        button.dataset.wallet = uuid;
        if (/^data:image\//.test(wallet.icon)) {
          const icon = document.createElement("img");
          icon.src = wallet.icon;
          icon.alt = "";
          button.append(icon);
        }
        button.append(fill("w_pay", { Name: wallet.name }));
        button.addEventListener("click", () => pay(wallet.provider));
        list.append(button);
      }
      button.setAttribute("aria-disabled", String(busy));
    }
    if (sent && !byId("wallet-status").textContent) {
      say(texts.w_sent, "wait", sent);
      watchReceipt([...wallets.values()][0]?.provider, sent);
    }
  }

  // say shows a text. units are of the amount that stands for {Have} in it.
  function say(text, tone, hash, units) {
    const line = byId("wallet-status");
    line.className = "alert " + (tone ?? "");
    const [before, after] = typeof units === "bigint" ? text.split("{Have}") : [text];
    line.replaceChildren(before, ...(after === undefined ? [] : [amountNode(units), after]));
    const explorer = part("pay").dataset.explorer;
    if (hash && explorer) {
      const link = document.createElement("a");
      link.href = explorer + "/tx/" + hash;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      link.textContent = texts.explorer + " (" + texts.new_tab + ")";
      line.append(" ", link);
    }
    document.querySelector("[data-keep=wallet]").hidden = false;
  }

  class Refusal extends Error {}
  const refuse = (id) => new Refusal(texts[id]);

  async function pay(provider) {
    if (busy) return;
    busy = true;
    drawWallets();
    try {
      const hash = await send(provider);
      sessionStorage.setItem(sentKey, hash);
      say(texts.w_sent, "wait", hash);
      watchReceipt(provider, hash);
    } catch (error) {
      say(error instanceof Refusal ? error.message : explain(error), "bad", null, error?.cause);
    } finally {
      busy = false;
      drawWallets();
    }
  }

  async function send(provider) {
    const ask = (method, ...params) => provider.request({ method, params });
    const wanted = { ...part("pay").dataset };
    say(texts.w_connecting, "wait");
    const [from] = await ask("eth_requestAccounts");
    if (!/^0x[0-9a-fA-F]{40}$/.test(from ?? "")) throw refuse("w_locked");
    if (!await isOnChain(ask, wanted.chain)) {
      say(texts.w_switching, "wait");
      await switchChain(ask, wanted);
      if (!await isOnChain(ask, wanted.chain)) throw refuse("w_chain");
    }
    say(texts.w_checking, "wait");
    const held = await ask("eth_call", { to: wanted.token, data: "0x70a08231" + from.slice(2).toLowerCase().padStart(64, "0") }, "latest");
    const have = BigInt(/^0x[0-9a-fA-F]+$/.test(held) ? held : 0);
    if (have < BigInt(wanted.units)) throw new Refusal(texts.w_usdt, { cause: have });
    if (part("pay").dataset.call !== wanted.call) throw refuse("w_changed");
    say(texts.w_confirm, "wait");
    return ask("eth_sendTransaction", { from, to: wanted.token, data: wanted.call, value: "0x0" });
  }

  const isOnChain = async (ask, chain) => BigInt(await ask("eth_chainId")) === BigInt(chain);

  async function switchChain(ask, wanted) {
    try {
      await ask("wallet_switchEthereumChain", { chainId: wanted.chain });
    } catch (error) {
      if (codeOf(error) !== 4902 || !wanted.rpc) throw codeOf(error) === 4902 ? refuse("w_chain") : error;
      await ask("wallet_addEthereumChain", {
        chainId: wanted.chain, chainName: "PayCow test network", rpcUrls: [wanted.rpc],
        nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
      });
    }
  }

  // Amounts look as those of the server: with the language's separators.
  const amountFormat = new Intl.NumberFormat(language, { numberingSystem: "latn", minimumFractionDigits: 2, maximumFractionDigits: 6, useGrouping: "always" });

  function amountNode(units) {
    const node = document.createElement("data"), text = document.createElement("bdi");
    const exact = units / 1000000n + "." + String(units % 1000000n).padStart(6, "0");
    node.value = exact.replace(/0{1,4}$/, "");
    text.dir = "ltr";
    text.textContent = amountFormat.format(exact).replaceAll("\u202f", "\u00a0"); // the server's space in French
    node.append(text);
    return node;
  }

  const codeOf = (error) => Number(error?.code ?? error?.data?.originalError?.code);

  // The codes are those of EIP-1193 and EIP-1474.
  function explain(error) {
    const message = String(error?.data?.message ?? error?.message ?? error);
    if (/insufficient funds|exceeds the balance of the account|gas required exceeds allowance/i.test(message)) return texts.w_gas;
    switch (codeOf(error)) {
      case 4001: return texts.w_refused;
      case 4100: return texts.w_locked;
      case 4200: case -32601: case -32004: return texts.w_unsupported;
      case 4900: case 4901: return texts.w_disconnected;
      case 4902: return texts.w_chain;
      case -32002: return texts.w_busy;
      default: return fill("w_error", { Reason: message.slice(0, 200) });
    }
  }

  // watchReceipt waits until the sent transaction is in a block. From then on the page shows its confirmations.
  async function watchReceipt(provider, hash) {
    for (let tries = 0; provider && tries < 200 && !isDone(); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 3000));
      try {
        const receipt = await provider.request({ method: "eth_getTransactionReceipt", params: [hash] });
        if (!receipt) continue;
        if (BigInt(receipt.status) === 0n) {
          sessionStorage.removeItem(sentKey);
          say(texts.w_failed, "bad", hash);
          drawWallets();
        } else {
          say(texts.w_mined, "good", hash);
        }
        return;
      } catch { /* the wallet may be asleep */ }
    }
  }

  // ---- start

  document.querySelector("main").tabIndex = -1;
  setClock();
  localize();
  showPrint();
  setInterval(tick, 1000);
  if (!isDone()) follow();
  dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    if (!wallets.size && typeof window.ethereum?.request === "function") wallets.set("injected", { name: texts.w_injected, icon: "", provider: window.ethereum });
    drawWallets();
  }, 300);
})();
