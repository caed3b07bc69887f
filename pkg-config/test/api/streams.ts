/** Claims about streams. */
import type { Database, RunningStream, StreamOptions, Topic } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'

interface Click {
  readonly page: string
  readonly at: number
  readonly ms: number
}

const QUICK: StreamOptions = { backoff: { min: 1, max: 5 } }
/** One partition: the watermark is that of all. */
const clicksOf = (db: Database) => db.topic<Click>('clicks', { partitions: 1 })
const time = ({ at }: Click) => at

/** Publishes clicks: rows of page, time, milliseconds. */
async function publish(topic: Topic<Click>, rows: readonly (readonly [page: string, at: number, ms?: number])[]) {
  await topic.publishMany(rows.map(([page, at, ms = 1]) => ({ key: page, value: { page, at, ms } })))
}

/** Waits until a stream has read everything. */
async function through(stream: RunningStream): Promise<void> {
  await eventually(async () => (await stream.stats()).lag === 0, 'the stream has read everything')
}

/** The documents of a collection, by id, as rows of these fields. */
async function rows(db: Database, collection: string, ...fields: string[]): Promise<unknown[][]> {
  const documents = await db.collection(collection).find().sort({ id: 1 }).toArray()
  return documents.map((document) => fields.map((field) => (document as unknown as Record<string, unknown>)[field]))
}

async function valuesOf(db: Database, topic: string): Promise<unknown[]> {
  const values = []
  for await (const { value } of db.topic(topic).read()) values.push(value)
  return values
}

/** Words are counted by a stream, over all of time. */
const counting = (db: Database) =>
  db
    .stream('words')
    .from(db.topic<string>('texts'))
    .flatMap((text) => text.split(' '))
    .filter((word) => word !== '')
    .keyBy((word) => word)
    .count()
    .into('words')

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

  claim('two runs of one stream count everything once, and one takes over where the other stops', async (db) => {
    const topic = db.topic<string>('texts')
    const [one, two] = [await counting(db).run(), await counting(db).run()]
    for (let n = 0; n < 30; n++)
      await topic.publishMany(Array.from({ length: 10 }, (_, at) => ({ value: `w${at} all ` })))
    await through(one)
    const working = await Promise.all([one.stats(), two.stats()])
    const [worker, other] = working[0].working ? [one, two] : [two, one]
    await worker.stop()
    await topic.publishMany(Array.from({ length: 10 }, (_, at) => ({ value: `w${at} all ` })))
    await through(other)
    holds((await other.stats()).working, 'the other works')
    const counted = await rows(db, 'words', 'id', 'value')
    equal(counted, [['all', 310], ...Array.from({ length: 10 }, (_, at) => [`w${at}`, 31])])
    equal((await other.stats()).in, 310)
    await other.stop()
  }),

  claim('runs that are killed before, in or after any commit lose nothing and count nothing twice', async (db) => {
    const topic = db.topic<string>('texts', { partitions: 1 })
    const commit = db.transaction.bind(db)
    let seed = 7
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below
    let kills = 0
    const die = () => {
      kills++
      throw new Error('killed')
    }
    const windows = (of: Database) =>
      of
        .stream('windows')
        .from(topic, { time: (text) => Number(text.split(' ')[2]) })
        .keyBy((text) => text.split(' ')[0] as string)
        .window({ tumbling: 50 })
        .count()
        .into(of.topic<unknown>('closed'))
    for (let round = 0; round < 40; round++) {
      await topic.publishMany(Array.from({ length: 10 }, (_, at) => ({ value: `w${at % 3} all ${round * 10 + at}` })))
      const runs = [await counting(db).run({ batch: 4 }), await windows(db).run({ batch: 4 })]
      db.transaction = async (work, options) => {
        const when = random(6)
        if (when === 0) die()
        const answer = await commit(async (tx) => {
          const inside = await work(tx)
          if (when === 1) die()
          return inside
        }, options)
        if (when === 2) die()
        return answer
      }
      await Promise.race(runs.map((run) => Promise.race([run.done.catch(() => undefined), through(run)])))
      db.transaction = commit
      for (const run of runs) await run.stop()
    }
    const runs = [await counting(db).run(), await windows(db).run()]
    await topic.publish('last  100000')
    for (const run of runs) await through(run)
    const counted = new Map((await rows(db, 'words', 'id', 'value')) as [string, number][])
    equal([counted.get('all'), counted.get('w0'), counted.get('w1'), counted.get('w2')], [400, 160, 120, 120])
    const closed = (await valuesOf(db, 'closed')) as { key: string; start: Date; value: number }[]
    const names = closed.map(({ key, start }) => `${key}@${start.getTime()}`)
    equal([names.length, new Set(names).size], [24, 24], 'each window closed once')
    equal(
      closed.reduce((sum, { value }) => sum + value, 0),
      400,
    )
    holds(kills > 20, `${kills} runs were killed`)
    for (const run of runs) await run.stop()
  }),

  {
    name: 'a database closed in the middle of a stream goes on where it was: nothing is lost, nothing counts twice',
    run: async (context) => {
      let db = await context.open()
      if (!context.persistent) return db.close()
      const topic = () => db.topic<string>('texts')
      for (let n = 0; n < 20; n++)
        await topic().publishMany(Array.from({ length: 50 }, (_, at) => ({ value: `w${at % 7} all` })))
      for (let kill = 0; kill < 5; kill++) {
        const stream = await counting(db).run({ batch: 20 })
        await eventually(async () => (await stream.stats()).in > 100 * kill, 'some is done')
        await db.close()
        db = await context.reopen(db)
      }
      const stream = await counting(db).run()
      await through(stream)
      const counted = new Map((await rows(db, 'words', 'id', 'value')) as [string, number][])
      equal([counted.get('all'), [...counted.values()].reduce((a, b) => a + b)], [1000, 2000])
      equal((await stream.stats()).in, 1000)
      await db.close()
    },
  },

  claim(
    'a function that throws at one message: that goes to the dead letters, whole, and all else goes on',
    async (db) => {
      const topic = clicksOf(db)
      let tries = 0
      const stream = await db
        .stream('s')
        .from(topic, { time })
        .flatMap((click) => [click, click])
        .keyBy(({ page }) => page)
        .aggregate({
          init: () => 0,
          add: (all, { page, ms }) => {
            if (ms === 13) tries++
            // The second of the two: nothing of the first may stay.
            if (ms === 13 && tries % 2 === 0) throw new Error(`no ${page}`)
            return all + ms
          },
        })
        .into('sums')
        .run(QUICK)
      await publish(topic, [
        ['a', 1, 1],
        ['a', 2, 2],
        ['a', 3, 13],
        ['a', 4, 4],
      ])
      await through(stream)
      equal(await rows(db, 'sums', 'id', 'value'), [['a', 14]])
      const dead = []
      for await (const message of db.topic('s.dead').read())
        dead.push([message.value, message.headers['error'], message.headers['offset']])
      equal(dead, [[{ page: 'a', at: 3, ms: 13 }, 'no a', 2]])
      holds(tries >= 6, `it was tried three times, in all ${tries} calls`)
      equal((await stream.stats()).dead, 1)
      await stream.stop()
    },
  ),

  claim('or the stream stops there, says why, and goes on when it is put right', async (db) => {
    const topic = clicksOf(db)
    const errors: string[] = []
    db.on('error', (error) => errors.push(error.reason ?? ''))
    const make = (isRight: boolean) =>
      db
        .stream('s')
        .from(topic)
        .map(({ page, ms }) => {
          if (!isRight && ms === 2) throw new Error('not two')
          return { id: page, ms }
        })
        .into('out')
    await publish(topic, [
      ['a', 1, 1],
      ['b', 2, 2],
      ['c', 3, 3],
    ])
    const stream = await make(false).run({ ...QUICK, onError: 'stop' })
    const error = await rejects(stream.done, 'invalid', 'stream-failed')
    holds(error.message.includes('not two'), error.message)
    equal(errors, ['stream-failed'])
    equal(await rows(db, 'out', 'id'), [['a']])
    const again = await make(true).run()
    await through(again)
    equal(await rows(db, 'out', 'id'), [['a'], ['b'], ['c']])
    await again.stop()
  }),

  claim(
    'a result that fails or cannot be stored goes to the dead letters, and the window is closed all the same',
    async (db) => {
      const topic = clicksOf(db)
      const stream = await db
        .stream('s')
        .from(topic, { time })
        .keyBy(({ page }) => page)
        .window({ tumbling: 10 })
        .count()
        .map((result) => {
          if (result.key === 'bad') throw new Error('bad result')
          return result.key === 'long' ? { id: 'x'.repeat(600) } : { id: result.key, n: result.value }
        })
        .into('out')
        .run(QUICK)
      await publish(topic, [
        ['bad', 1],
        ['long', 2],
        ['good', 3],
        ['last', 50],
      ])
      await through(stream)
      equal(await rows(db, 'out', 'id', 'n'), [['good', 1]])
      const dead = []
      for await (const { key } of db.topic('s.dead').read()) dead.push(key)
      equal(dead.sort(), ['bad', 'long'])
      equal((await rows(db, 'stream:s', 'id')).flat(), ['$', 'klast'])
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

  claim('delayed messages reach a stream that is alone with its topic', async (db) => {
    const topic = clicksOf(db)
    const stream = await db
      .stream('s')
      .from(topic)
      .map(({ page }) => ({ id: page }))
      .into('out')
      .run()
    await topic.publish({ page: 'later', at: 0, ms: 0 }, { delay: 30 })
    await eventually(async () => (await rows(db, 'out', 'id')).length === 1, 'it came')
    await stream.stop()
  }),

  claim('bad descriptions and options are refused before anything runs', async (db) => {
    const topic = clicksOf(db)
    const keyed = db
      .stream('s')
      .from(topic)
      .keyBy(({ page }) => page)
    const wrong = [
      db.stream('').from(topic).into('x').run(),
      db
        .stream('s')
        .from({ name: 'x' } as never)
        .into('x')
        .run(),
      db
        .stream('s')
        .from(topic)
        .into(5 as never)
        .run(),
      db
        .stream('s')
        .from(topic)
        .map(5 as never)
        .into('x')
        .run(),
      keyed.window({ tumbling: 0 }).count().into('x').run(),
      keyed.window({ hopping: 10, every: 20 }).count().into('x').run(),
      keyed
        .window({ session: 5 })
        .aggregate({ init: () => 0, add: (n) => n })
        .into('x')
        .run(),
      keyed
        .aggregate({ n: { $median: 1 } } as never)
        .into('x')
        .run(),
      keyed.window({ tumbling: 5 }, { lateness: -1 }).count().into('x').run(),
      (keyed as unknown as { into(name: string): { run(): Promise<unknown> } }).into('x').run(),
      keyed.count().into('x').run({ batch: 0 }),
      keyed
        .count()
        .into('x')
        .run({ onError: 'ignore' as never }),
    ]
    for (const one of wrong) await rejects(one, 'invalid')
    const stream = await keyed.count().into('x').run()
    await rejects(keyed.window({ tumbling: 5 }).count().into('x').run(), 'conflict', 'stream-differs')
    await stream.stop()
    await keyed.count().into('x').reset()
    const changed = await keyed.window({ tumbling: 5 }).count().into('x').run()
    await changed.stop()
  }),

  claim('async functions are refused: their message goes to the dead letters', async (db) => {
    const topic = clicksOf(db)
    const stream = await db
      .stream('s')
      .from(topic)
      .map(async ({ page }) => page)
      .into(db.topic<unknown>('out'))
      .run(QUICK)
    await publish(topic, [['a', 1]])
    await through(stream)
    equal([(await stream.stats()).dead, await valuesOf(db, 'out')], [1, []])
    await stream.stop()
  }),

  claim('a stream ends with its signal, and with its database', async (db) => {
    const controller = new AbortController()
    const one = await counting(db).run({ signal: controller.signal })
    controller.abort()
    await one.done
    const two = await counting(db).run()
    await db.close()
    await rejects(two.done, 'closed')
  }),
]
