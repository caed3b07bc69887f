// What is tried in every browser that WebDriver drives.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { eventually } from './browser.mjs'
import { packageFolder } from './server.mjs'
import { startSyncServer } from './sync_server.mjs'

/** Writes and queries in two tabs and a worker; a live query of the first follows what the others write. */
export const twoTabsAndWorker = async (session, origin) => {
  const [first] = await session.tabs()
  await session.open(origin)
  await session.evaluate(async () => {
    const db = await window.openDatabase('tabs')
    const docs = db.collection('docs', { indexes: ['n'] })
    await docs.insertMany(Array.from({ length: 2000 }, (_, n) => ({ id: `d${n}`, n, when: new Date(n) })))
    docs.find({ n: { $gte: 1990 } }).subscribe(({ docs: found }) => (window.shown = found.length))
  })
  await session.show(await session.newTab())
  await session.open(origin)
  const seen = await session.evaluate(async () => {
    const db = await window.openDatabase('tabs')
    const docs = db.collection('docs')
    await docs.insert({ id: 'new', n: 5000 })
    const worker = await window.openDatabase('tabs', { worker: true })
    const kept = await worker.collection('docs').get('d7')
    await worker.collection('docs').insert({ id: 'newer', n: 5001 })
    return { count: await worker.collection('docs').count(), when: kept.when.getTime() }
  })
  assert.deepEqual(seen, { count: 2002, when: 7 })
  await session.show(first)
  await eventually('the first tab follows', () => session.evaluate(async () => window.shown === 12))
}

const begin = async (options) => {
  window.db = await window.openDatabase('synced')
  window.sync = window.db.sync(options)
  window.notes = window.db.collection('notes')
  await window.sync.ready
}

/**
 * What is written while no server runs is sent when one does, after `interrupt`, which ends the page in the middle of it; and what another
 * device changes comes. `session()` is the session of the moment.
 */
export const syncsBothWays = async (session, origin, interrupt) => {
  const server = await startSyncServer()
  const { open } = await import(pathToFileURL(`${packageFolder}/dist/inline.js`).href)
  const other = await open(`other-${Math.random()}`)
  const status = () =>
    session().evaluate(async () => {
      const { state, pending } = window.sync.status
      return { state, pending }
    })
  try {
    const timing = { backoff: 20, backoffMax: 200, deadline: 2000, silence: 5000 }
    const options = { url: server.url, token: await server.token(), collections: ['notes'], timing }
    await session().open(origin)
    await session().evaluate(begin, options)
    await eventually('it is live', async () => (await status()).state === 'live')
    await server.kill()
    await session().evaluate(async () => {
      for (const id of ['a', 'b', 'c']) await window.notes.insert({ id, n: 0 }, { durability: 'strict' })
    })
    assert.equal((await status()).pending, 3)
    await interrupt()
    await server.start()
    await session().open(origin)
    await session().evaluate(begin, options)
    await eventually('everything is sent', async () => (await status()).pending === 0)

    const sync = other.sync(options)
    await sync.now()
    const notes = other.collection('notes')
    assert.deepEqual((await notes.find({}).toArray()).map(({ id }) => id).sort(), ['a', 'b', 'c'])
    await notes.update('b', { $inc: { n: 2 } })
    await notes.delete('c')
    const shown = () => session().evaluate(async () => (await window.notes.find({}).sort({ id: 1 }).toArray()).map(({ id, n }) => `${id}${n}`))
    await eventually('the changes come', async () => (await shown()).join() === 'a0,b2')
  } finally {
    await other.close()
    await server.close()
  }
}
