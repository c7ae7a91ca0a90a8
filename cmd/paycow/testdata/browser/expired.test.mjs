// Pages of payments whose window has closed, on a stack with a window of a few seconds and blocks on demand.
import assert from 'node:assert/strict'
import { test, after } from 'node:test'
import { accessible, call, close, create, mine, open, shot, transfer, until } from './tools.mjs'

after(close)

const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }

async function ends(payment, name, headline) {
  const path = `/payment/${payment.paymentId}`
  for (const [look, options] of Object.entries({ 'desktop-light': {}, 'phone-dark': { ...phone, colorScheme: 'dark' } })) {
    const page = await open(path, options)
    await page.getByRole('heading', { name: headline }).waitFor({ timeout: 60_000 })
    assert.equal(await page.locator('[data-copy]').count(), 0, 'nobody is asked to pay')
    await accessible(page, `${name}, ${look}`)
    await shot(page, `checkout-${name}-${look}`)
    page.check()
    await page.context().close()
  }
}

const state = async (payment) => { const is = await call('GET', `/api/payment/${payment.paymentId}`); return `${is.status} ${is.exception}` }

test('nothing, too little, too late, accepted', async () => {
  const nothing = await create(50), little = await create(50), late = await create(50), accepted = await create(50)
  const page = await open(`/payment/${nothing.paymentId}`)
  await transfer(little.depositAddress, 20_000_000)
  await transfer(accepted.depositAddress, 49_000_000)
  await mine()
  await until('the window has closed', () => Date.now() > Date.parse(accepted.expiresAt) + 1500)
  await page.reload()
  await page.getByRole('heading', { name: 'Time is up' }).waitFor()
  await accessible(page, 'the time is over')
  await shot(page, 'checkout-over-desktop-light')
  await transfer(late.depositAddress, 50_000_000)
  await mine(13)
  await page.getByRole('heading', { name: 'Payment expired' }).waitFor({ timeout: 60_000 })
  page.check()
  await until('all have ended', async () => await state(little) === 'EXPIRED UNDERPAID' && await state(late) === 'EXPIRED PAID_LATE' && await state(accepted) === 'EXPIRED UNDERPAID')
  await ends(nothing, 'expired', 'Payment expired')
  await ends(little, 'underpaid', 'Not enough arrived in time')
  await ends(late, 'late', 'Your payment arrived too late')
  await call('POST', `/api/payment/${accepted.paymentId}/accept`, {})
  await ends(accepted, 'accepted', 'Payment complete')
})
