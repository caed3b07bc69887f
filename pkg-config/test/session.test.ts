/** The API over a backend that a test plays: what is sent, in which order, and what becomes of the answers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidewellError } from '../src/errors.js'
import { ops, rejects, retry, setUp, transactional } from './played.js'

test('a query is sent only when its documents are asked for', async () => {
  const { fake, db } = setUp(() => [])
  const query = db
    .collection('notes')
    .find({ done: false, due: { $lt: new Date(5) } })
    .sort({ due: 1 })
    .skip(1)
    .limit(2)
    .project({ title: 1 })
    .hint(['done', 'due'])
  assert.equal(fake.asked.length, 0)
  await query.toArray()
  assert.deepStrictEqual(fake.asked, [
    {
      op: 'find',
      collection: 'notes',
      filter: { done: false, due: { $lt: { $date: 5 } } },
      sort: { due: 1 },
      skip: 1,
      limit: 2,
      projection: { title: 1 },
      hint: 'done,due',
    },
  ])
})

test('a query is not changed by what is built on it', async () => {
  const { fake, db } = setUp(() => [])
  const base = db.collection('notes').find({ a: 1 })
  base.sort('x').limit(5)
  await base.toArray()
  assert.deepStrictEqual(fake.asked, [{ op: 'find', collection: 'notes', filter: { a: 1 } }])
})

test('iterating goes page by page and stops at the limit', async () => {
  const all = Array.from({ length: 600 }, (_, at) => ({ id: String(at).padStart(3, '0') }))
  const { fake, db } = setUp(({ after, limit, skip }) => {
    const start = after === undefined ? Number(skip ?? 0) : Number(after)
    const docs = all.slice(start, start + Number(limit))
    return { docs, next: start + docs.length < all.length ? String(start + docs.length) : null }
  })
  const seen: string[] = []
  for await (const { id } of db.collection('notes').find().skip(10).limit(550)) seen.push(id)
  assert.deepStrictEqual(
    seen,
    all.slice(10, 560).map(({ id }) => id),
  )
  assert.deepStrictEqual(
    fake.asked.map(({ limit, skip }) => [limit, skip]),
    [
      [256, 10],
      [256, 0],
      [38, 0],
    ],
  )
})

test('a transaction commits once, after everything in it was answered', async () => {
  let release: () => void = () => undefined
  const { fake, db } = setUp(
    transactional(({ op }) =>
      op === 'getMany' ? new Promise((resolve) => (release = () => resolve([]))) : { position: 1 },
    ),
  )
  const done = db.transaction(
    async (tx) => {
      void tx.collection('a').getMany(['x'])
      void tx.collection('b').insert({ id: 'y' })
      return 42
    },
    { durability: 'strict' },
  )
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepStrictEqual(ops(fake), ['begin', 'getMany'], 'commands of a transaction run one after another')
  release()
  assert.equal(await done, 42)
  assert.deepStrictEqual(ops(fake), ['begin', 'getMany', 'insert', 'commit'])
  assert.deepStrictEqual(fake.asked[2], { op: 'insert', collection: 'b', tx: 1, docs: [{ id: 'y' }] })
  assert.deepStrictEqual(fake.asked[3], { op: 'commit', tx: 1, durability: 'strict' })
})

test('a lost race runs the closure again in a new transaction', async () => {
  let commits = 0
  const { fake, db } = setUp(
    transactional(({ op }) => {
      if (op === 'commit' && ++commits < 3) throw retry
      return []
    }),
  )
  let runs = 0
  assert.equal(await db.transaction(async (tx) => (await tx.collection('a').find().toArray(), ++runs)), 3)
  assert.deepStrictEqual(
    fake.asked.filter(({ op }) => op === 'commit').map(({ tx }) => tx),
    [1, 2, 3],
  )
})

test('a transaction gives up after as many retries as allowed', async () => {
  const { fake, db } = setUp(
    transactional(({ op }) => {
      if (op === 'commit') throw retry
      return []
    }),
  )
  const error = await rejects(
    db.transaction(async () => undefined, { retries: 2 }),
    'conflict',
    'retry',
  )
  assert.match(error.message, /3 times/)
  assert.equal(ops(fake).filter((op) => op === 'commit').length, 3)
})

test('what the closure throws rolls back and is thrown as it is', async () => {
  const { fake, db } = setUp(transactional(() => ({})))
  const boom = new RangeError('boom')
  await assert.rejects(
    db.transaction(async (tx) => {
      await tx.collection('a').insert({ id: 'x' })
      throw boom
    }),
    (error) => error === boom,
  )
  assert.deepStrictEqual(ops(fake), ['begin', 'insert', 'rollback'])
})

test('a refused command may be caught inside, and the transaction goes on', async () => {
  const { fake, db } = setUp(
    transactional(({ op }) => {
      if (op === 'insert') throw new TidewellError('conflict', 'taken', { reason: 'duplicate-id' })
      return { position: 1 }
    }),
  )
  await db.transaction(async (tx) => {
    await rejects(tx.collection('a').insert({ id: 'x' }), 'conflict', 'duplicate-id')
    await tx.collection('a').put({ id: 'x' })
  })
  assert.deepStrictEqual(ops(fake), ['begin', 'insert', 'put', 'commit'])
})

test('a transaction that ended refuses every call', async () => {
  const { db } = setUp(transactional(() => ({})))
  let leaked: ReturnType<typeof db.collection> | undefined
  await db.transaction(async (tx) => {
    leaked = tx.collection('a')
  })
  for (const call of [
    () => leaked?.get('x'),
    () => leaked?.insert({ id: 'x' }),
    () => leaked?.find().toArray(),
    () => leaked?.deleteMany({}),
  ]) {
    assert.match((await rejects(call() as Promise<unknown>, 'closed')).message, /the transaction is closed/)
  }
})

test('a transaction has no live queries and no index changes', async () => {
  const { db } = setUp(transactional(() => ({})))
  await db.transaction(async (tx) => {
    assert.throws(
      () =>
        tx
          .collection('a')
          .find()
          .subscribe(() => undefined),
      /no live queries/,
    )
    await rejects(tx.collection('a').createIndex('x'), 'invalid')
  })
})

test('an aborted transaction rolls back', async () => {
  const { fake, db } = setUp(transactional(() => ({})))
  const abort = new AbortController()
  await rejects(
    db.transaction(async () => abort.abort(), { signal: abort.signal }),
    'aborted',
  )
  assert.deepStrictEqual(ops(fake), ['begin', 'rollback'])
})

test('after close every call rejects as closed, and closing again is fine', async () => {
  const { fake, db } = setUp(() => null)
  const notes = db.collection('notes')
  await db.close()
  await db.close()
  assert.ok(fake.closed)
  const calls = [
    () => notes.get('a'),
    () => notes.insert({}),
    () => notes.find().toArray(),
    () => db.transaction(async () => undefined),
    () => db.stats(),
    () => notes.createIndex('x'),
  ]
  for (const call of calls) await rejects(call(), 'closed')
  for (const call of [() => db.collection('b'), () => db.export(), () => notes.find().subscribe(() => undefined)])
    assert.throws(call, /is closed/)
})

test('a signal stops the waiting for a read', async () => {
  const { db } = setUp(() => new Promise(() => undefined))
  const abort = new AbortController()
  const reading = db.collection('a').find().toArray({ signal: abort.signal })
  abort.abort('enough')
  assert.equal((await rejects(reading, 'aborted')).cause, 'enough')
  await rejects(db.collection('a').insert({}, { signal: abort.signal }), 'aborted')
})

test('live documents follow snapshots and diffs until the subscription ends', async () => {
  const { fake, db } = setUp(() => ({ kind: 'snapshot', position: 1, docs: [{ id: 'a' }, { id: 'b' }] }))
  const seen: [string, number, boolean][] = []
  const stop = db
    .collection('n')
    .find({ x: 1 })
    .subscribe(({ docs, diff, position }) => seen.push([docs.map(({ id }) => id).join(''), position, diff !== null]))
  await new Promise((resolve) => setTimeout(resolve, 0))
  const [listener] = fake.listeners.values()
  const tell = (event: unknown) => listener?.({ json: JSON.stringify(event), extended: false })
  tell({ kind: 'diff', position: 2, removed: [{ index: 0, id: 'a' }], added: [{ index: 1, doc: { id: 'c' } }] })
  tell({ kind: 'snapshot', position: 3, docs: [] })
  stop()
  tell({ kind: 'snapshot', position: 4, docs: [{ id: 'z' }] })
  assert.deepStrictEqual(seen, [
    ['ab', 1, false],
    ['bc', 2, true],
    ['', 3, false],
  ])
  assert.equal(fake.ended, 1)
})

test('a failing live query tells its own handler, or the database', async () => {
  const { db } = setUp(() => {
    throw new TidewellError('invalid', 'bad filter')
  })
  const own = new Promise<Error>((resolve) =>
    db
      .collection('n')
      .find()
      .subscribe(() => undefined, { onError: resolve }),
  )
  assert.equal(((await own) as TidewellError).code, 'invalid')
  const shared = new Promise<Error>((resolve) => db.on('error', resolve))
  db.collection('n')
    .find()
    .subscribe(() => undefined)
  assert.equal(((await shared) as TidewellError).message, 'bad filter')
})

test('live results can be iterated, newest first when slow, ended by a signal', async () => {
  const { fake, db } = setUp(() => ({ kind: 'snapshot', position: 1, docs: [] }))
  const abort = new AbortController()
  const live = db.collection('n').find().live({ signal: abort.signal })
  assert.equal((await live.next()).value?.position, 1)
  const [listener] = fake.listeners.values()
  for (const position of [2, 3])
    listener?.({
      json: JSON.stringify({ kind: 'diff', position, added: [{ index: 0, doc: { id: String(position) } }] }),
      extended: false,
    })
  const { value } = await live.next()
  assert.deepStrictEqual([value?.position, value?.diff, value?.docs.length], [3, null, 2])
  const waiting = live.next()
  abort.abort()
  await rejects(waiting, 'aborted')
  assert.equal(fake.ended, 1)
})

test('building an index tells its progress, and an abort drops what was built', async () => {
  const { fake, db } = setUp(({ op }) => {
    if (op === 'collections') return [{ name: 'n', indexes: [{ name: 'old', state: 'ready' }] }]
    return op === 'createIndex' ? new Promise(() => undefined) : { dropped: true }
  })
  const abort = new AbortController()
  const seen: number[] = []
  const building = db
    .collection('n')
    .createIndex('tag', { signal: abort.signal, onProgress: ({ done }) => seen.push(done) })
  await new Promise((done) => setTimeout(done))
  fake.emit({ kind: 'index', collection: 'n', name: 'tag', state: 'building', done: 5, total: 10 })
  fake.emit({ kind: 'index', collection: 'n', name: 'other', state: 'building', done: 6, total: 10 })
  abort.abort()
  await rejects(building, 'aborted')
  assert.deepStrictEqual(seen, [5])
  assert.deepStrictEqual(ops(fake), ['collections', 'createIndex', 'dropIndex'])
  const other = new AbortController()
  const again = db.collection('n').createIndex('old', { signal: other.signal })
  await new Promise((done) => setTimeout(done))
  other.abort()
  await rejects(again, 'aborted')
  assert.deepStrictEqual(ops(fake).slice(3), ['collections', 'createIndex'], 'what was there before stays')
})

test('clear mistakes are told before anything is sent', async () => {
  const { fake, db } = setUp(() => ({}))
  const notes = db.collection('n')
  await rejects(notes.get(5 as never), 'invalid')
  await rejects(notes.getMany('a' as never), 'invalid')
  await rejects(notes.getMany(['a', 5 as never]), 'invalid')
  await rejects(notes.update(undefined as never, {}), 'invalid')
  await rejects(notes.update('a', undefined as never), 'invalid')
  await rejects(notes.updateMany(undefined as never, {}), 'invalid')
  await rejects(notes.deleteMany(undefined as never), 'invalid')
  await rejects(notes.insertMany({} as never), 'invalid')
  await rejects(notes.find({ f: (() => 1) as never }).toArray(), 'invalid')
  assert.deepStrictEqual(await notes.insertMany([]), [])
  assert.equal(fake.asked.length, 0)
})
