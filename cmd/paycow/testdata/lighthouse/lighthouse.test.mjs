// What Lighthouse says of the pages that people see first: speed, accessibility and best practices.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import lighthouse from 'lighthouse'
import { api, chromium, create, logIn, stack } from '../browser/tools.mjs'

// freePort returns a port that nobody listens on.
const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})

// What Lighthouse finds about speed depends on what else the machine does. So only make lighthouse runs this, and each page has three tries.
test('Lighthouse gives 95 or more', { timeout: 300_000 }, async () => {
  const payment = await create(25, { description: 'Two tickets' })
  const folder = mkdtempSync(join(tmpdir(), 'lighthouse-'))
  const port = await freePort()
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.PAYCOW_CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage', `--remote-debugging-port=${port}`],
  })
  try {
    const page = await context.newPage()
    await page.goto(api + '/login.html')
    await logIn(page, stack.operator.email, stack.operator.password)
    await page.waitForURL('**/dashboard.html*')
    await page.close()
    for (const path of ['/', '/docs', `/payment/${payment.paymentId}`, '/dashboard.html']) {
      const seen = []
      let good = false
      for (let tries = 0; tries < 3 && !good; tries++) {
        const { lhr } = await lighthouse(api + path, {
          port, output: 'json', logLevel: 'error', disableStorageReset: true, onlyCategories: ['performance', 'accessibility', 'best-practices'],
        })
        if (lhr.runtimeError) { seen.push(lhr.runtimeError.message); continue }
        assert.equal(new URL(lhr.finalDisplayedUrl).pathname, path, 'Lighthouse looked at the page')
        const scores = Object.fromEntries(Object.entries(lhr.categories).map(([name, category]) => [name, Math.round(category.score * 100)]))
        const failed = Object.values(lhr.audits).filter((audit) => audit.score !== null && audit.score < 0.9).map((audit) => `${audit.id} ${audit.score} ${audit.displayValue ?? ''}`)
        seen.push(JSON.stringify(scores) + ': ' + failed.join(', '))
        good = Object.values(scores).every((score) => score >= 95)
      }
      console.log(`Lighthouse, ${path.replace(payment.paymentId, ':id')}: ${seen.join(' | ')}`)
      assert.ok(good, `${path}: ${seen.join('\n')}`)
    }
  } finally {
    await context.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
