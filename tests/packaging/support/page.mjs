// A page of a project in headless Chromium: what its scenarios saw, on the first visit and after a reload.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { eventually, launch, newProfile } from '../../browser/support/browser.mjs'
import { expectSeen, ran } from './expected.mjs'

/** One browser for all tests of a file, closed after them. */
export function useBrowser() {
  const held = {}
  before(async () => {
    held.profile = await newProfile()
    held.browser = await launch(held.profile.folder)
  })
  after(async () => {
    await held.browser?.close()
    await held.profile?.remove()
  })
  return held
}

/** Opens the page and waits until it says what it saw: `window.seen`, or `window.failed`. */
export async function visit({ browser }, address) {
  const page = await browser.context.newPage()
  const said = []
  page.on('pageerror', (error) => said.push(String(error)))
  page.on('console', (message) => said.push(message.text()))
  page.on('requestfailed', (request) => said.push(`failed: ${request.url()}`))
  page.on('response', (response) => response.status() >= 400 && said.push(`${response.status()}: ${response.url()}`))
  const seen = async () => {
    const what = () => eventually('the page says what it saw', () => page.evaluate(() => window.seen ?? window.failed), 60)
    const value = await what().catch((error) => assert.fail(`${error.message}\n${said.join('\n')}`))
    if (typeof value === 'string') assert.fail(`${value}\n${said.join('\n')}`)
    return value
  }
  await page.goto(address)
  return { page, said, seen }
}

/**
 * Every scenario of the page holds on the first visit, and finds its documents after a reload. `reloads`: the server may load the page
 * again by itself while it compiles, and then the first visit finds documents, too.
 */
export async function expectPage(held, address, place, scenarios, { reloads = false } = {}) {
  const { page, seen } = await visit(held, address)
  try {
    for (const before of [0, 3]) {
      const all = await seen()
      assert.deepEqual(Object.keys(all).sort(), [...scenarios].sort())
      for (const scenario of scenarios) {
        const found = reloads && all[scenario].before === 3 ? 3 : before
        expectSeen(all[scenario], 'indexeddb', found)
      }
      await page.evaluate(() => {
        window.seen = undefined
      })
      if (before === 0) await page.reload()
    }
    for (const scenario of scenarios) ran(place, scenario, 'stored, queried, reopened, there after a reload')
  } finally {
    await page.close()
  }
}
