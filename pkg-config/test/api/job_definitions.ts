/** Claims about what a job is told: schedules, sources, fields, and what is refused. */
import type { JobProgress, TopicMessage } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'
import { type Note, notesOf, type Row, rowsOf, words } from './jobs_support.js'

export const jobDefinitions: readonly Claim[] = [
  claim('a schedule runs a job again and again until it is ended', async (db) => {
    const notes = await notesOf(db, 10)
    const job = db.job<Note>('t', {
      from: notes,
      map: { key: '$tag' },
      reduce: 'count',
      into: 'counts',
      schedule: { every: 100 },
    })
    const end = job.start()
    await eventually(async () => ((await job.status())?.run ?? 0) >= 3, 'three runs')
    end()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const after = (await job.status())?.run
    await new Promise((resolve) => setTimeout(resolve, 300))
    equal((await job.status())?.run, after)
  }),

  claim(
    'a function that never settles holds its run only: its signal ends it, and a cancelled job runs again',
    async (db) => {
      const notes = await notesOf(db, 20)
      const common = { from: notes, reduce: 'count', into: 'counts', version: 1 } as const
      const hung = db.job<Note, number>('h', { ...common, map: () => new Promise<void>(() => undefined) })
      const stop = new AbortController()
      const run = hung.run({ signal: stop.signal })
      await eventually(async () => (await hung.status())?.state === 'running', 'it runs')
      setTimeout(() => stop.abort(), 20)
      await rejects(run, 'aborted')
      const good = db.job<Note, number>('h', {
        ...common,
        map: (note: Note, emit: (key: unknown, value: number) => void) => emit(note.tag, 1),
      })
      equal(await good.cancel(), true)
      equal((await good.run()).rows, 20)
    },
  ),

  claim('once the signal of a run has fired, no function is called any more', async (db) => {
    const notes = await notesOf(db, 200)
    const calls = { map: 0, reduce: 0 }
    const called = async (kind: 'map' | 'reduce') => {
      calls[kind]++
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const job = db.job<Note, number>('stopped', {
      from: notes,
      map: async (note: Note, emit: (key: unknown, value: number) => void) => {
        await called('map')
        emit(note.id, 1)
      },
      reduce: async () => (await called('reduce'), 1),
      into: 'counts',
      version: 1,
    })
    for (const kind of ['map', 'reduce'] as const) {
      const stop = new AbortController()
      const run = job.run({ signal: stop.signal })
      await eventually(() => Promise.resolve(calls[kind] >= 5), `it calls ${kind}`)
      stop.abort()
      const before = { ...calls }
      await rejects(run, 'aborted')
      await new Promise((resolve) => setTimeout(resolve, 50))
      equal(calls, before)
    }
  }),

  claim('an empty or missing source gives an empty result', async (db) => {
    await db.collection<Row>('counts').insert({ id: 'old', value: 1 })
    const result = await db
      .job<Note>('n', { from: 'nothing', map: { key: '$tag' }, reduce: 'count', into: 'counts' })
      .run()
    equal(result, { state: 'done', rows: 0, results: 0, failures: 0 })
    equal(await rowsOf(db), [])
  }),

  claim(
    'a source that is dropped meanwhile, and results that break a unique index, fail the run and keep the old result',
    async (db) => {
      const notes = await notesOf(db, 300)
      const counts = db.collection<Row>('counts', { indexes: [{ fields: 'value', unique: true }] })
      await counts.insert({ id: 'old', value: 1 })
      const job = db.job<Note>('u', {
        from: notes,
        map: { key: '$tag', value: '$n' },
        reduce: { top: 1 },
        into: counts,
        sliceSize: 50,
      })
      holds(/value/.test((await rejects(job.run(), 'invalid', 'job-failed')).message), 'the index is named')
      equal(await rowsOf(db), [{ id: 'old', value: 1 }])
      await job.cancel()
      let dropped = false
      const onProgress = ({ rows }: JobProgress) => {
        if (rows >= 100 && !dropped) void db.dropCollection('notes')
        dropped ||= rows >= 100
      }
      holds(/dropped/.test((await rejects(job.run({ onProgress }), 'invalid', 'job-failed')).message), 'it says why')
      equal(await rowsOf(db), [{ id: 'old', value: 1 }])
    },
  ),

  claim('a job over a topic counts what was there when it began, by functions and in the engine', async (db) => {
    interface Sale {
      readonly dish: string
      readonly n: number
    }
    const sales = db.topic<Sale>('sales', { partitions: 3 })
    const dishes = ['soup', 'pie', 'rice']
    const batch = Array.from({ length: 900 }, (_, n) => ({ value: { dish: dishes[n % 3] ?? '', n }, priority: n % 10 }))
    await sales.publishMany(batch)
    const expected = dishes
      .map((id, at) => ({ id, value: 300 * at + 3 * ((299 * 300) / 2) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    let published = 0
    const map = ({ value, timestamp }: TopicMessage<Sale>, emit: (key: unknown, value: number) => void) => {
      holds(timestamp instanceof Date, 'a message has its time')
      emit(value.dish, value.n)
    }
    const onProgress = ({ rows }: JobProgress) => {
      if (rows > 0 && published++ === 0) void sales.publish({ dish: 'late', n: 1 })
    }
    const options = { from: sales, into: 'counts', sliceSize: 100 } as const
    const own = db.job<Sale, number>('own', { ...options, map, reduce: 'sum' })
    equal(await own.run({ onProgress }), { state: 'done', rows: 900, results: 3, failures: 0 })
    equal(await rowsOf(db), expected)
    const key = { key: '$value.dish', value: '$value.n' }
    await sales.publish({ dish: 'rice', n: 'many' as never })
    const summed = db.job<Sale>('engine', {
      ...options,
      map: { key: '$value.dish', value: { $add: ['$value.n', 0] } },
      reduce: 'sum',
      onError: 'skip',
    })
    equal(await summed.run(), { state: 'done', rows: 902, results: 4, failures: 1 })
    equal(await rowsOf(db), [{ id: 'late', value: 1 }, ...expected])
    for await (const { id, phase } of summed.failures()) equal([id, phase], ['901', 'map'])
    await db.job<Sale>('of words', { from: sales, map: key, reduce: 'count', into: 'counts' }).run()
    equal(
      (await rowsOf(db)).map(({ value }) => value),
      [1, 300, 301, 300],
    )
  }),

  claim('a map function that names its fields is given these and the id', async (db) => {
    const notes = await notesOf(db, 300)
    const seen = new Set<string>()
    const map = (note: Note, emit: (key: unknown, value: number) => void) => {
      for (const name of Object.keys(note)) seen.add(name)
      emit(note.tag, note.n)
    }
    await db.job<Note, number>('a', { from: notes, fields: ['tag', 'n'], map, reduce: 'sum', into: 'counts' }).run()
    equal([...seen].sort(), ['id', 'n', 'tag'])
    const found = await rowsOf(db)
    await db.job('b', { from: notes, map: { key: '$tag', value: '$n' }, reduce: 'sum', into: 'counts' }).run()
    equal(await rowsOf(db), found)
  }),

  claim('numbers that are folded before the engine sees them come to what it would make of them', async (db) => {
    const values = [
      1,
      2.5,
      -7,
      2 ** 53,
      1,
      12n,
      'text',
      null,
      true,
      new Date(5),
      -0,
      1e308,
      1e308,
      Number.NaN,
      Infinity,
    ]
    const rows = db.collection<{ id: string; k: string; v: unknown }>('rows')
    await rows.insertMany(
      values.flatMap((v, at) => [0, 1, 2].map((n) => ({ id: `${at}-${n}`, k: `k${(at * (n + 1)) % 4}`, v }))),
    )
    for (const reduce of ['sum', 'min', 'max'] as const) {
      const map = ({ k, v }: { k: string; v: unknown }, emit: (key: unknown, value: unknown) => void) => emit(k, v)
      await db
        .job<{ id: string; k: string; v: unknown }>(`own ${reduce}`, { from: rows, map, reduce, into: 'own' })
        .run()
      await db.job(`engine ${reduce}`, { from: rows, map: { key: '$k', value: '$v' }, reduce, into: 'engine' }).run()
      equal(await rowsOf(db, 'own'), await rowsOf(db, 'engine'))
    }
  }),

  claim(
    'a job runs by a cron expression, in one of the tabs that started it, and makes up for what was missed',
    async (db, context) => {
      const notes = await notesOf(db, 50)
      const map = (note: Note, emit: (key: unknown, value: number) => void) => emit(note.tag, 1)
      const definition = { from: notes, map, reduce: 'sum', into: 'counts', version: 1 } as const
      const everySecond = { ...definition, schedule: { cron: '* * * * * *' } } as const
      const job = db.job<Note, number>('tick', everySecond)
      const stop = job.start()
      equal(await job.status(), null)
      await eventually(async () => ((await job.status())?.run ?? 0) >= 2, 'it has run twice')
      stop()
      const { run = 0 } = (await job.status()) ?? {}
      await new Promise((resolve) => setTimeout(resolve, 1200))
      holds(((await job.status())?.run ?? 0) <= run + 1, 'it has stopped')
      // A time that came while the database was closed is due at once.
      if (!context.persistent) return
      const again = await context.reopen(db)
      const late = again.job<Note, number>('tick', { ...definition, from: 'notes', schedule: { cron: '* * * * * *' } })
      const before = (await late.status())?.run ?? 0
      await new Promise((resolve) => setTimeout(resolve, 1100))
      const end = late.start()
      await eventually(async () => ((await late.status())?.run ?? 0) > before, 'what was missed is run')
      end()
    },
  ),

  claim('bad definitions are refused with what is wrong', async (db) => {
    const notes = await notesOf(db, 5)
    const good = { from: notes, map: { key: '$tag' }, reduce: 'count', into: 'counts' } as const
    for (const [definition, names, reason] of [
      [null, /object/],
      [{ ...good, from: 7 }, /from/],
      [{ ...good, into: '' }, /into/],
      [{ ...good, into: '$x' }, /reserved/],
      [{ ...good, into: notes }, /at once/],
      [{ ...good, map: undefined }, /map/],
      [{ ...good, map: 'x' }, /map/],
      [{ ...good, reduce: undefined }, /reduce/],
      [{ ...good, map: { key: '$tag', value: '$n' }, reduce: 'product' }, /quantiles/],
      [{ ...good, reduce: 'sum' }, /value/],
      [{ ...good, map: { key: '$tag', value: '$n' }, reduce: { quantiles: [2] } }, /0 to 1/],
      [{ ...good, map: { key: '$tag', value: '$n' }, reduce: { top: 0 } }, /positive/],
      [{ ...good, combine: (_: never, [first]: readonly unknown[]) => first }, /combine/],
      [{ ...good, sliceSize: 0 }, /sliceSize/],
      [{ ...good, onError: 'ignore' }, /onError/],
      [{ ...good, pipeline: [] }, /not both/],
      [{ from: notes, into: 'counts', pipeline: [{ $match: {} }] }, /\$group/],
      [{ from: notes, into: 'counts', pipeline: [{ $sort: { n: 1 } }, { $group: { _id: null } }] }, /\$sort/],
      [{ from: notes, into: 'counts', pipeline: [{ $grup: {} }] }, /\$grup/],
      [{ ...good, schedule: { cron: 'now and then' } }, /cron/, 'bad-cron'],
      [{ ...good, schedule: { cron: '0 0 31 2 *' } }, /never/, 'bad-cron'],
      [{ ...good, schedule: { cron: '* * * * *', timeZone: 'Nowhere' } }, /cron/, 'bad-cron'],
      [{ ...good, from: db.topic('nowhere') }, /nowhere/, 'unknown-topic'],
      [{ ...good, fields: ['tag'] }, /fields/],
      [{ ...good, map: words, fields: ['tag', 'tag.a'] }, /tag/],
      [{ ...good, workers: 2 }, /partitions/, 'not-there'],
      [{ ...good, schedule: { every: 1 } }, /100/],
    ] as unknown as [never, RegExp, string?][]) {
      const error = await rejects(db.job('bad', definition).run(), 'invalid', reason)
      holds(names.test(error.message), `${error.message} names ${names}`)
    }
    await rejects(db.job('', good).run(), 'invalid')
    await rejects(db.job('x'.repeat(200), good).run(), 'invalid')
    equal(await db.job('bad', good).status(), null)
  }),
]
