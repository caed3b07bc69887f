/**
 * Syncing for real, in Node: the built package against a `tidewell-server` process. Each device is a database in memory; browsers, tabs and
 * kills of either side are claimed in tests/browser/sync.test.mjs.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { randomOf, startProxy } from '../../tests/browser/support/proxy.mjs'
import { serverProgram, startSyncServer, type SyncServer } from '../../tests/browser/support/sync_server.mjs'
import type { Database, Sync, SyncOptions, SyncStatus } from '../src/index.js'

const entry = join(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist/inline.js')
const missing = [entry, serverProgram()].filter((file) => !existsSync(file))
if (missing.length > 0) throw new Error(`${missing.join(', ')} not built: run cargo xtask test package`)
const { open } = (await import(pathToFileURL(entry).href)) as typeof import('../src/index.js')

interface Note {
  id: string
  title: string
  tags?: string[]
  count?: number
  when?: Date
  owner?: string
}

/** Short times, so that failures are soon over. */
const TIMING = { backoff: 20, backoffMax: 200, deadline: 5_000 }

interface Device {
  readonly db: Database
  readonly sync: Sync
}

interface Scene {
  readonly server: SyncServer
  /** A new device; without a connection for options that say so. */
  device(options?: Partial<SyncOptions>): Promise<Device>
  /** Another, with these documents before it syncs. */
  open(): Promise<Database>
  /** The options by which devices sync. */
  options(options?: Partial<SyncOptions>): SyncOptions
}

let devices = 0

function claim(
  name: string,
  run: (scene: Scene) => Promise<void>,
  setUp: Parameters<typeof startSyncServer>[0] = {},
): void {
  test(name, { timeout: 60_000 }, async () => {
    const server = await startSyncServer(setUp)
    const token = await server.token()
    const opened: Database[] = []
    const openOne = async () => {
      const db = await open(`device-${++devices}`)
      opened.push(db)
      return db
    }
    const options = (more: Partial<SyncOptions> = {}): SyncOptions => ({
      url: server.url,
      ...(more.getToken === undefined ? { token } : {}),
      collections: ['notes'],
      timing: TIMING,
      ...more,
    })
    try {
      await run({
        server,
        open: openOne,
        options,
        device: async (more) => {
          const db = await openOne()
          const sync = db.sync(options(more))
          await sync.ready
          return { db, sync }
        },
      })
    } finally {
      for (const db of opened) await db.close()
      await server.close()
    }
  })
}

async function until(condition: () => boolean | Promise<boolean>, about: string, seconds = 10): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen within ${seconds} s: ${about}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const isIdle = ({ state, pending, progress }: SyncStatus) => state === 'live' && pending === 0 && progress === undefined

/** All send and get everything: two rounds, for what the last sends the first has not seen. */
async function converge(...all: Device[]): Promise<void> {
  for (const { sync } of [...all, ...all])
    // What a bad network left on its way may fail first.
    await sync.now().catch(() => sync.now())
}

const all = (db: Database, name = 'notes') => db.collection<Note>(name).find({}).sort({ id: 1 }).toArray()

claim('what one device writes is on the other, and back, with every type', async ({ device }) => {
  const [one, two] = [await device(), await device()]
  const note = { id: 'n', title: 'Tide', when: new Date(5), tags: ['a'], count: 1 }
  await one.db.collection<Note>('notes').insert(note)
  await converge(one, two)
  assert.deepStrictEqual(await all(two.db), [note])
  await two.db.collection<Note>('notes').update('n', { $push: { tags: 'b' }, $inc: { count: 2 } })
  await converge(two, one)
  assert.deepStrictEqual(await all(one.db), [{ ...note, tags: ['a', 'b'], count: 3 }])
  await one.db.collection('notes').delete('n')
  await converge(one, two)
  assert.deepStrictEqual(await all(two.db), [])
  assert.ok(isIdle(one.sync.status) && isIdle(two.sync.status))
})

claim(
  'two devices change one document without a network: the fields of both are there, counters add up',
  async ({ device, server }) => {
    const [one, two] = [await device(), await device()]
    await one.db.collection<Note>('notes').insert({ id: 'n', title: 'first', count: 0 })
    await converge(one, two)
    await server.kill()
    await one.db.collection<Note>('notes').update('n', { $set: { title: 'one' }, $inc: { count: 1 } })
    await two.db.collection<Note>('notes').update('n', { $set: { owner: 'two' }, $inc: { count: 1 } })
    await until(() => one.sync.status.state === 'offline' && two.sync.status.state === 'offline', 'both are offline')
    assert.equal(one.sync.status.pending, 1)
    const merged = await one.db.collection<Note>('notes').get('n')
    assert.deepStrictEqual(merged, { id: 'n', title: 'one', count: 1 })
    await server.start()
    await until(() => isIdle(one.sync.status) && isIdle(two.sync.status), 'both are live again')
    await converge(one, two)
    const expected = [{ id: 'n', title: 'one', count: 2, owner: 'two' }]
    assert.deepStrictEqual([await all(one.db), await all(two.db)], [expected, expected])
  },
)

claim('a change on one device is told to the other without being asked', async ({ device }) => {
  const [one, two] = [await device(), await device()]
  await converge(one, two)
  const seen: string[][] = []
  two.db
    .collection<Note>('notes')
    .find({})
    .subscribe(({ docs }) => seen.push(docs.map(({ title }) => title)))
  await new Promise((resolve) => setTimeout(resolve, 300))
  await one.db.collection<Note>('notes').insert({ id: 'n', title: 'news' })
  await until(() => seen.at(-1)?.[0] === 'news', 'it is shown', 3)
})

claim('a transaction over two collections is one mutation, all of it or nothing', async ({ device, server }) => {
  const collections = ['notes', 'tags']
  const [one, two] = [await device({ collections }), await device({ collections })]
  await converge(one, two)
  await server.kill()
  await one.db.transaction(async (tx) => {
    await tx.collection(one.db.collection('notes')).insert({ id: 'n', title: 'Tide' })
    await tx.collection(one.db.collection('tags')).insert({ id: 't' })
    await tx.collection(one.db.collection('private')).insert({ id: 'p' })
  })
  const [mutation, ...others] = await one.sync.outbox()
  assert.deepStrictEqual([others.length, mutation?.ops.map(({ collection }) => collection)], [0, ['notes', 'tags']])
  await server.start()
  await converge(one, two)
  assert.deepStrictEqual([await all(two.db, 'tags'), await all(two.db, 'private')], [[{ id: 't' }], []])
  assert.deepStrictEqual(await one.sync.outbox(), [])
})

claim('documents that were there before are sent, too', async ({ open: openOne, device, options }) => {
  const db = await openOne()
  await db.collection('notes').insertMany(Array.from({ length: 2500 }, (_, at) => ({ id: `n${at}`, title: 't' })))
  const one = { db, sync: db.sync(options()) }
  const two = await device()
  await converge(one, two)
  assert.equal(await two.db.collection('notes').count(), 2500)
})

claim(
  'what the rules refuse is undone, listed with the reason, and goes through once it is edited',
  async ({ device }) => {
    const one = await device()
    const notes = one.db.collection<Note>('notes')
    await notes.insert({ id: 'mine', title: 'mine', owner: 'ann' })
    await notes.insert({ id: 'theirs', title: 'theirs', owner: 'bob' })
    await notes.insert({ id: 'gone', title: 'gone', owner: 'bob' })
    await one.sync.now()
    await until(async () => (await notes.count()) === 1, 'the refused ones are undone')
    assert.equal(one.sync.status.letters, 2)
    const letters = await one.sync.deadLetters()
    const theirs = letters.find(({ ops }) => ops[0]?.id === 'theirs')
    const gone = letters.find(({ ops }) => ops[0]?.id === 'gone')
    assert.deepStrictEqual([theirs?.code, gone?.code, theirs?.documents], ['forbidden', 'forbidden', [null]])
    assert.notEqual(theirs?.reason, '')
    const edited = { id: 'theirs', title: 'theirs', owner: 'ann' }
    await theirs?.edit([{ collection: 'notes', id: 'theirs', create: edited }])
    await gone?.discard()
    await one.sync.now()
    assert.deepStrictEqual([await notes.get('theirs'), one.sync.status.letters], [edited, 0])
    const two = await device()
    await two.sync.now()
    assert.deepStrictEqual(
      (await all(two.db)).map(({ id }) => id),
      ['mine', 'theirs'],
    )
  },
  { rules: { notes: { read: { owner: '$claims.sub' }, write: { owner: '$claims.sub' } } } },
)

claim('with if_version the later change becomes a letter; a function decides about it', async ({ device, server }) => {
  const conflict: SyncOptions['conflict'] = (refused, [current]) => {
    const [op] = refused.ops
    if (op === undefined || !('update' in op) || current === null) return null
    const title = op.update.$set?.['title']
    return [
      { collection: 'notes', id: op.id, update: { $set: { title: `${String(current?.['title'])}+${String(title)}` } } },
    ]
  }
  const one = await device({ conflict: 'if_version' })
  const two = await device({ conflict: 'if_version' })
  const three = await device({ conflict })
  await one.db.collection<Note>('notes').insert({ id: 'n', title: '0' })
  await converge(one, two, three)
  await server.kill()
  for (const [at, { db }] of [one, two, three].entries())
    await db.collection<Note>('notes').update('n', { $set: { title: String(at + 1) } })
  await Promise.all([two, three].map(({ sync }) => sync.now().catch(() => undefined)))
  const stopped = [two.sync.stop(), three.sync.stop()]
  await Promise.all(stopped)
  await server.start()
  await one.sync.now()
  assert.equal(one.sync.status.letters, 0)
  const again = two.db.sync({ ...optionsOf(server, await server.token()), conflict: 'if_version' })
  await again.now()
  const [letter] = await again.deadLetters()
  assert.deepStrictEqual([letter?.code, letter?.documents], ['version', [{ id: 'n', title: '1' }]])
  const merged = three.db.sync({ ...optionsOf(server, await server.token()), conflict })
  await until(() => isIdle(merged.status) && merged.status.letters === 0, 'the function has decided')
  await again.now()
  assert.deepStrictEqual(
    [await all(two.db), await all(three.db)],
    [[{ id: 'n', title: '1+3' }], [{ id: 'n', title: '1+3' }]],
  )
})

const optionsOf = ({ url }: SyncServer, token: string): SyncOptions => ({
  url,
  token,
  collections: ['notes'],
  timing: TIMING,
})

claim('with a token that is refused nothing is dropped; with another it goes on', async ({ device, server }) => {
  const token = await server.token()
  const one = await device({ token: `${token}x` })
  await one.db.collection<Note>('notes').insert({ id: 'n', title: 'kept' })
  await until(() => one.sync.status.state === 'needs-auth', 'it needs a token')
  await assert.rejects(one.sync.now(), { code: 'unavailable', reason: 'needs-auth' })
  assert.deepStrictEqual([one.sync.status.pending, one.sync.status.letters], [1, 0])
  await one.sync.setToken(token)
  await until(() => isIdle(one.sync.status), 'it is live')
  const asked: (string | undefined)[] = []
  const two = await device({
    getToken: ({ refused }) => {
      asked.push(refused)
      return refused === undefined ? 'stale' : token
    },
  })
  await two.sync.now()
  assert.deepStrictEqual([asked, (await all(two.db)).length], [[undefined, 'stale'], 1])
})

claim('a device that asks for some of the documents has those, as they come and go', async ({ device }) => {
  const one = await device()
  const two = await device({ collections: [{ name: 'notes', filter: { count: { $gt: 1 } } }] })
  const notes = one.db.collection<Note>('notes')
  await notes.insertMany([1, 2, 3].map((count) => ({ id: `n${count}`, title: 't', count })))
  await converge(one, two)
  assert.deepStrictEqual(
    (await all(two.db)).map(({ id }) => id),
    ['n2', 'n3'],
  )
  await notes.update('n1', { $set: { count: 5 } })
  await notes.update('n2', { $set: { count: 0 } })
  await converge(one, two)
  assert.deepStrictEqual(
    (await all(two.db)).map(({ id }) => id),
    ['n1', 'n3'],
  )
})

claim(
  'what is written after stop is kept for the next time; forgotten, a collection is an ordinary one',
  async ({ device, open: openOne, options }) => {
    const db = await openOne()
    const sync = db.sync(options())
    await sync.now()
    await sync.stop()
    await db.collection('notes').insert({ id: 'late', title: 'late' })
    const again = db.sync(options())
    await again.now()
    const two = await device()
    await two.sync.now()
    assert.deepStrictEqual(
      (await all(two.db)).map(({ id }) => id),
      ['late'],
    )
    await again.stop({ forget: true })
    await db.collection('notes').insert({ id: 'own', title: 'own' })
    await two.sync.now()
    assert.equal((await all(two.db)).length, 1)
    assert.equal((await all(db)).length, 2)
  },
)

claim('a server that is restored from a backup gets back what it lost', async ({ device, server }) => {
  const one = await device()
  const notes = one.db.collection<Note>('notes')
  await notes.insert({ id: 'a', title: 'before the backup' })
  await one.sync.now()
  await server.command('backup', 'copy.db')
  await notes.insert({ id: 'b', title: 'after the backup' })
  await notes.update('a', { $inc: { count: 1 } })
  await one.sync.now()
  await server.kill()
  await server.command('restore', 'copy.db')
  await server.start()
  await until(() => isIdle(one.sync.status), 'it is live again')
  await one.sync.now()
  const two = await device()
  await two.sync.now()
  const expected = [
    { id: 'a', title: 'before the backup', count: 1 },
    { id: 'b', title: 'after the backup' },
  ]
  assert.deepStrictEqual([await all(one.db), await all(two.db)], [expected, expected])
})

claim(
  'through a network that loses, doubles, cuts and delays, every effect happens once and all devices agree',
  async ({ device, server }) => {
    const seed = 1 + (Date.now() % 100_000)
    const random = randomOf(seed)
    const proxy = await startProxy(server.port, { seed, faults: 0.5 })
    try {
      const more: Partial<SyncOptions> = {
        url: proxy.url,
        timing: { backoff: 5, backoffMax: 20, deadline: 300, silence: 500 },
      }
      const three = [await device(more), await device(more), await device(more)]
      const [first] = three
      if (first === undefined) throw new Error('no device')
      const accounts = [0, 1, 2, 3].map((at) => ({ id: `account${at}`, title: 'bank', count: 100 }))
      await first.db.collection<Note>('notes').insertMany(accounts)
      await until(() => isIdle(first.sync.status), 'the accounts are there', 20)
      for (const { db } of three)
        await until(async () => (await db.collection('notes').count()) === 4, 'everywhere', 20)
      // The set: each insert once. The bank: each transfer keeps the sum.
      let sequence = 0
      const work = async ({ db }: Device, who: number) => {
        for (let at = 0; at < 40; at++) {
          const notes = db.collection<Note>('notes')
          if (random() < 0.5) await notes.insert({ id: `set${who}-${sequence++}`, title: 'set' })
          else {
            const [from, to] = [Math.floor(random() * 4), Math.floor(random() * 4)]
            await db.transaction(async (tx) => {
              await tx.collection(notes).update(`account${from}`, { $inc: { count: -1 } })
              await tx.collection(notes).update(`account${to}`, { $inc: { count: 1 } })
            })
          }
          await new Promise((resolve) => setTimeout(resolve, 40 * random()))
        }
      }
      await Promise.all(three.map(work))
      await until(() => three.every(({ sync }) => sync.status.pending === 0), `all is sent (seed ${seed})`, 40)
      const { counts } = proxy
      proxy.set({ faults: 0 })
      await converge(...three)
      const states = await Promise.all(three.map(({ db }) => all(db)))
      assert.deepStrictEqual(states[1], states[0], `seed ${seed}`)
      assert.deepStrictEqual(states[2], states[0], `seed ${seed}`)
      const [state = []] = states
      assert.equal(state.filter(({ title }) => title === 'set').length, sequence, `seed ${seed}`)
      const sum = state.filter(({ title }) => title === 'bank').reduce((total, { count = 0 }) => total + count, 0)
      assert.equal(sum, 400, `seed ${seed}`)
      assert.deepStrictEqual(
        three.map(({ sync }) => sync.status.letters),
        [0, 0, 0],
        `seed ${seed}`,
      )
      const { passed: _, streams: __, late: ___, ...mishaps } = counts
      const harmed = Object.values(mishaps).reduce((sum, count) => sum + count, 0)
      assert.ok(harmed >= 10, `the network was bad: ${JSON.stringify(counts)}`)
      console.log(`counted: 120 writes of 3 devices through ${JSON.stringify(counts)}: each once, seed ${seed}`)
    } finally {
      await proxy.close()
    }
  },
)
