// The entries for React, Vue, Svelte and Solid in real pages, and React on a server.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually } from '../browser/support/browser.mjs'
import { ran } from './support/expected.mjs'
import { useBrowser, visit } from './support/page.mjs'
import { project, run } from './support/project.mjs'
import { serveStatic } from './support/server.mjs'

const held = useBrowser()
let folder
let server
before(async () => {
  folder = project('hooks')
  run(process.execPath, ['build.js'], { cwd: folder })
  server = await serveStatic(join(folder, 'dist'))
})
after(() => server?.stop())

/** Waits until the elements of the page show these texts. */
async function shows(page, said, texts) {
  let seen
  const read = (ids) => Object.fromEntries(ids.map((id) => [id, document.getElementById(id)?.textContent]))
  await eventually('the page shows it', async () => {
    seen = await page.evaluate(read, Object.keys(texts))
    return Object.keys(texts).every((id) => seen[id] === texts[id])
  }).catch(() => assert.deepEqual(seen, texts, said.join('\n')))
}

const subscriptions = (page) => page.evaluate(async () => (await app.db.stats()).subscriptions)

for (const name of ['react', 'vue', 'svelte', 'solid'])
  test(`tidewell/${name} shows a query and a search, and what commits and new arguments change`, async () => {
    const { page, said } = await visit(held, `${server.origin}/${name}.html`)
    try {
      const suspending = name === 'react' ? { suspending: 'ready: Ebb' } : {}
      const both = (text) => ({ docs: text, same: text })
      await shows(page, said, {
        ...both('ready: Ebb Tide'),
        ...{ found: 'ready: n2', refused: 'error', unwritten: 'error', nothing: 'loading' },
        ...suspending,
      })
      if (name === 'react') assert.ok((await page.evaluate(() => window.fallbacks)) > 0, 'it was suspended')
      assert.equal(await subscriptions(page), name === 'react' ? 3 : 2, 'components that show the same share it')

      await page.evaluate(() => app.notes.insert({ id: 'n4', title: 'Spring tide', tag: 'sea' }))
      await shows(page, said, { ...both('ready: Ebb Spring tide Tide'), found: 'ready: n2 n4' })

      await page.evaluate(() => {
        app.setTag('land')
        app.setText('flood')
      })
      await shows(page, said, { ...both('ready: Flood'), found: 'ready: n3' })
      await page.evaluate(() => app.notes.update('n3', { $set: { title: 'Flood plain' } }))
      await shows(page, said, both('ready: Flood plain'))

      await page.evaluate(() => app.unmount())
      await eventually('no subscription is left', async () => (await subscriptions(page)) === 0)
      assert.deepEqual(said.filter((line) => /warning|error/i.test(line)), [])
      ran(`tidewell/${name}`, 'page', 'query, search, updates, new arguments, errors, nothing left behind')
    } finally {
      await page.close()
    }
  })

test('tidewell/react renders as loading on a server, leaves what suspends to the browser, and subscribes to nothing', () => {
  const seen = JSON.parse(run(process.execPath, ['dist/server.js'], { cwd: folder, env: { NODE_ENV: 'production' } }))
  assert.equal(seen.plain, '<p>loading loading loading</p>')
  assert.match(seen.streamed, /<p>the fallback<\/p>/)
  assert.equal(seen.subscriptions, 0)
  ran('tidewell/react', 'server', 'loading; fallback of what suspends')
})
