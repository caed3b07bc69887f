/** Helping with runs that others begin, over looks that the test plays. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TidewellError } from '../src/errors.js'
import { keepHelping } from '../src/jobs/help.js'
import { until } from './until.js'

/** Helps for as many looks as are given: each finds a run by its number, none, or fails. Answers what was told, and the runs that were joined. */
const helped = async (looks: readonly (number | string | undefined)[], joins = new Map<number, string>()) => {
  const end = new AbortController()
  const told: string[] = []
  const joined: number[] = []
  const failing = (text: string) => new TidewellError('corrupt', text)
  let at = 0
  let run = 0
  const job = {
    running: async () => {
      const look = looks[at++]
      if (typeof look === 'string') throw failing(look)
      return look === undefined ? undefined : (run = look)
    },
    join: async () => {
      joined.push(run)
      const text = joins.get(run)
      if (text !== undefined) throw failing(text)
    },
    report: ({ message }: TidewellError) => void told.push(message),
  }
  const helping = keepHelping(job, end.signal)
  await until(() => at > looks.length, 'all looks')
  end.abort()
  await helping
  return { told, joined }
}

test('what keeps a helper from looking is told once, and once more after it could look', async () => {
  const { told, joined } = await helped(['no', 'no', 'never', 'never', 1, 'never'])
  assert.deepEqual([told, joined], [['no', 'never', 'never'], [1]])
})

test('a run that a helper cannot join is told once and left alone, the next one is joined', async () => {
  const joins = new Map([
    [1, 'cannot'],
    [2, 'cannot'],
  ])
  const { told, joined } = await helped([1, 1, undefined, 1, 2, 2, 3], joins)
  assert.deepEqual(told, ['cannot', 'cannot'])
  assert.deepEqual(joined, [1, 2, 3])
})
