// Syncing in Firefox against a real server.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { eventually } from './support/browser.mjs'
import { scenario } from './support/firefox_scenario.mjs'
import { ran } from './support/places.mjs'
import { packageFolder } from './support/server.mjs'
import { startSyncServer } from './support/sync_server.mjs'

const begin = async (options) => {
  window.db = await window.openDatabase('fox-sync')
  window.sync = window.db.sync(options)
  window.notes = window.db.collection('notes')
  await window.sync.ready
}
const status = (firefox) =>
  firefox.evaluate(async () => {
    const { state, pending } = window.sync.status
    return { state, pending }
  })

scenario(
  "Firefox: what was written without a server is sent after a kill, and another device's changes come by themselves",
  async (scene) => {
    const server = await startSyncServer()
    const { open } = await import(pathToFileURL(`${packageFolder}/dist/inline.js`).href)
    const other = await open(`fox-other-${Math.random()}`)
    try {
      const timing = { backoff: 20, backoffMax: 200, deadline: 2000, silence: 5000 }
      const options = { url: server.url, token: await server.token(), collections: ['notes'], timing }
      await scene.firefox.open(scene.origin)
      await scene.firefox.evaluate(begin, options)
      await eventually('it is live', async () => (await status(scene.firefox)).state === 'live')
      await server.kill()
      await scene.firefox.evaluate(async () => {
        for (const id of ['a', 'b', 'c']) await window.notes.insert({ id, n: 0 }, { durability: 'strict' })
      })
      assert.equal((await status(scene.firefox)).pending, 3)
      await scene.restart()
      await server.start()
      await scene.firefox.open(scene.origin)
      await scene.firefox.evaluate(begin, options)
      await eventually('everything is sent', async () => (await status(scene.firefox)).pending === 0)

      const sync = other.sync(options)
      await sync.now()
      const notes = other.collection('notes')
      assert.deepEqual((await notes.find({}).toArray()).map(({ id }) => id).sort(), ['a', 'b', 'c'])
      await notes.update('b', { $inc: { n: 2 } })
      await notes.delete('c')
      const shown = () => scene.firefox.evaluate(async () => (await window.notes.find({}).sort({ id: 1 }).toArray()).map(({ id, n }) => `${id}${n}`))
      await eventually('the changes come', async () => (await shown()).join() === 'a0,b2')
      ran('Firefox', 'sync', 'sent after a kill; changes of another device come')
    } finally {
      await other.close()
      await server.close()
    }
  },
  120,
)
