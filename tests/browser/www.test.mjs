// The playground on a static host, below a path: every page works there, without a network too, can be installed, holds still while it
// comes up, and is accessible in both themes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violations } from './support/axe.mjs'
import { eventually } from './support/browser.mjs'
import { openTab, text, visit } from './support/demo.mjs'
import { counted } from './support/scenario.mjs'
import { serveSite } from './support/site.mjs'

/** The pages, and what says that one is ready. */
const PAGES = {
  '': () => document.querySelectorAll('#laptop .list button').length > 2 && document.querySelector('tidewell-inspector') !== null,
  'console.html': () => document.querySelector('#live').dataset.state === 'on',
  'search.html': () => document.querySelector('#hint .chip') !== null,
  'flow.html': () => document.querySelector('#groups').textContent !== '',
}

/** Adds up how much the page moved before anybody touched it. */
const watchShifts = () => {
  window.shift = 0
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value
  }).observe({ type: 'layout-shift', buffered: true })
}

test('every page works on a static host below a path, offline, installed, still, and accessible in both themes', { timeout: 240_000 }, async (t) => {
  const { browser, site } = await visit(t, serveSite)
  const { address } = site
  let checked = 0
  for (const [name, isReady] of Object.entries(PAGES)) {
    const page = await openTab(browser, address + name, watchShifts)
    await eventually(`${name} is ready`, () => page.evaluate(isReady))
    const shift = await page.evaluate(() => window.shift)
    assert.ok(shift < 0.01, `${name} does not move while it comes up (${shift})`)
    for (const theme of ['light', 'dark']) {
      assert.deepEqual(await violations(page, theme), [], `${name}, ${theme}`)
      checked += 1
    }
    assert.equal(await page.evaluate(() => document.querySelectorAll('.pages a').length), Object.keys(PAGES).length, 'every page leads to all')
    assert.deepEqual(page.problems, [], name)
    await page.close()
  }
  const inspected = await openTab(browser, address)
  await eventually('the inspector is there', () => inspected.evaluate(PAGES['']))
  for (const tab of ['Log', 'Latency', 'Storage', 'Live', 'Faults']) {
    await inspected.getByRole('tab', { name: tab }).click()
    for (const theme of ['light', 'dark']) {
      assert.deepEqual(await violations(inspected, theme), [], `the inspector's ${tab}, ${theme}`)
      checked += 1
    }
  }

  const manifest = await inspected.evaluate(async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json())
  assert.deepEqual(
    manifest.icons.map(({ sizes }) => sizes),
    ['any', '192x192', '512x512', '512x512'],
  )
  for (const { src } of manifest.icons) assert.ok(await inspected.evaluate(async (one) => (await fetch(one)).ok, src), src)
  await eventually('the service worker has all files', () =>
    inspected.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated'),
  )
  await inspected.fill('#laptop [data-part=words]', 'tide')
  await eventually('a note is found', async () => /Tide tables/.test(await text(inspected, '#laptop .list')))
  await inspected.close()
  await site.stop()
  for (const [name, isReady] of Object.entries(PAGES)) {
    const page = await openTab(browser, address + name)
    await eventually(`${name} works without a network`, () => page.evaluate(isReady))
    await page.close()
  }
  counted(`${checked} views of pages without an accessibility violation, ${Object.keys(PAGES).length} pages offline`)
})
