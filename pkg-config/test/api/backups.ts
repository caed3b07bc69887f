/** Backup and restore; closing, opening again, two instances of one database. */
import { claim, equal, eventually, fill, holds, rejects, type Claim } from './harness.js'

export const backups: Claim[] = [
  {
    name: 'a backup restores everything into another database',
    run: async ({ open }) => {
      const from = await open()
      const to = await open()
      try {
        const notes = from.collection('notes', { indexes: ['n', { fields: 'mail', unique: true }] })
        await fill(notes, 1500, (n) => ({
          id: `n${n}`,
          n,
          mail: `${n}@x`,
          when: new Date(n),
          bytes: new Uint8Array([n & 255]),
          text: 'ü🌊'.repeat(20),
        }))
        await from.collection('empty', { indexes: ['x'] }).indexes()
        const chunks: Uint8Array[] = []
        for await (const chunk of from.export()) chunks.push(chunk)
        holds(
          chunks.every((chunk) => chunk.byteLength < 1 << 20),
          'chunks are small',
        )
        const result = await to.import(chunks)
        equal(result.documents, 1500)
        equal(await to.collection('notes').find().toArray(), await notes.find().toArray())
        equal(
          (await to.collections()).map(({ name, indexes }) => [name, indexes.map((index) => index.name).sort()]),
          (await from.collections()).map(({ name, indexes }) => [name, indexes.map((index) => index.name).sort()]),
        )
        const text = (await new Response(from.export().stream() as ReadableStream).text()).split('\n')
        equal(
          (await to.import(text.map((line) => `${line}\n`).slice(0, -1))).documents,
          1500,
          'importing again changes nothing',
        )
        equal(await to.collection('notes').count(), 1500)
        await rejects(to.import(text.slice(0, -3).join('\n')), 'invalid')
        await rejects(to.import('not a backup'), 'invalid')
        await rejects(
          to.import([...text.slice(0, 5), text[5]?.replace('"n":', '"m":') ?? '', ...text.slice(6)].join('\n')),
          'invalid',
        )
        equal(await to.collection('other').count(), 0)
      } finally {
        await from.close()
        await to.close()
      }
    },
  },

  claim('a transaction that publishes to a topic which a backup has replaced is told so once', async (db, { open }) => {
    const from = await open()
    try {
      await from.topic('t').publish('old')
      await db.topic('t').publish('mine')
      await db.import(from.export())
    } finally {
      await from.close()
    }
    const publish = () => db.transaction((tx) => tx.topic('t').publish('new'))
    await rejects(publish(), 'invalid', 'unknown-topic')
    await publish()
    const values: unknown[] = []
    for await (const { value } of db.topic('t').read()) values.push(value)
    equal(values, ['old', 'new'])
  }),
]

export const closing: Claim[] = [
  claim('after close every call says closed, and opening again works', async (db, context) => {
    const notes = db.collection('notes')
    await notes.insert({ id: 'a' })
    await db.close()
    await db.close()
    for (const call of [
      () => notes.get('a'),
      () => notes.insert({}),
      () => notes.find().toArray(),
      () => db.stats(),
      () => db.transaction(async () => 1),
      () => notes.deleteMany({}),
    ])
      await rejects(call(), 'closed')
    const again = await context.reopen(db)
    equal(await again.collection('notes').count(), context.persistent ? 1 : 0)
    await again.close()
  }),

  claim('closing is no error of which an event would tell', async (_, { open }) => {
    const db = await open()
    const errors: unknown[] = []
    db.on('error', (error) => errors.push(error))
    await db.collection('c').insert({ id: 'a' })
    await db.close()
    await new Promise((done) => setTimeout(done, 20))
    equal(errors, [])
  }),

  claim('disposing closes', async (db) => {
    const notes = db.collection('notes')
    await db[Symbol.asyncDispose]()
    await rejects(notes.get('a'), 'closed')
  }),

  {
    name: 'a deleted database is empty when it is opened again',
    run: async ({ open, reopen, remove }) => {
      const db = await open()
      await db.collection('notes').insert({ id: 'a' })
      await db.close()
      await remove(db.name)
      await remove('there never was one')
      await rejects(remove(''), 'invalid')
      const again = await reopen(db)
      equal(await again.collections(), [])
      await again.collection('notes').insert({ id: 'b' })
      await again.close()
    },
  },

  {
    name: 'two instances of one database see each other',
    run: async ({ open, reopen, persistent }) => {
      if (!persistent) return
      const one = await open()
      const two = await reopen(one)
      try {
        const seen: number[] = []
        two
          .collection('notes')
          .find()
          .subscribe(({ docs }) => seen.push(docs.length))
        await one.collection('notes').insertMany([{ id: 'a' }, { id: 'b' }])
        await eventually(() => seen.at(-1) === 2, 'the other instance hears of it')
        equal(await two.collection('notes').get('a'), { id: 'a' })
        await Promise.all([
          ...Array.from({ length: 30 }, () => one.collection('n').update('c', { $inc: { n: 1 } }, { upsert: true })),
          ...Array.from({ length: 30 }, () => two.collection('n').update('c', { $inc: { n: 1 } }, { upsert: true })),
        ])
        await eventually(async () => (await one.collection('n').get('c'))?.['n'] === 60, 'no increment is lost')
      } finally {
        await one.close()
        await two.close()
      }
    },
  },
]
