/** Jobs that run by themselves, over a clock of waits that the test reads, and what keeps them from beginning. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Job } from '../src/jobs/handle.js'
import type { LoadedJob } from '../src/jobs/job.js'
import { keepRunning, type Scheduled } from '../src/jobs/schedule.js'
import { until } from './until.js'

type Last = Awaited<ReturnType<Scheduled['last']>>

/** Looks once: answers for how long it waits after that, and how many runs there were. */
const looked = async (schedule: Scheduled['schedule'], last: Last) => {
  const waits: number[] = []
  let runs = 0
  const job: Scheduled = {
    schedule,
    last: async () => last,
    run: async () => void runs++,
    report: (error) => assert.fail(error),
    wakeIn: (ms) => waits.push(ms) > 0,
  }
  keepRunning(job, new AbortController().signal)
  await until(() => waits.length > 0, 'it waits')
  return { wait: waits[0] ?? 0, runs }
}

const EVERY = { every: 60_000 }
const EVERY_SECOND = { cron: '["* * * * * *"]' }

test('a run that was left unfinished is gone on with, one that was paused is not', async () => {
  for (const schedule of [EVERY, EVERY_SECOND]) {
    const begun = { started: Date.now() - 5000, finished: 0 }
    assert.deepEqual(await looked(schedule, { ...begun, state: 'running' }), { wait: 0, runs: 1 })
    const { wait, runs } = await looked(schedule, { ...begun, state: 'paused' })
    assert.equal(runs, 0)
    assert.ok(wait > 0 && wait <= ('every' in schedule ? 60_000 : 1000), `it looks again after ${wait} ms`)
  }
})

test('what keeps a job from beginning by itself is told, and the next use loads it anew', async () => {
  const told: unknown[] = []
  const began: string[] = []
  let isLost = true
  const loaded = { start: () => began.push('start'), help: () => began.push('help') } as unknown as LoadedJob
  const load = async () => {
    if (isLost) throw new Error('lost')
    return loaded
  }
  const job = new Job('j', load, (error) => told.push(error))
  job.start()
  job.help()
  await until(() => told.length === 2, 'both are told')
  isLost = false
  job.start()
  await until(() => began.length === 1, 'it begins')
})
