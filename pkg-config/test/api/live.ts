/** Live queries: snapshots, diffs, counts, pipelines, iteration, errors. */
import type { Diff, LiveResult } from '../../src/index.js'
import { claim, equal, eventually, fill, holds, type Claim } from './harness.js'

const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id)

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
    if (result.diff !== null && before !== undefined)
      equal(replay(before.docs, result.diff), result.docs, 'the diff leads from before to after')
    results.push(result)
  })
  return { results, stop, last: () => ids(results.at(-1)?.docs ?? []) }
}

function replay(before: readonly Row[], diff: Diff<Row>): Row[] {
  const gone = new Set([...diff.removed.map(({ index }) => index), ...diff.moved.map(({ from }) => from)])
  const after = before.filter((_, index) => !gone.has(index))
  const coming = [...diff.added, ...diff.moved.map(({ to, doc }) => ({ index: to, doc }))].sort(
    (a, b) => a.index - b.index,
  )
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
      await eventually(
        () => JSON.stringify(last()) === JSON.stringify(expected),
        `${about}: ${expected.join()} but ${last().join()}`,
      )
    }
    await rows.insert({ id: 'top', group: 0, rank: 100 })
    await check('insert')
    await rows.update('r27', { $set: { rank: 200 } })
    await check('move')
    await rows.update('top', { $set: { group: 1 } })
    await check('leave')
    await rows.deleteMany({ rank: { $gt: 20 } })
    await check('delete')
    await rows.insertMany([
      { id: 'x', group: 0, rank: 19.5 },
      { id: 'y', group: 2, rank: 500 },
    ])
    await check('batch')
    holds(
      results.every(({ position }, at) => at === 0 || position > (results[at - 1]?.position ?? 0)),
      'positions rise',
    )
    const heard = results.length
    await rows.update('y', { $set: { rank: 501 } })
    stop()
    await rows.insert({ id: 'late', group: 0, rank: 1000 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    equal(results.length, heard, 'nothing is delivered for other documents, nor after the end')
  }),

  claim('a live query follows random writes', async (db) => {
    const rows = db.collection<Row>('rows')
    const query = rows
      .find({ rank: { $gt: 20 } })
      .sort({ rank: 1 })
      .skip(2)
      .limit(10)
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
    await eventually(
      () => JSON.stringify(last()) === JSON.stringify(expected),
      `${expected.join()} but ${last().join()}`,
    )
    stop()
  }),

  claim('live counts and pipelines follow too', async (db) => {
    const rows = db.collection<Row>('rows')
    const counts: number[] = []
    const sums: unknown[] = []
    const stopCount = rows.find({ group: 1 }).subscribeCount(({ value }) => counts.push(value))
    const stopSum = rows.subscribeAggregate<{ sum: number }>(
      [{ $group: { _id: null, sum: { $sum: '$rank' } } }],
      ({ value }) => sums.push(value[0]?.sum),
    )
    await eventually(() => counts.length === 1 && sums.length === 1, 'first values')
    await rows.insertMany([
      { id: 'a', group: 1, rank: 5 },
      { id: 'b', group: 2, rank: 6 },
    ])
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
    const error = await new Promise<Error>((resolve) =>
      db
        .collection('rows')
        .find({ a: { $nonsense: 1 } })
        .subscribe(() => undefined, { onError: resolve }),
    )
    equal((error as { code?: string }).code, 'invalid')
  }),
]
