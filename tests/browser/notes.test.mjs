// The notes page as a person uses it: two devices, search, tags, edits that every tab follows, the inspector, and faults on purpose.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from './support/browser.mjs'
import { openTab, text, visit } from './support/demo.mjs'

const list = (page, device) => page.evaluate((one) => [...document.querySelectorAll(`#${one} .list b`)].map(({ textContent }) => textContent), device)
const part = (device, name) => `#${device} [data-part=${name}]`
/** Texts inside the inspector's shadow tree. */
const shown = (page, selector) => page.evaluate((one) => [...document.querySelector('tidewell-inspector').shadowRoot.querySelectorAll(one)].map(({ textContent }) => textContent), selector)

test('notes are found, tagged and edited on two devices; the inspector tells what each commit changed; a killed tab loses nothing', { timeout: 180_000 }, async (t) => {
  const { browser, site } = await visit(t)
  const page = await openTab(browser, site.address)
  await eventually('both devices have notes', async () => (await list(page, 'laptop')).length === 7 && (await list(page, 'phone')).length === 7)
  await page.fill(part('phone', 'words'), 'serach tidde')
  await eventually('what was meant is found', async () => /Search forgives,Tide tables/.test((await list(page, 'phone')).slice(0, 2).sort().join()))
  assert.ok((await page.evaluate(() => document.querySelectorAll('#phone mark').length)) > 1, 'matches are marked')
  await page.fill(part('phone', 'words'), '')
  await page.click('#phone .tags .chip:has-text("hill")')
  await eventually('a tag narrows it down', async () => (await list(page, 'phone')).join() === 'Well water')
  await page.click('#phone .tags .chip:has-text("hill")')

  await eventually('the inspector follows', async () => (await shown(page, '[role=tab]')).join() === 'Log,Latency,Storage,Live,Faults')
  const second = await openTab(browser, site.address)
  await eventually('the second tab is ready', async () => (await list(second, 'laptop')).length === 7)
  await page.bringToFront()
  await page.click(part('laptop', 'new'))
  await page.fill(part('laptop', 'title'), 'Lighthouse')
  await page.fill(part('laptop', 'labels'), 'sea, night')
  await page.fill(part('laptop', 'body'), 'One flash every ten seconds.')
  await eventually('it is saved', async () => /Saved/.test(await text(page, part('laptop', 'saved'))))
  await eventually('the second tab shows it', async () => (await list(second, 'laptop'))[0] === 'Lighthouse')
  await eventually('its words are found there', async () => {
    await second.fill(part('laptop', 'words'), 'lighthuose')
    return (await list(second, 'laptop'))[0] === 'Lighthouse'
  })
  await eventually('the log tells of it', async () => /notes \+1/.test((await shown(page, '.commits summary')).join(' ')))
  const line = page.locator('tidewell-inspector .commits details').filter({ hasText: 'postings' }).first()
  await line.locator('summary').click()
  await eventually('with documents, index entries and postings', async () => {
    const told = (await shown(page, 'dl')).join(' ')
    return /notes written/.test(told) && /index notes\.(tags|changed)/.test(told) && /search index of notes/.test(told)
  })
  await page.getByRole('tab', { name: 'Live' }).click()
  await eventually('live queries are listed', async () => (await shown(page, '.body td')).includes('notes'))
  await page.getByRole('tab', { name: 'Latency' }).click()
  await eventually('latencies are drawn', async () => (await shown(page, 'svg circle')).length > 0)

  await page.getByRole('tab', { name: 'Faults' }).click()
  await page.getByRole('switch', { name: /Full disk/ }).check()
  await page.fill(part('laptop', 'body'), 'Does it fit? '.repeat(50))
  await eventually('a full disk is told', async () => /Not saved: quota/.test(await text(page, part('laptop', 'saved'))))
  await page.getByRole('switch', { name: /Full disk/ }).uncheck()
  await page.fill(part('laptop', 'body'), 'It fits again.')
  await eventually('and there is room again', async () => /Saved/.test(await text(page, part('laptop', 'saved'))))
  await page.getByRole('button', { name: 'Kill this instance' }).click()
  await page.fill(part('laptop', 'title'), 'Lighthouse keeper')
  await eventually('the instance was killed and another goes on', async () => /opened again/.test(await text(page, '#say')), 30)
  await eventually('with every acknowledged note', async () => (await list(page, 'laptop')).length === 8)
  await page.fill(part('laptop', 'words'), 'fits again')
  await eventually('and its text', async () => /Lighthouse/.test((await list(page, 'laptop'))[0] ?? ''))
  assert.deepEqual(second.problems, [], 'no error and no violation of the policy')
})
