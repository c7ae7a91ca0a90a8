// The pages that need no account: the front page, the documentation and a page that is not there.
import assert from 'node:assert/strict'
import { test, after } from 'node:test'
import { accessible, api, close, create, everyLook, isEveryLook, languages, open, pseudo, shot, unwrapped } from './tools.mjs'

after(close)

const phone = { width: 360, height: 740 }
// The longest page of the guide that a person scrolls through on a phone, in screens.
const longest = 18

test('the front page and a page that is not there', async () => {
  const page = await open('/')
  await page.getByRole('heading', { level: 1, name: 'USDT payments for shops' }).waitFor()
  await page.getByText('Payments can be created, paid and credited.').waitFor() // in words, not as the answer of /readyz
  await everyLook(page, 'home')
  page.check()

  page.expected.push('404')
  for (const path of ['/payment/000000000000000000000000', '/docs/nothing', '/nothing']) {
    await page.goto(api + path)
    await page.getByRole('heading', { level: 1, name: 'Not found' }).waitFor()
    if (path.startsWith('/payment')) await everyLook(page, 'missing')
    await page.getByRole('link', { name: 'front page' }).click()
    await page.waitForURL(api + '/')
  }
  page.check()
})

test('the pages without an account in seven languages', async () => {
  const page = await open('/', {}, (page) => page.expected.push('404', '403'))
  const isShot = process.env.PAYCOW_SCREENSHOTS
  for (const [i, language] of languages.entries()) {
    for (const [j, [path, name]] of [['/', 'home'], ['/login.html', 'login'], ['/register.html', 'register'], ['/password.html', 'password'], ['/nothing', 'missing']].entries()) {
      if ((i + j) % 2 && !isShot && !isEveryLook) continue
      await page.goto(`${api}${path}?lang=${language}`)
      assert.equal(await page.locator('html').getAttribute('dir'), language === 'ar' ? 'rtl' : 'ltr')
      if (isEveryLook || isShot && ['de', 'ar', 'zh'].includes(language)) await everyLook(page, `${name}-${language}`)
      else await accessible(page, `${name}-${language}`)
    }
  }

  await page.goto(api + '/?lang=zh')

  // A choice is remembered, and keeps the rest of the address.
  await page.goto(api + '/login.html?admin')
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh')
  await page.getByRole('link', { name: 'Deutsch' }).click()
  await page.getByRole('heading', { name: 'Als Admin anmelden' }).waitFor()
  await page.goto(api + '/password.html#token')
  await page.getByRole('link', { name: 'Español' }).click()
  await page.getByRole('heading', { name: 'Establecer una contraseña' }).waitFor()
  await page.getByLabel('Nueva contraseña').fill('a long enough password')
  const sent = page.waitForRequest('**/api/account/password')
  await page.getByRole('button', { name: 'Establecer la contraseña' }).click()
  assert.equal((await sent).postDataJSON().token, 'token')
  await page.getByText('Este enlace ya se usó').waitFor() // the API's error in the page's language
  page.check()
})

test('no text of the pages without an account stays in English', async () => {
  const page = await open('/', { locale: 'de-AT' }, (page) => pseudo(page, 'de'))
  const names = /^(PayCow|OpenAPI|https:\/\/|.* · PayCow)$/
  assert.deepEqual(await unwrapped(page, 'de', names), [])
  for (const path of ['/login.html', '/login.html?admin&ended', '/register.html', '/password.html']) {
    await page.goto(api + path)
    await page.locator('[type=submit]').click() // every field says what is wrong with it
    await page.locator('.field-error').first().waitFor()
    assert.deepEqual(await unwrapped(page, 'de', names), [], path)
  }
  page.check()
})

test('every page has the same icon', async () => {
  const payment = await create(5)
  const icons = new Set()
  const drawing = async (href) => decodeURIComponent(href.startsWith('data:') ? href.slice(href.indexOf(',') + 1) : await (await fetch(api + href)).text())
  for (const path of ['/', '/docs', '/docs/webhooks', '/login.html', '/register.html', '/password.html', '/nothing', `/payment/${payment.paymentId}`]) {
    const [, href] = /<link rel="icon" href="([^"]+)"/.exec(await (await fetch(api + path, { headers: { accept: 'text/html' } })).text()) ?? []
    assert.ok(href, `${path} has an icon`)
    icons.add((await drawing(href)).replaceAll('"', "'").trim())
  }
  assert.equal(icons.size, 1, [...icons].join(' '))
})

test('the documentation', async () => {
  const page = await open('/docs')
  for (const [path, name] of [
    ['/docs', 'docs'], ['/docs/payments', 'docs-payments'], ['/docs/calls', 'docs-calls'], ['/docs/webhooks', 'docs-webhooks'], ['/docs/testing', 'docs-testing'],
    ['/docs/examples', 'docs-examples'], ['/docs/reference', 'docs-reference'], ['/docs/reference/createPayment', 'docs-call'],
    ['/docs/reference/schemas/OperatorPayment', 'docs-schema'], ['/docs/search?q=idempotency+key', 'docs-search'], ['/docs/search?q=nosuchword', 'docs-nothing-found'],
  ]) {
    await page.goto(api + path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await everyLook(page, name)
  }

  // From a word to the place that explains it.
  await page.goto(api + '/docs')
  await page.getByRole('searchbox', { name: 'Search the documentation' }).fill('rotate secret')
  await page.keyboard.press('Enter')
  await page.getByRole('main').getByRole('link', { name: 'Rotate the secret', exact: true }).click()
  await page.waitForURL('**/docs/webhooks#webhook-secret')
  const heading = page.getByRole('heading', { name: 'Rotate the secret' })
  assert.ok(await heading.evaluate((found) => found.getBoundingClientRect().top < innerHeight), 'the place is on the screen')

  // A heading's link can be copied, and leads there again.
  await page.getByRole('heading', { name: 'Tries and redelivery' }).getByRole('link').click()
  await page.waitForURL('**/docs/webhooks#webhook-tries')

  // A call, then what it answers with.
  await page.getByRole('navigation', { name: 'Documentation' }).getByRole('link', { name: 'Reference' }).click()
  await page.getByRole('main').getByRole('link', { name: 'POST /api/payment/create' }).click()
  await page.getByRole('heading', { level: 1, name: /Create/ }).waitFor()
  await page.getByRole('link', { name: 'CreatedPayment' }).first().click()
  await page.waitForURL('**/docs/reference/schemas/CreatedPayment')
  page.check()
})

test('the guide on a phone', async () => {
  const page = await open('/docs', { viewport: phone })
  const pages = await page.locator('.contents details > ul > li > a').evaluateAll((links) => links.map((link) => link.pathname))
  assert.ok(pages.length >= 7 && pages.includes('/docs/webhooks'), pages.join(' '))
  for (const path of pages) {
    if (path !== '/docs') await page.goto(api + path)
    await page.locator('.contents details:not([open])').waitFor() // the text comes first
    const screens = await page.evaluate(() => document.documentElement.scrollHeight / innerHeight)
    assert.ok(screens <= longest, `${path} is ${screens.toFixed(1)} screens of a phone long`)
  }
  // The list closes before the page is drawn, however late the script comes.
  await page.route('**/docs.js', async (route) => { await new Promise((done) => setTimeout(done, 500)); await route.continue() })
  await page.goto(api + '/docs/webhooks')
  const shifts = await page.evaluate(() => new Promise((done) => {
    const seen = []
    new PerformanceObserver((list) => seen.push(...list.getEntries().map((entry) => entry.value))).observe({ type: 'layout-shift', buffered: true })
    setTimeout(() => done(seen), 300)
  }))
  assert.ok(shifts.reduce((sum, value) => sum + value, 0) < 0.1, `the page moves: ${shifts.join(' ')}`)
  page.check()
})

test('old links lead to where things are now', async () => {
  for (const [anchor, path] of [
    ['#webhook-verify', '/docs/webhooks#webhook-verify'], ['#test-mode', '/docs/testing#test-mode'], ['#errors', '/docs/calls#errors'],
    ['#call-createPayment', '/docs/reference/createPayment'], ['#schema-Error', '/docs/reference/schemas/Error'], ['#examples', '/docs/examples'], ['#create', '/docs#create'],
  ]) {
    const page = await open('/docs' + anchor)
    await page.waitForURL(api + path)
    page.check()
    await page.context().close()
  }
})

test('the documentation without JavaScript', async () => {
  const wide = await open('/docs/webhooks', { javaScriptEnabled: false })
  await wide.getByRole('navigation', { name: 'Documentation' }).getByRole('link', { name: 'Reference' }).click()
  await wide.waitForURL('**/docs/reference')
  await wide.goto(api + '/docs#call-createPayment')
  await wide.locator('li#call-createPayment').getByRole('link').click()
  await wide.waitForURL('**/docs/reference/createPayment')

  const page = await open('/docs#webhook-verify', { javaScriptEnabled: false, viewport: phone })
  await page.locator('li#webhook-verify').getByRole('link').click()
  await page.waitForURL('**/docs/webhooks#webhook-verify')
  await page.goto(api + '/docs/examples')
  await page.getByRole('radio', { name: 'Python' }).check()
  await page.getByText('payment.py').first().waitFor()
  await page.getByRole('searchbox').fill('expiresIn')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByRole('main').getByRole('link', { name: 'Create a payment' }).first().click()
  await page.waitForURL('**/docs#create')
})
