// Test mode: a payment whose outcome is simulated, on the checkout page, in the dashboard and in a webhook.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test, after, before } from 'node:test'
import { accessible, call, close, create, everyLook, logIn, open, shot, stack, until } from './tools.mjs'

const asTest = { 'x-api-key': stack.operator.testApiKey, 'x-api-secret': stack.operator.testApiSecret }
const simulate = (outcome) => call('POST', '/api/payment/create', { amount: 50, userId: 'user_test', network: 'ERC20', metadata: { simulate: outcome } }, asTest)

const shop = { received: [] }
const server = createServer(async (request, response) => {
  const parts = []
  for await (const part of request) parts.push(part)
  shop.received.push(JSON.parse(Buffer.concat(parts).toString()))
  response.writeHead(204).end()
})
before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  shop.url = `http://127.0.0.1:${server.address().port}/paycow`
})
after(async () => {
  server.close()
  await close()
})

const notice = 'Nothing is paid here. Do not send any money.'

test('the checkout page of each outcome says that it is a test', async () => {
  let changes = 0
  for (const [outcome, headline] of Object.entries({
    paid: 'Simulated payment complete', underpaid: 'Not enough arrived in time', overpaid: 'Simulated payment complete', late: 'Your payment arrived too late',
    reverted: 'The network reversed a transfer', rejected: 'Payment declined',
  })) {
    const payment = await simulate(outcome)
    assert.equal(payment.test, true)
    const page = await open(`/payment/${payment.paymentId}`)
    assert.match(await page.title(), /^This is a test · /)
    const states = []
    // The page goes on by itself, and in no state asks for money.
    await until(`${outcome} has ended`, async () => {
      if (outcome === 'late' && states.at(-1) === 'Payment expired') await page.reload() // a page that has ended follows nothing
      const seen = await page.evaluate(() => ({ state: document.querySelector('h1').textContent, text: document.body.innerText, html: document.documentElement.outerHTML }))
      if (states.at(-1) !== seen.state) states.push(seen.state)
      assert.ok(seen.text.includes(notice), `${outcome}: ${seen.state}`)
      assert.ok(!seen.html.includes(payment.depositAddress), 'no address')
      assert.ok(!seen.html.includes('data-copy') && !seen.html.includes('<svg'), 'no QR code, nothing to copy')
      return (await call('GET', `/payment/data/${payment.paymentId}`)).status !== 'PENDING' && seen.state === headline && !(await page.evaluate(() => document.querySelector('[data-final="false"]')))
    })
    changes += states.length - 1
    await (outcome === 'overpaid' ? everyLook(page, 'checkout-test-overpaid') : accessible(page, outcome))
    await shot(page, `checkout-test-${outcome}`)
    page.check()
    await page.context().close()
  }
  assert.ok(changes > 0, 'the pages went on by themselves')
  const begun = await open(`/payment/${(await simulate('reverted')).paymentId}`)
  await everyLook(begun, 'checkout-test-begun')
  await begun.context().close()
  const arabic = await open(`/payment/${(await simulate('paid')).paymentId}?lang=ar`, { viewport: { width: 360, height: 740 } })
  await arabic.getByText('هذا اختبار').first().waitFor()
  await accessible(arabic, 'in Arabic')
  await shot(arabic, 'checkout-test-arabic')
  await arabic.context().close()
})

test('the dashboard shows tests apart, and a test endpoint hears of nothing else', async () => {
  const page = await open('/dashboard.html#webhooks', {}, (page) => page.expected.push('401'))
  await page.waitForURL('**/login.html*')
  await logIn(page, stack.operator.email, stack.operator.password)
  await page.getByText('No endpoints yet').waitFor()
  const dialog = page.getByRole('dialog')
  for (const isTest of [true, false]) {
    await page.goto(stack.apiUrl + '/dashboard.html#webhooks')
    await page.getByRole('button', { name: 'Add an endpoint' }).click()
    await dialog.getByLabel('URL').fill(shop.url)
    if (isTest) await dialog.getByLabel('For test payments only').check()
    if (isTest) await everyLook(page, 'webhooks-test-add')
    await dialog.getByRole('button', { name: 'Add endpoint' }).click()
    await dialog.getByRole('heading', { name: 'Signing secret' }).waitFor()
    await dialog.getByRole('button', { name: 'Close' }).click()
    await page.waitForURL('**#webhook/*')
  }
  await page.getByRole('link', { name: 'All endpoints' }).click()
  assert.equal(await page.locator('[data-webhook="endpoints"] .badge', { hasText: 'TEST' }).count(), 1)
  await everyLook(page, 'webhooks-test')

  const tested = await simulate('underpaid')
  await until('the webhooks of the test have arrived', () => shop.received.filter((event) => event.data._id === tested.paymentId).length >= 3)
  const heard = shop.received.filter((event) => event.data._id === tested.paymentId)
  assert.deepEqual(heard.map((event) => event.type).sort(), ['payment.detected', 'payment.exception', 'payment.expired'], 'each once: only one endpoint is for tests')
  assert.ok(heard.every((event) => event.test === true && event.data.test === true))

  const real = await create(20)
  await call('POST', `/api/payment/${real.paymentId}/reject`, { reason: 'r' })
  await until('the real one is told', () => shop.received.some((event) => event.data._id === real.paymentId))
  assert.ok(shop.received.filter((event) => event.data._id === real.paymentId).every((event) => !('test' in event) && !('test' in event.data)))

  await page.goto(stack.apiUrl + '/dashboard.html#payments')
  const list = page.locator('section[data-view=payments]')
  await list.getByRole('row', { name: /REJECTED/ }).first().waitFor()
  assert.equal(await list.locator('.badge', { hasText: 'TEST' }).count(), 0)
  await list.getByLabel('Kind').selectOption('Test')
  await list.locator('.badge', { hasText: 'TEST' }).first().waitFor()
  await everyLook(page, 'dashboard-tests')
  await page.goto(`${stack.apiUrl}/dashboard.html#payment/${tested.paymentId}`)
  await page.getByText('This is a test payment.').waitFor()
  await everyLook(page, 'dashboard-test-payment')
  await page.getByRole('button', { name: 'Accept' }).click()
  await dialog.getByRole('button', { name: 'Accept payment' }).click()
  await page.locator('.badge', { hasText: 'ACCEPTED' }).first().waitFor()

  await page.goto(stack.apiUrl + '/dashboard.html#keys')
  const keys = page.locator('section[data-view=keys]')
  await keys.getByRole('row', { name: /^Tests TEST/ }).waitFor()
  await keys.getByLabel('Name', { exact: true }).fill('Integration')
  await keys.getByLabel(/^For test payments only/).check()
  await keys.getByLabel('Your password').fill(stack.operator.password)
  await keys.getByRole('button', { name: 'Create key' }).click()
  await dialog.getByRole('button', { name: 'I have saved it' }).click()
  await keys.getByRole('row', { name: /^Integration TEST/ }).waitFor()
  await everyLook(page, 'dashboard-keys-test')
  page.check()
})
