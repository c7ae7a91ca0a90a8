// An admin who has no second factor yet is led to set one up, and to nothing else.
import assert from 'node:assert/strict'
import { test, after } from 'node:test'
import { api, close, codeOf, copied, everyLook, logIn, open, readQR, stack } from './tools.mjs'

after(close)

test('the first login of an admin', async () => {
  const page = await open('/admin.html', {}, (page) => page.expected.push('401')) // not logged in yet, and a code is asked for
  await page.waitForURL('**/login.html?admin*')
  await logIn(page, stack.admin.email, stack.admin.password)
  await page.getByText('Set up two-step login below to go on').waitFor()
  const links = page.getByRole('navigation', { name: 'Administration' }).getByRole('link')
  assert.deepEqual(await links.allTextContents().then((texts) => texts.map((text) => text.trim())), ['Security'])
  await page.goto(api + '/admin.html#payments') // another section leads here too
  await page.getByText('Set up two-step login below to go on').waitFor()
  await everyLook(page, 'admin-factor-needed')

  await page.getByRole('button', { name: 'Set up' }).click()
  await page.getByRole('dialog').getByLabel('Password').fill(stack.admin.password)
  await page.getByRole('dialog').getByRole('button', { name: 'Continue' }).click()
  const uri = new URL(await readQR(page.locator('[data-totp=qr]')))
  const key = uri.searchParams.get('secret')
  await page.getByLabel('Enter the code shown in the app').fill(codeOf(key))
  await page.getByRole('button', { name: 'Turn on' }).click()
  await page.getByRole('heading', { name: 'Recovery codes' }).waitFor()
  await everyLook(page, 'admin-recovery-codes')
  const codes = await page.locator('[data-totp=codes] code').allTextContents()
  await page.getByRole('button', { name: 'Copy all' }).click()
  await copied(page, 'the list of codes', codes.join('\n'))
  await page.getByRole('button', { name: 'I have saved them' }).click()

  // Now everything can be used.
  await page.getByText('Nobody is waiting').waitFor()
  assert.ok(await links.count() > 4)

  // The factor can be turned off, which leads here again.
  await links.filter({ hasText: 'Security' }).click()
  await page.getByText('You have 10 recovery codes left').waitFor()
  await page.getByRole('button', { name: 'Turn off' }).click()
  await page.getByRole('dialog').getByLabel('Password').fill(stack.admin.password)
  await page.getByRole('dialog').getByLabel('recovery code').fill(codes[0])
  await page.getByRole('dialog').locator('[type=submit]').click()
  await page.getByText('Set up two-step login below to go on').waitFor()
  page.check()
})
