// The lists of operators and admins: what they find, how they page, and what they say.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test, after } from 'node:test'
import { accessible, api, close, everyLook, logIn, mine, open, stack, transfer, until } from './tools.mjs'

after(close)

const to = (page, name) => page.getByRole('navigation', { name: /Dashboard|Administration/ }).getByRole('link', { name })
const view = (page, name) => page.locator(`section[data-view=${name}]`)
const { email, password, apiKey } = stack.operator
const call = (path, method = 'GET', body) => fetch(api + path, {
  method, headers: { 'x-api-key': stack.operator.apiKey, 'x-api-secret': stack.operator.apiSecret, ...(body && { 'content-type': 'application/json' }) }, body: body && JSON.stringify(body),
})
const order = async (more) => {
  const answer = await call('/api/payment/create', 'POST', { amount: 1, userId: 'someone', network: 'ERC20', ...more })
  assert.equal(answer.status, 200)
  return (await answer.json()).paymentId
}
const table = async (page, button) => {
  const download = page.waitForEvent('download')
  await button.click()
  const text = await readFile(await (await download).path(), 'utf8')
  assert.equal(text[0], '\ufeff', 'a spreadsheet recognises UTF-8')
  return text.slice(1).split('\r\n')
}

let shop
let admin
const logInAs = async (role, who, secret) => {
  const page = await open(role === 'admin' ? '/login.html?admin' : '/login.html')
  page.expected.push('401', '403', '400')
  await logIn(page, who, secret)
  await page.waitForURL(role === 'admin' ? '**/admin.html*' : '**/dashboard.html*')
  return page
}

test('a page of a list is in the URL', async () => {
  for (let i = 0; i < 60; i++) await order({ userId: 'payer-' + String(i).padStart(2, '0') })
  shop = await logInAs('operator', email, password)
  await to(shop, 'Payments').click()
  const list = view(shop, 'payments')
  const first = () => list.locator('tbody tr').first().textContent()
  await list.getByText('payer-59').waitFor()
  await list.getByRole('button', { name: 'Older' }).click()
  await list.getByText('payer-34').waitFor()
  await list.getByRole('button', { name: 'Older' }).click()
  await list.getByText('payer-09').waitFor()
  assert.match(shop.url(), /#payments\?page=/)
  const third = shop.url()
  await shop.reload()
  await list.getByText('payer-09').waitFor()
  await list.getByRole('button', { name: 'Newer' }).click()
  await list.getByText('payer-34').waitFor()
  await shop.goBack()
  await list.getByText('payer-09').waitFor()
  await shop.goBack()
  await list.getByText('payer-34').waitFor()

  // Behind a link that somebody shared, the way back leads to the first page.
  const other = await shop.context().newPage()
  await other.goto(third)
  await view(other, 'payments').getByText('payer-09').waitFor()
  await view(other, 'payments').getByRole('button', { name: 'Newest' }).click()
  await view(other, 'payments').getByText('payer-59').waitFor()
  await other.close()
  await shop.goBack()
  await until('the first page is back', async () => (await first()).includes('payer-59'))
})

test('a period that ends before it begins', async () => {
  const list = view(shop, 'payments')
  await list.getByLabel('From').fill('2026-03-02')
  await list.getByLabel('To').fill('2026-03-01')
  await list.getByRole('button', { name: 'Search' }).click()
  await list.getByText('To must not be before From.').waitFor()
  await everyLook(shop, 'dashboard-period')
  await list.getByLabel('To').fill('2026-03-02')
  await list.getByText('Nothing matches').waitFor()
  assert.equal(await list.getByText('To must not be before From.').count(), 0)
  await list.getByRole('button', { name: 'Clear' }).click()
  await list.getByText('payer-59').waitFor()
})

test('a part of a word is found, in any case', async () => {
  const cups = await order({ userId: 'coffee', description: 'Two Espresso Cups', metadata: { table: 'Window 7' } })
  const list = view(shop, 'payments')
  for (const part of ['espresso', 'WINDOW', 'offe']) {
    await list.getByLabel('Search').fill(part)
    await list.getByRole('button', { name: 'Search' }).click()
    await until(`${part} is found`, async () => await list.locator('tbody tr').count() === 1 && (await list.locator('tbody').textContent()).includes('coffee'))
  }
  await everyLook(shop, 'dashboard-search')
  await list.getByLabel('Search').fill('tea')
  await list.getByRole('button', { name: 'Search' }).click()
  await list.getByText('The search looks for a part of').waitFor()
  const bounded = /\/api\/payments\?.*search=latte/
  let searches = 0
  await shop.route(bounded, (route) => ++searches && route.fulfill({ json: { payments: [], nextCursor: 'parts.MQ', searchedTo: '2026-03-12T21:30:00.000Z' } }))
  await list.getByLabel('Search').fill('latte')
  await list.getByRole('button', { name: 'Search' }).click()
  await list.getByText('Searched back to 12 Mar 2026').waitFor()
  assert.equal(await list.getByRole('button', { name: 'Older' }).isEnabled(), true)
  await everyLook(shop, 'dashboard-searched-to')
  await shop.waitForTimeout(11_000) // longer than the page waits before it reads a list again
  assert.equal(searches, 1, 'a search is not repeated by itself')
  await shop.unroute(bounded)
  await list.getByRole('button', { name: 'Clear' }).click()
  await list.getByText('61 payments · due 61.00 · received 0.00 · credited 0.00 USDT').waitFor()
  await call(`/api/payment/${cups}/reject`, 'POST', { reason: 'sold out' })
  await list.getByLabel('Status').selectOption('PENDING')
  await list.getByText('60 payments · due 60.00').waitFor()
  await everyLook(shop, 'dashboard-totals')
  await list.getByRole('button', { name: 'Clear' }).click()
  await list.getByText('coffee').waitFor()
})

test('a CSV file that people understand', async () => {
  const [head, , row] = await table(shop, view(shop, 'payments').getByRole('button', { name: 'Download CSV' }))
  assert.match(head, /^Payment id,User,Amount due,Amount received/)
  assert.match(row, /payer-59,1.00,0.00/)
})

test('the old key is shown until it ends, and can be revoked', async () => {
  await to(shop, 'Credentials').click()
  const credentials = view(shop, 'credentials')
  await credentials.getByRole('button', { name: 'Create new credentials' }).click()
  await shop.getByRole('dialog').getByLabel('Your password').fill(password)
  await shop.getByRole('dialog').getByRole('button', { name: 'Create new credentials' }).click()
  await credentials.getByText('The old key ' + apiKey).waitFor()
  const keys = { apiKey: await credentials.locator('[data-api-key]').textContent(), apiSecret: await credentials.locator('[data-secret]').textContent() }
  await shop.reload()
  await credentials.getByText('The old key ' + apiKey).waitFor()
  await everyLook(shop, 'dashboard-old-key')
  assert.equal((await call('/api/balance')).status, 200)
  await credentials.getByRole('button', { name: 'Revoke the old key now' }).click()
  await shop.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await until('the old key is refused', async () => (await call('/api/balance')).status === 401)
  await until('it is not shown any more', async () => await credentials.getByText('The old key').count() === 0)
  Object.assign(stack.operator, keys)
})

test('who decided is in the timeline and in the audit log', async () => {
  const byPerson = await order({ userId: 'decided' })
  const byKey = await order({ userId: 'decided' })
  await call(`/api/payment/${byKey}/reject`, 'POST', { reason: 'sold out' })
  await shop.goto(`${api}/dashboard.html#payment/${byKey}`)
  await view(shop, 'payment').getByText('API key ' + stack.operator.apiKey).waitFor()
  await shop.goto(`${api}/dashboard.html#payment/${byPerson}`)
  await shop.getByRole('button', { name: 'Reject' }).click()
  await shop.getByRole('dialog').getByLabel('Reason').fill('sold out')
  await shop.getByRole('dialog').getByRole('button', { name: 'Reject payment' }).click()
  await view(shop, 'payment').getByText('by the operator, in the dashboard').waitFor()
  await everyLook(shop, 'dashboard-decided')

  const { paymentReference } = await (await call('/api/payment/' + byPerson)).json()
  const failed = await fetch(api + '/api/operator/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email, password: 'not the password' }) })
  assert.equal(failed.status, 401)
  admin = await logInAs('admin', stack.admin.email, stack.admin.password)
  await to(admin, 'Audit log').click()
  const log = view(admin, 'audit')
  await log.getByRole('cell', { name: 'Login failed', exact: true }).first().waitFor()
  assert.doesNotMatch(await log.locator('tbody').textContent(), /[0-9a-f]{6}…|payment_rejected|logged_in/)
  await log.getByLabel('About').fill(paymentReference)
  await log.getByRole('button', { name: 'Search' }).click()
  await until('one entry is left', async () => await log.locator('tbody tr').count() === 1)
  await log.getByRole('link', { name: paymentReference }).waitFor()
  assert.match(await log.locator('tbody').textContent(), /Payment rejected/)
  assert.match(await log.locator('tbody').textContent(), new RegExp('operator .*' + email), 'a shop may call itself “PayCow”')
  await everyLook(admin, 'admin-audit-log')
  await log.getByLabel('About').fill('')
  await log.getByLabel('Who').fill(email)
  await log.getByLabel('Action').selectOption({ label: 'Payment rejected' })
  await until('three are left', async () => await log.locator('tbody tr').count() === 3)
  const [head, row] = await table(admin, log.getByRole('button', { name: 'Download CSV' }))
  assert.match(head, /^Number,Time \(UTC\),Who/)
  assert.match(row, /Payment rejected/)
})

test('operators who wait are listed once', async () => {
  await fetch(api + '/api/operator/register', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email: 'waiting@shop.example', name: 'Teahouse' }) })
  await to(admin, /^Operators/).click()
  const operators = view(admin, 'operators')
  await operators.getByRole('heading', { name: 'Teahouse' }).waitFor()
  assert.equal(await operators.getByText('waiting@shop.example').count(), 1)
  await everyLook(admin, 'admin-operators-waiting')
  for (const part of ['teaH', 'WAITING@']) {
    await operators.getByLabel('Search').fill(part)
    await operators.getByRole('button', { name: 'Search' }).click()
    await operators.getByText('No operators').waitFor()
    await operators.getByRole('heading', { name: 'Teahouse' }).waitFor()
  }
  await operators.getByLabel('Search').fill(email.slice(1, 9).toUpperCase())
  await operators.getByRole('button', { name: 'Search' }).click()
  await operators.getByText('Nobody who is waiting matches').waitFor()
  await operators.getByText(email).waitFor()
  await operators.getByRole('button', { name: 'Clear' }).click()
  const [head] = await table(admin, operators.getByRole('button', { name: 'Download CSV' }))
  assert.match(head, /^Operator id,Name,E-mail/)
})

test('a payment made in the dashboard is paid and stands in the ledger', async () => {
  await to(shop, 'Payments').click()
  await view(shop, 'payments').getByRole('button', { name: 'New payment' }).click()
  const dialog = shop.getByRole('dialog')
  await accessible(shop, 'the dialog of a new payment')
  await dialog.getByLabel('Amount in USDT').fill('fifty')
  await dialog.getByLabel('User').fill('order-77')
  await dialog.getByRole('button', { name: 'Create payment' }).click()
  await dialog.getByText(/^Amount in USDT must /).waitFor() // in the field's words, and once
  await dialog.getByLabel('Amount in USDT').fill('1234.5')
  await dialog.getByLabel('Description').fill('A teapot')
  await dialog.getByLabel('Minutes to pay').fill('90')
  // The first answer is lost. Sending it again makes no second payment.
  let lost = 0
  await shop.route('**/api/payment/create', async (route) => {
    await route.fetch()
    lost++
    await route.abort()
  }, { times: 1 })
  shop.expected.push('ERR_FAILED')
  await dialog.getByRole('button', { name: 'Create payment' }).click()
  await dialog.getByText('The payment may have been created; check the list before you change anything.').waitFor()
  assert.equal(lost, 1)
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await view(shop, 'payments').getByRole('button', { name: 'New payment' }).click()
  await dialog.getByLabel('Amount in USDT').fill('1234.5')
  await dialog.getByLabel('User').fill('order-77')
  await dialog.getByLabel('Description').fill('A teapot')
  await dialog.getByLabel('Minutes to pay').fill('90')
  await dialog.getByRole('button', { name: 'Create payment' }).click()
  await view(shop, 'payment').getByText('A teapot').waitFor()
  await view(shop, 'payment').getByRole('button', { name: 'Copy checkout link' }).first().waitFor()
  const { payments } = await (await call('/api/payments?search=order-77')).json()
  assert.equal(payments.length, 1)
  const [made] = payments
  assert.equal(new Date(made.expiresAt) - new Date(made.createdAt), 90 * 60_000)

  await transfer(made.depositAddress, 1234_500_000)
  await mine(13)
  await view(shop, 'payment').getByText('PAID', { exact: true }).first().waitFor()
  await to(shop, 'Balance').click()
  const ledger = view(shop, 'balance')
  await ledger.getByText('1234.50').first().waitFor()
  await ledger.getByRole('cell', { name: 'Credit' }).first().waitFor()
  await everyLook(shop, 'dashboard-balance')
  const [head, entry] = await table(shop, ledger.getByRole('button', { name: 'Download CSV' }))
  assert.match(head, /^Entry,Ledger transaction,Kind,Amount/)
  assert.match(entry, /CREDIT,1234.50,USDT/)
  await ledger.getByRole('link', { name: made._id.slice(0, 6) }).first().click()
  await view(shop, 'payment').getByText('A teapot').waitFor()
})

test('a suspended shop reads its balance and its payments', async () => {
  const row = view(admin, 'operators').getByRole('row').filter({ hasText: email })
  await row.getByRole('button', { name: /^Suspend/ }).click()
  await admin.getByRole('dialog').getByLabel('Reason').fill('a question about the website')
  await admin.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click()
  await row.getByText('SUSPENDED').waitFor()
  shop = await logInAs('operator', email, password)
  await shop.getByText('You can still see your balance and your payments').waitFor()
  await everyLook(shop, 'dashboard-suspended')
  await to(shop, 'Overview').click()
  await until('the balance is shown', async () => /^\d/.test(await shop.locator('[data-stat=available]').textContent()))
  await to(shop, 'Payments').click()
  await view(shop, 'payments').getByText('payer-59').waitFor()
  await view(shop, 'payments').getByRole('link').first().click()
  await view(shop, 'payment').getByText('order-77').waitFor()
  assert.equal(await view(shop, 'payment').getByRole('button', { name: 'Reject' }).count(), 0)
  await to(shop, 'Payments').click()
  assert.equal(await view(shop, 'payments').getByRole('button', { name: 'New payment' }).count(), 0)
  await to(shop, 'Balance').click()
  await view(shop, 'balance').getByText('1234.50').first().waitFor()

  // A search for parts is made once: neither the poll nor the way back to the page repeats it.
  await to(shop, 'Payments').click()
  await view(shop, 'payments').getByLabel('Search').fill('ayer-5')
  await view(shop, 'payments').getByRole('button', { name: 'Search' }).click()
  await until('only what matches is shown', async () => await view(shop, 'payments').locator('tbody tr').count() === 10)
  let [searches, polls] = [0, 0]
  shop.on('request', (request) => {
    if (request.url().includes('/api/payments?')) searches++
    if (request.url().endsWith('/api/operator/me')) polls++
  })
  await shop.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await until('the page polls', async () => polls > 1)
  assert.equal(searches, 0)

  // Its keys may have leaked: it can revoke them, and nothing else.
  await to(shop, 'Keys').click()
  await view(shop, 'keys').getByRole('button', { name: /^Revoke/ }).first().waitFor()
  assert.equal(await view(shop, 'keys').getByRole('button', { name: /^(Rotate|Create key)/ }).count(), 0)
  await everyLook(shop, 'dashboard-suspended-keys')
  assert.deepEqual([(await call('/api/balance')).status, (await call('/api/payment/create', 'POST', { amount: 1, userId: 'u', network: 'ERC20' })).status], [200, 403])
  await row.getByRole('button', { name: /^Reactivate/ }).click()
  await admin.getByRole('dialog').getByRole('button', { name: 'Reactivate' }).click()
  await to(shop, 'Credentials').waitFor({ timeout: 30_000 }) // by itself
  shop.check()
  admin.check()
})
