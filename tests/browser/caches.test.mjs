// The playground's cache panel as a person uses it: by keyboard, live, with the reason why an entry went, also from another tab.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from './support/browser.mjs'
import { openTab, text, visit } from './support/demo.mjs'

/** Adds up how much the panel moved under the reader's eyes. */
const watchShifts = () => {
  window.shift = 0
  const isPanel = ({ node }) => (node instanceof Element ? node : node?.parentElement)?.closest('#panel-cache') != null
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput && entry.sources.some(isPanel)) window.shift += entry.value
  }).observe({ type: 'layout-shift', buffered: true })
}
const figure = (page, name) =>
  page.evaluate((one) => [...document.querySelectorAll('#panel-cache tr')].find((row) => row.firstChild.textContent === one)?.lastChild.textContent, name)
const note = (page, question) => text(page, `[data-question=${question}] .note`)

test('the cache panel shows hits, misses and why entries went, live in two tabs', { timeout: 120_000 }, async (t) => {
  const { browser, site } = await visit(t)
  const page = await openTab(browser, `${site.address}console.html`, watchShifts)
  await page.evaluate(async () => {
    const { open } = await import('./src/tidewell.js')
    window.papers = (await open('playground')).collection('papers')
    await window.papers.insertMany(Array.from({ length: 40 }, (_, n) => ({ id: `p${n}`, title: `Paper ${n}`, date: new Date(n * 1e9), words: n })))
  })
  await eventually('the documents are counted', async () => (await text(page, '#count')) === '40')
  await page.fill('#filter', '{ words: { $gte: 30 } }')
  await eventually('ten of them match', () => page.evaluate(() => document.querySelectorAll('#table tbody tr').length === 10))
  await page.focus('.tabs [data-panel=document]')
  for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowRight')
  await eventually('the panel opens by the arrow keys', () => page.evaluate(() => document.body.dataset.panel === 'cache'))
  await page.focus('[data-question=count] button')
  await page.keyboard.press('Enter')
  await eventually('the answer', async () => /40 documents/.test(await text(page, '[data-question=count] .answer')))
  assert.match(await note(page, 'count'), /^computed in /)
  await page.keyboard.press('Enter')
  await eventually('the second time it is a hit', async () => /^from memory in /.test(await note(page, 'count')))
  for (const question of ['newest', 'query']) await page.click(`[data-question=${question}] button`)
  await eventually('three are kept', async () => /^3 · /.test((await figure(page, 'on disk')) ?? ''))
  assert.match(await text(page, '[data-question=newest] .answer'), /^p39, p38, p37, p36, p35$/)
  await page.evaluate(() => (window.shift = 0))

  const second = await openTab(browser, `${site.address}console.html`, watchShifts)
  await second.click('.tabs [data-panel=cache]')
  await second.click('[data-question=count] button')
  await eventually('the second tab finds it on disk', async () => /^from disk in /.test(await note(second, 'count')))
  await second.evaluate(async () => {
    const { open } = await import('./src/tidewell.js')
    window.papers = (await open('playground')).collection('papers')
    await window.papers.insert({ id: 'new', title: 'Young', date: new Date(5e12), words: 31 })
  })
  await eventually('the first tab is told why', async () => /^gone with commit [\d,]+: new changed, and a query of papers read it/.test(await note(page, 'count')))
  assert.match(await note(page, 'newest'), /^gone with commit/)
  await eventually('and lists it', () => page.evaluate(() => document.querySelectorAll('.reasons li').length >= 3))
  await page.bringToFront()
  await page.click('[data-question=newest] button')
  await eventually('asked again it is right', async () => /^new, p39/.test(await text(page, '[data-question=newest] .answer')))
  assert.ok(Number(await figure(page, 'removed by commits')) >= 3)
  assert.ok((await page.evaluate(() => window.shift)) < 0.01, `nothing moved: ${await page.evaluate(() => window.shift)}`)
  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/cache-light.png` })
    await page.click('#theme')
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/cache-dark.png` })
    await page.setViewportSize({ width: 390, height: 800 })
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/cache-phone.png` })
  }
  assert.deepEqual([...page.problems, ...second.problems], [], 'no error and no violation of the policy')
})
