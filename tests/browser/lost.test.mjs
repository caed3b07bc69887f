// Storage that goes away: cleared underneath an open database, cleared between two sessions, a connection that dies, a
// worker that is terminated. It is told, and never an empty database as if it were new.
import assert from 'node:assert/strict'
import { clearStorage, eventually } from './support/browser.mjs'
import { scenario } from './support/scenario.mjs'

const fill = async (name, options) => {
  const db = await openDatabase(name, options)
  window.told = []
  db.on('storage-lost', (event) => window.told.push(event))
  await db.collection('docs').insertMany(Array.from({ length: 500 }, (_, n) => ({ id: `d${n}`, n })))
}

scenario('storage cleared underneath an open database is reported, and nothing is silently made anew', async (scene) => {
  const page = await scene.page()
  await page.evaluate(fill, 'cleared')
  await clearStorage(scene.browser, page, scene.origin, 'indexeddb')
  const write = await page.evaluate(() => settle(db.collection('docs').insert({ id: 'late', n: 1 })))
  assert.equal(write.error?.code, 'storage-lost', JSON.stringify(write))
  await eventually('the event `storage-lost`', () => page.evaluate(() => window.told.length > 0))
  const read = await page.evaluate(() => settle(db.collection('docs').count()))
  assert.notEqual(read.value, 0, 'it does not pretend to be an empty database')
})

scenario('storage cleared between two sessions is reported by open', async (scene) => {
  const page = await scene.page()
  await page.evaluate(fill, 'between')
  await page.evaluate(() => db.close())
  await clearStorage(scene.browser, page, scene.origin, 'indexeddb')
  const other = await scene.page()
  const opened = await other.evaluate(async () => {
    const { error } = await settle(openDatabase('between'))
    return error ?? { count: await window.db.collection('docs').count() }
  })
  assert.equal(opened.code, 'storage-lost', JSON.stringify(opened))
})

/** Keeps every connection that the page opens, so that a test can close one behind the engine's back. */
const keepConnections = () => {
  window.connections = []
  const open = IDBFactory.prototype.open
  IDBFactory.prototype.open = function (...rest) {
    const request = open.apply(this, rest)
    request.addEventListener('success', () => window.connections.push(request.result))
    return request
  }
}

scenario('a connection that dies is opened again, and no write is lost or doubled', async (scene) => {
  await scene.browser.context.addInitScript(keepConnections)
  const page = await scene.page()
  await page.evaluate(fill, 'connection')
  const result = await page.evaluate(async () => {
    const docs = db.collection('docs')
    const failures = []
    for (let n = 0; n < 60; n++) {
      // Closed from outside: the next transaction() throws InvalidStateError, as after a lost connection.
      if (n % 10 === 5) for (const connection of window.connections) connection.close()
      // Closed by the browser: the event `close` comes as well.
      if (n % 20 === 15) for (const connection of window.connections) connection.dispatchEvent(new Event('close'))
      const { error } = await settle(docs.insert({ id: `more${n}`, n }))
      if (error) failures.push(error)
    }
    return { failures, count: await docs.count(), connections: window.connections.length }
  })
  assert.deepEqual(result.failures, [])
  assert.equal(result.count, 560)
  assert.ok(result.connections >= 6, `${result.connections} connections were opened`)
})

/** Keeps every worker that the page starts. */
const keepWorkers = () => {
  window.workers = []
  const Original = window.Worker
  window.Worker = class extends Original {
    constructor(...rest) {
      super(...rest)
      window.workers.push(this)
    }
  }
}

scenario('a terminated worker is noticed: calls reject, and opening again finds everything acknowledged', async (scene) => {
  await scene.browser.context.addInitScript(keepWorkers)
  const page = await scene.page()
  await page.evaluate(fill, 'worker', { worker: true })
  const result = await page.evaluate(async () => {
    const first = await openDatabase('terminated', { worker: true })
    const docs = first.collection('docs')
    let acknowledged = 0
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; ; n++) {
        const { error } = await settle(docs.insert({ id: `${writer}-${n}` }))
        if (error) return error
        acknowledged += 1
      }
    })
    await new Promise((done) => setTimeout(done, 300))
    for (const worker of window.workers) worker.terminate()
    const errors = await Promise.all(writers)
    const later = await settle(docs.count())
    const second = await openDatabase('terminated', { worker: true })
    const count = await second.collection('docs').count()
    return { acknowledged, errors: errors.map(({ code }) => code), later: later.error?.code, count }
  })
  for (const code of result.errors) assert.ok(['unavailable', 'closed', 'internal'].includes(code), `calls under way reject with ${code}`)
  assert.ok(['closed', 'unavailable', 'internal'].includes(result.later), `later calls reject with ${result.later}`)
  assert.ok(result.count >= result.acknowledged, `${result.acknowledged} acknowledged, ${result.count} there`)
  assert.ok(result.count <= result.acknowledged + 8, `${result.count} there, ${result.acknowledged} acknowledged and at most 8 under way`)
})
