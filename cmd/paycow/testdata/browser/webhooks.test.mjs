// An operator's webhooks: an endpoint is added, tested, fails, is repaired, gets a new secret and is deleted.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { test, after, before } from 'node:test'
import { accessible, api, call, close, copied, create, everyLook, logIn, open, openView, pseudo, sameEverywhere, stack, until, unwrapped } from './tools.mjs'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'

// shop is the operator's server. It keeps what arrives and answers with shop.status.
const shop = { status: 204, answer: '', received: [] }
const server = createServer(async (request, response) => {
  const parts = []
  for await (const part of request) parts.push(part)
  shop.received.push({ headers: request.headers, body: Buffer.concat(parts).toString() })
  response.writeHead(shop.status).end(shop.status === 204 ? undefined : shop.answer)
})
before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  shop.url = `http://127.0.0.1:${server.address().port}/paycow?shop=1`
})
after(async () => {
  server.close()
  await close()
})

// nextWebhook waits for the next webhook that arrives after run.
async function nextWebhook(run) {
  const before = shop.received.length
  await run()
  return until('a webhook arrives', () => shop.received[before])
}

const signature = (secret, { headers, body }) => 'v1,' + createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
  .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64')

const dialog = (page) => page.getByRole('dialog')
const inView = (page, name) => page.locator(`section[data-view=${name}]`)
const to = (page, name) => page.getByRole('navigation', { name: 'Dashboard' }).getByRole('link', { name }).click()

// verified has the library that Standard Webhooks publishes for JavaScript verify a request, and refuse it when changed.
const verified = ({ headers, body }, secret) => {
  const verifier = new Webhook(secret)
  assert.deepEqual(verifier.verify(body, headers), JSON.parse(body))
  assert.throws(() => verifier.verify(body + ' ', headers), WebhookVerificationError)
  assert.throws(() => new Webhook('whsec_' + 'A'.repeat(43) + '=').verify(body, headers), WebhookVerificationError)
}

// closeSecret returns the secret that a dialog shows, and closes it.
async function closeSecret(page) {
  await dialog(page).getByRole('heading', { name: 'Signing secret' }).waitFor()
  const secret = await dialog(page).locator('code').textContent()
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  await dialog(page).getByRole('button', { name: 'Copy' }).click()
  await copied(page, 'the secret', secret)
  await dialog(page).getByRole('button', { name: 'Close' }).click()
  await until('the secret is gone', async () => !(await page.content()).includes(secret))
  return secret
}

test('an endpoint, from its first event to its end', async () => {
  const page = await open('/dashboard.html#webhooks', {}, (page) => page.expected.push('401'))
  await page.waitForURL('**/login.html*')
  await logIn(page, stack.operator.email, stack.operator.password)
  await page.getByText('No endpoints yet').waitFor()
  await everyLook(page, 'webhooks-empty')

  // By keyboard alone: an address, and all events.
  await page.getByRole('button', { name: 'Add an endpoint' }).focus()
  await page.keyboard.press('Enter')
  await dialog(page).getByText('All events').waitFor()
  await everyLook(page, 'webhooks-add')
  await page.keyboard.press('Enter')
  await dialog(page).getByText('URL is required.').waitFor()
  await page.keyboard.type(shop.url)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await dialog(page).getByLabel('payment.paid').waitFor()
  await accessible(page, 'the choice of events')
  await page.keyboard.press('Space')
  await page.keyboard.press('Enter')
  await dialog(page).getByText('You can see it again later').waitFor()
  await accessible(page, 'a new secret')
  const secret = await closeSecret(page)

  // A test event arrives with a valid signature.
  await inView(page, 'webhook').getByText('No deliveries yet').waitFor()
  const tested = await nextWebhook(() => page.getByRole('button', { name: 'Send a test event' }).click())
  assert.equal(JSON.parse(tested.body).type, 'endpoint.test')
  assert.equal(tested.headers['webhook-signature'], signature(secret, tested))
  verified(tested, secret)
  await inView(page, 'delivery').getByRole('cell', { name: '204' }).waitFor()
  await inView(page, 'delivery').getByRole('heading', { name: 'Delivery DELIVERED' }).waitFor()
  await everyLook(page, 'webhooks-delivery')

  // An answer that is an error shows in the log as text. When the shop works again, the event need not wait.
  Object.assign(shop, { status: 500, answer: '<img src=x onerror=alert(1)> the database is locked' })
  await page.getByRole('link', { name: 'All deliveries of the endpoint' }).click()
  const failed = await nextWebhook(() => page.getByRole('button', { name: 'Send a test event' }).click())
  await inView(page, 'delivery').getByRole('cell', { name: '500' }).first().waitFor()
  await inView(page, 'delivery').getByText('Show the answer').first().click()
  await inView(page, 'delivery').getByText('<img src=x onerror=alert(1)> the database is locked').first().waitFor()
  assert.equal(await page.locator('main img').count(), await page.locator('main img[alt]').count(), 'no answer becomes a picture')
  await everyLook(page, 'webhooks-failed')
  const same = () => shop.received.filter((webhook) => webhook.headers['webhook-id'] === failed.headers['webhook-id'])
  await until('it is tried again by itself', () => same().length === 2)
  Object.assign(shop, { status: 204 })
  await page.getByRole('button', { name: /^Try now/ }).click()
  await inView(page, 'delivery').getByRole('heading', { name: 'Delivery DELIVERED' }).waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.id), 'delivery-title', 'the focus does not vanish with the button')
  await page.getByRole('button', { name: /^Redeliver/ }).click()
  await until('it is sent once more', () => same().length === 4)
  assert.deepEqual(new Set(same().map((webhook) => webhook.body)), new Set([failed.body]))

  // The events of a payment arrive, and lead to it.
  const { paymentId } = await create(5)
  const rejected = await nextWebhook(() => call('POST', `/api/payment/${paymentId}/reject`, { reason: 'out of stock' }))
  assert.equal(JSON.parse(rejected.body).type, 'payment.rejected')
  await page.getByRole('link', { name: 'All deliveries of the endpoint' }).click()
  await inView(page, 'webhook').getByRole('link', { name: 'payment.rejected' }).click()
  await inView(page, 'delivery').getByRole('link', { name: paymentId }).waitFor()
  await page.getByRole('link', { name: 'All deliveries of the endpoint' }).click()

  // While the secret is being rotated, either one verifies.
  await page.getByRole('button', { name: /^Rotate/ }).click()
  await dialog(page).getByLabel('Hours until').fill('200')
  await dialog(page).getByRole('button', { name: 'Rotate' }).click()
  await dialog(page).getByText('must be a whole number from 0 to 168').waitFor()
  await dialog(page).getByLabel('Hours until').fill('1')
  await dialog(page).getByRole('button', { name: 'Rotate' }).click()
  const next = await closeSecret(page)
  assert.notEqual(next, secret)
  await page.getByText('The old secret signs too').waitFor()
  const twice = await nextWebhook(() => page.getByRole('button', { name: 'Send a test event' }).click())
  assert.equal(twice.headers['webhook-signature'], `${signature(next, twice)} ${signature(secret, twice)}`)
  verified(twice, next)
  verified(twice, secret)
  await page.getByRole('link', { name: 'All deliveries of the endpoint' }).click()

  // The secret is shown again to whoever knows the password.
  page.expected.push('403', '400')
  await page.getByRole('button', { name: 'Show the secret' }).click()
  await dialog(page).getByLabel('Your password').fill('not the password')
  await dialog(page).getByRole('button', { name: 'Show', exact: true }).click()
  await dialog(page).getByText(/wrong|incorrect/i).waitFor()
  await dialog(page).getByLabel('Your password').fill(stack.operator.password)
  await dialog(page).getByRole('button', { name: 'Show', exact: true }).click()
  await dialog(page).getByText('Keep it on your server').waitFor()
  assert.equal(await closeSecret(page), next)

  // 410 disables the endpoint. What was parked is delivered once it is enabled again.
  Object.assign(shop, { status: 410, answer: 'gone' })
  const gone = await nextWebhook(() => page.getByRole('button', { name: 'Send a test event' }).click())
  await inView(page, 'delivery').getByRole('heading', { name: 'Delivery PARKED' }).waitFor()
  await page.getByRole('link', { name: 'All deliveries of the endpoint' }).click()
  await inView(page, 'webhook').getByText('410').first().waitFor()
  await page.locator('#delivery-status').selectOption('PARKED')
  await until('the filter applies', async () => await inView(page, 'webhook').locator('tbody tr').count() === 1)
  await everyLook(page, 'webhooks-endpoint')
  Object.assign(shop, { status: 204 })
  await page.getByRole('button', { name: 'Enable' }).click()
  await page.getByRole('button', { name: 'Disable' }).waitFor()
  const back = await nextWebhook(async () => {
    await page.getByRole('button', { name: 'Redeliver what failed' }).click()
    await dialog(page).getByRole('button', { name: 'Redeliver' }).click()
    await page.getByText('1 delivery is sent again.').waitFor()
  })
  assert.equal(back.headers['webhook-id'], gone.headers['webhook-id'])

  // The endpoint is changed, and then deleted.
  await page.getByRole('button', { name: 'Change' }).click()
  await dialog(page).getByLabel('All events').uncheck()
  await dialog(page).getByRole('button', { name: 'Save' }).click()
  await dialog(page).getByRole('alert').getByText('Choose at least one').waitFor()
  await dialog(page).getByLabel('payment.paid').check()
  await dialog(page).getByLabel('Description').fill('Orders')
  await dialog(page).getByRole('button', { name: 'Save' }).click()
  await to(page, 'Webhooks')
  const row = page.getByRole('row', { name: /127\.0\.0\.1/ })
  await row.getByText('payment.paid').waitFor()
  await row.getByText('Orders').waitFor()
  await everyLook(page, 'webhooks')
  await row.getByRole('link').click()

  // Nothing about an endpoint or a delivery stays in English, but the names of events and what the server has recorded.
  const endpoint = new URL(page.url()).hash.slice(1)
  await pseudo(page, 'de')
  await page.goto(api + '/dashboard.html?lang=de')
  await openView(page, endpoint)
  assert.deepEqual(await unwrapped(page, 'de', sameEverywhere), [], 'an endpoint')
  await openView(page, (await inView(page, 'webhook').locator('tbody a').first().getAttribute('href')).slice(1))
  assert.deepEqual(await unwrapped(page, 'de', sameEverywhere), [], 'a delivery')
  await page.goto(api + '/dashboard.html?lang=en')
  await openView(page, endpoint)

  await page.getByRole('button', { name: 'Delete' }).click()
  await accessible(page, 'the question before deleting')
  await dialog(page).getByRole('button', { name: 'Delete' }).click()
  await page.getByText('No endpoints yet').waitFor()
  page.check()
})
