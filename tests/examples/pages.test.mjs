// The examples that are pages, in Chromium: built from the packed tarball, used, loaded again, and used in two tabs.
import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ran } from '../packaging/support/expected.mjs'
import { useBrowser } from '../packaging/support/page.mjs'
import { run, start } from '../packaging/support/project.mjs'
import { serveStatic } from '../packaging/support/server.mjs'
import { bin, example, modules } from './support/examples.mjs'
import { use } from './support/page.mjs'

const held = useBrowser()

async function whileServed(server, work) {
  try {
    await work(server.origin)
  } finally {
    await server.stop()
  }
}

/** Builds an example by Vite and serves what came out. */
async function built(name) {
  const folder = example(name)
  run(bin('vite'), ['build', '--logLevel', 'warn'], { cwd: folder })
  return serveStatic(join(folder, 'dist'))
}

test('vanilla: books are added, found in spite of typos, counted by topic, and there in another tab and after a reload', async () => {
  const folder = example('vanilla')
  symlinkSync(modules, join(folder, 'node_modules'))
  await whileServed(await start(process.execPath, ['serve.js'], { cwd: folder, env: { PORT: '0' } }), async (origin) => {
    const [one, other] = [await use(held, origin), await use(held, origin)]
    await one.shows('The Sea Around Us')
    await one.page.getByRole('textbox', { name: 'Title' }).fill('Tide Tables')
    await one.page.getByRole('textbox', { name: 'Topic' }).fill('sea')
    await one.page.getByRole('button', { name: 'Add' }).click()
    for (const tab of [one, other]) await tab.shows('Tide Tables')
    await other.shows('sea 2')
    await one.page.getByRole('searchbox').fill('sychronous')
    await one.shows('Synchronous Machines')
    await one.hides('Tide Tables')
    await other.page.getByLabel('Remove Synchronous Machines').click()
    await one.shows('Nothing here.')
    await other.page.getByRole('button', { name: 'computing 1' }).click()
    await other.hides('Tide Tables')
    await one.page.reload()
    await one.shows('Tide Tables')
    for (const tab of [one, other]) await tab.done()
    ran('vanilla', 'no bundler, 2 tabs', 'added, searched with a typo, counted, removed, there after a reload')
  })
})

test('react: tasks are added, moved and removed, and undone in another tab', async () => {
  await whileServed(await built('react'), async (origin) => {
    const [one, other] = [await use(held, origin), await use(held, origin)]
    const column = (tab, name) => tab.page.getByRole('region', { name, exact: true })
    for (const title of ['Paint the hull', 'Buy rope']) {
      await one.page.getByLabel('New task').fill(title)
      await one.page.getByRole('button', { name: 'Add' }).click()
      await column(one, 'to do').getByText(title).waitFor()
    }
    await one.page.getByLabel('Move Paint the hull on').click()
    await column(other, 'doing').getByText('Paint the hull').waitFor()
    await other.page.getByLabel('Remove Buy rope').click()
    await one.hides('Buy rope')
    await other.page.getByRole('button', { name: 'Undo' }).click()
    await column(one, 'to do').getByText('Buy rope').waitFor()
    await one.page.getByRole('button', { name: 'Undo' }).click()
    await column(other, 'to do').getByText('Paint the hull').waitFor()
    await one.page.reload()
    await column(one, 'to do').getByText('Paint the hull').waitFor()
    for (const tab of [one, other]) await tab.done()
    ran('react', 'Vite, 2 tabs', 'added, moved, removed, undone in another tab, there after a reload')
  })
})

test('vue: the totals follow what is added, in every tab, and the largest of the month is computed again', async () => {
  await whileServed(await built('vue'), async (origin) => {
    const [one, other] = [await use(held, origin), await use(held, origin)]
    const sum = (tab) => tab.page.getByLabel('Sum').textContent()
    for (const [what, amount] of [
      ['Rope', '12.50'],
      ['Paint', '40'],
    ]) {
      await one.page.getByLabel('What for').fill(what)
      await one.page.getByLabel('Amount').fill(amount)
      await one.page.getByRole('button', { name: 'Add' }).click()
      await other.shows(what)
    }
    await other.shows('52.50')
    await other.shows('Paint in the largest of the month', (text) => /Largest of the month[^]*Paint\s*40\.00/.test(text))
    await other.page.getByRole('button', { name: '500 more' }).click()
    await one.shows('the greater sum', (text) => /Ledger\s+2[\d,]+\.50/.test(text))
    await one.page.reload()
    await one.shows('the sum', (text) => /Ledger\s+2[\d,]+\.50/.test(text))
    assert.equal(await sum(one), await sum(other))
    for (const tab of [one, other]) await tab.done()
    ran('vue', 'Vite, 2 tabs', 'added, 500 in one commit, totals and computed entries follow, there after a reload')
  })
})

test('next: the server renders the recipes; the browser searches them and keeps favourites, without the server', async () => {
  const folder = example('next')
  run(bin('next'), ['build'], { cwd: folder, minutes: 5 })
  await whileServed(await start(bin('next'), ['start', '--port', '3187'], { cwd: folder }), async (origin) => {
    assert.match(await (await fetch(origin)).text(), /Samphire and butter/)
    const one = await use(held, origin)
    await one.page.getByLabel('Favourite Rye bread').click()
    await one.page.locator('[aria-pressed=true]').waitFor()
    // What the page needs later it loads when nothing else is to be done; without a network that would be told in its console.
    await one.page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('tidewell_rest')))
    await one.page.waitForLoadState('networkidle')
    await held.browser.context.setOffline(true)
    await one.page.getByLabel('Search').fill('pancackes')
    await one.shows('Potato pancakes')
    await one.hides('Rye bread')
    await held.browser.context.setOffline(false)
    await one.page.reload()
    await one.page.locator('[aria-pressed=true][aria-label="Favourite Rye bread"]').waitFor()
    await one.done()
    ran('next', 'build, start', 'rendered by the server, searched without network, favourites after a reload')
  })
})
