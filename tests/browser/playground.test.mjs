// The playground as a person uses it: load the data set, query, edit, follow in a second tab, go on without a network.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from './support/browser.mjs'
import { openTab, text, visit } from './support/demo.mjs'

/** Adds up how much the page moved under the reader's eyes. Rows that make room for new documents are meant to. */
const watchShifts = () => {
  window.shift = 0
  const isRow = ({ node }) => node === null || (node instanceof Element ? node : node.parentElement)?.closest('#table') != null
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput && !entry.sources.every(isRow)) window.shift += entry.value
  }).observe({ type: 'layout-shift', buffered: true })
}

const rows = (page) => page.evaluate(() => document.querySelectorAll('#table tbody tr').length)

test('the playground loads its data, queries it live, edits it, follows in a second tab and works offline', { timeout: 180_000 }, async (t) => {
  const { browser, site } = await visit(t)
  const page = await openTab(browser, `${site.address}console.html`, watchShifts)

  await page.click('#sample')
  await eventually('7,000 documents', async () => (await text(page, '#count')) === '7,000', 60)
  await eventually('results', async () => (await rows(page)) === 100)
  await page.selectOption('#examples', { label: 'Papers per year' })
  await eventually('a row for each year', async () => (await rows(page)) === 29)
  await page.selectOption('#examples', { label: 'Titles about black holes' })
  await eventually('titles that match', async () => /black hole/i.test(await text(page, '#table tbody tr')))
  await page.fill('#filter', '{ title: ')
  await eventually('the mistake is told', async () => /filter: line 1/.test(await text(page, '#problem')))
  await page.fill('#filter', '{ words: { $gt: 300 } }')
  await page.fill('#sort', '{ words: -1 }')
  await page.fill('#fields', '')
  await eventually('the longest abstracts', async () => (await text(page, '#problem')) === '' && (await rows(page)) > 3)

  const second = await openTab(browser, `${site.address}console.html`, watchShifts)
  await eventually('the second tab has the data', async () => (await text(second, '#count')) === '7,000')
  await second.fill('#filter', '{ id: "made-here" }')
  await eventually('no row yet', async () => (await rows(second)) === 0)

  await page.bringToFront()
  await page.click('#new')
  await page.fill('#document', '{ id: "made-here", title: "A document of mine", words: 9999, date: Date("2020-02-02") }')
  await page.click('#save')
  await eventually('the new row is first', async () => /made-here/.test(await text(page, '#table tbody tr')))
  await eventually('the second tab shows it', async () => /A document of mine/.test(await text(second, '#table tbody tr')))
  await page.fill('#document', '{ id: "made-here", title: "Changed", words: 10000 }')
  await page.press('#document', 'Control+Enter')
  await eventually('the second tab shows the change', async () => /Changed/.test(await text(second, '#table tbody tr')))

  await page.click('.tabs [data-panel=plan]')
  await eventually('the plan', async () => /Documents examined/.test(await text(page, '#panel-plan')))
  await page.click('.tabs [data-panel=indexes]')
  await page.fill('#index-fields', 'authors')
  await page.click('#index-form button')
  await eventually('the index is ready', async () => /ready/.test(await text(page, '[data-index="authors"] .note')), 30)
  await page.click('[data-index="authors"] button')
  await eventually('the index is gone', () => page.evaluate(() => document.querySelector('[data-index="authors"]') === null))
  await page.click('.tabs [data-panel=storage]')
  await eventually('latencies as a chart', () => page.evaluate(() => document.querySelectorAll('.chart circle.p50').length > 0))

  await page.focus('#table tbody tr[tabindex="0"]')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await eventually('the keyboard opens a document', () => page.evaluate(() => document.querySelector('#document').value.includes('made-here')))
  await page.click('#delete')
  await eventually('the second tab sees it go', async () => (await rows(second)) === 0 && (await text(second, '#count')) === '7,000')

  await eventually('the service worker is ready', () => page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated'))
  const shift = await page.evaluate(() => window.shift)
  assert.ok(shift < 0.01, `the layout does not shift (${shift})`)
  assert.deepEqual([...page.problems, ...second.problems], [], 'no error and no violation of the policy')
  await site.stop()
  await page.reload()
  await eventually('without a network the data is still there', async () => (await text(page, '#count')) === '7,000')
  await eventually('and queries run', async () => (await rows(page)) > 0)
})
