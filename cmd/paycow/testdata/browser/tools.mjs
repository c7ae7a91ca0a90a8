// What the browser tests share: the browser, a wallet, readers of QR codes and payment requests, and the accessibility check.
// A test gets the running stack's dev.json (without `paycow dev`: what the test itself made of it) by PAYCOW_DEV_JSON, and where screenshots go by PAYCOW_SCREENSHOTS.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import jsQR from 'jsqr'
import { PNG } from 'pngjs'
import { createWalletClient, createPublicClient, http, defineChain, numberToHex } from 'viem'
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts'

const require = createRequire(import.meta.url)
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

export { chromium }
export const stack = JSON.parse(readFileSync(process.env.PAYCOW_DEV_JSON, 'utf8'))
export const api = stack.apiUrl

// call makes a request as an operator's server does.
export async function call(method, path, body, headers = {}) {
  const answer = await fetch(api + path, {
    method, body: body === undefined ? undefined : JSON.stringify(body),
    headers: { 'content-type': 'application/json', 'x-api-key': stack.operator.apiKey, 'x-api-secret': stack.operator.apiSecret, ...headers },
  })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
  return text === '' ? null : JSON.parse(text)
}

export const create = (amount, fields = {}) => call('POST', '/api/payment/create', { amount, userId: 'user_123456', network: 'ERC20', ...fields })

// rpc calls the local chain, among others dev_mine and dev_reorg.
export async function rpc(method, ...params) {
  const answer = await fetch(stack.rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
  const { result, error } = await answer.json()
  assert.equal(error, undefined, `${method}: ${error?.message}`)
  return result
}

const chain = defineChain({
  id: stack.chainId, name: 'local', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [stack.rpcUrl] } },
})
export const node = createPublicClient({ chain, transport: http() })
export const faucet = createWalletClient({ account: privateKeyToAccount(stack.faucetKey), chain, transport: http() })

// The real token's transfer returns nothing, so its ABI must not promise a result.
const tokenABI = [{ type: 'function', name: 'transfer', stateMutability: 'nonpayable', inputs: [{ name: 'to', type: 'address' }, { name: 'value', type: 'uint256' }], outputs: [] }]

// transfer pays from the faucet and returns the transaction's hash, which waits for a block.
export const transfer = (to, units) => faucet.writeContract({ address: stack.tokenAddress, abi: tokenABI, functionName: 'transfer', args: [to, BigInt(units)] })

// account makes a new account with so much of ether and of the token.
export async function account(wei, units) {
  const made = privateKeyToAccount(generatePrivateKey())
  if (wei > 0n) await faucet.sendTransaction({ to: made.address, value: wei })
  if (units > 0n) await transfer(made.address, units)
  return made
}

export const mine = (blocks = 1) => rpc('dev_mine', blocks)

let shared
export async function browser() {
  shared ??= await chromium.launch({ executablePath: process.env.PAYCOW_CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  return shared
}
export const close = async () => { await shared?.close() }

// open opens a page in a context of its own. Whatever the page loads from elsewhere, and every error in it, fails the test at
// its end by watch.check().
export async function open(path, options = {}, prepare = async () => {}) {
  const context = await (await browser()).newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: api })
  const page = await context.newPage()
  const wrong = []
  page.on('request', (request) => { if (!request.url().startsWith(api + '/') && !request.url().startsWith('data:')) wrong.push('loaded ' + request.url()) })
  page.on('pageerror', (error) => wrong.push(String(error)))
  page.on('console', (message) => { if (message.type() === 'error' && !page.expected?.some((text) => message.text().includes(text))) wrong.push(message.text()) })
  page.expected = []
  await prepare(page)
  await page.goto(api + path)
  page.check = () => assert.deepEqual(wrong, [], 'what the page did wrong')
  return page
}

// accessible runs axe-core with every rule of WCAG 2.2 A and AA and the best practices.
export async function accessible(page, what) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axeSource)
  const result = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  assert.ok(result.passes.length > 10, 'axe-core looked at something')
  assert.deepEqual(result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`), [], what)
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(overflow <= 0, `${what} is ${overflow} px wider than the screen`)
}

// shot keeps a screenshot when a folder for them is set.
export async function shot(page, name, options = {}) {
  if (!process.env.PAYCOW_SCREENSHOTS) return
  mkdirSync(process.env.PAYCOW_SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: join(process.env.PAYCOW_SCREENSHOTS, name + '.png'), fullPage: true, ...options })
}

// logIn fills the form of the login page.
export async function logIn(page, email, secret) {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(secret)
  await page.getByRole('button', { name: 'Log in' }).click()
}

export const isEveryLook = Boolean(process.env.PAYCOW_EVERY_LOOK)

// A page has two widths and two colour schemes. Each of them is looked at once; all four with PAYCOW_EVERY_LOOK and for
// screenshots.
const looks = [
  ['desktop-light', { width: 1280, height: 900 }, 'light'], ['phone-dark', { width: 360, height: 740 }, 'dark'],
  ['desktop-dark', { width: 1280, height: 900 }, 'dark'], ['phone-light', { width: 360, height: 740 }, 'light'],
].slice(0, process.env.PAYCOW_SCREENSHOTS || isEveryLook ? 4 : 2)

// everyLook shows a page that is open at phone and desktop width, light and dark; a page for payers in each language with
// PAYCOW_EVERY_LOOK.
export async function everyLook(page, name) {
  const { pathname } = new URL(page.url())
  if (isEveryLook && /^\/pay(ment)?\//.test(pathname)) {
    for (const language of languages) {
      const other = await page.context().newPage()
      await other.goto(`${api}${pathname}?lang=${language}`, { waitUntil: 'networkidle' })
      await looksOf(other, `${name}-${language}`)
      await other.close()
    }
  }
  await looksOf(page, name)
}

async function looksOf(page, name) {
  const was = page.viewportSize()
  for (const [look, size, colorScheme] of looks) {
    await page.setViewportSize(size)
    await page.emulateMedia({ colorScheme })
    await page.waitForTimeout(150)
    await accessible(page, `${name}, ${look}`)
    await shot(page, `${name}-${look}`)
  }
  await page.setViewportSize(was)
  await page.emulateMedia({ colorScheme: 'light' })
}

// codeOf returns the code that an authenticator app shows now for a key (RFC 6238).
export function codeOf(key) {
  const bits = [...key].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const mac = createHmac('sha1', secret).update(step).digest()
  const at = mac[19] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

// readQR reads a QR code from the pixels of an element, as a phone's camera would.
export async function readQR(locator) {
  const image = PNG.sync.read(await locator.screenshot())
  const found = jsQR(new Uint8ClampedArray(image.data), image.width, image.height)
  assert.ok(found, 'there is a QR code that can be read')
  return found.data
}

// wallet puts an EIP-6963 wallet into the page. It signs with viem, outside the page; how decides what it refuses:
// {refuse: {method: code}, chainId, announce: false (only window.ethereum), asked: []}.
export async function wallet(page, owner, how = {}) {
  let chainId = how.chainId ?? stack.chainId
  const client = owner && createWalletClient({ account: owner, chain, transport: http() })
  how.asked = []
  await page.exposeFunction('paycowTestWallet', async (method, params) => {
    how.asked.push(method)
    const refusal = how.refuse?.[method]
    if (refusal) return { error: { code: refusal.code ?? refusal, message: refusal.message ?? 'refused by the test wallet' } }
    try {
      switch (method) {
        case 'eth_requestAccounts': return { result: owner ? [owner.address] : [] }
        case 'eth_chainId': return { result: numberToHex(chainId) }
        case 'wallet_switchEthereumChain': chainId = Number(params[0].chainId); return { result: null }
        case 'eth_sendTransaction': {
          how.sent = params[0]
          return { result: await client.sendTransaction({ to: params[0].to, data: params[0].data, value: BigInt(params[0].value) }) }
        }
        default: return { result: await rpc(method, ...(params ?? [])) }
      }
    } catch (error) {
      return { error: { code: -32000, message: error.shortMessage ?? error.message } }
    }
  })
  await page.addInitScript(({ announced }) => {
    const provider = {
      async request({ method, params }) {
        const { result, error } = await window.paycowTestWallet(method, params)
        if (error) throw Object.assign(new Error(error.message), { code: error.code })
        return result
      },
    }
    if (!announced) { window.ethereum = provider; return }
    const icon = 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9" fill="orange"/></svg>'
    const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', {
      detail: Object.freeze({ info: { uuid: '350670db-19fa-4704-a166-e52e178b59d2', name: 'Test Wallet', icon, rdns: 'test.paycow.wallet' }, provider }),
    }))
    window.addEventListener('eip6963:requestProvider', announce)
    announce()
  }, { announced: how.announce !== false })
  return how
}

// until repeats a look until it is true.
export async function until(what, look, seconds = 60) {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const seen = await look()
    if (seen) return seen
    assert.ok(Date.now() < end, `waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

// copied waits until the clipboard holds a text. The browser copies after the click has been handled.
export async function copied(page, what, text) {
  await until(`${what} is copied`, async () => await page.evaluate(() => navigator.clipboard.readText()) === text)
}

// The languages of the pages, as their choice offers them.
export const languages = ['en', 'de', 'es', 'fr', 'pt', 'ar', 'zh']

// sameEverywhere matches what is the same in every language: names of products, ids, and words for developers.
export const sameEverywhere = /^(PayCow|Temporal|https:\/\/|\W*USDT\W*|[0-9a-f]{16}|[0-9a-f]{24}|[a-z]+\.[a-z]+ \S+)$/

// pseudo puts the texts that scripts show into brackets. unwrapped then returns what a page shows that is neither such a text
// nor one of the language's catalogue, so that nothing stays in English unnoticed.
const catalogue = (tag) => JSON.parse(readFileSync(new URL(`../../../../web/messages/app.${tag}.json`, import.meta.url), 'utf8'))
const texts = (tag) => Object.values(catalogue(tag)).flatMap((text) => (typeof text === 'string' ? [text] : Object.values(text)))

export async function pseudo(page, tag) {
  const wrap = (text) => (typeof text === 'string' ? `⟦${text}⟧` : Object.fromEntries(Object.entries(text).map(([form, one]) => [form, `⟦${one}⟧`])))
  const wrapped = Object.fromEntries(Object.entries(catalogue(tag)).map(([key, text]) => [key, wrap(text)]))
  await page.route(`**/app-texts.${tag}.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: `window.paycowTexts = ${JSON.stringify(wrapped)};` }))
}

export async function unwrapped(page, tag, exceptions) {
  const known = texts(tag).map((text) => text.split(/<[^>]*>/)).flat().map((text) => text.trim()).filter(Boolean)
  const shown = await page.evaluate(() => {
    const found = []
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    let open = 0
    while (walk.nextNode()) {
      const node = walk.currentNode
      const before = open
      for (const letter of node.data) open += letter === '⟦' ? 1 : letter === '⟧' ? -1 : 0
      const isOwn = node.parentElement.closest('code,data,time,bdi,script,noscript,[lang]:not(html),[data-me]') // user data, and names in their own language
      if (!isOwn && before === 0 && !node.data.includes('⟦')) found.push(node.data.trim())
    }
    for (const element of document.querySelectorAll('[aria-label],[placeholder],[alt]')) {
      for (const name of ['aria-label', 'placeholder', 'alt']) found.push((element.getAttribute(name) ?? '').trim())
    }
    return found.filter((text) => !text.includes('⟦'))
  })
  return [...new Set(shown)].filter((text) => /\p{Letter}/u.test(text) && !known.includes(text) && !exceptions.test(text))
}

// openView shows a view of an app page and waits for its content.
export async function openView(page, name) {
  await page.evaluate((hash) => { location.hash = hash }, name)
  await page.locator(`[data-view="${name.split(/[/?]/)[0]}"]:not([hidden])`).waitFor()
  await page.waitForLoadState('networkidle')
}

// everyLanguage looks at views of an app page in each language but English, which other tests look at. A language looks at a
// quarter of them. With PAYCOW_EVERY_LOOK it looks at all of them, at two widths, in light and dark; for screenshots at all of
// three languages.
export async function everyLanguage(page, path, name, views) {
  for (const [i, language] of languages.slice(1).entries()) {
    await page.goto(`${api}${path}?lang=${language}`)
    assert.equal(await page.locator('html').getAttribute('lang'), language)
    const isShot = process.env.PAYCOW_SCREENSHOTS && ['de', 'ar', 'zh'].includes(language)
    for (const [j, view] of views.entries()) {
      if (j % 4 !== i % 4 && !isShot && !isEveryLook) continue
      await openView(page, view)
      const what = `${name}-${view.split(/[/?]/)[0]}-${language}`
      if (isShot || isEveryLook) await everyLook(page, what)
      else await accessible(page, what)
    }
  }
}
