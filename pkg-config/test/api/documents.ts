/** Documents: stored, read, changed, removed, and the same as they went in. */
import { claim, equal, eventually, fill, holds, rejects } from './harness.js'

interface Note {
  id: string
  title: string
  n?: number
  tags?: string[]
  author?: { name: string; books?: number }
}

export const documents = [
  claim('a document comes back by its id as it went in', async (db) => {
    const notes = db.collection<Note>('notes')
    const note = { id: 'n1', title: 'Tide tables', tags: ['sea'], author: { name: 'Ada' } }
    equal(await notes.insert(note), note)
    equal(await notes.get('n1'), note)
    equal(await notes.get('n2'), null)
    equal(await db.collection('unknown').get('n1'), null)
  }),

  claim('a document without an id gets a UUIDv7 that sorts by time', async (db) => {
    const notes = db.collection<Note>('notes')
    const made = []
    for (let n = 0; n < 20; n++) made.push(await notes.insert({ title: String(n) }))
    for (const { id } of made) holds(/^[0-9a-f-]{14}-7/.test(id) || /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id), id)
    equal(
      (await notes.find().toArray()).map(({ title }) => title),
      made.map(({ title }) => title),
    )
  }),

  claim('every kind of value comes back as what it was', async (db) => {
    const things = db.collection('things')
    const thing = {
      id: 'all',
      when: new Date(1_700_000_000_123),
      never: new Date(NaN),
      bytes: new Uint8Array([0, 1, 254, 255]),
      empty: new Uint8Array(),
      big: -123456789012345678901234567890n,
      small: 7n,
      nothing: undefined,
      none: null,
      nan: NaN,
      up: Infinity,
      down: -Infinity,
      zero: -0,
      float: 0.1 + 0.2,
      huge: 1.7976931348623157e308,
      tiny: 5e-324,
      max: Number.MAX_SAFE_INTEGER,
      text: 'ünïcode 🌊 \u0000 " \\ \u2028',
      nested: {
        list: [1, [new Date(0), { deep: 1n }], undefined],
        tagLike: { $date: 5 },
        escaped: { $escape: { $bytes: 'x' } },
      },
      '': 'empty key',
      'a.b': 'dotted key',
    }
    await things.insert(thing)
    equal(await things.get('all'), thing)
    equal((await things.find({ id: 'all' }).toArray())[0], thing)
    equal((await things.getMany(['all']))[0], thing)
  }),

  claim('dangerous keys are ordinary keys and pollute nothing', async (db) => {
    const things = db.collection('things')
    const hostile = JSON.parse(
      '{"id":"h","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":"x","hasOwnProperty":1,"nested":{"__proto__":{"polluted":1}}}',
    ) as { id: string }
    await things.insert({ ...hostile, when: new Date(0) })
    await things.put({ ...hostile, id: 'plain' })
    for (const id of ['h', 'plain']) {
      const back = (await things.get(id)) as Record<string, unknown>
      equal(Object.getOwnPropertyDescriptor(back, '__proto__')?.value, { polluted: 1 })
      equal(Object.getPrototypeOf(back) === Object.prototype, true)
    }
    await things.update('plain', { $set: { '__proto__.polluted': 2, 'constructor.prototype.polluted': 2 } })
    equal(await things.count({ '__proto__.polluted': 2 }), 1)
    equal(({} as Record<string, unknown>)['polluted'], undefined)
  }),

  claim('many documents go in as one batch, all or none', async (db) => {
    const notes = db.collection<Note>('notes')
    const stored = await notes.insertMany([{ id: 'a', title: 'A' }, { title: 'B' }])
    equal(stored.length, 2)
    equal(await notes.count(), 2)
    await rejects(
      notes.insertMany([
        { id: 'c', title: 'C' },
        { id: 'a', title: 'again' },
      ]),
      'conflict',
      'duplicate-id',
    )
    equal(await notes.get('c'), null)
    equal((await notes.get('a'))?.title, 'A')
    equal(await notes.insertMany([]), [])
  }),

  claim('put adds or replaces, replace only replaces', async (db) => {
    const notes = db.collection<Note>('notes')
    equal(await notes.put({ id: 'a', title: 'A', n: 1 }), { id: 'a', title: 'A', n: 1 })
    await notes.put({ id: 'a', title: 'B' })
    equal(await notes.get('a'), { id: 'a', title: 'B' })
    const { inserted, replaced, ids } = await notes.putMany([
      { id: 'a', title: 'C' },
      { id: 'b', title: 'D' },
    ])
    equal([inserted, replaced, ids], [1, 1, ['a', 'b']])
    equal(await notes.replace({ id: 'b', title: 'E' }), true)
    equal(await notes.replace({ id: 'z', title: 'E' }), false)
    equal(await notes.getMany(['b', 'z', 'a']), [{ id: 'b', title: 'E' }, null, { id: 'a', title: 'C' }])
  }),

  claim('update operators change one document', async (db) => {
    const notes = db.collection<Note>('notes')
    await notes.insert({ id: 'a', title: 'A', n: 1, tags: ['x', 'y'], author: { name: 'Ada', books: 2 } })
    const result = await notes.update('a', {
      $set: { title: 'B', 'author.name': 'Bea' },
      $inc: { n: 2, 'author.books': 1 },
      $push: { tags: 'z' },
    })
    equal([result.matched, result.modified, result.inserted], [1, 1, 0])
    equal(await notes.get('a'), { id: 'a', title: 'B', n: 3, tags: ['x', 'y', 'z'], author: { name: 'Bea', books: 3 } })
    await notes
      .update('a', { $unset: { n: true }, $pull: { tags: 'y' }, $addToSet: { tags: { $each: ['x', 'w'] } } as never })
      .catch((error: unknown) => {
        // Two operators on one path may be refused; then one by one.
        equal((error as { code: string }).code, 'invalid')
        return notes
          .update('a', { $unset: { n: true }, $pull: { tags: 'y' } })
          .then(() => notes.update('a', { $addToSet: { tags: { $each: ['x', 'w'] } } }))
      })
    equal(await notes.get('a'), { id: 'a', title: 'B', tags: ['x', 'z', 'w'], author: { name: 'Bea', books: 3 } })
    equal((await notes.update('missing', { $set: { title: 'x' } })).matched, 0)
  }),

  claim('an update that changes nothing modifies nothing', async (db) => {
    const notes = db.collection<Note>('notes')
    await notes.insert({ id: 'a', title: 'A' })
    const { matched, modified } = await notes.update('a', { $set: { title: 'A' } })
    equal([matched, modified], [1, 0])
  }),

  claim('upsert inserts when nothing matches', async (db) => {
    const notes = db.collection<Note>('notes')
    equal((await notes.update('a', { $set: { title: 'A' }, $inc: { n: 1 } }, { upsert: true })).inserted, 1)
    equal(await notes.get('a'), { id: 'a', title: 'A', n: 1 })
    const { inserted, ids } = await notes.updateMany({ title: 'B' }, { $set: { n: 5 } }, { upsert: true })
    equal([inserted, ids.length], [1, 1])
    equal((await notes.findOne({ n: 5 }))?.title, 'B')
    equal((await notes.updateMany({ title: 'B' }, { $inc: { n: 1 } }, { upsert: true })).inserted, 0)
  }),

  claim('an update reaches the elements that meet a condition, and the one its filter found', async (db) => {
    const orders = db.collection<{ id: string; lines: { sku: string; left: number }[] }>('orders')
    const lines = (...left: number[]) => left.map((count, at) => ({ sku: 'abc'[at] ?? '', left: count }))
    await orders.insertMany([
      { id: 'o1', lines: lines(5, 0, 2) },
      { id: 'o2', lines: lines(0, 7) },
    ])
    const filled = { $inc: { 'lines.$[gone].left': 10 } } as const
    const options = { arrayFilters: [{ 'gone.left': 0 }] }
    equal((await orders.updateMany({}, filled, options)).modified, 2)
    equal((await orders.get('o1'))?.lines, lines(5, 10, 2))
    equal((await orders.get('o2'))?.lines, lines(10, 7))
    equal((await orders.updateMany({ 'lines.sku': 'c' }, { $set: { 'lines.$.left': 1 } })).modified, 1)
    equal((await orders.get('o1'))?.lines, lines(5, 10, 1))
    holds(
      (await rejects(orders.updateMany({}, filled), 'invalid')).message.includes('arrayFilters'),
      'it names arrayFilters',
    )
    await rejects(orders.update('o1', { $set: { 'lines.$.left': 1 } }), 'invalid')
  }),

  claim('updateMany and deleteMany work on all that match', async (db) => {
    const notes = db.collection<Note>('notes')
    await fill(notes, 100, (n) => ({ id: `n${String(n).padStart(3, '0')}`, title: 'x', n }))
    equal((await notes.updateMany({ n: { $lt: 10 } }, { $set: { title: 'low' } })).modified, 10)
    equal(await notes.count({ title: 'low' }), 10)
    equal((await notes.deleteMany({ title: 'low' })).deleted, 10)
    equal((await notes.deleteMany(['n010', 'n011', 'gone'])).deleted, 2)
    equal(await notes.delete('n012'), true)
    equal(await notes.delete('n012'), false)
    equal(await notes.count(), 87)
    equal((await notes.deleteMany({})).deleted, 87)
    equal(await notes.count(), 0)
  }),

  claim('writes that nobody waits for happen in the order of their calls', async (db) => {
    const notes = db.collection<Note>('notes', { indexes: ['n'] })
    await Promise.all([notes.put({ id: 'a', title: 'x' }), notes.delete('a')])
    equal(await notes.get('a'), null, 'while the collection is declared')
    await Promise.all([
      notes.put({ id: 'a', title: 'first' }),
      notes.update('a', { $set: { title: 'second' } }),
      notes.put({ id: 'a', title: 'third' }),
      notes.deleteMany({ title: 'first' }),
      notes.deleteMany({ n: 7 }),
      notes.put({ id: 'b', title: 'x', n: 7 }),
    ])
    equal((await notes.get('a'))?.title, 'third')
    equal((await notes.get('b'))?.n, 7)
    await db.transaction(async (tx) => {
      const inside = tx.collection('notes')
      await Promise.all([inside.update('a', { $set: { title: 'fourth' } }), inside.put({ id: 'a', title: 'fifth' })])
    })
    equal((await notes.get('a'))?.title, 'fifth')
  }),

  claim('an index that was dropped comes back when it is declared again', async (db) => {
    const declare = () => db.collection('notes', { indexes: [{ fields: 'mail', unique: true }] })
    await declare().insert({ id: 'a', mail: 'm' })
    await declare().dropIndex('mail')
    await eventually(async () => (await declare().indexes())[0]?.state === 'ready', 'it is there again')
    await rejects(declare().insert({ id: 'b', mail: 'm' }), 'conflict', 'unique')
  }),

  claim('many writes at once are all there', async (db) => {
    const notes = db.collection<Note>('notes')
    await Promise.all(Array.from({ length: 500 }, (_, n) => notes.insert({ id: `n${n}`, title: String(n), n })))
    equal(await notes.count(), 500)
    await Promise.all(Array.from({ length: 500 }, (_, n) => notes.update('n7', { $inc: { n: n === 0 ? 1 : 1 } })))
    equal((await notes.get('n7'))?.n, 507)
  }),

  claim('every durability resolves and is read at once', async (db) => {
    const notes = db.collection<Note>('notes')
    for (const durability of ['relaxed', 'strict', 'memory'] as const) {
      await notes.insert({ id: durability, title: durability }, { durability })
      equal((await notes.get(durability))?.title, durability)
    }
  }),

  claim('collections can be listed and dropped', async (db) => {
    await db.collection('a').insertMany([{ id: '1' }, { id: '2' }])
    await db.collection('b', { indexes: ['x'] }).insert({ id: '1', x: 1 })
    const list = await db.collections()
    equal(
      list.map(({ name, count }) => [name, count]),
      [
        ['a', 2],
        ['b', 1],
      ],
    )
    equal(
      list[1]?.indexes.map(({ name, state }) => [name, state]),
      [['x', 'ready']],
    )
    equal(await db.dropCollection('a'), true)
    equal(await db.dropCollection('a'), false)
    equal(await db.collection('a').count(), 0)
    await db.collection('a').insert({ id: '1' })
    equal(await db.collection('a').count(), 1)
  }),

  claim('figures, storage and events can be asked for', async (db) => {
    await db.collection('a').insert({ id: '1' })
    await db.collection('a').get('1')
    await db.collection('a').find().toArray()
    const stats = await db.stats()
    holds((stats.operations['find']?.count ?? 0) >= 1, 'the find was counted')
    holds((stats.operations['find']?.p99 ?? -1) >= 0, 'its latency is known')
    const storage = await db.storage()
    holds(storage.kind === 'memory' || storage.kind === 'indexeddb', 'the kind of storage')
    holds(typeof (await db.persist()) === 'boolean', 'persist answers')
    const off = db.on('progress', () => undefined)
    off()
    await db.flush()
    await db.compact()
    equal(await db.collection('a').count(), 1)
  }),
]
