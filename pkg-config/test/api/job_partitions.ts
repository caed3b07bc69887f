/** Claims about jobs whose source is split: one result, whoever maps which part of it, and one run to pause, cancel or fail. */
import type { JobProgress, MapReduce } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'
import { counted, type Note, notesOf, rowsOf, sum, words } from './jobs_support.js'

type Split = Partial<MapReduce<Note, number, number>>

/** Word counts that take their time, so that runners meet; `mapped` says how many documents this one mapped. */
const slow = (db: Parameters<typeof rowsOf>[0], more: Split = {}) => {
  const runner = { mapped: 0 }
  const job = db.job<Note, number>('split', {
    from: 'notes',
    map: async (note: Note, emit: (key: unknown, value: number) => void) => {
      runner.mapped++
      words(note, emit)
      if (runner.mapped % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    },
    reduce: sum,
    into: 'counts',
    sliceSize: 20,
    partitions: 6,
    version: 1,
    ...more,
  })
  return Object.assign(runner, { job })
}

export const jobPartitions: readonly Claim[] = [
  claim('a job whose source is split gives what it gives unsplit, values in the order of ids', async (db) => {
    const notes = await notesOf(db, 700)
    const rows = async (partitions: number) => {
      const split = { from: notes, into: 'out', sliceSize: 30, partitions } as const
      const map = ({ tag, id }: Note, emit: (key: unknown, value: string) => void) => emit(tag, id)
      const all = (_: never, values: readonly string[]) => values
      const pipeline = [{ $group: { _id: '$tag', first: { $first: '$id' }, all: { $push: '$n' }, n: { $sum: 1 } } }]
      const found = []
      found.push(await db.job<Note, string>('a', { ...split, map, reduce: all }).run(), await rowsOf(db, 'out'))
      found.push(await db.job<Note>('b', { ...split, pipeline }).run(), await rowsOf(db, 'out'))
      return found
    }
    const expected = await rows(1)
    for (const partitions of [2, 5, 16]) equal(await rows(partitions), expected, `${partitions} partitions`)
  }),

  claim('a split job tells how many partitions are mapped, and its progress counts all of them', async (db) => {
    await notesOf(db)
    const seen: JobProgress[] = []
    const { job } = slow(db)
    await job.run({ onProgress: (progress) => void seen.push(progress) })
    const map = seen.filter(({ phase }) => phase === 'map')
    equal([map[0]?.partitions, map[0]?.partitionsDone, map[0]?.rows], [6, 0, 0])
    holds(new Set(map.map(({ partitionsDone }) => partitionsDone)).size === 6, 'they are done one after another')
    holds(
      map.every(({ rows }, at) => rows >= (map[at - 1]?.rows ?? 0)),
      'rows only grow',
    )
    const { partitions, partitionsDone, rows } = (await job.status()) ?? {}
    equal([partitions, partitionsDone, rows], [6, 6, 1200])
    holds(!('open' in ((await job.status()) ?? {})), 'what runners need is not shown')
    const whole = slow(db, { partitions: 1 })
    await whole.job.run()
    equal((await whole.job.status())?.partitions, undefined)
  }),

  claim('two that run a split job map side by side, and every document counts once', async (db) => {
    await notesOf(db)
    const [one, two] = [slow(db), slow(db)]
    const ends = await Promise.all([one.job.run(), two.job.run()])
    for (const end of ends) equal(end, { state: 'done', rows: 1200, results: 5, failures: 0 })
    equal(await rowsOf(db), await counted(db))
    holds(one.mapped > 100 && two.mapped > 100, `both had their share: ${one.mapped} and ${two.mapped}`)
  }),

  claim('who helps joins a run that another begins, begins none, and goes on until it is told to end', async (db) => {
    await notesOf(db)
    const helper = slow(db)
    const end = helper.job.help()
    await new Promise((resolve) => setTimeout(resolve, 700))
    equal(await helper.job.status(), null)
    for (const run of [1, 2]) {
      const before = helper.mapped
      const runner = slow(db)
      await runner.job.run()
      equal((await runner.job.status())?.run, run)
      equal(await rowsOf(db), await counted(db))
      holds(helper.mapped > before, `it helped with run ${run}`)
    }
    end()
    const before = helper.mapped
    await slow(db).job.run()
    equal(helper.mapped, before)
  }),

  claim(
    'who helps with another definition than the one that runs says so once, and the run does not notice',
    async (db) => {
      await notesOf(db, 600)
      const errors: (string | undefined)[] = []
      db.on('error', ({ reason }) => errors.push(reason))
      const helper = slow(db, { version: 2 })
      const end = helper.job.help()
      await slow(db).job.run()
      await slow(db, { sliceSize: 5 }).job.run()
      end()
      equal([helper.mapped, await rowsOf(db)], [0, await counted(db)])
      holds(errors.length > 0 && errors.every((reason) => reason === 'job-differs'), `told ${errors.join()}`)
    },
  ),

  claim('a pause stops all who run a split job, and it goes on with every partition where it was', async (db) => {
    await notesOf(db)
    const [one, two] = [slow(db), slow(db)]
    const runs = Promise.all([one.job.run(), two.job.run()])
    await eventually(() => one.mapped > 100 && two.mapped > 100, 'both map')
    equal(await one.job.pause(), true)
    for (const { state } of await runs) equal(state, 'paused')
    const before = (await one.job.status())?.rows ?? 0
    holds(before > 0 && before < 1200, `${before} rows`)
    const again = slow(db)
    equal(await again.job.run(), { state: 'done', rows: 1200, results: 5, failures: 0 })
    holds(again.mapped <= 1200 - before, `${before} rows were kept, and ${again.mapped} mapped`)
    equal(await rowsOf(db), await counted(db))
  }),

  claim('a cancelled split job ends for all who run it', async (db) => {
    await notesOf(db)
    const [one, two] = [slow(db), slow(db)]
    const runs = [one.job.run(), two.job.run()].map((run) => rejects(run, 'aborted', 'cancelled'))
    await eventually(() => one.mapped > 50 && two.mapped > 50, 'both map')
    equal(await two.job.cancel(), true)
    await Promise.all(runs)
    equal(await rowsOf(db), [])
  }),

  claim('a slice that fails stops all who run a split job, names its record, and is tried again', async (db) => {
    await notesOf(db)
    const broken = { on: true }
    const map = async (note: Note, emit: (key: unknown, value: number) => void) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (broken.on && note.id === 'n00150') throw new Error('cannot read it')
      words(note, emit)
    }
    const jobs = [slow(db, { map }).job, slow(db, { map }).job]
    for (const run of jobs.map((job) => rejects(job.run(), 'invalid', 'job-failed')))
      holds(/n00150.*cannot read it/.test((await run).message), 'the record is named')
    const listed = []
    for await (const { id } of jobs[0]?.failures() ?? []) listed.push(id)
    equal(listed, ['n00150'])
    broken.on = false
    equal(await jobs[1]?.run(), { state: 'done', rows: 1200, results: 5, failures: 0 })
    equal(await rowsOf(db), await counted(db))
  }),

  claim('a source with few documents is split into fewer, and one without any not at all', async (db) => {
    const notes = await notesOf(db, 3)
    const job = db.job<Note>('few', { from: notes, map: { key: '$tag' }, reduce: 'count', into: 'out', partitions: 16 })
    equal((await job.run()).rows, 3)
    holds(((await job.status())?.partitions ?? 0) <= 3, 'no more partitions than documents')
    const none = db.job('none', { from: 'no', map: { key: '$tag' }, reduce: 'count', into: 'out', partitions: 4 })
    equal([(await none.run()).rows, (await none.status())?.partitions], [0, undefined])
  }),

  claim('the number of partitions is 1 to 16, and a topic has one', async (db) => {
    const good = { from: 'notes', map: { key: '$tag' }, reduce: 'count', into: 'out' } as const
    for (const partitions of [0, 17, 1.5, -1, '2'] as number[]) {
      const { message } = await rejects(db.job('bad', { ...good, partitions }).run(), 'invalid')
      holds(/'partitions' must be a whole number/.test(message), message)
    }
    const clicks = db.topic<{ page: string }>('clicks')
    await clicks.publish({ page: 'a' })
    const topic = { from: clicks, map: { key: '$value.page' }, reduce: 'count', into: 'out' } as const
    const { message } = await rejects(db.job('topic', { ...topic, partitions: 2 as 1 }).run(), 'invalid', 'not-there')
    holds(/topic.*partitions/.test(message), message)
    equal((await db.job('topic', { ...topic, partitions: 1 }).run()).rows, 1)
  }),
]
