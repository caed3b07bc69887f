/** Claims about streams. */
import { type Claim, claim, equal, eventually } from './harness.js'
import { clicksOf, publish, rows, through, time, valuesOf } from './stream_support.js'

export const streams: readonly Claim[] = [
  claim('records are filtered, changed and made many, each into a document', async (db) => {
    const topic = clicksOf(db)
    const stream = await db
      .stream('s')
      .from(topic)
      .filter(({ ms }) => ms > 1)
      .flatMap(({ page, ms }) => [page, ms])
      .map((part) => ({ part }))
      .into('parts')
      .run()
    await publish(topic, [
      ['a', 1, 1],
      ['b', 2, 5],
    ])
    await through(stream)
    equal(await rows(db, 'parts', 'id', 'part'), [
      ['1.0', 'b'],
      ['1.1', 5],
    ])
    const { in: read, out, late, dead, lag, working } = await stream.stats()
    equal([read, out, late, dead, lag, working], [2, 2, 0, 0, 0, true])
    await stream.stop()
    await stream.done
  }),

  claim('windows give their results when they close, and what comes too late is counted and told', async (db) => {
    const topic = clicksOf(db)
    const stream = await db
      .stream('s')
      .from(topic, { time })
      .keyBy(({ page }) => page)
      .window({ tumbling: 100 }, { lateness: 10, late: { topic: 'late' } })
      .aggregate({ n: { $count: {} }, slowest: { $max: ({ ms }) => ms }, total: { $sum: ({ ms }) => ms } })
      .map(({ value, ...rest }) => ({ ...rest, ...value }))
      .into('counts')
      .run()
    await publish(topic, [
      ['a', 5, 3],
      ['b', 20, 4],
      ['a', 99, 9],
      ['b', 109],
    ])
    await through(stream)
    equal(await rows(db, 'counts', 'id'), [], 'no window is closed before its lateness is over')
    await publish(topic, [
      ['a', 50, 1],
      ['b', 110],
      ['a', 98, 100],
      ['a', 120],
    ])
    await through(stream)
    equal(await rows(db, 'counts', 'id', 'key', 'n', 'slowest', 'total', 'start', 'end'), [
      ['a@0', 'a', 3, 9, 13, new Date(0), new Date(100)],
      ['b@0', 'b', 1, 4, 4, new Date(0), new Date(100)],
    ])
    equal(await valuesOf(db, 'late'), [{ page: 'a', at: 98, ms: 100 }])
    const { late, watermark } = await stream.stats()
    equal([late, watermark], [1, new Date(120)])
    equal(await rows(db, 'stream:s', 'id'), [['$'], ['ka'], ['kb']], 'of what is closed nothing is kept')
    await stream.stop()
  }),

  claim(
    'the results of windows may be told with every change, and sessions that become one take theirs back',
    async (db) => {
      const topic = clicksOf(db)
      const stream = await db
        .stream('s')
        .from(topic, { time })
        .keyBy(({ page }) => page)
        .window({ session: 10 }, { lateness: 1000, emit: 'updates' })
        .aggregate({
          init: () => '',
          add: (all, { at }) => `${all} ${at}`,
          merge: (a, b) => a + b,
          result: (all) => all.trim(),
        })
        .into('sessions')
        .run()
      await publish(topic, [
        ['a', 0],
        ['a', 15],
      ])
      await through(stream)
      equal(await rows(db, 'sessions', 'id', 'value'), [
        ['a@0', '0'],
        ['a@15', '15'],
      ])
      await publish(topic, [['a', 8]])
      await through(stream)
      equal(await rows(db, 'sessions', 'id', 'value', 'end'), [['a@0', '0 15 8', new Date(25)]])
      await stream.stop()
    },
  ),

  claim('hopping windows hold a record as often as they overlap, and publish into a topic', async (db) => {
    const topic = clicksOf(db)
    const out = db.topic<{ key: string; value: number }>('out')
    const stream = await db
      .stream('s')
      .from(topic, { time })
      .keyBy(() => 'all')
      .window({ hopping: 20, every: 10 })
      .count()
      .map(({ key, value, start }) => ({ key, value, from: start.getTime() }))
      .into(out)
      .run()
    await publish(topic, [
      ['a', 5],
      ['b', 15],
      ['c', 100],
    ])
    await through(stream)
    equal(await valuesOf(db, 'out'), [
      { key: 'all', value: 1, from: -10 },
      { key: 'all', value: 2, from: 0 },
      { key: 'all', value: 1, from: 10 },
    ])
    const told = []
    for await (const { key, headers } of out.read()) told.push([key, headers['time']])
    equal(told, [
      ['all', 9],
      ['all', 19],
      ['all', 29],
    ])
    await stream.stop()
  }),

  claim('two streams are joined by key and time; what finds nothing is told by a left join', async (db) => {
    const clicks = clicksOf(db)
    const orders = db.topic<{ page: string; at: number; item: string }>('orders')
    const stream = await db
      .stream('s')
      .from(clicks, { time })
      .keyBy(({ page }) => page)
      .join(
        (source) => source.from(orders, { time: ({ at }) => at }).keyBy(({ page }) => page),
        { within: 10, kind: 'left' },
        (click, order) => ({ at: click.at, item: order?.item ?? null }),
      )
      .into('joined')
      .run()
    await publish(clicks, [
      ['a', 0],
      ['b', 1],
    ])
    await orders.publishMany([
      { value: { page: 'a', at: 9, item: 'x' } },
      { value: { page: 'b', at: 12, item: 'too late for b' } },
      { value: { page: 'a', at: 10, item: 'y' } },
    ])
    await publish(clicks, [['c', 100_000]])
    await through(stream)
    const joined = await rows(db, 'joined', 'at', 'item')
    const texts = joined.map((row) => row.join(' ')).sort()
    equal(texts, ['0 x', '0 y', '1 '])
    await stream.stop()
  }),

  claim('two topics are read in the order of publication, however many commits a millisecond has', async (db) => {
    const [left, right] = [db.topic<{ at: number }>('left'), db.topic<{ at: number }>('right')]
    const numbers = [...Array(40).keys()]
    // Both exist before: publishing to one does not wait until the other is made.
    for (const topic of [left, right]) await topic.stats()
    // Nobody waits in between: commits of one and the other within the same millisecond.
    await Promise.all(numbers.flatMap((at) => [left.publish({ at }), right.publish({ at: at * 1000 })]))
    for (const round of ['a', 'b', 'c']) {
      const stream = await db
        .stream(round)
        .from(left, { time: ({ at }) => at * 1000 })
        .keyBy(({ at }) => String(at))
        .join(
          (source) => source.from(right, { time: ({ at }) => at }).keyBy(({ at }) => String(at / 1000)),
          { within: 500, kind: 'left' },
          ({ at }, other) => ({ at, found: other !== null }),
        )
        .into(round)
        .run()
      await left.publish({ at: 1_000_000 })
      await through(stream)
      const found = (await rows(db, round, 'at', 'found')).filter(([at]) => Number(at) < 40)
      found.sort(([one], [other]) => Number(one) - Number(other))
      equal(
        found,
        numbers.map((at) => [at, true]),
      )
      await stream.stop()
    }
  }),

  claim(
    'documents are looked up as they are in the commit of the result, and changes of a collection are a source',
    async (db) => {
      const users = db.collection<{ id: string; name: string }>('users')
      const notes = db.collection<{ id: string; by: string }>('notes')
      await users.insert({ id: 'u1', name: 'Ada' })
      const stream = await db
        .stream('s')
        .from(notes)
        .filter(({ after }) => after !== null)
        .lookup(
          users,
          ({ after }) => after?.by,
          ({ id }, user) => ({ id, by: user?.name ?? 'nobody' }),
        )
        .into('authors')
        .run()
      await notes.insertMany([
        { id: 'n1', by: 'u1' },
        { id: 'n2', by: 'u2' },
      ])
      await through(stream)
      equal(await rows(db, 'authors', 'id', 'by'), [
        ['n1', 'Ada'],
        ['n2', 'nobody'],
      ])
      await stream.stop()
    },
  ),

  claim('when nothing comes, windows close with the time that passes', async (db) => {
    const topic = clicksOf(db)
    const stream = await db
      .stream('s')
      .from(topic, { time })
      .keyBy(({ page }) => page)
      .window({ tumbling: 40 })
      .count()
      .into('out')
      .run({ idleAfter: 60 })
    await publish(topic, [['a', 1]])
    await through(stream)
    equal(await rows(db, 'out', 'id'), [])
    await eventually(async () => (await rows(db, 'out', 'id')).length === 1, 'the window closed')
    await stream.stop()
  }),

  claim('delayed messages reach a stream that is alone with its topic, and leave no group behind', async (db) => {
    const topic = clicksOf(db)
    const description = db
      .stream('s')
      .from(topic)
      .map(({ page }) => ({ id: page }))
      .into('out')
    const runs = [await description.run(), await description.run()]
    for (const [at, page] of ['a', 'b', 'c'].entries()) {
      await topic.publish({ page, at: 0, ms: 0 }, { delay: 30 })
      await eventually(async () => (await rows(db, 'out', 'id')).length === at + 1, 'it came')
      await eventually(async () => (await topic.stats()).groups.length === 0, 'the group is gone')
    }
    for (const run of runs) await run.stop()
  }),
]
