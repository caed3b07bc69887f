// What is tried in every browser that WebDriver drives.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { eventually } from './browser.mjs'
import { runClaimsIn } from './claims.mjs'
import { packageFolder } from './server.mjs'
import { startSyncServer } from './sync_server.mjs'

/** Every claim about the API. Answers what is told of them. */
export const apiHolds = async (session, origin, worker) => {
  await session.open(origin)
  const { held, failures } = await runClaimsIn(session, { worker })
  assert.deepEqual(failures, [])
  return `${held} claims hold`
}

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

/** Under the policy that the package promises to live with: documents, a worker, search. */
export const underStrictPolicy = async (session, origin) => {
  await session.open(`${origin}/strict/`)
  const seen = await session.evaluate(async () => {
    const found = []
    for (const worker of [false, true]) {
      const db = await window.openDatabase(`strict-${worker}`, { worker })
      const docs = db.collection('docs', { search: { title: 1 } })
      await docs.insertMany([{ id: 'a', title: 'high tide' }, { id: 'b', title: 'ebb' }])
      found.push((await docs.search('tide')).hits.map(({ id }) => id).join(), await docs.count())
    }
    return found
  })
  assert.deepEqual(seen, ['a', 2, 'a', 2])
}

/** Connections are closed behind the engine's back, again and again: no write is lost or doubled. */
export const connectionsDie = async (session, origin) => {
  await session.open(origin)
  const { failures, count, opened } = await session.evaluate(async () => {
    const connections = []
    const { open } = IDBFactory.prototype
    IDBFactory.prototype.open = function (...rest) {
      const request = open.apply(this, rest)
      request.addEventListener('success', () => connections.push(request.result))
      return request
    }
    const docs = (await window.openDatabase('connections')).collection('docs')
    const failures = []
    for (let n = 0; n < 60; n++) {
      if (n % 10 === 5) for (const connection of connections) connection.close()
      if (n % 20 === 15) for (const connection of connections) connection.dispatchEvent(new Event('close'))
      await docs.insert({ id: `d${n}`, n }).catch((error) => failures.push(String(error)))
    }
    return { failures, count: await docs.count(), opened: connections.length }
  })
  assert.deepEqual({ failures, count }, { failures: [], count: 60 })
  assert.ok(opened >= 6, `${opened} connections were opened`)
}

/** A worker is terminated in the middle of writes, five times: calls reject, and what was acknowledged is there. */
export const workerTerminated = async (session, origin) => {
  await session.open(origin)
  const rounds = await session.evaluate(async () => {
    const workers = []
    const Original = window.Worker
    window.Worker = class extends Original {
      constructor(...rest) {
        super(...rest)
        workers.push(this)
      }
    }
    const rounds = []
    for (let round = 0; round < 5; round++) {
      const docs = (await window.openDatabase('terminated', { worker: true })).collection('docs')
      const before = await docs.count()
      let acknowledged = 0
      const write = async (writer) => {
        for (let n = 0; ; n++) {
          const error = await docs.insert({ id: `${round}-${writer}-${n}` }).then(() => undefined, (thrown) => thrown)
          if (error !== undefined) return error.code
          acknowledged++
        }
      }
      const writers = Array.from({ length: 8 }, (_, writer) => write(writer))
      await new Promise((done) => setTimeout(done, 150 + 50 * round))
      for (const worker of workers.splice(0)) worker.terminate()
      const codes = await Promise.all(writers)
      const count = await (await window.openDatabase('terminated')).collection('docs').count()
      rounds.push({ codes, acknowledged, more: count - before })
    }
    return rounds
  })
  for (const { codes, acknowledged, more } of rounds) {
    assert.ok(codes.every((code) => ['unavailable', 'closed', 'internal'].includes(code)), codes.join())
    assert.ok(acknowledged > 0 && more >= acknowledged && more <= acknowledged + 8, `${acknowledged} acknowledged, ${more} there`)
  }
  return rounds.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
}

/** The page is loaded again while its worker writes, five times: what was acknowledged is there, and more can be written. */
export const reloadedUnderWrites = async (session, origin) => {
  let acknowledged = 0
  for (let round = 0; round < 5; round++) {
    await session.open(origin)
    const before = await session.evaluate(async (round) => {
      const docs = (await window.openDatabase('reloaded', { worker: true })).collection('docs')
      const before = await docs.count()
      window.acknowledged = 0
      const write = async (writer) => {
        for (let n = 0; ; n++, window.acknowledged++) await docs.insert({ id: `${round}-${writer}-${n}` })
      }
      for (let writer = 0; writer < 8; writer++) void write(writer).catch(() => undefined)
      return before
    }, round)
    assert.ok(before >= acknowledged, `${acknowledged} acknowledged, ${before} there`)
    await eventually('some are written', () => session.evaluate(async () => window.acknowledged >= 40))
    acknowledged = before + (await session.evaluate(async () => window.acknowledged))
  }
  await session.open(origin)
  const count = await session.evaluate(async () => (await window.openDatabase('reloaded')).collection('docs').count())
  assert.ok(count >= acknowledged, `${acknowledged} acknowledged, ${count} there`)
  return acknowledged
}

/** All four. Answers what is told of them. */
export const hardships = async (session, origin) => {
  await underStrictPolicy(session, origin)
  await connectionsDie(session, origin)
  const terminated = await workerTerminated(session, origin)
  const reloaded = await reloadedUnderWrites(session, origin)
  return `a strict policy; 60 writes over connections that died; 5 workers terminated, 5 pages reloaded under ${terminated + reloaded} writes, 0 lost`
}
