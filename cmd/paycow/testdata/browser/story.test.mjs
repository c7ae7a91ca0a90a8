// The story of an operator, from the application to the balance, and every page of operators and admins.
import assert from 'node:assert/strict'
import { test, after, before } from 'node:test'
import { PNG } from 'pngjs'
import { accessible, account, api, close, codeOf, copied, everyLook, logIn, mine, open, shot, stack, transfer, until, wallet } from './tools.mjs'

let rich
before(async () => {
  rich = await account(10n ** 18n, 1_000_000_000n)
  await mine()
})
after(close)

const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
const password = 'a long enough passphrase'
// to opens a section by the navigation.
const to = (page, name) => page.getByRole('navigation', { name: /Dashboard|Administration/ }).getByRole('link', { name, exact: true })
const view = (page, name) => page.locator(`section[data-view=${name}]`)

test('from the application to the balance', async () => {
  // An operator applies and sees what happens next.
  const operator = await open('/register.html')
  operator.expected.push('401', '403')
  await everyLook(operator, 'register')
  await operator.getByLabel('Name of your shop').fill('Bookshop')
  await operator.getByLabel('Website').fill('https://shop.example')
  await operator.getByLabel('E-mail').fill('books@shop.example')
  await operator.getByRole('button', { name: 'Create account' }).click()
  await operator.getByRole('heading', { name: 'Application received' }).waitFor()
  await accessible(operator, 'applied')
  await operator.goto(api + '/login.html')
  await everyLook(operator, 'login')
  await logIn(operator, 'books@shop.example', password)
  await operator.getByRole('alert').getByText('is wrong').waitFor() // nobody gets in before the approval

  // An admin approves.
  const admin = await open('/admin.html')
  admin.expected.push('401', '403')
  await admin.waitForURL('**/login.html?admin*')
  await logIn(admin, stack.admin.email, stack.admin.password)
  await admin.waitForURL('**/admin.html*')
  await admin.getByRole('heading', { name: 'Bookshop' }).waitFor()
  await everyLook(admin, 'admin-operators')
  await admin.locator('.request', { hasText: 'Bookshop' }).getByRole('button', { name: /^Approve/ }).click()
  await admin.getByRole('dialog').getByLabel('Reason').fill('a shop that we know')
  await accessible(admin, 'a dialog')
  await admin.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
  await admin.getByRole('heading', { name: 'Link for Bookshop' }).waitFor()
  await everyLook(admin, 'admin-link')
  const first = await admin.getByRole('dialog').locator('code').textContent()
  await admin.getByRole('dialog').getByRole('button', { name: 'Copy' }).click()
  await admin.getByText('Nobody is waiting').waitFor()

  // The operator sets a password with the link that the admin passed on.
  await operator.goto(first)
  await operator.getByLabel('New password', { exact: true }).fill(password)
  await operator.getByRole('button', { name: 'Set the password' }).click()
  await operator.waitForURL('**/login.html*')
  await logIn(operator, 'books@shop.example', password)
  await operator.waitForURL('**/dashboard.html*')

  // The operator copies the credentials, and its server makes a payment with them.
  await to(operator, 'Credentials').waitFor({ timeout: 30_000 }) // by itself
  assert.equal((await operator.content()).includes('sk_'), false)
  await to(operator, 'Overview').click()
  await operator.getByRole('heading', { name: 'Take your first payment' }).waitFor()
  assert.equal(await operator.locator('[data-charts]:visible').count(), 0, 'no empty charts')
  await everyLook(operator, 'dashboard-first-steps')
  await to(operator, 'Credentials').click()
  const key = await until('the key is shown', async () => {
    const shown = (await operator.locator('[data-api-key]').textContent()).trim()
    return shown.startsWith('pk_') && shown
  })
  await operator.locator('[data-reveal]').click()
  await operator.getByRole('dialog').getByLabel('Password').fill(password)
  await operator.getByRole('dialog').getByRole('button', { name: 'Show', exact: true }).click()
  await until('the secret is shown', async () => (await operator.locator('[data-secret]').first().textContent()).startsWith('sk_'))
  await operator.locator('[data-copy-secret]').click()
  const secret = await operator.locator('[data-secret]').first().textContent()
  await copied(operator, 'the secret', secret)
  await everyLook(operator, 'dashboard-credentials')
  // Visiting a list with a second page leaves the key where it is.
  for (let i = 0; i < 26; i++) {
    const more = await fetch(api + '/api/payment/create', {
      method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': key, 'x-api-secret': secret },
      body: JSON.stringify({ amount: 1, userId: 'looker', network: 'ERC20' }),
    })
    assert.equal(more.status, 200)
  }
  await to(operator, 'Payments').click()
  await view(operator, 'payments').getByRole('button', { name: 'Older' }).click()
  await view(operator, 'payments').getByText('looker').first().waitFor()
  await to(operator, 'Credentials').click()
  assert.equal((await operator.locator('[data-api-key]').textContent()).trim(), key)
  // So does every other order of sections: each one follows each other one.
  const sections = ['Overview', 'Payments', 'Payment links', 'Balance', 'Credentials', 'Keys', 'Webhooks', 'Settings', 'Security']
  for (const one of sections) {
    for (const other of sections.filter((name) => name !== one)) {
      for (const name of [one, other]) {
        await to(operator, name).click()
        await operator.locator('main > section:visible h1').waitFor()
      }
      assert.equal((await operator.locator('[data-api-key]').textContent()).trim(), key, `${one}, ${other}`)
      const buttons = await operator.locator('.pager button').allTextContents()
      assert.deepEqual(buttons.filter((text) => !/^(Newer|Older)/.test(text.trim())), [], `${one}, ${other}`)
    }
  }

  const answer = await fetch(api + '/api/payment/create', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': key, 'x-api-secret': secret },
    body: JSON.stringify({ amount: 75.5, userId: 'reader_7', network: 'ERC20' }),
  })
  const payment = await answer.json()
  assert.equal(answer.status, 200, JSON.stringify(payment))

  // A payer pays with a wallet and sees it happen.
  const payer = await open(new URL(payment.paymentUrl).pathname, phone, (page) => wallet(page, rich))
  await payer.getByRole('button', { name: 'Pay with Test Wallet' }).tap()
  await payer.getByText('Sent. Please do not pay again').waitFor()
  for (const [blocks, status] of [[1, 'DETECTED'], [1, 'CONFIRMING'], [10, 'PAID']]) {
    await mine(blocks)
    await payer.locator(`[data-part=clock][data-status=${status}]`).waitFor({ state: 'attached', timeout: 60_000 })
  }
  payer.check()

  // The operator finds it in the balance, the chart, the list and by its transaction.
  await to(operator, 'Overview').click()
  await until('the balance has it', async () => (await operator.locator('[data-stat=available]').textContent()) === '75.50')
  await operator.getByText('The same figures as a table').click()
  await operator.locator('[data-stat=table]').getByText('75.50').first().waitFor()
  assert.ok(await operator.locator('[data-chart=volume] canvas').count() > 0, 'there is a chart')
  assert.equal(await operator.getByRole('heading', { name: 'Take your first payment' }).count(), 0)
  await everyLook(operator, 'dashboard-overview')
  await to(operator, 'Payments').click()
  await operator.getByLabel('Search').fill('reader_7')
  await operator.getByRole('button', { name: 'Search' }).click()
  await view(operator, 'payments').getByText('reader_7').first().waitFor()
  await everyLook(operator, 'dashboard-payments')
  const download = operator.waitForEvent('download')
  await operator.getByRole('button', { name: 'Download CSV' }).click()
  assert.match((await download).suggestedFilename(), /\.csv$/)
  await operator.goto(`${api}/dashboard.html#payment/${payment.paymentId}`)
  await view(operator, 'payment').getByRole('heading', { name: 'Ledger entries' }).waitFor()
  await until('the payment is shown', async () => (await view(operator, 'payment').textContent()).includes('PAID'))
  await everyLook(operator, 'dashboard-payment')

  // The admin finds it too, with its workflow.
  await to(admin, 'Payments').click()
  await view(admin, 'payments').getByText('books@shop.example').first().waitFor()
  const workflow = await view(admin, 'payments').getByRole('link', { name: /Workflow/ }).first().getAttribute('href')
  assert.equal(workflow, `${stack.temporalUiUrl}/namespaces/${stack.temporalNamespace}/workflows/${encodeURIComponent('payment/' + payment.paymentId)}`)
  const ui = await fetch(workflow)
  assert.equal(ui.status, 200)
  await everyLook(admin, 'admin-payments')
  for (const name of ['Health', 'Alarms', 'Audit log', 'Admins', 'Security']) {
    await to(admin, new RegExp('^' + name)).click()
    await admin.getByRole('heading', { name, level: 1 }).waitFor()
    await admin.waitForTimeout(500)
    await everyLook(admin, 'admin-' + name.toLowerCase().replace(' ', '-'))
  }

  // The charts of the health view say in words what they show.
  await to(admin, /^Health/).click()
  await admin.getByRole('img', { name: /^Age of the newest block in the last 24 hours\. Chain watcher: \d+ s last, \d+ s at most\. ws:/ }).waitFor()
  await admin.getByText('1 hour', { exact: true }).click()
  await admin.getByRole('img', { name: /^Latency of the nodes in the last hour\. ws:.*: \d+ ms last, \d+ ms at most\.$/ }).waitFor()

  await to(admin, /^Audit log/).click()
  await view(admin, 'audit').getByText('a shop that we know').first().waitFor()

  // The operator makes a link for one payment. A payer opens it, pays, and it is used up.
  await to(operator, 'Payment links').click()
  const links = view(operator, 'links')
  await links.getByText('No payment links yet').waitFor()
  await everyLook(operator, 'dashboard-no-links')
  await links.getByRole('button', { name: 'New payment link' }).click()
  await operator.getByRole('dialog').getByLabel('Amount in USDT').fill('12.5')
  await operator.getByRole('dialog').getByLabel('Description').fill('Invoice 2026-117')
  await operator.getByRole('dialog').getByLabel('User').fill('reader_8')
  await everyLook(operator, 'dashboard-new-link')
  await operator.getByRole('dialog').getByRole('button', { name: 'Create link' }).click()
  const linkRow = links.getByRole('row', { name: /Invoice 2026-117/ })
  await linkRow.getByText('0 of 1').waitFor()
  await linkRow.getByRole('button', { name: /^Copy/ }).click()
  const url = await linkRow.getByRole('link').getAttribute('href')
  await copied(operator, 'the link', url)
  await payer.goto(api + new URL(url).pathname)
  await everyLook(payer, 'link')
  await payer.goto(api + new URL(url).pathname + '?lang=ar')
  await accessible(payer, 'link in Arabic')
  await shot(payer, 'link-arabic')
  await payer.getByRole('link', { name: 'English' }).click()
  await operator.reload()
  await linkRow.getByText('0 of 1').waitFor()
  assert.equal(await linkRow.getByText(/^\d+ open$/).count(), 0, 'nothing is created before a payer presses the button')
  await payer.getByRole('button', { name: 'Pay 12.50 USDT' }).tap()
  await payer.waitForURL('**/payment/*')
  await operator.reload()
  await linkRow.getByText('1 open').waitFor()
  const checkout = new URL(payer.url()).pathname
  const second = await open(new URL(url).pathname, { javaScriptEnabled: false })
  await second.getByText('A payment through this link is under way.').waitFor()
  await payer.goto(api + new URL(url).pathname) // leads back to the open payment
  assert.equal(new URL(payer.url()).pathname, checkout)
  await payer.getByRole('button', { name: 'Pay with Test Wallet' }).tap()
  await payer.getByText('Sent. Please do not pay again').waitFor()
  await mine(12)
  await payer.locator('[data-part=clock][data-status=PAID]').waitFor({ state: 'attached', timeout: 60_000 })
  payer.check()
  await second.reload()
  await second.getByText('This link has been used already.').waitFor()
  await shot(second, 'link-used')
  second.check()
  await operator.reload()
  await linkRow.getByText('USED UP').waitFor()
  await linkRow.getByText('1 of 1').waitFor()
  await links.getByRole('button', { name: 'New payment link' }).click()
  await operator.getByRole('dialog').getByLabel('Amount in USDT').fill('5')
  await operator.getByRole('dialog').getByLabel('Description').fill('Donation')
  await operator.getByRole('dialog').getByLabel('How many payments').fill('')
  await operator.getByRole('dialog').getByRole('button', { name: 'Create link' }).click()
  const donation = links.getByRole('row', { name: /Donation/ })
  await donation.getByText('ACTIVE').waitFor()
  await everyLook(operator, 'dashboard-links')
  await donation.getByRole('button', { name: /^Disable/ }).click()
  await operator.getByRole('dialog').getByRole('button', { name: 'Disable' }).click()
  await donation.getByText('DISABLED').waitFor()

  // The shop gets limits of its own.
  await to(admin, /^Operators/).click()
  const limits = () => view(admin, 'operators').getByRole('row', { name: /Bookshop/ }).getByRole('button', { name: /^Limits/ }).click()
  await limits()
  const dialog = admin.getByRole('dialog')
  await dialog.getByText('Setting: 0.01').waitFor()
  admin.expected.push('400')
  await dialog.getByLabel('Smallest amount').fill('2x50')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByText('must be an amount').waitFor()
  await dialog.getByLabel('Smallest amount').fill('2.5')
  await dialog.getByLabel('Open payments at most').fill('200')
  await everyLook(admin, 'admin-limits')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await admin.getByText('The limits of Bookshop are saved').waitFor()
  const order = (amount) => fetch(api + '/api/payment/create', { method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': key, 'x-api-secret': secret }, body: JSON.stringify({ amount, userId: 'u', network: 'ERC20' }) })
  assert.match((await (await order(2)).json()).msg, /at least 2.50 USDT/)
  await limits()
  assert.equal(await dialog.getByLabel('Smallest amount').inputValue(), '2.50')
  assert.equal(await dialog.getByLabel('Open payments at most').inputValue(), '200')
  await dialog.getByLabel('Smallest amount').fill('')
  await dialog.getByLabel('Open payments at most').fill('')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await until('the setting counts again', async () => (await order(2)).status === 200)

  // The shop makes a key for its reports. It is shown once, can do no more than it says, is rotated and revoked.
  const uses = async (one, path = '/api/balance', method = 'GET') => (await fetch(api + path, { method, headers: { 'content-type': 'application/json', 'x-api-key': one.key, 'x-api-secret': one.secret } })).status
  const newest = async () => {
    const box = operator.getByRole('dialog')
    await box.getByText('Copy the secret').waitFor()
    const [, key, , secret] = await box.locator('code').allTextContents()
    return { key, secret }
  }
  const kept = () => operator.getByRole('dialog').getByRole('button', { name: 'I have saved it' }).click()
  await to(operator, 'Keys').click()
  await view(operator, 'keys').getByRole('row', { name: /Main key/ }).waitFor()
  await everyLook(operator, 'dashboard-keys')
  const make = async (name) => {
    await view(operator, 'keys').getByLabel('Name', { exact: true }).fill(name)
    await view(operator, 'keys').getByLabel('Your password').fill(password)
    await operator.getByRole('button', { name: 'Create key' }).click()
  }
  operator.expected.push('400', '409') // a range that is none, and a name that is taken
  await view(operator, 'keys').getByLabel('Networks').fill('127.0.0.0/33')
  await make('Reports')
  await view(operator, 'keys').getByText(/^Networks.* must hold/).waitFor()
  await view(operator, 'keys').getByLabel('Networks').fill('127.0.0.0/8\n10.0.0.0/8')
  await operator.getByLabel('payments:write').uncheck()
  await operator.getByLabel('Last day').fill('2099-12-31')
  await make('Reports')
  const reports = await newest()
  await everyLook(operator, 'dashboard-new-key')
  await kept()
  await until('the secret, which is shown once, is gone', async () => !(await operator.content()).includes('sk_'), 5)
  assert.deepEqual([await uses(reports), await uses(reports, '/api/payment/create', 'POST')], [200, 403])
  await make('Reports')
  await view(operator, 'keys').getByText('Another API key has this name').waitFor()
  const row = (name = /^Reports(?! REPLACED)/) => view(operator, 'keys').getByRole('row', { name })
  await row().getByText('10.0.0.0/8').waitFor()
  await row().getByRole('button', { name: /^Rotate/ }).click()
  await operator.getByRole('dialog').getByLabel('Your password').fill(password)
  await operator.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click()
  const rotated = await newest()
  await kept()
  assert.deepEqual([await uses(reports), await uses(rotated)], [200, 200])
  await row(/REPLACED/).waitFor()
  await everyLook(operator, 'dashboard-keys-list')
  await row(/REPLACED/).getByRole('button', { name: /^Revoke/ }).click()
  await operator.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await until('the old key is refused', async () => await uses(reports) === 401)

  // The admin revokes the new one, and leaves the main key alone.
  await to(admin, /^Operators/).click()
  await view(admin, 'operators').getByRole('row', { name: /Bookshop/ }).getByRole('link', { name: /^Keys/ }).click()
  await view(admin, 'keys').getByText('Of Bookshop').waitFor()
  await everyLook(admin, 'admin-keys')
  await view(admin, 'keys').getByRole('row', { name: /^Reports/ }).getByRole('button', { name: /^Revoke/ }).click()
  await admin.getByRole('dialog').getByLabel('Your password').fill(stack.admin.password)
  await admin.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await until('the key is refused', async () => await uses(rotated) === 401)
  assert.equal(await uses({ key, secret }), 200)

  // The operator's password has leaked. The admin revokes the keys and makes a link; the owner sets another password.
  await to(admin, /^Operators/).click()
  const access = async (what) => {
    await view(admin, 'operators').getByRole('row', { name: /Bookshop/ }).getByRole('button', { name: /^Access/ }).click()
    const dialog = admin.getByRole('dialog')
    await dialog.getByLabel('What to do').selectOption(what)
    await dialog.getByLabel('Your password').fill(stack.admin.password)
    if (what === 'revoke-keys') await everyLook(admin, 'admin-access')
    await dialog.getByRole('button', { name: 'Apply' }).click()
  }
  await access('revoke-keys')
  await until('the key is refused', async () => (await fetch(api + '/api/balance', { headers: { 'x-api-key': key, 'x-api-secret': secret } })).status === 401)
  await access('password-link')
  const link = await admin.getByRole('dialog').getByText('/password.html#').textContent()
  await admin.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  admin.check()
  await operator.goto(api + new URL(link).pathname + new URL(link).hash)
  await everyLook(operator, 'password')
  await operator.getByLabel('New password').fill('quite another passphrase')
  await operator.getByRole('button', { name: 'Set the password' }).click()
  await operator.waitForURL('**/login.html*')
  await logIn(operator, 'books@shop.example', 'quite another passphrase')
  await operator.waitForURL('**/dashboard.html*')
  await to(operator, 'Security').click()
  await operator.getByText('this browser').waitFor()

  // Log out ends it.
  await operator.getByRole('button', { name: 'Log out', exact: true }).click()
  await operator.waitForURL('**/login.html*')
  await operator.goto(api + '/dashboard.html')
  await operator.waitForURL('**/login.html*')
  operator.check()
})

test('rejecting a payment, settings and the second factor', async () => {
  const page = await open('/login.html')
  page.expected.push('401', '403')
  await logIn(page, stack.operator.email, stack.operator.password)
  await page.waitForURL('**/dashboard.html*')
  const payment = await (await fetch(api + '/api/payment/create', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': stack.operator.apiKey, 'x-api-secret': stack.operator.apiSecret },
    body: JSON.stringify({ amount: 5, userId: '<img src=x onerror=alert(1)>', network: 'ERC20', description: '<img src=x>', metadata: { '<img src=x>': '<img src=x>' } }),
  })).json()
  await page.goto(`${api}/dashboard.html#payment/${payment.paymentId}`)
  await page.getByRole('button', { name: 'Reject' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('out of stock')
  await page.getByRole('dialog').getByRole('button', { name: 'Reject payment' }).click()
  await until('it is rejected', async () => (await view(page, 'payment').textContent()).includes('out of stock'))
  assert.equal((await view(page, 'payment').textContent()).split('<img src=x>').length, 4, 'description, key and value are shown')
  assert.equal(await view(page, 'payment').locator('img[src=x]').count(), 0, 'what a shop calls its users is text')

  // Settings that arrive late must not replace what was typed meanwhile, so nothing can be typed before.
  let arrive
  const late = new Promise((resolve) => { arrive = resolve })
  await page.route('**/api/operator/settings', async (route) => {
    if (route.request().method() === 'GET') await late
    await route.continue()
  })
  await to(page, 'Settings').click()
  await until('the settings wait', async () => await page.getByLabel('Return origins').isDisabled())
  assert.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), true)
  arrive()
  await page.getByLabel('Return origins').fill('https://shop.example')
  await page.getByRole('button', { name: 'Save' }).click()
  const back = await until('the origin counts', async () => {
    const answer = await fetch(api + '/api/payment/create', {
      method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': stack.operator.apiKey, 'x-api-secret': stack.operator.apiSecret },
      body: JSON.stringify({ amount: 5, userId: 'u', network: 'ERC20', returnUrl: 'https://shop.example/orders/7' }),
    })
    return answer.status === 200 && answer.json()
  })
  await everyLook(page, 'dashboard-settings')

  // A tolerance: the password confirms it, and it counts for the next payment.
  await page.getByLabel('Amount, USDT').fill('1.5')
  await page.getByRole('button', { name: 'Set the tolerance' }).click()
  await page.getByRole('dialog').getByLabel('Your password').fill(stack.operator.password)
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await until('the tolerance is shown as it counts', async () => await page.getByLabel('Amount, USDT').inputValue() === '1.50')
  await page.reload()
  await until('it is still there', async () => await page.getByLabel('Amount, USDT').inputValue() === '1.50')
  const short = await (await fetch(api + '/api/payment/create', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': stack.operator.apiKey, 'x-api-secret': stack.operator.apiSecret },
    body: JSON.stringify({ amount: 50, userId: 'u', network: 'ERC20' }),
  })).json()
  await transfer(short.depositAddress, 48_500_000)
  await mine(14)
  await page.goto(`${api}/dashboard.html#payment/${short.paymentId}`)
  await until('it is paid', async () => (await view(page, 'payment').textContent()).includes('within your tolerance'))
  assert.match(await view(page, 'payment').textContent(), /PAID/)
  const content = await open(new URL(short.paymentUrl).pathname)
  await content.getByRole('heading', { name: 'Payment complete' }).waitFor()
  await everyLook(content, 'checkout-tolerance')
  content.check()
  await page.goto(`${api}/dashboard.html#settings`)
  await until('the settings are there', async () => !await page.getByLabel('Return origins').isDisabled())

  // Notifications: the password confirms what is told by mail.
  const exceptions = page.getByLabel('Payments that need attention')
  assert.equal(await exceptions.isChecked(), true)
  await exceptions.uncheck()
  await page.getByRole('button', { name: 'Set the notifications' }).click()
  await page.getByRole('dialog').getByLabel('Your password').fill(stack.operator.password)
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved.').first().waitFor()
  await page.reload()
  await until('the notifications are kept', async () => !await exceptions.isChecked())

  // Confirmations by amount: steps below the installation's number are refused, and a payment above a step waits longer.
  const steps = page.getByLabel('Steps')
  const setSteps = async (text) => {
    await steps.fill(text)
    await page.getByRole('button', { name: 'Set the confirmations' }).click()
    await page.getByRole('dialog').getByLabel('Your password').fill(stack.operator.password)
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  }
  assert.equal(await steps.inputValue(), '')
  await page.getByText('each payment needs 12; you can require more').waitFor()
  page.expected.push('400')
  await setSteps('60 11')
  await page.getByRole('dialog').getByText('confirmations of step 1 must be a whole number from 12 to 1000.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await setSteps('\n 60   15 \n900.5 64\n')
  await until('the steps are shown as they count', async () => await steps.inputValue() === '60.00 15\n900.50 64')
  await page.reload()
  await until('they are still there', async () => await steps.inputValue() === '60.00 15\n900.50 64')
  await everyLook(page, 'dashboard-confirmations')
  // Steps that somebody changed in the database: the form says so. Here only the answer is changed.
  const altered = page.getByText('The saved steps were changed outside PayCow, so no payment can be created. Enter all of them again and save. Saving an empty field removes them.')
  assert.equal(await altered.count(), 0)
  await page.route('**/api/operator/confirmations', (route) => route.fulfill({ json: { steps: [], floor: 12, altered: true } }), { times: 1 })
  await page.reload()
  await altered.waitFor()
  await accessible(page, 'altered steps')
  await page.reload()
  await altered.waitFor({ state: 'detached' })
  const large = await (await fetch(api + '/api/payment/create', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': stack.operator.apiKey, 'x-api-secret': stack.operator.apiSecret },
    body: JSON.stringify({ amount: 60, userId: 'u', network: 'ERC20' }),
  })).json()
  await setSteps('') // says nothing about the payment that exists
  await until('there are none', async () => await steps.inputValue() === '')
  const state = async () => (await fetch(`${api}/payment/data/${large.paymentId}`)).json()
  await transfer(large.depositAddress, 60_000_000)
  await mine(14)
  const waiting = await until('all but one', async () => { const now = await state(); return now.confirmations === 14 && now.status !== 'DETECTED' && now })
  assert.deepEqual([waiting.status, waiting.requiredConfirmations], ['CONFIRMING', 15])
  const longer = await open(new URL(large.paymentUrl).pathname)
  await longer.getByText('14/15').waitFor()
  await mine()
  await longer.getByRole('heading', { name: 'Payment complete' }).waitFor()
  assert.equal((await state()).status, 'PAID')
  longer.check()

  // A logo: what is none is refused, and the payer sees the one that is.
  const picture = (name, content) => page.getByLabel('Picture').setInputFiles({ name, mimeType: 'image/png', buffer: content })
  page.expected.push('400')
  await picture('logo.png', Buffer.from('<svg onload="alert(1)"/>'))
  await page.getByRole('button', { name: 'Upload' }).click()
  await page.getByText('The logo must be a PNG, JPEG or WebP picture').waitFor()
  const cow = new PNG({ width: 96, height: 64 })
  cow.data.forEach((_, i) => { cow.data[i] = i % 4 === 3 ? 255 : i % 251 })
  await picture('logo.png', PNG.sync.write(cow))
  await page.getByRole('button', { name: 'Upload' }).click()
  await page.getByRole('img', { name: 'Your logo' }).waitFor()
  await everyLook(page, 'dashboard-logo')
  const payer = await open(new URL(back.paymentUrl).pathname)
  assert.equal(await payer.locator('.shop img').evaluate((logo) => logo.complete && logo.naturalWidth > 0), true)
  await everyLook(payer, 'checkout-logo')
  payer.check()
  assert.equal(await payer.getByRole('link', { name: 'Back to shop.example' }).getAttribute('href'), 'https://shop.example/orders/7')

  await to(page, 'Security').click()
  await page.getByRole('button', { name: 'Set up' }).click()
  await page.getByRole('dialog').getByLabel('Password').fill(stack.operator.password)
  await page.getByRole('dialog').locator('[type=submit]').click()
  await page.getByText('Scan this code').waitFor()
  await until('the key is shown', async () => /^[A-Z2-7]{32}$/.test((await page.locator('[data-totp=secret]').textContent()).replaceAll(' ', '')))
  await everyLook(page, 'dashboard-security')

  const key = (await page.locator('[data-totp=secret]').textContent()).replaceAll(' ', '')
  await page.getByLabel('Enter the code shown in the app').fill(codeOf(key))
  await page.getByRole('button', { name: 'Turn on' }).click()
  await page.getByRole('heading', { name: 'Recovery codes' }).waitFor()
  const codes = await page.locator('[data-totp=codes] code').allTextContents()
  assert.equal(codes.length, 10)
  await everyLook(page, 'dashboard-recovery-codes')
  await page.getByRole('button', { name: 'I have saved them' }).click()
  await page.getByText('You have 10 recovery codes left').waitFor()
  assert.equal(await page.locator('[data-totp=codes] code').count(), 0, 'they are shown only once')

  const entry = await open('/login.html', {}, (page) => page.expected.push('401')) // a code is asked for
  await entry.getByLabel('E-mail').fill(stack.operator.email)
  await entry.getByLabel('Password', { exact: true }).fill(stack.operator.password)
  await entry.getByRole('button', { name: 'Log in' }).click()
  await entry.getByRole('button', { name: 'Use a recovery code' }).click()
  await entry.getByLabel('Recovery code').fill(codes[3])
  await entry.getByRole('button', { name: 'Continue' }).click()
  await entry.waitForURL('**/dashboard.html*')
  entry.check()

  await page.getByRole('button', { name: 'Turn off' }).click()
  await page.getByRole('dialog').getByLabel('Password').fill(stack.operator.password)
  await page.getByRole('dialog').getByLabel('recovery code').fill(codes[4])
  await page.getByRole('dialog').locator('[type=submit]').click()
  await page.getByText('Two-step login is off.').waitFor()
  page.check()
})
