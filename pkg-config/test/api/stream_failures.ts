/** Streams that are killed, whose functions fail, and that are asked for what cannot be. */
import type { Database } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'
import { clicksOf, counting, publish, QUICK, rows, through, time, valuesOf } from './stream_support.js'

export const streamFailures: readonly Claim[] = [
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

  claim(
    'a result that breaks a unique index goes to the dead letters after its tries, and all else is stored',
    async (db) => {
      const topic = clicksOf(db)
      const out = db.collection<{ id: string; ms: number }>('out', { indexes: [{ fields: ['ms'], unique: true }] })
      await out.insert({ id: 'taken', ms: 1 })
      const make = () =>
        db
          .stream('s')
          .from(topic)
          .map(({ page, ms }) => ({ id: page, ms }))
          .into(out)
      await publish(topic, [
        ['a', 1, 1],
        ['b', 2, 2],
      ])
      const stream = await make().run(QUICK)
      await through(stream)
      equal(await rows(db, 'out', 'id', 'ms'), [
        ['b', 2],
        ['taken', 1],
      ])
      const dead = []
      for await (const { value, headers } of db.topic('s.dead').read()) dead.push([value, headers['attempts']])
      equal(dead, [[{ page: 'a', at: 1, ms: 1 }, 3]])
      await stream.stop()
      await publish(topic, [['c', 3, 1]])
      await rejects((await make().run({ ...QUICK, onError: 'stop' })).done, 'invalid', 'stream-failed')
    },
  ),

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

  claim('a stream that has ended leaves no listener at its signal', async (db) => {
    const listeners = new Set<() => void>()
    const signal = {
      aborted: false,
      addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
      removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
    }
    const stream = await counting(db).run({ signal })
    equal(listeners.size, 1)
    await stream.stop()
    equal(listeners.size, 0)
  }),
]
