/** Claims about batch jobs: what they compute, whoever runs them. */
import type { Database, JobProgress, TidewellError } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'
import { counted, type Note, notesOf, type Row, rowsOf, sum, words } from './jobs_support.js'

export const jobs: readonly Claim[] = [
  claim(
    'a job by functions, by a function and a reduction of the engine, and by a pipeline agree with a loop',
    async (db) => {
      const notes = await notesOf(db)
      const expected = await counted(db)
      const map = words
      const base = { from: notes, sliceSize: 100 } as const
      const result = await db.job<Note, number>('a', { ...base, map, reduce: sum, into: 'counts' }).run()
      equal(result, { state: 'done', rows: 1200, results: 5, failures: 0 })
      equal(await rowsOf(db), expected)
      await db.job<Note, number>('b', { ...base, map, combine: sum, reduce: sum, into: 'combined' }).run()
      equal(await rowsOf(db, 'combined'), expected)
      await db.job<Note, number>('c', { ...base, map, reduce: 'sum', into: 'summed' }).run()
      equal(await rowsOf(db, 'summed'), expected)
      const pipeline = [
        { $set: { word: { $split: ['$text', ' '] } } },
        { $unwind: '$word' },
        { $group: { _id: '$word', value: { $sum: 1 } } },
      ]
      await db.job<Note>('d', { from: 'notes', pipeline, into: 'piped' }).run()
      equal(await rowsOf(db, 'piped'), expected)
    },
  ),

  claim('every reduction of the engine gives what it is called by', async (db) => {
    const notes = await notesOf(db, 700)
    const run = async (reduce: object | string) => {
      const map = { key: '$tag', value: '$n' }
      await db.job<Note>('r', { from: notes, map, reduce: reduce as 'sum', into: 'out', sliceSize: 60 }).run()
      return (await db.collection<{ id: string; value: unknown }>('out').get('t3'))?.value
    }
    const values = (await notes.find({ tag: 't3' }).toArray()).map(({ n }) => n)
    const total = values.reduce((a, b) => a + b, 0)
    equal(await run('count'), values.length)
    equal(await run('sum'), total)
    equal(await run('avg'), total / values.length)
    equal([await run('min'), await run('max')], [Math.min(...values), Math.max(...values)])
    equal(await run({ top: 3 }), [...values].sort((a, b) => b - a).slice(0, 3))
    equal(await run('distinct'), new Set(values).size)
    const sorted = [...values].sort((a, b) => a - b)
    const [median] = (await run({ quantiles: [0.5, 1] })) as [number]
    const exact = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
    holds(Math.abs(median - exact) <= exact * 0.011, `the median is ${exact}, and it says ${median}`)
  }),

  claim('a pipeline job gives the rows of aggregate, keys that are not strings in _id', async (db) => {
    const notes = await notesOf(db, 500)
    const pipeline = [
      { $match: { n: { $lt: 11 } } },
      { $group: { _id: { $mod: ['$n', 4] }, n: { $sum: '$n' }, all: { $push: '$tag' }, first: { $first: '$id' } } },
      { $set: { twice: { $multiply: ['$n', 2] } } },
    ]
    const expected = await notes.aggregate<{ _id: number }>([...pipeline, { $sort: { _id: 1 } }])
    await db.job<Note>('p', { from: notes, pipeline, into: 'out', sliceSize: 33 }).run()
    equal(
      await db
        .collection('out')
        .find()
        .sort({ _id: 1 } as never)
        .toArray(),
      expected.map((row) => ({ id: String(row._id), ...row })),
    )
  }),

  claim('values that JSON lacks go through a job as they are', async (db) => {
    const notes = db.collection<{ id: string; at: Date; big: bigint }>('dates')
    await notes.insertMany([
      { id: 'a', at: new Date(5), big: 7n },
      { id: 'b', at: new Date(9), big: 8n },
    ])
    type Value = { at: Date; big: bigint }
    await db
      .job<{ id: string } & Value, Value>('v', {
        from: notes,
        map: ({ at, big }, emit) => emit('k', { at, big }),
        reduce: (_, values) => values,
        into: 'out',
      })
      .run()
    equal((await db.collection<{ id: string; value: unknown }>('out').get('k'))?.value, [
      { at: new Date(5), big: 7n },
      { at: new Date(9), big: 8n },
    ])
  }),

  claim(
    'a map that throws stops the run, names the record, keeps the old result, and is tried again by the next run',
    async (db) => {
      const notes = await notesOf(db)
      await db.collection<Row>('counts').insert({ id: 'old', value: 1 })
      const broken = { on: true }
      const map = (note: Note, emit: (key: unknown, value: number) => void) => {
        words(note, emit)
        if (broken.on && (note.id === 'n00700' || note.id === 'n00701')) throw new Error(`cannot read ${note.id}`)
      }
      const job = db.job<Note, number>('s', { from: notes, map, reduce: 'sum', into: 'counts', sliceSize: 100 })
      const error: TidewellError = await rejects(job.run(), 'invalid', 'job-failed')
      holds(/n00700.*cannot read/.test(error.message), error.message)
      const status = await job.status()
      equal([status?.state, status?.rows, status?.failures], ['failed', 700, 2])
      const listed = []
      for await (const { id, phase, message } of job.failures()) listed.push([phase, id, message])
      equal(listed, [
        ['map', 'n00700', 'cannot read n00700'],
        ['map', 'n00701', 'cannot read n00701'],
      ])
      equal(await rowsOf(db), [{ id: 'old', value: 1 }])
      broken.on = false
      equal(await job.run(), { state: 'done', rows: 1200, results: 5, failures: 0 })
      equal(await rowsOf(db), await counted(db))
    },
  ),

  claim('with onError skip the record is listed, none of what it emitted counts, and the rest goes on', async (db) => {
    const notes = await notesOf(db, 600)
    const map = (note: Note, emit: (key: unknown, value: number) => void) => {
      emit('all', 1)
      if (note.n === 5) throw new TypeError('five')
    }
    const job = db.job<Note, number>('s', {
      from: notes,
      map,
      reduce: sum,
      into: 'counts',
      onError: 'skip',
      sliceSize: 50,
    })
    const fives = await notes.count({ n: 5 })
    equal(await job.run(), { state: 'done', rows: 600, results: 1, failures: fives })
    equal(await rowsOf(db), [{ id: 'all', value: 600 - fives }])
    let listed = 0
    for await (const { message } of job.failures()) listed += Number(message === 'five')
    equal(listed, fives)
  }),

  claim(
    'a reduce that throws names its key; bad keys, late emits and values that cannot be stored name their record',
    async (db) => {
      const notes = await notesOf(db, 60)
      const skip = { from: notes, into: 'counts', onError: 'skip' } as const
      const listed = async (definition: Parameters<Database['job']>[1]) => {
        const job = db.job('x', definition)
        await job.run({ restart: true })
        const found = []
        for await (const { phase, id } of job.failures()) found.push(`${phase} ${id}`)
        return found
      }
      const reduce = (key: string, values: readonly unknown[]) => {
        if (key === 'sea') throw new Error('no sea')
        return values.length
      }
      equal(await listed({ ...skip, map: words as never, reduce }), ['reduce sea'])
      equal(
        (await rowsOf(db)).map(({ id }) => id),
        ['hill', 'moon', 'salt', 'tide'],
      )
      const of =
        (act: (emit: (key: unknown, value: unknown) => void) => unknown) => (note: { id: string }, emit: never) => {
          if (note.id === 'n00007') return act(emit) as never
          ;(emit as (key: string, value: number) => void)('k', 1)
        }
      for (const act of [
        (emit) => emit('', 1),
        (emit) => emit('x'.repeat(600), 1),
        (emit) => emit(undefined, 1),
        (emit) => emit('k', () => 1),
        (emit) => emit('k', Promise.resolve(1)),
        async () => {
          await Promise.resolve()
          throw new Error('late')
        },
      ] as ((emit: (key: unknown, value: unknown) => void) => unknown)[])
        equal(
          await listed({ ...skip, map: of(act) as never, reduce: 'count', version: String(act) }),
          ['map n00007'],
          String(act),
        )
      equal(await rowsOf(db), [{ id: 'k', value: 59 }])
    },
  ),

  claim('an expression that fails on a record is that record alone', async (db) => {
    const notes = await notesOf(db, 300)
    await notes.update('n00123', { $set: { n: 'many' as unknown as number } })
    const pipeline = [{ $group: { _id: '$tag', value: { $sum: { $add: ['$n', 1] } } } }]
    const stop = db.job<Note>('e', { from: notes, pipeline, into: 'counts' })
    holds(/n00123/.test((await rejects(stop.run(), 'invalid', 'job-failed')).message), 'the record is named')
    const skip = db.job<Note>('e', { from: notes, pipeline, into: 'counts', onError: 'skip' })
    await rejects(skip.run(), 'conflict', 'job-differs')
    equal((await skip.run({ restart: true })).failures, 1)
    await notes.delete('n00123')
    equal(
      await rowsOf(db),
      (await notes.aggregate<Row & { _id: string }>([...pipeline, { $sort: { _id: 1 } }])).map((row) => ({
        id: row._id,
        value: row.value,
      })),
    )
  }),

  claim('progress grows to the end; a signal stops a run, and the next goes on where it was', async (db) => {
    const notes = await notesOf(db)
    let mapped = 0
    const map = (note: Note, emit: (key: unknown, value: number) => void) => {
      mapped++
      words(note, emit)
    }
    const job = db.job<Note, number>('g', { from: notes, map, reduce: sum, into: 'counts', sliceSize: 100 })
    const stop = new AbortController()
    const seen: JobProgress[] = []
    const onProgress = (progress: JobProgress) => {
      seen.push(progress)
      if (progress.rows >= 500) stop.abort()
    }
    await rejects(job.run({ onProgress, signal: stop.signal }), 'aborted')
    const before = mapped
    const status = await job.status()
    holds(
      before >= 500 && before <= 700 && status?.state === 'running',
      `${before} were mapped, it is ${status?.state}`,
    )
    await job.run({ onProgress: (progress) => seen.push(progress) })
    holds(mapped <= 1200 + 100, `${mapped} calls of map for 1200 documents: what was committed is not done again`)
    equal(await rowsOf(db), await counted(db))
    const [first, last] = [seen[0], seen.at(-1)]
    equal([first?.fraction, first?.rowsTotal, last?.state, last?.fraction, last?.msLeft], [0, 1200, 'done', 1, 0])
    holds(
      seen.every(({ rows }, at) => at === 0 || rows >= (seen[at - 1]?.rows ?? 0)),
      'rows never go back',
    )
    holds((last?.bytes ?? 0) > 1200 * 20, 'bytes are counted')
  }),

  claim(
    'a paused run resolves, and goes on; a cancelled one rejects, leaves the old result, and nothing else',
    async (db) => {
      const notes = await notesOf(db)
      await db.collection<Row>('counts').insert({ id: 'old', value: 1 })
      const job = db.job<Note, number>('p', { from: notes, map: words, reduce: sum, into: 'counts', sliceSize: 50 })
      equal(await job.status(), null)
      equal([await job.pause(), await job.cancel()], [false, false])
      const at = (rows: number, act: () => void) => (progress: JobProgress) => {
        if (progress.rows >= rows && progress.state === 'running') act()
      }
      equal((await job.run({ onProgress: at(200, () => void job.pause()) })).state, 'paused')
      equal((await job.status())?.state, 'paused')
      await rejects(job.run({ onProgress: at(600, () => void job.cancel()) }), 'aborted', 'cancelled')
      equal(await rowsOf(db), [{ id: 'old', value: 1 }])
      equal(
        (await db.collections()).map(({ name }) => name),
        ['counts', 'notes'],
      )
      equal((await job.run()).rows, 1200)
      equal(await rowsOf(db), await counted(db))
    },
  ),

  claim(
    'the result takes the place of the old one at once, with its indexes, its search and live queries on it',
    async (db) => {
      const notes = await notesOf(db)
      const counts = db.collection<Row & { text?: string }>('counts', { indexes: ['value'], search: { text: 1 } })
      await counts.insertMany([
        { id: 'old', value: 1, text: 'old words' },
        { id: 'older', value: 2 },
      ])
      const seen: string[] = []
      const end = counts.find().subscribe(({ docs }) => seen.push(docs.map(({ id }) => id).join(',')))
      await db.cache('c').compute('n', ({ collection }) => collection(counts).count())
      const pipeline = [
        { $set: { word: { $split: ['$text', ' '] } } },
        { $unwind: '$word' },
        { $group: { _id: '$word', value: { $sum: 1 } } },
        { $set: { text: { $concat: ['the word ', '$_id'] } } },
      ]
      let created: Promise<unknown> | undefined
      const onProgress = () => {
        // An index that is declared while the job runs.
        created ??= counts.createIndex('text')
      }
      await db.job<Note>('w', { from: notes, pipeline, into: counts, sliceSize: 100 }).run({ onProgress })
      const expected = (await counted(db)).map(({ id }) => id)
      await eventually(() => seen.at(-1) === expected.join(','), 'the live query shows the new result')
      equal([...new Set(seen)], ['old,older', expected.join(',')])
      equal(
        (
          await counts
            .find({ value: { $gt: 700 } })
            .hint('value')
            .toArray()
        ).length > 0,
        true,
      )
      equal((await counts.search('moon')).hits?.length ?? 0, 1)
      equal((await counts.search('old')).hits?.length ?? 0, 0)
      await eventually(async () => {
        const [info] = await db.collections()
        return info?.indexes.map(({ name, state }) => `${name} ${state}`).join() === 'value ready,text ready'
      }, 'both indexes are ready')
      await created
      equal(await db.cache('c').get('n'), undefined)
      end()
    },
  ),

  claim('documents that change meanwhile count once, as they were when their slice was read', async (db) => {
    const notes = await notesOf(db, 800)
    const map = (note: Note, emit: (key: unknown, value: number) => void) => emit(note.tag, 1)
    const job = db.job<Note, number>('m', { from: notes, map, reduce: sum, into: 'counts', sliceSize: 40 })
    const onProgress = ({ rows, phase }: JobProgress) => {
      if (phase === 'map') void notes.updateMany({}, { $set: { tag: `r${rows % 3}` } })
    }
    await job.run({ onProgress })
    equal(
      (await rowsOf(db)).reduce((all, { value }) => all + value, 0),
      800,
    )
  }),

  claim('two runs at once, in one tab or two, count every document once', async (db, { reopen, persistent }) => {
    const notes = await notesOf(db)
    const definition = { from: 'notes', map: words, reduce: sum, into: 'counts', sliceSize: 60 } as const
    const other = persistent ? await reopen(db) : db
    const runs = [db, other, db].map((one) => one.job<Note, number>('two', definition).run())
    const results = await Promise.all(runs)
    equal(
      results.map(({ state, rows }) => [state, rows]),
      [
        ['done', 1200],
        ['done', 1200],
        ['done', 1200],
      ],
    )
    equal(await rowsOf(db), await counted(db))
    equal(await notes.count(), 1200)
    if (other !== db) await other.close()
  }),
]
