/** Transactions, live queries, schemas, migrations, backup, closing. */
import type { Diff, LiveResult, SchemaResult, StandardSchema } from '../../src/index.js'
import { claim, equal, eventually, fill, holds, rejects, type Claim } from './harness.js'

interface Account {
  id: string
  balance: number
}

const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id)

export const transactions: Claim[] = [
  claim('a transaction commits over several collections at once', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insertMany([{ id: 'a', balance: 100 }, { id: 'b', balance: 0 }])
    const answer = await db.transaction(async (tx) => {
      await tx.collection(accounts).update('a', { $inc: { balance: -30 } })
      await tx.collection(accounts).update('b', { $inc: { balance: 30 } })
      await tx.collection('audit').insert({ id: '1', what: 'transfer' })
      equal((await tx.collection(accounts).get('a'))?.balance, 70, 'it reads its own writes')
      equal(await tx.collection(accounts).find({ balance: 30 }).count(), 1, 'queries see its own writes')
      equal((await accounts.get('a'))?.balance, 100, 'others do not see them yet')
      return 'done'
    })
    equal(answer, 'done')
    equal((await accounts.getMany(['a', 'b'])).map((account) => account?.balance), [70, 30])
    equal(await db.collection('audit').count(), 1)
  }),

  claim('a transaction that throws leaves nothing', async (db) => {
    const accounts = db.collection<Account>('accounts', { indexes: ['balance'] })
    await accounts.insert({ id: 'a', balance: 1 })
    const boom = new Error('boom')
    let caught: unknown
    await db
      .transaction(async (tx) => {
        await tx.collection(accounts).put({ id: 'a', balance: 2 })
        await tx.collection(accounts).insert({ id: 'b', balance: 2 })
        throw boom
      })
      .catch((error: unknown) => (caught = error))
    holds(caught === boom, 'it throws what the closure threw')
    equal(await accounts.find().toArray(), [{ id: 'a', balance: 1 }])
    equal(await accounts.find({ balance: 2 }).hint('balance').count(), 0)
  }),

  claim('concurrent transactions on one document lose no update', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 0 })
    let runs = 0
    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.transaction(
          async (tx) => {
            runs++
            const account = await tx.collection(accounts).get('a')
            await tx.collection(accounts).put({ id: 'a', balance: (account?.balance ?? 0) + 1 })
          },
          { retries: 100 },
        ),
      ),
    )
    equal((await accounts.get('a'))?.balance, 20)
    holds(runs >= 20, 'conflicts ran the closure again')
  }),

  claim('a transaction that gives up says so', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 0 })
    const losing = db.transaction(
      async (tx) => {
        const account = await tx.collection(accounts).get('a')
        await accounts.update('a', { $inc: { balance: 1 } })
        await tx.collection(accounts).put({ id: 'a', balance: (account?.balance ?? 0) + 100 })
      },
      { retries: 2 },
    )
    await rejects(losing, 'conflict', 'retry')
    equal((await accounts.get('a'))?.balance, 3)
  }),

  claim('a phantom is a conflict: a query in a transaction is validated too', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 1 })
    let runs = 0
    await db.transaction(async (tx) => {
      const inside = tx.collection(accounts)
      const count = await inside.count({ balance: { $gt: 0 } })
      if (++runs === 1) await accounts.insert({ id: 'b', balance: 1 })
      await inside.put({ id: 'sum', balance: -count })
    })
    equal([(await accounts.get('sum'))?.balance, runs], [-2, 2])
  }),

  claim('a refused command inside a transaction leaves no trace, and it goes on', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 1 })
    await db.transaction(async (tx) => {
      const inside = tx.collection(accounts)
      await rejects(inside.insertMany([{ id: 'b', balance: 1 }, { id: 'a', balance: 2 }]), 'conflict', 'duplicate-id')
      await inside.insert({ id: 'c', balance: 3 })
    })
    equal(ids(await accounts.find().toArray()), ['a', 'c'])
  }),

  claim('a transaction used after its end is refused', async (db) => {
    const leaked = await db.transaction(async (tx) => tx.collection('a'))
    await rejects(leaked.get('x'), 'closed')
    await rejects(leaked.insert({ id: 'x' }), 'closed')
    equal(await db.collection('a').count(), 0)
  }),
]

interface Row {
  id: string
  group: number
  rank: number
}

/** Collects what a live query delivers and checks every diff against the arrays before and after. */
function follow(subscribe: (callback: (result: LiveResult<Row>) => void) => () => void) {
  const results: LiveResult<Row>[] = []
  const stop = subscribe((result) => {
    const before = results.at(-1)
    if (result.diff !== null && before !== undefined) equal(replay(before.docs, result.diff), result.docs, 'the diff leads from before to after')
    results.push(result)
  })
  return { results, stop, last: () => ids(results.at(-1)?.docs ?? []) }
}

function replay(before: readonly Row[], diff: Diff<Row>): Row[] {
  const gone = new Set([...diff.removed.map(({ index }) => index), ...diff.moved.map(({ from }) => from)])
  const after = before.filter((_, index) => !gone.has(index))
  const coming = [...diff.added, ...diff.moved.map(({ to, doc }) => ({ index: to, doc }))].sort((a, b) => a.index - b.index)
  for (const { index, doc } of coming) after.splice(index, 0, doc)
  for (const { index, doc } of diff.changed) after[index] = doc
  return after
}

export const live: Claim[] = [
  claim('a live query follows every write with a diff', async (db) => {
    const rows = db.collection<Row>('rows')
    await fill(rows, 30, (at) => ({ id: `r${String(at).padStart(2, '0')}`, group: at % 3, rank: at }))
    const query = rows.find({ group: 0 }).sort({ rank: -1 }).limit(5)
    const { results, stop, last } = follow((callback) => query.subscribe(callback))
    await eventually(() => results.length === 1, 'the first result')
    equal(results[0]?.diff, null)
    const check = async (about: string) => {
      const expected = ids(await query.toArray())
      await eventually(() => JSON.stringify(last()) === JSON.stringify(expected), `${about}: ${expected.join()} but ${last().join()}`)
    }
    await rows.insert({ id: 'top', group: 0, rank: 100 })
    await check('insert')
    await rows.update('r27', { $set: { rank: 200 } })
    await check('move')
    await rows.update('top', { $set: { group: 1 } })
    await check('leave')
    await rows.deleteMany({ rank: { $gt: 20 } })
    await check('delete')
    await rows.insertMany([{ id: 'x', group: 0, rank: 19.5 }, { id: 'y', group: 2, rank: 500 }])
    await check('batch')
    holds(results.every(({ position }, at) => at === 0 || position > (results[at - 1]?.position ?? 0)), 'positions rise')
    const heard = results.length
    await rows.update('y', { $set: { rank: 501 } })
    stop()
    await rows.insert({ id: 'late', group: 0, rank: 1000 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    equal(results.length, heard, 'nothing is delivered for other documents, nor after the end')
  }),

  claim('a live query follows random writes', async (db) => {
    const rows = db.collection<Row>('rows')
    const query = rows.find({ rank: { $gt: 20 } }).sort({ rank: 1 }).skip(2).limit(10)
    const { results, stop, last } = follow((callback) => query.subscribe(callback))
    await eventually(() => results.length === 1, 'the first result')
    let state = 12345
    const random = (below: number) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % below
    for (let round = 0; round < 200; round++) {
      const id = `r${random(40)}`
      if (random(3) === 0) await rows.delete(id)
      else await rows.put({ id, group: 0, rank: random(100) })
    }
    const expected = ids(await query.toArray())
    await eventually(() => JSON.stringify(last()) === JSON.stringify(expected), `${expected.join()} but ${last().join()}`)
    stop()
  }),

  claim('live counts and pipelines follow too', async (db) => {
    const rows = db.collection<Row>('rows')
    const counts: number[] = []
    const sums: unknown[] = []
    const stopCount = rows.find({ group: 1 }).subscribeCount(({ value }) => counts.push(value))
    const stopSum = rows.subscribeAggregate<{ sum: number }>([{ $group: { _id: null, sum: { $sum: '$rank' } } }], ({ value }) => sums.push(value[0]?.sum))
    await eventually(() => counts.length === 1 && sums.length === 1, 'first values')
    await rows.insertMany([{ id: 'a', group: 1, rank: 5 }, { id: 'b', group: 2, rank: 6 }])
    await eventually(() => counts.at(-1) === 1 && sums.at(-1) === 11, `${counts.join()} ${sums.join()}`)
    stopCount()
    stopSum()
  }),

  claim('live results can be iterated until a signal', async (db) => {
    const rows = db.collection<Row>('rows')
    const abort = new AbortController()
    const seen: number[] = []
    let error: unknown
    try {
      for await (const { docs } of rows.find().live({ signal: abort.signal })) {
        seen.push(docs.length)
        if (docs.length < 3) await rows.insert({ group: 0, rank: docs.length })
        else abort.abort()
      }
    } catch (thrown) {
      error = thrown
    }
    equal((error as { code?: string }).code, 'aborted')
    equal(seen, [0, 1, 2, 3])
  }),

  claim('a live query with a bad filter tells its error', async (db) => {
    const error = await new Promise<Error>((resolve) => db.collection('rows').find({ a: { $nonsense: 1 } }).subscribe(() => undefined, { onError: resolve }))
    equal((error as { code?: string }).code, 'invalid')
  }),
]

interface Task {
  id: string
  title: string
  due: Date
}

/** A small validator of the Standard Schema interface: trims titles, reads dates, may be asynchronous. */
function taskSchema(asynchronous: boolean): StandardSchema<{ id?: string; title: string; due: string | Date }, Task> {
  const validate = (value: unknown): SchemaResult<Task> => {
    const { id, title, due } = value as { id: string; title?: unknown; due?: unknown }
    const date = new Date(due as string)
    const issues = [
      ...(typeof title === 'string' && title.trim() !== '' ? [] : [{ message: 'needs a text', path: ['title'] }]),
      ...(Number.isNaN(date.getTime()) ? [{ message: 'needs a date', path: ['due'] }] : []),
    ]
    return issues.length > 0 ? { issues } : { value: { id, title: (title as string).trim(), due: date } }
  }
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => (asynchronous ? Promise.resolve(validate(value)) : validate(value)) } }
}

export const schemas: Claim[] = [
  ...[false, true].map((asynchronous) =>
    claim(`a schema (${asynchronous ? 'asynchronous' : 'synchronous'}) shapes and guards every write`, async (db) => {
      const tasks = db.collection('tasks', { schema: taskSchema(asynchronous) })
      const stored = await tasks.insert({ id: 'a', title: ' Pump ', due: '2026-01-02T00:00:00Z' })
      equal(stored, { id: 'a', title: 'Pump', due: new Date('2026-01-02T00:00:00Z') })
      equal(await tasks.get('a'), stored)
      const error = await rejects(tasks.insertMany([{ title: 'ok', due: '2026-01-01' }, { id: 'bad', title: ' ', due: 'never' }]), 'invalid', 'schema')
      equal(error.issues?.map(({ path }) => path?.[0]), ['title', 'due'])
      await rejects(tasks.put({ id: 'a', title: '', due: '2026-01-01' }), 'invalid', 'schema')
      await rejects(tasks.update('a', { $set: { title: '' } }), 'invalid', 'schema')
      await rejects(tasks.updateMany({}, { $unset: { due: true } }), 'invalid', 'schema')
      equal(await tasks.find().toArray(), [stored])
      await tasks.update('a', { $set: { title: ' Sluice ' } })
      equal((await tasks.get('a'))?.title, 'Sluice')
      await db.transaction(async (tx) => {
        await rejects(tx.collection(tasks).update('a', { $set: { title: '' } }), 'invalid', 'schema')
        await rejects(tx.collection(tasks).update('new', { $set: { title: '' } }, { upsert: true }), 'invalid', 'schema')
      })
      equal(await tasks.find().toArray(), [{ ...stored, title: 'Sluice' }])
    }),
  ),
]

export const migrations: Claim[] = [
  claim('documents of an older version are upgraded', async (db, { persistent, reopen }) => {
    const old = db.collection('notes', { version: 1 })
    await fill(old, 450, (at) => ({ id: `n${at}`, name: `note ${at}` }))
    const next = persistent ? await reopen(db) : db
    try {
      const progress: string[] = []
      next.on('progress', ({ kind, state }) => progress.push(`${kind} ${state}`))
      const notes = next.collection<{ id: string; title: string; words: number }>('notes', {
        version: 3,
        migrations: {
          2: ({ id, name }) => ({ id, title: name }),
          3: async (note) => ({ ...note, words: String(note['title']).split(' ').length }),
        },
      })
      equal(await notes.get('n7'), { id: 'n7', title: 'note 7', words: 2 })
      equal(await notes.count({ words: 2 }), 450)
      equal(progress.at(-1), 'migration ready')
      await notes.insert({ id: 'new', title: 'x', words: 1 })
      equal((await next.collections()).find(({ name }) => name === 'notes')?.version, 3)
      await rejects(next.collection('notes', { version: 2 }).get('n1'), 'conflict', 'version')
    } finally {
      if (next !== db) await next.close()
    }
  }),
]

export const backups: Claim[] = [
  {
    name: 'a backup restores everything into another database',
    run: async ({ open }) => {
      const from = await open()
      const to = await open()
      try {
        const notes = from.collection('notes', { indexes: ['n', { fields: 'mail', unique: true }] })
        await fill(notes, 1500, (n) => ({ id: `n${n}`, n, mail: `${n}@x`, when: new Date(n), bytes: new Uint8Array([n & 255]), text: 'ü🌊'.repeat(20) }))
        await from.collection('empty', { indexes: ['x'] }).indexes()
        const chunks: Uint8Array[] = []
        for await (const chunk of from.export()) chunks.push(chunk)
        holds(chunks.every((chunk) => chunk.byteLength < 1 << 20), 'chunks are small')
        const result = await to.import(chunks)
        equal(result.documents, 1500)
        equal(await to.collection('notes').find().toArray(), await notes.find().toArray())
        equal((await to.collections()).map(({ name, indexes }) => [name, indexes.map((index) => index.name).sort()]), (await from.collections()).map(({ name, indexes }) => [name, indexes.map((index) => index.name).sort()]))
        const text = (await new Response(from.export().stream() as ReadableStream).text()).split('\n')
        equal((await to.import(text.map((line) => `${line}\n`).slice(0, -1))).documents, 1500, 'importing again changes nothing')
        equal(await to.collection('notes').count(), 1500)
        await rejects(to.import(text.slice(0, -3).join('\n')), 'invalid')
        await rejects(to.import('not a backup'), 'invalid')
        await rejects(to.import([...text.slice(0, 5), text[5]?.replace('"n":', '"m":') ?? '', ...text.slice(6)].join('\n')), 'invalid')
        equal(await to.collection('other').count(), 0)
      } finally {
        await from.close()
        await to.close()
      }
    },
  },
]

export const closing: Claim[] = [
  claim('after close every call says closed, and opening again works', async (db, context) => {
    const notes = db.collection('notes')
    await notes.insert({ id: 'a' })
    await db.close()
    await db.close()
    for (const call of [() => notes.get('a'), () => notes.insert({}), () => notes.find().toArray(), () => db.stats(), () => db.transaction(async () => 1), () => notes.deleteMany({})]) await rejects(call(), 'closed')
    const again = await context.reopen(db)
    equal(await again.collection('notes').count(), context.persistent ? 1 : 0)
    await again.close()
  }),

  claim('disposing closes', async (db) => {
    const notes = db.collection('notes')
    await db[Symbol.asyncDispose]()
    await rejects(notes.get('a'), 'closed')
  }),

  {
    name: 'two instances of one database see each other',
    run: async ({ open, reopen, persistent }) => {
      if (!persistent) return
      const one = await open()
      const two = await reopen(one)
      try {
        const seen: number[] = []
        two.collection('notes').find().subscribe(({ docs }) => seen.push(docs.length))
        await one.collection('notes').insertMany([{ id: 'a' }, { id: 'b' }])
        await eventually(() => seen.at(-1) === 2, 'the other instance hears of it')
        equal(await two.collection('notes').get('a'), { id: 'a' })
        await Promise.all([...Array.from({ length: 30 }, () => one.collection('n').update('c', { $inc: { n: 1 } }, { upsert: true })), ...Array.from({ length: 30 }, () => two.collection('n').update('c', { $inc: { n: 1 } }, { upsert: true }))])
        await eventually(async () => (await one.collection('n').get('c'))?.['n'] === 60, 'no increment is lost')
      } finally {
        await one.close()
        await two.close()
      }
    },
  },
]
