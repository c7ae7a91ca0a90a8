// The lists of operators and admins: what they find, how they page, and what they say.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test, after } from 'node:test'
import { accessible, api, close, everyLanguage, everyLook, logIn, mine, open, openView, pseudo, sameEverywhere, stack, transfer, unwrapped, until } from './tools.mjs'

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
const poll = (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
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
  await ledger.getByText('1,234.50').first().waitFor()
  await ledger.getByRole('cell', { name: 'Credit' }).first().waitFor()
  await everyLook(shop, 'dashboard-balance')
  const [head, entry] = await table(shop, ledger.getByRole('button', { name: 'Download CSV' }))
  assert.match(head, /^Entry,Ledger transaction,Kind,Amount/)
  assert.match(entry, /CREDIT,1234.50,USDT/)
  await ledger.getByRole('link', { name: made._id.slice(0, 6) }).first().click()
  await view(shop, 'payment').getByText('A teapot').waitFor()
})

test('an owner invites an accountant, who sees payments and no button', async () => {
  const dialog = () => shop.getByRole('dialog')
  const confirm = async (button) => {
    await dialog().getByLabel('Your password', { exact: true }).fill(password)
    await dialog().getByRole('button', { name: button, exact: true }).click()
  }
  await to(shop, 'Team').click()
  await view(shop, 'team').getByText('Nobody else').waitFor()
  await shop.getByRole('button', { name: 'Invite a member' }).click()
  await dialog().getByLabel('E-mail').fill('accounts@shop.example')
  await dialog().getByLabel('Role').selectOption('accountant')
  await accessible(shop, 'the invitation')
  await confirm('Invite')
  await dialog().getByRole('heading', { name: 'Link for accounts@shop.example' }).waitFor()
  await everyLook(shop, 'dashboard-team-link')
  const link = await dialog().locator('code').textContent()
  await dialog().getByRole('button', { name: 'Done' }).click()
  const row = view(shop, 'team').getByRole('row').filter({ hasText: 'accounts@shop.example' })
  await row.getByText('INVITED').waitFor()
  await everyLook(shop, 'dashboard-team')

  const secret = 'books that always balance'
  const member = await open(link.slice(api.length))
  member.expected.push('401', '403')
  await member.getByLabel('New password', { exact: true }).fill(secret)
  await member.getByRole('button', { name: 'Set the password' }).click()
  await member.waitForURL('**/login.html*')
  await logIn(member, 'accounts@shop.example', secret)
  await member.waitForURL('**/dashboard.html*')
  await to(member, 'Payments').click()
  await view(member, 'payments').getByText('payer-59').waitFor()
  await member.locator('.who').getByText('accounts@shop.example').waitFor()
  const shownLinks = () => member.getByRole('navigation', { name: 'Dashboard' }).getByRole('link').allTextContents()
  assert.deepEqual(await shownLinks(), ['Overview', 'Payments', 'Payment links', 'Balance', 'Security'])
  assert.equal(await view(member, 'payments').getByRole('button', { name: 'New payment' }).count(), 0)
  await view(member, 'payments').getByRole('row').filter({ hasText: 'payer-59' }).getByRole('link').first().click()
  await view(member, 'payment').getByText('payer-59').waitFor()
  await view(member, 'payment').getByText('PENDING').first().waitFor() // its owner could reject it
  assert.equal(await view(member, 'payment').getByRole('button', { name: /^(Reject|Accept)/ }).count(), 0)
  for (const hidden of ['team', 'keys', 'credentials', 'webhooks', 'settings']) {
    await member.goto(`${api}/dashboard.html#${hidden}`)
    await view(member, 'overview').waitFor()
  }
  await everyLook(member, 'dashboard-accountant')

  // A developer sees keys and webhooks; the change has ended the session.
  await poll(shop)
  await row.getByText('INVITED').waitFor({ state: 'detached' })
  await row.getByRole('button', { name: /^Change role/ }).click()
  await confirm('Change role')
  await row.getByText('Developer').waitFor()
  await poll(member)
  await member.waitForURL('**/login.html*')
  await logIn(member, 'accounts@shop.example', secret)
  await member.waitForURL('**/dashboard.html*')
  await to(member, 'Webhooks').waitFor()
  assert.deepEqual(await shownLinks(), ['Overview', 'Payments', 'Payment links', 'Balance', 'Credentials', 'Keys', 'Webhooks', 'Security'])
  await to(member, 'Keys').click()
  await member.getByRole('button', { name: 'Create key' }).waitFor()

  // The admin sees the team, and removes the member.
  await to(admin, /^Operators/).click()
  await view(admin, 'operators').getByRole('row').filter({ hasText: email }).getByRole('link', { name: /^Team/ }).click()
  await view(admin, 'team').getByRole('row').filter({ hasText: 'accounts@shop.example' }).waitFor()
  await everyLook(admin, 'admin-team')
  await view(admin, 'team').getByRole('button', { name: /^Remove/ }).click()
  await admin.getByRole('dialog').getByLabel('Your password', { exact: true }).fill(stack.admin.password)
  await admin.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await view(admin, 'team').getByText('Nobody else').waitFor()
  await poll(member)
  await member.waitForURL('**/login.html*')
  await to(admin, /^Operators/).click()
  member.check()
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
  await view(shop, 'balance').getByText('1,234.50').first().waitFor()

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
  await poll(shop)
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

test('the admin page in seven languages', async () => {
  const payment = await order({ userId: 'reader' })
  const { operators } = await (await admin.request.get(api + '/api/admin/operators?waiting=false')).json()
  const { id } = operators.find((one) => one.email === email)
  const invited = await shop.evaluate(async (body) => (await fetch('/api/team', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status,
    JSON.stringify({ email: 'books@shop.example', role: 'accountant', password }))
  assert.equal(invited, 201)
  const views = ['operators', 'payments', 'payment/' + payment, 'health', 'alarms', 'audit', 'admins', 'security', 'keys/' + id, 'team/' + id]
  await everyLanguage(admin, '/admin.html', 'admin', views)
  await pseudo(admin, 'de')
  await admin.goto(api + '/admin.html?lang=de')
  for (const name of views) {
    await openView(admin, name)
    assert.deepEqual(await unwrapped(admin, 'de', sameEverywhere), [], name)
  }
  await openView(admin, 'operators')
  for (const what of ['access', 'limits', 'suspend']) { // the dialogs
    await admin.locator(`[data-key^="${what}"]`).first().click()
    assert.deepEqual(await unwrapped(admin, 'de', sameEverywhere), [], what)
    await admin.keyboard.press('Escape')
  }
  await openView(admin, 'team/' + id)
  await view(admin, 'team').locator('button').first().click()
  assert.deepEqual(await unwrapped(admin, 'de', sameEverywhere), [], 'removing a member')
  await admin.keyboard.press('Escape')
  admin.check()
})

test('nothing moves while the dashboard loads', async () => {
  const page = await shop.context().newPage()
  await page.setViewportSize({ width: 412, height: 823 })
  await page.addInitScript(() => {
    window.moved = 0
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.moved += entry.value }).observe({ type: 'layout-shift', buffered: true })
  })
  // The scripts and the answers come one by one, as over a slow line.
  await page.route('**', async (route) => { await new Promise((resolve) => setTimeout(resolve, 100)); await route.continue() })
  await page.goto(api + '/dashboard.html')
  await view(page, 'overview').locator('[data-stat=volume]').getByText(/\d/).waitFor()
  await page.waitForLoadState('networkidle')
  const moved = await page.evaluate(() => window.moved)
  assert.ok(moved < 0.1, `cumulative layout shift is ${moved}`)
  await page.close()
})

test('the dashboard in seven languages', async () => {
  const { payments } = await (await shop.request.get(api + '/api/payments?search=order-77')).json()
  for (const more of [{ maxUses: 3, userId: 'reader' }, { activeUntil: new Date(Date.now() + 1e8).toISOString() }]) {
    assert.equal((await call('/api/payment-links', 'POST', { amount: 12.5, description: 'Invoice 118', ...more })).status, 201)
  }
  const views = ['overview', 'payments', 'payment/' + payments[0]._id, 'links', 'balance', 'credentials', 'keys', 'webhooks', 'team', 'settings', 'security']
  await everyLanguage(shop, '/dashboard.html', 'dashboard', views)
  await pseudo(shop, 'de')
  await shop.goto(api + '/dashboard.html?lang=de')
  for (const name of views) {
    await openView(shop, name)
    assert.deepEqual(await unwrapped(shop, 'de', sameEverywhere), [], name)
  }
  await openView(shop, 'payments')
  await shop.locator('[data-new-payment]').click()
  assert.deepEqual(await unwrapped(shop, 'de', sameEverywhere), [], 'a new payment')
  await shop.keyboard.press('Escape')

  // The dialogs of links, of the team and of notifications.
  const look = async (button, what) => {
    await button.click()
    await shop.getByRole('dialog').waitFor()
    assert.deepEqual(await unwrapped(shop, 'de', sameEverywhere), [], what)
  }
  await openView(shop, 'links')
  await look(shop.locator('[data-new-link]'), 'a new link')
  await shop.keyboard.press('Escape')
  await look(view(shop, 'links').locator('button.danger').first(), 'disabling a link')
  await shop.getByRole('dialog').locator('[type=submit]').click()
  await shop.getByRole('dialog').waitFor({ state: 'detached' })
  await shop.getByText('⟦DEAKTIVIERT⟧').waitFor()
  await openView(shop, 'team')
  const member = view(shop, 'team').getByRole('row').filter({ hasText: 'books@shop.example' })
  for (const i of [0, 2]) {
    await look(member.locator('button').nth(i), `a member's dialog ${i}`)
    await shop.keyboard.press('Escape')
  }
  await look(member.locator('button').nth(1), 'a new link for a member')
  await shop.getByRole('dialog').locator('[name=password]').fill(password)
  await shop.getByRole('dialog').locator('[type=submit]').click()
  await shop.getByRole('dialog').locator('code').waitFor()
  assert.deepEqual(await unwrapped(shop, 'de', sameEverywhere), [], 'the link of a member')
  await shop.getByRole('dialog').locator('[type=submit]').click()
  await look(shop.locator('[data-invite]'), 'an invitation')
  await shop.keyboard.press('Escape')
  await openView(shop, 'settings')
  await look(shop.locator('#notifications-form [type=submit]'), 'changing the notifications')
  await shop.keyboard.press('Escape')

  await openView(shop, 'payments')
  await shop.locator('[data-new-payment]').click()
  // 1.234 is a thousand and more where the page writes 1.234,50, and little more than one for the API.
  const dialog = shop.getByRole('dialog')
  await dialog.locator('[name=amount]').fill('1.234')
  await dialog.locator('[name=userId]').fill('typist')
  await dialog.locator('[type=submit]').click()
  assert.match(await dialog.locator('[id$=amount-error]').innerText(), /1234.*1\.2340/)
  await dialog.locator('[name=amount]').fill('1234,5')
  const sent = shop.waitForRequest((request) => request.url().endsWith('/api/payment/create'))
  await dialog.locator('[type=submit]').click()
  assert.equal((await sent).postDataJSON().amount, '1234.5')
  await until('the payment is open', () => shop.url().includes('#payment/'))
  assert.equal(new URL(shop.url()).search, '', 'the address chooses no language for others')
  shop.check()
})
