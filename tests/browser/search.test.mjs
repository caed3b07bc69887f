// The search page as a person uses it: as you type, typos forgiven, narrowed by facets, live in two tabs, kept over a reload.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from './support/browser.mjs'
import { openTab, text, visit } from './support/demo.mjs'

const titles = (page) => page.evaluate(() => [...document.querySelectorAll('.hit h3')].map(({ textContent }) => textContent))
const matches = async (page) => Number((/^([\d,]+) of/.exec(await text(page, '#summary'))?.[1] ?? '-1').replaceAll(',', ''))

test('the search page finds what was meant, narrows it down, and follows what another tab writes', { timeout: 180_000 }, async (t) => {
  const { browser, site } = await visit(t)
  const address = new URL('search.html', site.address).href
  const page = await openTab(browser, address)
  await page.click('#sample')
  await eventually('7,000 papers', async () => (await text(page, '#count')) === '7,000', 90)

  await page.fill('#words', 'quantm gravty')
  await eventually('what was meant is found', async () => /quantum gravity/i.test((await titles(page))[0] ?? ''))
  assert.ok((await page.evaluate(() => document.querySelector('.hit mark')?.textContent ?? '')).length > 0, 'matches are marked')
  await eventually('the right spelling is offered', async () => /quantum gravity/.test(await text(page, '#hint')))
  const all = await matches(page)
  await page.uncheck('#fuzzy')
  await eventually('typos are no longer forgiven', async () => (await matches(page)) < all)

  await page.fill('#words', 'quantum')
  await eventually('a first result', async () => (await matches(page)) > 20)
  const wide = await matches(page)
  const count = Number(await text(page, '.value b'))
  await page.click('.value')
  await eventually('the facet narrows it down to its count', async () => (await matches(page)) === count && count < wide)
  await page.click('.chip.on')
  await eventually('and is taken off again', async () => (await matches(page)) === wide)

  const second = await openTab(browser, `${address}?q=zyxomma`)
  await eventually('nothing is called so', async () => (await matches(second)) === 0)
  await page.bringToFront()
  await page.click('.hit .icon')
  await page.fill('.hit input', 'Zyxomma: a dragonfly')
  await page.press('.hit input', 'Enter')
  await eventually('the second tab finds what the first one wrote', async () => (await titles(second))[0] === 'Zyxomma: a dragonfly')
  await eventually('the first one no longer finds it under its old title', async () => (await matches(page)) === wide - 1)
  await second.reload()
  await eventually('it is found after a reload', async () => (await titles(second))[0] === 'Zyxomma: a dragonfly')
  assert.deepEqual([...page.problems, ...second.problems], [], 'no error and no violation of the policy')
})
