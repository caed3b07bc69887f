// The playground's flow page as a person uses it: orders, cooks in two tabs, a tab closed in the middle, dead letters, and a job.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from './support/browser.mjs'
import { openTab, text, visit } from './support/demo.mjs'

const lag = async (page) => Number(await page.evaluate(() => document.querySelector('.lag')?.dataset.lag ?? -1))
const number = (words) => Number(/[\d,]+/.exec(words)?.[0].replaceAll(',', '') ?? 0)

test('the flow page cooks every order once, in two tabs and after one of them is closed, and its job adds them up', { timeout: 180_000 }, async (t) => {
  const { browser, site } = await visit(t)
  const first = await openTab(browser, `${site.address}flow.html`)
  await eventually('the page is ready', async () => (await text(first, '#groups')) !== '')
  await first.click('#hundred')
  await eventually('a hundred orders are kept', async () => (await text(first, '#kept')) === '100')
  // It is open before anybody cooks: a machine that is slow to open it finds nothing left to cook.
  const second = await openTab(browser, `${site.address}flow.html`)
  await eventually('the second tab is ready', async () => (await text(second, '#kept')) === '100')
  await first.click('#cook')
  await eventually('a cook works', async () => (await lag(first)) > 0 && (await lag(first)) < 100)
  await second.click('#cook')
  await second.click('#cook')
  await eventually('the cooks of the second tab work', async () => number(await text(second, '.cook .bar .note')) > 2)
  await second.close()
  await eventually('the first tab cooks what is left', async () => (await lag(first)) === 0, 60)

  await first.check('#burn')
  await first.click('#hundred')
  await eventually('soups are dead letters', async () => number(await text(first, '#dead-count')) > 0, 60)
  await eventually('everything else is cooked', async () => (await lag(first)) === 0, 60)
  await first.uncheck('#burn')
  await eventually('they can be cooked again', () => first.evaluate(() => !document.querySelector('#requeue').disabled))
  await first.click('#requeue')
  await eventually('and are', async () => (await text(first, '#dead-count')) === 'None.' && (await lag(first)) === 0, 60)

  // Orders for later: one with a delay, one that comes again and again until it is cancelled.
  const waiting = () => first.evaluate(() => [...document.querySelectorAll('.later li[data-id]')].map(({ dataset }) => dataset.cron))
  await first.click('#later')
  await eventually('an order waits for its time', async () => (await waiting()).join() === 'false')
  assert.equal(await text(first, '#kept'), '200', 'it is not ordered yet')
  await eventually('its time comes', async () => (await text(first, '#kept')) === '201' && (await waiting()).length === 0)
  await first.click('#standing')
  await eventually('a standing order waits', async () => (await waiting()).join() === 'true')
  await eventually('it comes, and waits again', async () => number(await text(first, '#kept')) > 201 && (await waiting()).join() === 'true', 30)
  await first.click('.later button')
  await eventually('it is cancelled', async () => (await waiting()).length === 0)
  await eventually('they are cooked', async () => (await lag(first)) === 0)
  const ordered = number(await text(first, '#kept'))

  // Figures on the page may be older than the last order: the job tells when all of them are sold.
  const sales = async () => {
    await first.click('#run')
    await eventually('the job is done', async () => /^Done/.test(await text(first, '#job-state')), 30)
    return text(first, '#job-state')
  }
  await eventually('every order is sold once', async () => (await sales()) === `Done: ${ordered} sales.`, 30)
  const sold = await first.evaluate(() => [...document.querySelectorAll('#totals tr')].map((row) => Number(row.children[1].textContent)))
  assert.equal(sold.length, 5, 'a row for each dish')
  assert.ok(
    sold.every((count) => count > 0),
    'with its number',
  )
  await first.click('#fill')
  await eventually('old sales are there', async () => /20,000 sales more/.test(await text(first, '#say')), 60)
  assert.equal(await sales(), `Done: ${new Intl.NumberFormat('en').format(20_000 + ordered)} sales.`)
  assert.ok(await first.evaluate(() => document.querySelectorAll('#chart rect').length > 0), 'the windows are drawn')
  assert.deepEqual(first.problems, [], 'no error and no violation of the policy')
})
