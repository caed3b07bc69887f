// The entries for React, Vue, Svelte and Solid in real pages, syncing with a real server, and rendered on a server.
import assert from 'node:assert/strict'
import { dirname, join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../browser/support/browser.mjs'
import { startSyncServer } from '../browser/support/sync_server.mjs'
import { ran } from './support/expected.mjs'
import { useBrowser, visit } from './support/page.mjs'
import { project, run } from './support/project.mjs'
import { serveStatic } from './support/server.mjs'

const held = useBrowser()
let folder
let server
let syncServer
before(async () => {
  folder = project('hooks')
  run(process.execPath, ['build.js'], { cwd: folder })
  server = await serveStatic(join(folder, 'dist'))
  syncServer = await startSyncServer()
})
after(async () => {
  await server?.stop()
  await syncServer?.close()
})

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

const FRAMEWORKS = ['react', 'vue', 'svelte', 'solid']

for (const name of FRAMEWORKS)
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

const sync = (url, token) => {
  const timing = { backoff: 20, backoffMax: 200, deadline: 2000, silence: 5000 }
  app.setSync(app.db.sync({ url, token, collections: ['drafts'], timing }))
}

for (const name of FRAMEWORKS)
  test(`tidewell/${name} shows how syncing stands, while the server is gone and when it is back`, async () => {
    const { page, said } = await visit(held, `${server.origin}/${name}.html`)
    try {
      await shows(page, said, { sync: 'nothing is synced' })
      await page.evaluate(`(${sync})(${JSON.stringify(syncServer.url)}, ${JSON.stringify(await syncServer.token(name))})`)
      await shows(page, said, { sync: 'live, 0 wait' })
      await syncServer.kill()
      await page.evaluate(async () => {
        await app.db.collection('drafts').insert({ id: document.title })
      })
      await shows(page, said, { sync: 'offline, 1 wait' })
      await syncServer.start()
      await shows(page, said, { sync: 'live, 0 wait' })
      await page.evaluate(() => app.setSync(undefined))
      await shows(page, said, { sync: 'nothing is synced' })
      await page.evaluate(() => app.unmount())
      ran(`tidewell/${name}`, 'page, sync', 'nothing, live, offline with a write that waits, live again')
    } finally {
      await page.close()
    }
  })

for (const name of FRAMEWORKS)
  test(`tidewell/${name} renders as loading on a server, and subscribes to nothing`, () => {
    const program = `dist/server/${name}.js`
    const output = run(process.execPath, [program], { cwd: folder, env: { NODE_ENV: 'production' } })
    const { plain, streamed, subscriptions } = JSON.parse(output)
    assert.equal(plain, '<p>loading loading loading true</p>')
    assert.equal(subscriptions, 0)
    // What suspends is left to the browser.
    if (name === 'react') assert.match(streamed, /<p>the fallback<\/p>/)
    ran(`tidewell/${name}`, 'server', name === 'react' ? 'loading; fallback of what suspends' : 'loading')
  })
