// The pictures of docs/tour.md, in its order: a payment from its creation to the balance, and one that a reorg takes back.
import assert from 'node:assert/strict'
import { test, after } from 'node:test'
import { api, browser, close, create, logIn, mine, open, rpc, shot, stack, transfer, until } from './tools.mjs'

after(close)

const screen = { width: 1100, height: 720 }
const phone = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
// picture keeps what is on the screen, not the whole page.
const picture = (page, name) => shot(page, 'tour-' + name, { fullPage: false })
const status = (page, name) => page.locator(`[data-part=clock][data-status=${name}]`).waitFor({ state: 'attached', timeout: 60_000 })

test('the tour', async () => {
  const home = await open('/', { viewport: screen })
  await home.getByText('Payments can be created, paid and credited.').waitFor()
  await picture(home, 'front-page')
  home.check()

  // The payer.
  const payment = await create(50, { description: 'Two tickets for Saturday', metadata: { order: 'A-17' } })
  const path = new URL(payment.paymentUrl).pathname
  const payer = await open(path, phone)
  await status(payer, 'PENDING')
  await picture(payer, 'pending')
  await transfer(payment.depositAddress, 50_000_000)
  await mine(7)
  await status(payer, 'CONFIRMING')
  await payer.locator('[data-part=progress]').getByText('7/12', { exact: true }).waitFor()
  await picture(payer, 'confirming')

  // The workflow, while it waits.
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 860 } })
  const workflow = await context.newPage()
  await workflow.goto(`${stack.temporalUiUrl}/namespaces/${stack.temporalNamespace}/workflows/${encodeURIComponent('payment/' + payment.paymentId)}`)
  await workflow.getByText('User Metadata', { exact: true }).click()
  await until('the details say what it waits for', async () => { // in a frame of their own
    const texts = await Promise.all(workflow.frames().map((frame) => frame.locator('body').innerText().catch(() => '')))
    return texts.some((text) => text.includes('Waiting for 12 confirmations'))
  })
  await picture(workflow, 'workflow')

  await mine(5)
  await status(payer, 'PAID')
  await picture(payer, 'paid')
  payer.check()

  // The shop.
  const shop = await open('/login.html', { viewport: screen }, (page) => page.expected.push('401'))
  await logIn(shop, stack.operator.email, stack.operator.password)
  await shop.waitForURL('**/dashboard.html*')
  await until('the balance has it', async () => (await shop.locator('[data-stat=available]').textContent()) === '50.00')
  await picture(shop, 'balance')
  await shop.goto(`${api}/dashboard.html#payment/${payment.paymentId}`)
  await shop.getByRole('heading', { name: 'Ledger entries' }).waitFor()
  await picture(shop, 'payment')
  const made = async (path, body) => shop.evaluate(async ([path, body]) => (await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status, [path, JSON.stringify(body)])
  for (const link of [{ amount: 25, description: 'Membership 2027' }, { amount: 480, description: 'Invoice 2026-117', userId: 'Studio North', maxUses: 1 }]) {
    assert.equal(await made('/api/payment-links', link), 201)
  }
  await shop.goto(`${api}/dashboard.html#links`)
  await shop.getByRole('link', { name: 'Membership 2027' }).waitFor()
  await picture(shop, 'links')
  assert.equal(await made('/api/team', { email: 'books@shop.example', role: 'accountant', password: stack.operator.password }), 201)
  await shop.goto(`${api}/dashboard.html#team`)
  await shop.getByRole('row', { name: /books@shop.example/ }).waitFor()
  await picture(shop, 'team')

  // The admin.
  const admin = await open('/admin.html', { viewport: screen }, (page) => page.expected.push('401'))
  await admin.waitForURL('**/login.html?admin*')
  await logIn(admin, stack.admin.email, stack.admin.password)
  await admin.waitForURL('**/admin.html*')
  await admin.getByRole('navigation', { name: 'Administration' }).getByRole('link', { name: 'Health' }).click()
  await admin.getByRole('heading', { level: 1, name: 'Health' }).waitFor()
  await picture(admin, 'health')

  // A reorg.
  const lost = await create(20, { description: 'A book' })
  await transfer(lost.depositAddress, 20_000_000)
  await mine(4)
  const watched = await open(new URL(lost.paymentUrl).pathname, phone)
  await status(watched, 'CONFIRMING')
  await rpc('dev_reorg', 8, true)
  await status(watched, 'PENDING')
  await picture(watched, 'reorg')
  const { exception } = await (await fetch(`${api}/payment/data/${lost.paymentId}`)).json()
  assert.equal(exception, 'REVERTED')

  // The developer.
  const docs = await open('/docs/search?q=verify+signature', { viewport: screen })
  await docs.getByRole('link', { name: 'Verify the signature' }).waitFor()
  await picture(docs, 'docs')
  docs.check()
})
