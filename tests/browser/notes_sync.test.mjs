// The notes page beside a sync server, and on a static host, where the server is in the page: two devices in step, a cut network, what
// waits in between, merged fields, and what a person decides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violations } from './support/axe.mjs'
import { eventually, newProfile } from './support/browser.mjs'
import { openTab, serveDemo, text, visit } from './support/demo.mjs'
import { serveSite } from './support/site.mjs'
import { serverProgram } from './support/sync_server.mjs'

const list = (page, device) => page.evaluate((one) => [...document.querySelectorAll(`#${one} .list b`)].map(({ textContent }) => textContent), device)
const part = (device, name) => `#${device} [data-part=${name}]`
const state = (page, device) => text(page, part(device, 'state-text'))
const choose = (page, device, title) => page.click(`#${device} .list button:has-text("${title}")`)
const value = (page, device, name) => page.inputValue(part(device, name))
/** The playground beside a sync server, whose data goes with it. */
const serveWithSync = async () => {
  const data = await newProfile()
  const { address, stop } = await serveDemo(['--sync-program', serverProgram(), '--sync-folder', data.folder])
  return { address, stop: () => stop().then(data.remove) }
}

for (const [where, serve] of [
  ['beside a server', serveWithSync],
  ['on a static host', serveSite],
])
  test(`${where}, two devices are in step, go on without a network, merge fields, and ask about a note that one deleted`, { timeout: 120_000 }, async (t) => {
    const { browser, site } = await visit(t, serve)
    const page = await openTab(browser, site.address)
    for (const device of ['laptop', 'phone'])
      await eventually(`the ${device} has the notes, and is in step`, async () => (await list(page, device)).length === 7 && (await state(page, device)) === 'in step', 30)
    await page.click(part('laptop', 'new'))
    await page.fill(part('laptop', 'title'), 'From the laptop')
    await eventually('the phone shows it', async () => (await list(page, 'phone')).includes('From the laptop'), 20)

    for (const device of ['laptop', 'phone']) {
      await choose(page, device, 'From the laptop')
      await page.uncheck(part(device, 'network'))
    }
    await page.fill(part('laptop', 'title'), 'Edited on both')
    await page.fill(part('phone', 'labels'), 'phone')
    await eventually('both wait', async () => (await text(page, part('laptop', 'pending'))) !== '0' && (await text(page, part('phone', 'pending'))) !== '0')
    for (const device of ['laptop', 'phone']) await page.check(part(device, 'network'))
    await eventually('both fields are on both devices', async () => {
      const seen = await Promise.all(['laptop', 'phone'].map(async (one) => `${await value(page, one, 'title')} ${await value(page, one, 'labels')}`))
      return seen.every((one) => one === 'Edited on both phone')
    }, 30)
    await eventually('nothing waits', async () => (await text(page, part('laptop', 'pending'))) === '0' && (await text(page, part('phone', 'pending'))) === '0', 30)

    for (const device of ['laptop', 'phone']) await page.uncheck(part(device, 'network'))
    await page.fill(part('laptop', 'body'), 'The laptop says this.')
    await eventually('the laptop waits', async () => (await text(page, part('laptop', 'pending'))) !== '0')
    await page.click(part('phone', 'delete'))
    await eventually('the phone waits', async () => (await text(page, part('phone', 'pending'))) !== '0')
    await page.check(part('phone', 'network'))
    await eventually('the deletion is at the server', async () => (await text(page, part('phone', 'pending'))) === '0', 30)
    await page.check(part('laptop', 'network'))
    await eventually('the laptop is asked', async () => (await text(page, part('laptop', 'letters'))) === '1', 30)
    await page.click('#laptop details:has([data-part=dead]) summary')
    for (const theme of ['light', 'dark']) assert.deepEqual(await violations(page, theme), [], `with something to decide, ${theme}`)
    await page.click('#laptop .letter button:has-text("Use ours")')
    await eventually('it is decided', async () => (await text(page, part('laptop', 'letters'))) === '0')
    for (const device of ['laptop', 'phone']) await eventually(`the note is back on the ${device}`, async () => (await list(page, device)).includes('Edited on both'), 20)
    assert.deepEqual(page.problems, [], 'no error and no violation of the policy')
  })

test('the server in a static page is the same one in every tab and after a reload, and without the network', { timeout: 120_000 }, async (t) => {
  const { browser, site } = await visit(t, serveSite)
  const inStep = (page) =>
    eventually('both devices are in step', async () => (await Promise.all(['laptop', 'phone'].map((one) => state(page, one)))).every((one) => one === 'in step'), 30)
  const write = async (page, device, title) => {
    await page.click(part(device, 'new'))
    await page.fill(part(device, 'title'), title)
  }
  const shows = (page, device, title) => eventually(`the ${device} shows “${title}”`, async () => (await list(page, device)).includes(title), 30)

  const first = await openTab(browser, site.address)
  await inStep(first)
  await write(first, 'laptop', 'In the first tab')
  await shows(first, 'phone', 'In the first tab')
  const commits = () => first.evaluate(() => [...document.querySelector('tidewell-inspector').shadowRoot.querySelectorAll('.commits summary')].map(({ textContent }) => textContent).join(' '))
  await eventually('the inspector tells what waits for the server', async () => /outbox \+\d/.test(await commits()))
  const second = await openTab(browser, site.address)
  await inStep(second)
  await second.bringToFront()
  await write(second, 'phone', 'In the second')
  for (const page of [first, second]) await shows(page, 'laptop', 'In the second')
  // Both devices are synced by the tab that is left, which asks itself what the other one was asked.
  await first.close()
  await write(second, 'laptop', 'After the first')
  await shows(second, 'phone', 'After the first')
  await eventually('all files are kept', () => second.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated'), 30)
  await site.stop()
  await second.reload()
  await inStep(second)
  for (const title of ['In the first tab', 'In the second', 'After the first']) await shows(second, 'phone', title)
  await write(second, 'phone', 'Without a network')
  await shows(second, 'laptop', 'Without a network')
  for (const device of ['laptop', 'phone'])
    await eventually(`nothing waits on the ${device}, and nothing was refused`, async () => (await text(second, part(device, 'pending'))) + (await text(second, part(device, 'letters'))) === '00')
})
