// Claims about `tidewell/abstract-level` beyond the published suite of abstract-level.
import { equal, holds } from './expect.mjs'

const withDatabase = (name, run) => ({
  name: `abstract-level: ${name}`,
  run: async (context) => {
    const db = await context.open()
    try {
      await run(db, context)
    } finally {
      await db.close()
    }
  },
})

const text = (key) => Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** Numbers that look random, from a seed. */
const numbers = (seed) => () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)

export const level = [
  withDatabase('keys of any bytes come back in their order, both ways, over many pages', async (db, { TidewellLevel }) => {
    const store = new TidewellLevel(db, { keyEncoding: 'view', valueEncoding: 'json' })
    const next = numbers(7)
    const keys = new Map()
    while (keys.size < 3000) {
      const key = Uint8Array.from({ length: (next() >>> 8) % 6 }, () => (next() >>> 8) % 256)
      keys.set(text(key), key)
    }
    await store.batch([...keys].map(([value, key]) => ({ type: 'put', key, value })))
    const ordered = [...keys.keys()].sort()
    equal(await store.values().all(), ordered)
    equal((await store.keys({ reverse: true }).all()).map(text), [...ordered].reverse())
    const [low, high] = [ordered[500], ordered[2500]].map((key) => keys.get(key))
    const read = []
    for await (const [key] of store.iterator({ gt: low, lte: high })) read.push(text(key))
    equal(read, ordered.slice(501, 2501))
    const sought = store.keys()
    sought.seek(low)
    equal(text(await sought.next()), ordered[500])
    await sought.close()
  }),

  withDatabase('a batch is one commit, and of several operations on a key the last holds', async (db, { TidewellLevel }) => {
    const store = new TidewellLevel(Promise.resolve(db))
    await store.put('old', '1')
    const seen = []
    let changed = () => undefined
    const stop = db.collection('level').find().subscribe(({ docs }) => {
      seen.push(docs.map(({ id }) => id))
      changed()
    })
    const isSeen = (count) =>
      new Promise((resolve) => {
        changed = () => seen.length >= count && resolve()
        changed()
      })
    await isSeen(1)
    await store.batch().put('a', '1').del('old').put('b', '2').del('a').write()
    await isSeen(2)
    stop()
    equal(seen, [['kold'], ['kb']])
  }),

  withDatabase('entries and sublevels are there when the database is opened again', async (db, context) => {
    const store = new context.TidewellLevel(db)
    await store.put('k', 'v')
    await store.sublevel('sub', { valueEncoding: 'json' }).put('k', { deep: [1] })
    const again = await context.reopen(db)
    const reopened = new context.TidewellLevel(again)
    equal(await reopened.get('k'), 'v')
    equal(await reopened.sublevel('sub', { valueEncoding: 'json' }).get('k'), { deep: [1] })
    await again.close()
  }),

  withDatabase('a store whose database cannot be opened says why', async (_, { TidewellLevel }) => {
    const store = new TidewellLevel(Promise.reject(new Error('no storage')))
    const error = await store.get('k').then(
      () => undefined,
      (thrown) => thrown,
    )
    holds(error?.code === 'LEVEL_DATABASE_NOT_OPEN', String(error))
  }),
]
