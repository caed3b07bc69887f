// Claims about `tidewell/unstorage`, as an application uses it.
import { createStorage, prefixStorage } from 'unstorage'
import { equal, holds } from './expect.mjs'

const withStorage = (name, run) => ({
  name: `unstorage: ${name}`,
  run: async (context) => {
    const db = await context.open()
    const storage = createStorage({ driver: context.tidewellDriver({ collection: db.collection('items') }) })
    try {
      await run(storage, db, context)
    } finally {
      await storage.dispose()
      await db.close()
    }
  },
})

export const unstorage = [
  withStorage('items are found by key and base, and cleared, by the driver also by base', async (storage, db, { tidewellDriver }) => {
    equal([await storage.getItem('a:b'), await storage.hasItem('a:b'), await storage.getKeys()], [null, false, []])
    await storage.setItem('a:b', { deep: [1, 'x'] })
    await storage.setItem('a:c', 'text')
    await storage.setItem('ab', 0)
    equal(await storage.getItem('a:b'), { deep: [1, 'x'] })
    equal([await storage.getItem('ab'), await storage.hasItem('ab')], [0, true])
    equal([(await storage.getKeys()).sort(), (await storage.getKeys('a')).sort()], [['a:b', 'a:c', 'ab'], ['a:b', 'a:c']])
    await tidewellDriver({ collection: db.collection('items') }).clear('a:')
    equal(await storage.getKeys(), ['ab'])
    await storage.setItem('a', 1)
    await storage.removeItem('ab')
    equal(await storage.getKeys(), ['a'])
    await storage.clear()
    equal(await storage.getKeys(), [])
  }),

  withStorage('keys go by level, and a prefix is a storage of its own', async (storage) => {
    const notes = prefixStorage(storage, 'notes')
    await notes.setItems([
      { key: '1', value: 'one' },
      { key: 'x:2', value: 'two' },
    ])
    equal(await storage.getKeys('notes', { maxDepth: 1 }), ['notes:1'])
    equal((await notes.getKeys()).sort(), ['1', 'x:2'])
    equal(
      (await storage.getItems(['notes:1', 'notes:x:2', 'notes:none'])).map(({ value }) => value),
      ['one', 'two', null],
    )
  }),

  withStorage('bytes come back as bytes, and an item knows when it was written', async (storage) => {
    const before = Date.now()
    const bytes = Uint8Array.from([9, 0, 255, 128, 7])
    await storage.setItemRaw('view', bytes.subarray(1, 4))
    await storage.setItemRaw('buffer', bytes.buffer)
    equal(Array.from(await storage.getItemRaw('view')), [0, 255, 128])
    equal(Array.from(await storage.getItemRaw('buffer')), [9, 0, 255, 128, 7])
    const { mtime } = await storage.getMeta('view')
    holds(mtime.getTime() >= before && mtime.getTime() <= Date.now(), String(mtime))
  }),

  withStorage('who watches hears what anybody writes and removes', async (storage, db, { tidewellDriver }) => {
    const other = createStorage({ driver: tidewellDriver({ collection: Promise.resolve(db.collection('items')) }) })
    await storage.setItem('before', 1)
    const heard = []
    let told = () => undefined
    const stop = await storage.watch((event, key) => told(heard.push(`${event} ${key}`)))
    const isHeard = (count) => new Promise((resolve) => (told = () => heard.length >= count && resolve()))
    // The first result is what there is already: only what comes after it is told.
    await new Promise((done) => setTimeout(done, 50))
    for (const [step, change] of [
      () => other.setItem('new', 1),
      () => other.setItem('new', 2),
      () => other.removeItem('before'),
    ].entries()) {
      const next = isHeard(step + 1)
      await change()
      await next
    }
    await stop()
    equal(heard, ['update new', 'update new', 'remove before'])
    await other.dispose()
  }),

  withStorage('items are there when the database is opened again', async (storage, db, context) => {
    await storage.setItem('kept', { x: 1 })
    const again = await context.reopen(db)
    const reopened = createStorage({ driver: context.tidewellDriver({ collection: again.collection('items') }) })
    equal(await reopened.getItem('kept'), { x: 1 })
    await again.close()
  }),
]
