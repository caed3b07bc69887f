// Claims about `tidewell/tanstack-db`: a collection of TanStack DB on a collection of the database.
import { createCollection } from '@tanstack/db'
import { equal, holds } from './expect.mjs'

const withRows = (name, run) => ({
  name: `TanStack DB: ${name}`,
  run: async (context) => {
    const db = await context.open()
    const todos = db.collection('todos')
    await todos.insertMany([
      { id: 'a', text: 'one', done: false },
      { id: 'b', text: 'two', done: false },
    ])
    const rows = createCollection(context.tidewellCollectionOptions({ collection: todos }))
    try {
      await rows.preload()
      await run({ rows, todos, db, context })
    } finally {
      await rows.cleanup()
      await db.close()
    }
  },
})

const textOf = (rows) => rows.toArray.map(({ id, text }) => `${id} ${text}`).sort()

const eventually = async (what, probe) => {
  for (let tries = 0; tries < 200; tries++) {
    if (probe()) return
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error(`not in time: ${what}`)
}

export const tanstackDb = [
  withRows('rows are the documents, and follow every commit', async ({ rows, todos }) => {
    equal(textOf(rows), ['a one', 'b two'])
    await todos.insert({ id: 'c', text: 'three', done: false })
    await todos.update('a', { $set: { text: 'first' } })
    await todos.delete('b')
    await eventually('the rows follow', () => textOf(rows).join() === 'a first,c three')
  }),

  withRows('what is done to rows shows at once, and is committed', async ({ rows, todos }) => {
    const inserted = rows.insert({ id: 'c', text: 'three', done: false })
    const updated = rows.update('a', (row) => void (row.done = true))
    const deleted = rows.delete('b')
    equal(textOf(rows), ['a one', 'c three'])
    await Promise.all([inserted, updated, deleted].map(({ isPersisted }) => isPersisted.promise))
    equal(await todos.find().toArray(), [
      { id: 'a', text: 'one', done: true },
      { id: 'c', text: 'three', done: false },
    ])
    equal(textOf(rows), ['a one', 'c three'])
  }),

  withRows('rows that are inserted together are one commit, and taken back together when it is refused', async ({ rows, todos }) => {
    await todos.insert({ id: 'taken', text: 'x', done: false })
    await eventually('the row is there', () => rows.has('taken'))
    await rows.insert([{ id: 'd', text: 'four', done: false }, { id: 'e', text: 'five', done: false }]).isPersisted.promise
    equal(await todos.count(), 5)
    await todos.createIndex({ fields: 'text', unique: true })
    const refused = rows.insert([{ id: 'f', text: 'six', done: false }, { id: 'g', text: 'one', done: false }])
    const error = await refused.isPersisted.promise.then(
      () => undefined,
      (thrown) => thrown,
    )
    equal([error?.code, error?.reason], ['conflict', 'unique'])
    holds(!rows.has('f') && !rows.has('g'), 'both are taken back')
    equal(await todos.count(), 5)
  }),

  withRows('a row that is written as it was is persisted all the same', async ({ rows }) => {
    const same = rows.update('a', (row) => {
      row.done = true
      row.done = false
    })
    await same.isPersisted.promise
    equal(textOf(rows), ['a one', 'b two'])
  }),

  withRows('a row stays as it was seen when its write is acknowledged', async ({ rows }) => {
    const seen = []
    rows.subscribeChanges((changes) => seen.push(...changes.map(({ type, key }) => `${type} ${key}`)))
    await rows.insert({ id: 'z', text: 'last', done: false }).isPersisted.promise
    await new Promise((done) => setTimeout(done, 50))
    equal(seen.filter((one) => one.startsWith('delete')), [])
    holds(rows.has('z'), 'it is there')
  }),

  withRows('a query that cannot be live makes the collection an error', async ({ context }) => {
    const closed = await context.open()
    const todos = closed.collection('todos')
    await closed.close()
    const rows = createCollection(context.tidewellCollectionOptions({ collection: todos, id: 'closed' }))
    const error = await rows.preload().then(
      () => undefined,
      (thrown) => thrown,
    )
    holds(error !== undefined, 'it is told')
    await rows.cleanup()
  }),
]
