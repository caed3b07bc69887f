/** Claims about topics. */
import type { Database, HeldMessage, TopicMessage } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The values of everything a topic holds. */
async function valuesOf(db: Database, topic: string): Promise<unknown[]> {
  const values = []
  for await (const { value } of db.topic(topic).read()) values.push(value)
  return values
}

/** Takes `count` messages in a loop, and acknowledges them. */
async function take<V>(messages: AsyncIterable<HeldMessage<V>>, count: number): Promise<V[]> {
  const values: V[] = []
  for await (const message of messages) {
    values.push(message.value)
    await message.ack()
    if (values.length === count) break
  }
  return values
}

export const topics: readonly Claim[] = [
  claim('a message comes back as it went in, and once', async (db) => {
    const topic = db.topic('t')
    const value = { when: new Date(5), bytes: new Uint8Array([1, 2]), big: 7n, nested: [null, 'x'] }
    const published = await topic.publish(value, { key: 'k', headers: { from: 'me', at: new Date(7) }, id: 'i' })
    equal(published, { partition: (published as { partition: number }).partition, offset: 0 })
    for await (const message of topic.consume('g')) {
      equal([message.value, message.key, message.id, message.deliveries], [value, 'k', 'i', 1])
      equal(message.headers, { from: 'me', at: new Date(7) })
      holds(Math.abs(message.timestamp.getTime() - Date.now()) < 60_000, 'the time is about now')
      await message.ack()
      await rejects(message.ack(), 'conflict', 'not-held')
      break
    }
    const { groups } = await topic.stats()
    equal([groups[0]?.lag, groups[0]?.inFlight], [0, 0])
  }),

  claim('a handler gets every message once, and messages of a key in order, one at a time', async (db) => {
    const topic = db.topic<number>('t')
    const seen = new Map<string, number[]>()
    const running = new Set<string>()
    let overlaps = 0
    const consumer = topic.consume('g', { maxInFlight: 32 }, async ({ key = '', value }) => {
      if (running.has(key)) overlaps++
      running.add(key)
      await pause(value % 3)
      running.delete(key)
      seen.set(key, [...(seen.get(key) ?? []), value])
    })
    for (let batch = 0; batch < 4; batch++)
      await topic.publishMany(Array.from({ length: 50 }, (_, at) => ({ key: `k${at % 10}`, value: batch * 50 + at })))
    const count = () => [...seen.values()].reduce((sum, list) => sum + list.length, 0)
    await eventually(() => count() >= 200, '200 messages were handled')
    await consumer.stop()
    equal([count(), overlaps], [200, 0])
    for (const [key, list] of seen)
      equal(
        list,
        [...list].sort((a, b) => a - b),
        key,
      )
    equal((await topic.stats()).groups[0]?.lag, 0)
  }),

  claim('groups do not notice each other, and two consumers of one share its messages', async (db) => {
    const topic = db.topic<number>('t')
    await topic.publishMany(Array.from({ length: 60 }, (_, value) => ({ value })))
    const [one, two, other]: [number[], number[], number[]] = [[], [], []]
    const slow =
      (list: number[]) =>
      async ({ value }: { value: number }) => {
        await pause(1)
        list.push(value)
      }
    const consumers = [
      topic.consume('g', { maxInFlight: 4 }, slow(one)),
      topic.consume('g', { maxInFlight: 4 }, slow(two)),
      topic.consume('h', slow(other)),
    ]
    await eventually(() => one.length + two.length >= 60 && other.length >= 60, 'both groups are through')
    for (const consumer of consumers) await consumer.stop()
    equal(
      [...one, ...two].sort((a, b) => a - b),
      Array.from({ length: 60 }, (_, at) => at),
    )
    holds(one.length > 5 && two.length > 5, `${one.length} and ${two.length}: both had some`)
    equal(other.length, 60)
  }),

  claim(
    'a message that fails comes again after its backoff, and is a dead letter in the end, with its history',
    async (db) => {
      const topic = db.topic<string>('t')
      let tries = 0
      const options = { maxDeliveries: 3, backoff: { min: 5, max: 10 } }
      const consumer = topic.consume('g', options, ({ value }) => {
        if (value === 'good') return
        throw new Error(`failed ${++tries}`)
      })
      await topic.publishMany([
        { value: 'bad', key: 'k', headers: { h: 1 } },
        { value: 'good', key: 'k' },
      ])
      await eventually(async () => (await topic.stats()).groups[0]?.lag === 0, 'both are done')
      equal(tries, 3)
      const dead = db.topic<string>('t.dead')
      const letters: TopicMessage<string>[] = []
      for await (const letter of dead.read()) letters.push(letter)
      equal([letters.length, letters[0]?.value, letters[0]?.headers], [1, 'bad', { h: 1 }])
      const past = letters[0]?.dead
      equal([past?.topic, past?.group, past?.deliveries, past?.error], ['t', 'g', 3, 'failed 3'])
      equal(
        past?.history.map(({ error }) => error),
        ['failed 1', 'failed 2', 'failed 3'],
      )
      holds(past?.history.every(({ at }) => at instanceof Date) === true, 'with times')
      equal(await dead.requeue(letters), 1)
      await eventually(() => tries === 6, 'it is tried again, from the beginning')
      await eventually(async () => (await valuesOf(db, 't.dead')).length === 1, 'and dead again')
      for await (const letter of dead.read()) equal(await dead.remove([letter]), 1)
      equal(await valuesOf(db, 't.dead'), [])
      await consumer.stop()
    },
  ),

  claim('who does not settle in time loses the message, and is told', async (db) => {
    const topic = db.topic('t')
    await topic.publish('x')
    const held: HeldMessage<unknown>[] = []
    const consumer = topic.consume('g', { ackDeadline: 40, maxDeliveries: 3 }, (message) => {
      held.push(message)
      return new Promise(() => undefined)
    })
    await eventually(() => held.length === 1, 'it is handed out')
    await held[0]?.extend(120)
    await pause(80)
    equal(held.length, 1, 'more time')
    await eventually(() => held.length === 3, 'it is handed out again')
    const first = held[0] as HeldMessage<unknown>
    holds((first.signal as AbortSignal).aborted, 'the signal has fired')
    await rejects(first.ack(), 'conflict', 'not-held')
    equal(
      held.map(({ deliveries }) => deliveries),
      [1, 2, 3],
    )
    await eventually(
      async () => (await valuesOf(db, 't.dead')).length === 1,
      'a handler that never settles ends in dead letters',
    )
    void consumer.stop()
  }),

  claim('nack says when, and leaving a loop gives back what was not looked at', async (db) => {
    const topic = db.topic<number>('t')
    await topic.publishMany([{ value: 1 }, { value: 2 }, { value: 3 }])
    let nacked = 0
    for await (const message of topic.consume('g')) {
      nacked = performance.now()
      await message.nack({ delay: 30, error: 'later' })
      break
    }
    const values = await take(topic.consume('g'), 3)
    equal(
      [...values].sort((a, b) => a - b),
      [1, 2, 3],
    )
    holds(performance.now() - nacked > 25, 'the first came later')
  }),

  claim('what a transaction publishes appears with its commit or never', async (db) => {
    const notes = db.collection<{ id: string; n: number }>('notes')
    await db.transaction(async (tx) => {
      await tx.collection(notes).insert({ id: 'a', n: 1 })
      equal(await tx.topic('t').publish('a'), undefined)
      equal(await valuesOf(db, 't'), [])
    })
    equal([await valuesOf(db, 't'), (await notes.get('a'))?.n], [['a'], 1])
    const failing = db.transaction(async (tx) => {
      await tx.topic('t').publish('b')
      throw new Error('no')
    })
    await failing.catch(() => undefined)
    equal(await valuesOf(db, 't'), ['a'])
    await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        db.transaction((tx) => tx.topic('t').publishMany([{ value: n }, { value: n }])),
      ),
    )
    equal((await valuesOf(db, 't')).length, 17)
  }),

  claim(
    'a transactional handler writes, publishes and acknowledges in one commit: each message has its effect once',
    async (db) => {
      const topic = db.topic<number>('t')
      const totals = db.collection<{ id: string; sum: number; count: number }>('totals')
      await totals.insert({ id: 'all', sum: 0, count: 0 })
      let runs = 0
      const options = { transactional: true, backoff: { min: 1, max: 2 }, maxInFlight: 4 } as const
      const consumer = topic.consume('g', options, async ({ value }, tx) => {
        await tx.collection(totals).update('all', { $inc: { sum: value, count: 1 } })
        await tx.topic('out').publish(value * 10)
        if (runs++ % 3 === 0) throw new Error('after the writes')
      })
      await topic.publishMany(Array.from({ length: 30 }, (_, at) => ({ value: at })))
      await eventually(async () => (await topic.stats()).groups[0]?.lag === 0, 'all are done')
      await consumer.stop()
      equal(await totals.get('all'), { id: 'all', sum: 435, count: 30 })
      const out = (await valuesOf(db, 'out')) as number[]
      equal(
        out.sort((a, b) => a - b),
        Array.from({ length: 30 }, (_, at) => at * 10),
      )
      equal(await valuesOf(db, 't.dead').catch(() => []), [])
      holds(runs > 30, `${runs} runs`)
    },
  ),

  claim('an id is published once, also a delayed one', async (db) => {
    const topic = db.topic('t')
    await topic.publish(1, { id: 'x' })
    equal(await topic.publish(2, { id: 'x' }), { duplicate: true })
    equal(await topic.publish(3, { id: 'y', delay: 60_000 }), { id: 'y', scheduled: true })
    equal(await topic.publish(4, { id: 'y' }), { duplicate: true })
    equal(await valuesOf(db, 't'), [1])
  }),

  claim('delayed messages come when they are due, urgent ones first, cancelled ones never', async (db) => {
    const topic = db.topic<string>('t')
    const got: [string, number][] = []
    const [begun, soon] = [performance.now(), new Date(Date.now() + 300)]
    await topic.publish('later', { delay: 600, id: 'later' })
    await topic.publish('never', { at: soon, id: 'never' })
    await topic.publish('tomorrow', { delay: 86_400_000, id: 'tomorrow' })
    equal(
      (await topic.scheduled()).map(({ id }) => id),
      ['never', 'later', 'tomorrow'],
    )
    equal([await topic.cancel('never'), await topic.cancel('never')], [true, false])
    await topic.publishMany([{ value: 'now' }, { value: 'urgent', priority: 9 }])
    const consumer = topic.consume('g', { maxInFlight: 1 }, ({ value }) => {
      got.push([value, performance.now() - begun])
    })
    await eventually(() => got.length === 3, 'three came')
    equal(
      got.map(([value]) => value),
      ['urgent', 'now', 'later'],
    )
    const late = got[2]?.[1] ?? 0
    holds(late >= 599, `after ${late} ms`)
    await consumer.stop()
  }),

  claim('a cron expression publishes again and again, until it is cancelled', async (db) => {
    const topic = db.topic('t')
    await topic.schedule('tick', '* * * * * *', 'tick')
    const ticks: number[] = []
    const consumer = topic.consume('g', () => void ticks.push(Date.now()))
    await eventually(() => ticks.length >= 2, 'it ticks')
    holds((ticks[1] as number) - (ticks[0] as number) > 500, 'once a second')
    equal((await topic.scheduled())[0]?.cron, '* * * * * *')
    equal(await topic.cancel('tick'), true)
    await consumer.stop()
  }),

  claim('a group may be paused, and begin anew at an offset, a time, the beginning or the end', async (db) => {
    const topic = db.topic<number>('t')
    await topic.publishMany(Array.from({ length: 5 }, (_, value) => ({ value })))
    await pause(5)
    const time = new Date()
    await pause(5)
    await topic.publishMany(Array.from({ length: 5 }, (_, at) => ({ value: 5 + at })))
    const got: number[] = []
    const consumer = topic.consume('g', { from: 'end' }, ({ value }) => void got.push(value))
    const after = async (act: () => Promise<void>, count: number) => {
      got.length = 0
      await act()
      await eventually(() => got.length >= count, `${count} messages came`)
      await pause(5)
      return [...got].sort((a, b) => a - b)
    }
    await eventually(async () => (await topic.stats()).groups.length === 1, 'the group is there')
    equal(await after(() => topic.seek('g', { offset: 8 }), 2), [8, 9])
    equal(await after(() => topic.seek('g', { time }), 5), [5, 6, 7, 8, 9])
    equal((await after(() => topic.seek('g', 'beginning'), 10)).length, 10)
    await topic.pause('g')
    await topic.publish(10)
    await pause(20)
    equal([got.length, (await topic.stats()).groups[0]?.paused], [10, true])
    equal(await after(() => topic.resume('g'), 1), [10])
    await consumer.stop()
  }),

  claim('only so much is kept, and of a compacted topic the newest of each key', async (db) => {
    const topic = db.topic<number>('t', { retention: { count: 3 }, partitions: 2 })
    for (let value = 0; value < 10; value++) await topic.publish(value)
    equal(await valuesOf(db, 't'), [7, 8, 9])
    const compact = db.topic<number>('c', { compact: true })
    for (let value = 0; value < 10; value++) await compact.publish(value, { key: `k${value % 2}` })
    equal(await valuesOf(db, 'c'), [8, 9])
    await rejects(db.topic('t', { partitions: 3 }).publish(1), 'conflict', 'partitions-differ')
  }),

  claim('reading follows what is published later, and ends with its signal', async (db) => {
    const topic = db.topic<number>('t')
    await topic.publish(0)
    const controller = new AbortController()
    const seen: number[] = []
    const reading = (async () => {
      for await (const { value } of topic.read({
        follow: true,
        signal: controller.signal,
        filter: ({ value }) => value !== 2,
      }))
        seen.push(value)
    })()
    await eventually(() => seen.length === 1, 'the first')
    for (const value of [1, 2, 3]) await topic.publish(value)
    await eventually(() => seen.length === 3, 'the later ones')
    equal(seen, [0, 1, 3])
    controller.abort()
    await rejects(reading, 'aborted')
  }),

  claim('the changes of a collection are a topic: before, after, in the commit that makes them', async (db) => {
    const notes = db.collection<{ id: string; n: number; at?: Date }>('notes')
    await notes.insert({ id: 'old', n: 0 })
    const changes = db.changes(notes)
    equal((await changes.stats()).messages, 0)
    await notes.insert({ id: 'a', n: 1, at: new Date(3) })
    await notes.update('a', { $set: { n: 2 } })
    await db.transaction(async (tx) => {
      await tx.collection(notes).update('old', { $inc: { n: 5 } })
      await tx.collection(notes).delete('a')
    })
    const failing = db.transaction(async (tx) => {
      await tx.collection(notes).delete('old')
      throw new Error('no')
    })
    await failing.catch(() => undefined)
    const at = new Date(3)
    const all = [
      { id: 'a', before: null, after: { id: 'a', n: 1, at } },
      { id: 'a', before: { id: 'a', n: 1, at }, after: { id: 'a', n: 2, at } },
      { id: 'old', before: { id: 'old', n: 0 }, after: { id: 'old', n: 5 } },
      { id: 'a', before: { id: 'a', n: 2, at }, after: null },
    ]
    equal(await valuesOf(db, '$changes/notes'), all)
    // A group keeps the order of each document.
    const taken = await take(changes.consume('mirror'), 4)
    equal(
      taken.filter(({ id }) => id === 'a'),
      all.filter(({ id }) => id === 'a'),
    )
    equal(taken.length, 4)
    const deletions: string[] = []
    for await (const { value } of changes.read({ from: { offset: 1 }, filter: ({ value }) => value.after === null }))
      deletions.push(value.id)
    equal(deletions, ['a'])
  }),

  claim('bad names, messages, options and expressions are refused with what is wrong', async (db) => {
    const topic = db.topic('t')
    await rejects((async () => db.topic(''))(), 'invalid')
    await rejects(db.topic('x'.repeat(200)).publish(1), 'invalid')
    await rejects(topic.publish('x'.repeat(1_100_000)), 'invalid', 'too-large')
    await rejects(topic.publish(1, { headers: { h: 'x'.repeat(20_000) } }), 'invalid', 'too-large')
    await rejects(topic.publish(undefined), 'invalid')
    await rejects(
      topic.publish(() => 1),
      'invalid',
    )
    await rejects(topic.publish(1, { key: '' }), 'invalid')
    await rejects(topic.publish(1, { priority: 10 }), 'invalid')
    await rejects(topic.publish(1, { delay: -1 }), 'invalid')
    await rejects(topic.publishMany([{ value: 1 }, { value: 2, key: 'x'.repeat(600) }]), 'invalid')
    await rejects(topic.schedule('x', 'every now and then', 1), 'invalid', 'bad-cron')
    await rejects(topic.schedule('x', '0 0 31 2 *', 1), 'invalid', 'bad-cron')
    await rejects(topic.seek('nobody', 'end'), 'invalid', 'unknown-group')
    await rejects(topic.pause('nobody'), 'invalid', 'unknown-group')
    await rejects(topic.consume('', () => 1).done, 'invalid')
    await rejects(topic.consume('g', { maxInFlight: 0 }, () => 1).done, 'invalid')
    await rejects(topic.consume('g', { from: 'middle' as never }, () => 1).done, 'invalid')
    await rejects(topic.consume('g', { deadLetter: 't' }, () => 1).done, 'invalid')
    await rejects(topic.consume('g', 5 as never).done, 'invalid')
    equal(await valuesOf(db, 't'), [])
  }),

  claim('a group that is dropped begins anew, and a topic that is dropped is gone with its consumers', async (db) => {
    const topic = db.topic<number>('t')
    await topic.publishMany([{ value: 1 }, { value: 2, delay: 60_000 }])
    const seen: number[] = []
    const first = topic.consume('g', ({ value }) => void seen.push(value))
    await eventually(() => seen.length === 1, 'the group has seen it')
    equal([await topic.dropGroup('g'), await topic.dropGroup('g')], [true, false])
    await rejects(first.done, 'invalid', 'unknown-group')
    const second = topic.consume('g', ({ value }) => void seen.push(10 * value))
    await eventually(() => seen.length === 2, 'a group of that name sees it again')
    equal(seen, [1, 10])
    equal([await topic.drop(), await topic.drop()], [true, false])
    await rejects(second.done, 'invalid', 'unknown-topic')
    equal(await valuesOf(db, 't'), [])
    equal(await topic.scheduled(), [])
    equal(await topic.publish(7), { partition: 0, offset: 0 })
    equal((await topic.stats()).groups, [])
    await rejects(topic.dropGroup(''), 'invalid')
  }),

  claim('a backup carries topics: their messages, and groups with what is not done', async (db, { open }) => {
    const topic = db.topic<number>('t', { retention: { count: 1000 } })
    await topic.publishMany(
      Array.from({ length: 40 }, (_, value) => ({ value, key: `k${value % 3}`, headers: { at: new Date(5) } })),
    )
    await topic.publish(100, { delay: 60_000, id: 'later' })
    for await (const message of topic.consume('g', { maxInFlight: 5 })) {
      await message.ack()
      if (message.value > 10) break
    }
    const lag = (await topic.stats()).groups[0]?.lag ?? 0
    const other = await open()
    try {
      const result = await other.import(db.export())
      equal(result.messages, 40)
      const back = other.topic<number>('t')
      equal(await valuesOf(other, 't'), await valuesOf(db, 't'))
      equal(
        (await back.scheduled()).map(({ id, value }) => [id, value]),
        [['later', 100]],
      )
      equal((await back.stats()).groups[0]?.lag, lag)
      const rest: number[] = []
      const consumer = back.consume('g', ({ value, headers }) => {
        holds(headers['at'] instanceof Date, 'headers are what they were')
        rest.push(value)
      })
      await eventually(() => rest.length === lag, 'the group goes on where it was')
      await consumer.stop()
      for (const key of [0, 1, 2]) {
        const ofKey = rest.filter((value) => value % 3 === key)
        equal(
          ofKey,
          [...ofKey].sort((a, b) => a - b),
        )
      }
    } finally {
      await other.close()
    }
  }),

  claim('messages and what is not settled outlive the close of the database', async (db, { persistent, reopen }) => {
    if (!persistent) return
    const topic = db.topic<number>('t')
    await topic.publishMany([{ value: 1 }, { value: 2 }, { value: 3, delay: 20 }])
    for await (const message of topic.consume('g', { maxInFlight: 1 })) {
      await message.ack()
      break
    }
    await db.close()
    const again = await reopen(db)
    try {
      const values = await take(again.topic<number>('t').consume('g'), 2)
      equal(values, [2, 3])
    } finally {
      await again.close()
    }
  }),
]
