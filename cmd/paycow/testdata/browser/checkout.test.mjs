// The hosted checkout page, in Chromium, on a real stack whose chain makes a block only when it is told to.
import assert from 'node:assert/strict'
import { test, after, before } from 'node:test'
import { parse } from 'eth-url-parser'
import { accessible, account, call, close, copied, create, mine, open, readQR, rpc, shot, stack, transfer, until, wallet } from './tools.mjs'

let rich
before(async () => {
  rich = await account(10n ** 18n, 1_000_000_000n)
  await mine()
})
after(close)

const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
const dark = { colorScheme: 'dark' }
const looks = { 'phone-light': phone, 'phone-dark': { ...phone, ...dark }, 'desktop-light': {}, 'desktop-dark': dark }
const status = (page, wanted) => page.locator(`[data-part=clock][data-status=${wanted}]`).waitFor({ state: 'attached', timeout: 60_000 })
const says = (page, text) => page.getByRole('heading', { name: text }).waitFor({ timeout: 60_000 })
const headline = (page) => page.locator('h1').textContent()

// inEveryLook checks a page at phone and desktop width, light and dark.
async function inEveryLook(path, name) {
  for (const [look, options] of Object.entries(looks)) {
    const page = await open(path, options)
    await accessible(page, `${name}, ${look}`)
    await shot(page, `checkout-${name}-${look}`)
    page.check()
    await page.context().close()
  }
}

test('an exchange keeps its fee, and the payer sends the rest', async () => {
  const payment = await create(50)
  const path = `/payment/${payment.paymentId}`
  const help = (page) => page.getByText("I'm withdrawing from an exchange")
  const small = { ...phone, viewport: { width: 360, height: 640 } }
  for (const [look, options] of [['phone-light', small], ['phone-dark', { ...small, ...dark }], ['desktop-light', {}]]) {
    const page = await open(path, options)
    await help(page).click()
    await page.getByText('Exactly 50.00 USDT must arrive here.').waitFor()
    await accessible(page, `exchange, ${look}`)
    await shot(page, `checkout-exchange-${look}`)
    page.check()
    await page.context().close()
  }
  const arabic = await open(path + '?lang=ar', small)
  await arabic.locator('.exchange summary').click()
  await shot(arabic, 'checkout-exchange-ar-phone-light')
  const bare = await open(path, { javaScriptEnabled: false })
  await bare.getByText('Exactly 50.00 USDT must arrive here.').waitFor() // open: a reload would close it

  const page = await open(path)
  await help(page).focus()
  await page.keyboard.press('Enter')
  await transfer(payment.depositAddress, 49_000_000)
  await mine()
  await page.getByText('Exactly 1.00 USDT must arrive here.').waitFor() // still open
  await accessible(page, 'exchange, a part is missing')
  await transfer(payment.depositAddress, 1_000_000)
  await mine(12)
  await status(page, 'PAID')
  assert.equal(await help(page).count(), 0)
  page.check()
})

test('a wallet pays, and the page follows without being loaded again', async () => {
  const payment = await create(50)
  let how
  const page = await open(`/payment/${payment.paymentId}`, {}, async (page) => { how = await wallet(page, rich) })
  await page.evaluate(() => { window.neverReloaded = true })
  assert.match(await page.title(), /^Pay 50\.00 USDT · ./)
  await page.getByRole('button', { name: 'Pay with Test Wallet' }).click()
  await page.getByText('Sent. Please do not pay again').waitFor()
  assert.deepEqual(how.sent.to.toLowerCase(), stack.tokenAddress.toLowerCase())
  assert.equal(await page.getByRole('button', { name: 'Pay with Test Wallet' }).isVisible(), false, 'nobody pays twice by accident')
  await page.getByText('was seen on the network').waitFor()
  assert.equal(await page.locator('[data-call]').count(), 0, 'nobody is asked for what is on its way')
  assert.match(await page.title(), /^Your payment is on its way · ./)
  await inEveryLook(`/payment/${payment.paymentId}`, 'seen')
  await mine()
  await status(page, 'DETECTED')
  assert.equal(await headline(page), 'Payment found')
  await mine()
  await status(page, 'CONFIRMING')
  for (let n = 3; n <= 11; n++) {
    await mine()
    await page.getByText(`${n}/12`, { exact: true }).waitFor()
    if (n === 7) await inEveryLook(`/payment/${payment.paymentId}`, 'confirming')
  }
  await mine()
  await status(page, 'PAID')
  assert.equal(await headline(page), 'Payment complete')
  const shop = await page.locator('.payee').textContent()
  assert.ok(shop)
  assert.equal(await page.title(), 'Paid · ' + shop, 'the tab says it without being loaded again')
  assert.equal(await page.locator('#announce').textContent(), 'Payment complete', 'a screen reader is told')
  assert.equal(await page.evaluate(() => window.neverReloaded), true)
  page.check()
  await inEveryLook(`/payment/${payment.paymentId}`, 'paid')
  const seen = await call('GET', `/api/payment/${payment.paymentId}`)
  assert.equal(seen.amountCredited, 50)
})

test('an open payment in every look', async () => {
  const payment = await create(1234.56, { description: 'Order A-17: two books and a record player' })
  await inEveryLook(`/payment/${payment.paymentId}`, 'pending')
})

test('what a shop writes is shown as text, whatever it is', async () => {
  const letters = 'Zoë̷̘́̈̕'
  for (const [name, description] of Object.entries({
    html: '<h1>Paid</h1><script>document.title = "hacked"</script><img src="https://x.example/a.png" onerror="hacked = 1">',
    'long-word': 'W'.repeat(200),
    wide: '𒐫'.repeat(200),
    marks: letters.repeat(20),
    arabic: '\u200fطلب رقم A-17، كتابان',
  })) {
    const payment = await create(7, { description, metadata: { order: '<b>A-17</b>' } })
    const page = await open(`/payment/${payment.paymentId}`, phone)
    assert.equal(await page.locator('.shop dd bdi').nth(1).textContent(), description)
    assert.equal(await page.locator('h1').count(), 1)
    assert.equal(await page.evaluate(() => window.hacked ?? document.title.includes('hacked')), false)
    const box = await page.locator('.shop').boundingBox()
    assert.ok(box.height < 500, `${name}: the amount stays in sight, below ${box.height} px`)
    await accessible(page, `description, ${name}`)
    await shot(page, `checkout-description-${name}-phone-light`)
    page.check()
    await page.context().close()
  }
  for (const description of ['a\u202eb', 'a\u2066b', 'a\nb', 'W'.repeat(201)]) {
    await assert.rejects(create(7, { description }), /400|description/)
  }
})

test('the QR codes say what they should', async () => {
  const payment = await create(50.25)
  const page = await open(`/payment/${payment.paymentId}`, { deviceScaleFactor: 3 })
  assert.equal(await readQR(page.locator('[data-qr=address]')), payment.depositAddress, 'the code that every wallet reads comes first')
  await page.getByText('With amount').click()
  const request = parse(await readQR(page.locator('[data-qr=request]')))
  assert.equal(request.scheme, 'ethereum')
  assert.equal(request.target_address.toLowerCase(), stack.tokenAddress.toLowerCase())
  assert.equal(Number(request.chain_id), stack.chainId)
  assert.equal(request.function_name, 'transfer')
  assert.equal(request.parameters.address, payment.depositAddress)
  assert.equal(BigInt(request.parameters.uint256), 50_250_000n)
  const short = payment.depositAddress.slice(0, 6) + '…' + payment.depositAddress.slice(-4)
  assert.equal(await page.locator('.qr .check').textContent(), `Your wallet must show ${short} as the recipient. If it shows another, cancel.`)
  await page.locator('.qr .check data').click()
  await page.keyboard.press('Control+c')
  await copied(page, 'the whole address', payment.depositAddress)
  page.check()
})

test('a phone opens the wallet, and all that is needed to pay is in sight', async () => {
  const payment = await create(1234.56, { description: 'Order A-17' })
  const small = { ...phone, viewport: { width: 360, height: 640 } }
  const below = []
  for (const locale of ['en', 'de', 'es', 'fr', 'pt', 'ar', 'zh']) {
    const page = await open(`/payment/${payment.paymentId}?lang=${locale}`, small)
    for (const part of ['.payee', '#countdown', '.amount data', '.network', '.amount [data-copy]', '#open-wallet', '.open .check', '.address', '.where [data-copy]', '.warning']) {
      const box = await page.locator(part).first().boundingBox()
      if (!box || box.y + box.height > 640) below.push(`${locale}: ${part} ends at ${box && box.y + box.height}`)
    }
    await shot(page, `checkout-fold-${locale}`, { fullPage: false })
    if (locale !== 'en') { await page.context().close(); continue }
    const request = parse(await page.locator('#open-wallet').getAttribute('href'))
    assert.equal(request.target_address.toLowerCase(), stack.tokenAddress.toLowerCase())
    assert.equal(request.parameters.address, payment.depositAddress)
    assert.equal(BigInt(request.parameters.uint256), 1_234_560_000n)
    assert.equal(Number(request.chain_id), stack.chainId)
    await accessible(page, 'the first screen')
    page.check()
    await page.context().close()
  }
  assert.deepEqual(below, [])
  const desktop = await open(`/payment/${payment.paymentId}`)
  assert.equal(await desktop.locator('#open-wallet').isVisible(), false, 'a computer has no wallet app to open')
  await desktop.getByText('If your exchange deducts a fee, add it.').waitFor()
})

test('a long description hides on a phone until the payment is made', async () => {
  const description = 'Order A-17: two books and a record player, sent to the house behind the old station, not before Friday'
  const payment = await create(1234.56, { description })
  const page = await open(`/payment/${payment.paymentId}`, { ...phone, viewport: { width: 360, height: 640 } })
  await page.evaluate(() => { // a logo, which the demo shop has not
    const logo = new Image(48, 48)
    logo.src = document.querySelector('link[rel=icon]').href
    logo.alt = ''
    document.querySelector('.shop').prepend(logo)
  })
  const warning = await page.locator('.warning').boundingBox()
  assert.ok(warning.y + warning.height <= 640, `the warning ends at ${warning.y + warning.height}`)
  const lines = () => page.locator('.shop dd').nth(1).evaluate((node) => Math.round(node.clientHeight / parseFloat(getComputedStyle(node).lineHeight)))
  assert.equal(await lines(), 1)
  await accessible(page, 'a long description')
  await shot(page, 'checkout-fold-description', { fullPage: false })
  await transfer(payment.depositAddress, 1_234_560_000)
  await mine()
  await status(page, 'DETECTED')
  assert.ok(await lines() > 1, 'nothing is cut off any more')
  page.check()
})

test('copying, the countdown and the keyboard', async () => {
  const payment = await create(10)
  const page = await open(`/payment/${payment.paymentId}`)
  await page.getByRole('button', { name: 'Copy the address' }).click()
  await copied(page, 'the address', payment.depositAddress)
  await page.getByRole('button', { name: 'Copy the amount' }).focus()
  await page.keyboard.press('Enter')
  await copied(page, 'the amount', '10.00')
  const selected = await page.evaluate(() => { const range = document.createRange(); range.selectNodeContents(document.querySelector('.address')); return range.toString().trim() })
  assert.equal(selected, payment.depositAddress, 'the groups add no spaces to what a person selects')
  await page.locator('.address span').nth(2).dblclick()
  await page.keyboard.press('Control+c')
  await copied(page, 'what a person selects by a click', payment.depositAddress)
  const left = await page.locator('#countdown').textContent()
  assert.match(left, /^(1:00:00|59:\d\d)$/)
  await until('the clock runs', async () => await page.locator('#countdown').textContent() !== left)
  await page.locator('#qr-address').focus()
  await page.keyboard.press('ArrowRight')
  assert.equal(await page.locator('[data-qr=request]').isVisible(), true)
  page.check()
})

test('a piece of an amount is copied as the whole value', async () => {
  const payment = await create(987654.5)
  const page = await open(`/payment/${payment.paymentId}?lang=de`)
  await page.locator('.exchange summary').click()
  const select = (from, to) => page.evaluate(([from, to]) => {
    const text = document.querySelector('.exchange bdi').firstChild
    const after = document.querySelector('.exchange strong').lastChild
    const range = document.createRange()
    range.setStart(text, from)
    if (to) range.setEnd(text, to)
    else range.setEnd(after, after.data.length)
    getSelection().removeAllRanges()
    getSelection().addRange(range)
  }, [from, to])
  await select(4, 0) // 654,50 USDT müssen ankommen.
  await page.keyboard.press('Control+c')
  await copied(page, 'the whole amount and what follows', '987654.50 USDT ankommen.')
  await select('987.654,50'.length, 0)
  await page.keyboard.press('Control+c')
  await copied(page, 'what stands behind the amount', ' USDT ankommen.')
  await select(2, 5)
  await page.keyboard.press('Control+c')
  await copied(page, 'the whole amount', '987654.50')
  page.check()
})

test('a page without a clipboard API copies too', async () => {
  const payment = await create(987654.5)
  const page = await open(`/payment/${payment.paymentId}?lang=de`, {}, (page) => page.addInitScript(() => {
    Object.defineProperty(navigator.clipboard, 'writeText', { value: () => Promise.reject(new Error('only on https')) })
  }))
  await page.locator('.amount [data-copy]').click()
  await copied(page, 'the amount', '987654.50')
  await page.locator('.where [data-copy]').click()
  await copied(page, 'the address', payment.depositAddress)
  page.check()
})

test('a browser that names an invalid language', async () => {
  const payment = await create(50)
  const page = await open(`/payment/${payment.paymentId}`, {}, (page) => page.addInitScript(() => {
    Object.defineProperty(navigator, 'languages', { get: () => ['en-US@posix', 'en'] })
  }))
  await page.getByRole('button', { name: 'Copy the amount' }).click()
  await copied(page, 'the amount', '50.00')
  assert.match(await page.locator('#until').textContent(), /^until \d/)
  page.check()
})

test('an amount is read in groups and copied without them', async () => {
  const payment = await create(987654.5)
  const page = await open(`/payment/${payment.paymentId}?lang=de`)
  const shown = page.locator('.amount bdi')
  assert.equal(await shown.textContent(), '987.654,50')
  await shown.click()
  await page.keyboard.press('Control+c')
  await copied(page, 'what is selected by hand', '987654.50')
  await page.locator('.amount [data-copy]').click()
  await copied(page, 'what the button copies', '987654.50')
  page.check()
})

test('amounts are copied without groups wherever they stand', async () => {
  const payment = await create(987654.5)
  const poor = await account(10n ** 18n, 5_000_500_000n)
  await transfer(payment.depositAddress, 2_000_500_000)
  await mine()
  for (const [locale, due, have] of [['en', '985,654.00', '5,000.50'], ['fr', '985\u00a0654,00', '5\u00a0000,50'], ['ar', '985,654.00', '5,000.50']]) {
    const page = await open(`/payment/${payment.paymentId}?lang=${locale}`, {}, (page) => wallet(page, poor))
    await page.locator('.exchange summary').click()
    await page.locator('[data-wallet]').click()
    await page.locator('#wallet-status data').waitFor()
    const read = await page.locator('main').textContent()
    assert.ok(read.split(due).length >= 5 && read.includes(have), `${locale}: the advice, the amount and the help say ${due}`)
    await page.locator('.exchange data').first().click()
    await page.keyboard.press('Control+c')
    await copied(page, `${locale}: an amount in the help`, '985654.00')
    await page.keyboard.press('Control+a')
    await page.keyboard.press('Control+c')
    const text = await until('everything is copied', async () => {
      const text = await page.evaluate(() => navigator.clipboard.readText())
      return text.length > 20 && text
    })
    assert.ok(text.split('985654.00').length >= 5 && text.includes('2000.50') && text.includes('5000.50'), text)
    assert.doesNotMatch(text, /985\D654|5\D000|2\D000/, locale)
    page.check()
    await page.context().close()
  }
})

test('the name of the network stays in one piece', async () => {
  const payment = await create(50)
  for (const locale of ['en', 'de', 'es', 'fr', 'pt', 'ar', 'zh']) {
    const page = await open(`/payment/${payment.paymentId}?lang=${locale}`, { ...phone, viewport: { width: 320, height: 640 } })
    await page.locator('.exchange summary').click()
    let seen = 0
    for (const width of [320, 333, 347, 360, 375, 390, 414, 433]) {
      await page.setViewportSize({ width, height: 640 })
      const pieces = await page.evaluate(() => {
        const found = []
        const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT)
        while (walk.nextNode()) {
          for (const match of walk.currentNode.data.matchAll(/ERC.20/g)) {
            const place = (from, to) => {
              const range = document.createRange()
              range.setStart(walk.currentNode, match.index + from)
              range.setEnd(walk.currentNode, match.index + to)
              return range.getBoundingClientRect()
            }
            const name = place(0, 3), number = place(4, 6)
            found.push({ text: match[0], sameLine: Math.abs(name.top - number.top) < 2, inOrder: name.left < number.left })
          }
        }
        return found
      })
      assert.deepEqual(pieces.filter((piece) => !piece.sameLine || !piece.inOrder), [], `${locale}, ${width} px`)
      seen += pieces.length
    }
    assert.ok(seen >= 16, `${locale}: ${seen}`)
    await shot(page, `checkout-network-${locale}-phone-light`)
    await page.context().close()
  }
})

test('too little, the rest, and what is asked for in between', async () => {
  const payment = await create(50)
  const page = await open(`/payment/${payment.paymentId}`)
  await transfer(payment.depositAddress, 20_000_000)
  await mine()
  await says(page, 'Part of the amount has arrived')
  assert.match(await page.title(), /^Still to pay: 30\.00 USDT · ./)
  await page.getByRole('button', { name: 'Copy the amount' }).click()
  await copied(page, 'the missing amount', '30.00')
  await inEveryLook(`/payment/${payment.paymentId}`, 'part')
  await transfer(payment.depositAddress, 31_000_000)
  await mine(13)
  await status(page, 'PAID')
  await page.getByText('more than the 50.00 USDT requested').waitFor()
  await inEveryLook(`/payment/${payment.paymentId}`, 'overpaid')
  page.check()
})

test('a receipt says what was paid and when, and can be printed', async () => {
  const payment = await create(1234.5, { description: 'Order A-17: two books and a record player' })
  const path = `/payment/${payment.paymentId}`
  const page = await open(path, { timezoneId: 'Asia/Tokyo' })
  const cardWidth = () => page.locator('main').evaluate((node) => node.getBoundingClientRect().width)
  const width = await cardWidth()
  const hash = await transfer(payment.depositAddress, 1_234_500_000)
  await mine()
  await status(page, 'DETECTED')
  assert.equal(await cardWidth(), width, 'the card keeps its width')
  await mine(12)
  await status(page, 'PAID')
  assert.equal(await cardWidth(), width, 'the card keeps its width')
  const largest = await page.evaluate(() => {
    const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT)
    let largest = { size: 0 }
    while (walk.nextNode()) {
      const size = parseFloat(getComputedStyle(walk.currentNode.parentElement).fontSize)
      if (walk.currentNode.data.trim() && size > largest.size) largest = { size, text: walk.currentNode.data }
    }
    return largest
  })
  assert.equal(largest.text, '1,234.50', 'the amount is the largest thing')
  const paidAt = page.locator('time')
  assert.ok(Math.abs(Date.parse(await paidAt.getAttribute('datetime')) - Date.now()) < 60_000)
  assert.match(await paidAt.textContent(), /\d{4} at \d\d:\d\d:\d\d GMT\+9$/, 'in the payer\'s own time zone')
  await page.getByText(hash).waitFor()
  await page.evaluate(() => { window.printed = 0; window.print = () => { window.printed++ } })
  await page.getByRole('button', { name: 'Print or save receipt' }).click()
  assert.equal(await page.evaluate(() => window.printed), 1)
  page.check()
  for (const [locale, look] of [['en', {}], ['de', dark], ['ar', {}]]) {
    const paper = await open(`${path}?lang=${locale}`, look)
    await paper.emulateMedia({ media: 'print' })
    await paper.setViewportSize({ width: 794, height: 1123 })
    for (const part of ['.back', '.button', 'footer', 'nav']) assert.equal(await paper.locator(part).first().isVisible(), false, part)
    for (const part of ['.payee', '.total', '.receipt .badge', 'time', '.details code']) assert.equal(await paper.locator(part).first().isVisible(), true, part)
    const ink = await paper.evaluate(() => [getComputedStyle(document.querySelector('.total')).color, getComputedStyle(document.querySelector('main')).backgroundColor])
    assert.deepEqual(ink, ['rgb(21, 32, 28)', 'rgb(255, 255, 255)'], 'paper is white, whatever the screen is')
    await shot(paper, `checkout-receipt-${locale}-print`)
  }
  const bare = await open(path, { javaScriptEnabled: false })
  assert.equal(await bare.getByRole('button', { name: 'Print or save receipt' }).isVisible(), false, 'a button that does nothing')
  assert.match(await bare.locator('time').textContent(), /^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/)
})

test('a reorg takes the transfer away, and the page says so', async () => {
  const payment = await create(50)
  const page = await open(`/payment/${payment.paymentId}`)
  const hash = await transfer(payment.depositAddress, 50_000_000)
  await mine(2)
  await status(page, 'CONFIRMING')
  await rpc('dev_reorg', 2, true)
  await says(page, 'The network reversed a transfer')
  await page.getByText(hash).waitFor()
  assert.match(await page.locator('#countdown').textContent(), /^5\d:\d\d$/, 'the clock runs on')
  await page.getByText('If it has not returned when the time is up, contact the shop').waitFor()
  assert.equal(await page.locator('[data-call]').count(), 0, 'nobody is asked to pay again at once')
  await inEveryLook(`/payment/${payment.paymentId}`, 'reverted')
  page.check()
})

test('a rejected payment', async () => {
  const payment = await create(50)
  const page = await open(`/payment/${payment.paymentId}`)
  await call('POST', `/api/payment/${payment.paymentId}/reject`, { reason: 'out of stock' })
  await status(page, 'REJECTED')
  assert.equal((await page.content()).includes('out of stock'), false, 'the reason is the operator\'s')
  await inEveryLook(`/payment/${payment.paymentId}`, 'rejected')
  await transfer(payment.depositAddress, 50_000_000)
  await mine(13)
  await until('the late money is credited', async () => (await call('GET', `/api/payment/${payment.paymentId}`)).exception === 'AFTER_REJECT')
  const again = await open(`/payment/${payment.paymentId}`)
  await again.getByText('50.00 USDT arrived').waitFor()
  page.check()
})

test('wallets that refuse', async (t) => {
  const poor = await account(10n ** 18n, 5_500_000n)
  const noGas = await account(0n, 100_000_000n)
  await mine()
  const cases = [
    ['declined', rich, { refuse: { eth_sendTransaction: 4001 } }, 'You declined in your wallet'],
    ['connection declined', rich, { refuse: { eth_requestAccounts: 4001 } }, 'You declined in your wallet'],
    ['a question is open', rich, { refuse: { eth_requestAccounts: -32002 } }, 'has a pending request'],
    ['locked', null, {}, 'shares no account with this page'],
    ['not allowed', rich, { refuse: { eth_requestAccounts: 4100 } }, 'shares no account with this page'],
    ['another chain, stays there', rich, { chainId: 5, refuse: { wallet_switchEthereumChain: 4001 } }, 'You declined in your wallet'],
    ['another chain, does not know ours', rich, { chainId: 5, refuse: { wallet_switchEthereumChain: 4902, wallet_addEthereumChain: 4902 } }, 'did not switch to Ethereum'],
    ['disconnected', rich, { refuse: { eth_call: 4900 } }, 'not connected to the network'],
    ['cannot send', rich, { refuse: { eth_sendTransaction: 4200 } }, 'cannot do this'],
    ['too few tokens', poor, {}, 'has 5.50 USDT, which is not enough'],
    ['no ether', noGas, {}, 'not have enough ETH'],
    ['something else', rich, { refuse: { eth_sendTransaction: { code: -32603, message: '<img src=x onerror=alert(1)>' } } }, '<img src=x onerror=alert(1)>'],
  ]
  for (const [name, owner, how, text] of cases) {
    await t.test(name, async () => {
      const payment = await create(50)
      const page = await open(`/payment/${payment.paymentId}`, {}, (page) => wallet(page, owner, how))
      await page.getByRole('button', { name: 'Pay with Test Wallet' }).click()
      await page.locator('#wallet-status', { hasText: text }).waitFor({ timeout: 20_000 })
      assert.equal(await page.locator('#wallet-status img').count(), 0, 'what a wallet says is text')
      assert.equal(await page.getByRole('button', { name: 'Pay with Test Wallet' }).isVisible(), true, 'the payer can try again')
      if (name === 'declined') await accessible(page, 'a refusal')
      await page.context().close()
    })
  }
})

test('a wallet on another chain switches, and one that announces nothing is found', async () => {
  const payment = await create(5)
  let how
  const page = await open(`/payment/${payment.paymentId}`, {}, async (page) => { how = await wallet(page, rich, { chainId: 5, announce: false }) })
  await page.getByRole('button', { name: 'Pay with browser wallet' }).click()
  await page.getByText('Sent. Please do not pay again').waitFor()
  assert.ok(how.asked.includes('wallet_switchEthereumChain'))
  await page.reload()
  await page.getByText('Sent. Please do not pay again').waitFor()
  await mine(13)
  await status(page, 'PAID')
  page.check()
})

test('after a browser wallet has sent, a phone offers no other wallet', async () => {
  const payment = await create(5)
  const page = await open(`/payment/${payment.paymentId}`, phone, async (page) => {
    await wallet(page, rich)
    await page.route('**/payment/*/events?*', (route) => route.abort()) // the page does not hear of the transfer
    await page.route('**/payment/*', (route) => route.request().resourceType() === 'fetch' ? route.abort() : route.continue())
  })
  page.expected.push('ERR_FAILED')
  assert.equal(await page.locator('#open-wallet').isVisible(), true)
  await page.getByRole('button', { name: 'Pay with Test Wallet' }).click()
  await page.getByText('Sent. Please do not pay again').waitFor()
  assert.equal(await page.locator('#open-wallet').isVisible(), false)
  await mine(13)
  page.check()
})

test('without JavaScript', async () => {
  const payment = await create(50)
  const page = await open(`/payment/${payment.paymentId}`, { javaScriptEnabled: false })
  await page.locator('.address', { hasText: payment.depositAddress.slice(0, 6) }).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Copy the address' }).isVisible(), false, 'a button that does nothing')
  assert.equal(await page.locator('[data-qr=address]').isVisible(), true)
  await page.getByText('With amount').click()
  assert.equal(await page.locator('[data-qr=request]').isVisible(), true)
  await page.getByRole('button', { name: 'Pay from the test faucet' }).click()
  await page.getByText(/has sent the transfer|was seen on the network/).waitFor()
  await mine(13)
  await says(page, 'Payment complete') // the page refreshes itself
  await shot(page, 'checkout-paid-without-javascript')
  page.check()
})

test('events that do not come through', async () => {
  const payment = await create(50)
  const page = await open(`/payment/${payment.paymentId}`, {}, (page) => page.route('**/events?*', (route) => route.abort()))
  page.expected.push('ERR_FAILED')
  await transfer(payment.depositAddress, 50_000_000)
  await mine(13)
  await status(page, 'PAID') // by asking from time to time
})

test('right to left, and the choice of a language', async () => {
  const payment = await create(50)
  const page = await open(`/payment/${payment.paymentId}`, { locale: 'ar-EG' })
  assert.equal(await page.locator('html').getAttribute('dir'), 'rtl')
  assert.equal(await page.locator('.address').getAttribute('dir'), 'ltr')
  await accessible(page, 'Arabic')
  await shot(page, 'checkout-arabic-desktop-light')
  await page.getByRole('link', { name: 'Deutsch' }).click()
  await says(page, 'Wir warten auf Ihre Zahlung')
  await transfer(payment.depositAddress, 50_000_000)
  await mine()
  await says(page, 'Zahlung gefunden')
  for (const locale of ['de', 'es', 'fr', 'pt', 'zh', 'ar']) {
    const small = await open(`/payment/${(await create(999999.999999)).paymentId}?lang=${locale}`, phone)
    assert.equal(await small.locator('.amount bdi').evaluate((node) => node.getClientRects().length), 1, `${locale}: the amount is on one line`)
    await accessible(small, locale)
    await shot(small, `checkout-${locale}-phone-light`)
    await small.context().close()
  }
  page.check()
})

test('the first visit is small', async () => {
  const payment = await create(50)
  let bytes = 0
  const asked = []
  const page = await open(`/payment/${payment.paymentId}`, {}, async (page) => {
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    session.on('Network.requestWillBeSent', ({ request }) => { if (!request.url.startsWith('data:')) asked.push(request.url.slice(stack.apiUrl.length)) })
    session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength })
  })
  await page.waitForTimeout(1000)
  console.log(`first visit: ${bytes} bytes in ${asked.length} requests, the stream of events counted: ${asked.map((path) => path.replace(/[0-9a-f]{12,}/, '…')).join(' ')}`)
  assert.ok(bytes <= 20_000 && bytes > 4_000, `${bytes} bytes`)
  assert.ok(asked.length <= 4, asked.join(' '))
})
