/** Claims about consumers: what they hold, and how they let go of it. */
import type { HeldMessage, TidewellError } from '../../src/index.js'
import { type Claim, claim, equal, eventually, holds, rejects } from './harness.js'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const consumers: readonly Claim[] = [
  claim('a loop that stands still gives back what it has not looked at, and goes on when it asks again', async (db) => {
    const topic = db.topic<number>('t')
    await topic.publishMany([{ value: 0 }, { value: 1 }, { value: 2 }])
    const settings = { ackDeadline: 100, backoff: { min: 1, max: 1 } }
    const [looked, handled]: [number[], number[]] = [[], []]
    let goOn: () => void = () => undefined
    const still = new Promise<void>((resolve) => (goOn = resolve))
    const loop = topic.consume('g', settings)
    const looking = (async () => {
      for await (const { value } of loop) {
        looked.push(value)
        if (looked.length > 1) break
        await still
      }
    })()
    await eventually(() => looked.length === 1, 'the loop has one')
    const other = topic.consume('g', settings, ({ value }) => void handled.push(value))
    await eventually(() => handled.length === 3, 'another consumer has them all')
    await other.stop()
    await topic.publish(3)
    await pause(30)
    equal((await topic.stats()).groups[0]?.inFlight, 0, 'it takes nothing while it stands still')
    goOn()
    await looking
    equal(looked, [looked[0], 3])
  }),

  claim('a loop whose body takes long has every message once', async (db) => {
    const topic = db.topic<number>('t')
    await topic.publishMany([{ value: 1 }, { value: 2 }])
    const seen: [number, number][] = []
    for await (const message of topic.consume('g', { ackDeadline: 500 })) {
      seen.push([message.value, message.deliveries])
      await pause(300)
      await message.ack()
      if (seen.length === 2) break
    }
    equal(
      seen.sort(([a], [b]) => a - b),
      [
        [1, 1],
        [2, 1],
      ],
    )
    equal((await topic.stats()).groups[0]?.lag, 0)
  }),

  claim('in a transactional handler an ack is that of the commit, and a nack takes the writes back', async (db) => {
    const topic = db.topic<string>('t')
    const done = db.collection<{ id: string; deliveries: number }>('done')
    const options = { transactional: true, backoff: { min: 1, max: 1 } } as const
    const consumer = topic.consume('g', options, async (message, tx) => {
      const { value, deliveries } = message
      await tx.collection(done).insert({ id: value, deliveries })
      if (value === 'nack' && deliveries === 1) return message.nack({ delay: 1 })
      await message.ack()
      if (value === 'throw' && deliveries === 1) throw new Error('after the ack')
    })
    await topic.publishMany([{ value: 'ack' }, { value: 'nack' }, { value: 'throw' }])
    await eventually(async () => (await done.count()) === 3, 'each has its effect')
    await consumer.stop()
    equal(
      (await done.find().sort({ id: 1 }).toArray()).map(({ id, deliveries }) => [id, deliveries]),
      [
        ['ack', 1],
        ['nack', 2],
        ['throw', 2],
      ],
    )
    equal((await topic.stats()).groups[0]?.lag, 0)
  }),

  claim('a handler that still runs when its group begins anew has no say in the new delivery', async (db) => {
    const topic = db.topic('t')
    const calls: HeldMessage<unknown>[] = []
    const ends: ((error?: Error) => void)[] = []
    const consumer = topic.consume('g', { backoff: { min: 1, max: 1 } }, (message) => {
      calls.push(message)
      return new Promise<void>((resolve, reject) =>
        ends.push((error) => (error === undefined ? resolve() : reject(error))),
      )
    })
    await topic.publish('x')
    await eventually(() => calls.length === 1, 'it is handed out')
    await topic.seek('g', 'beginning')
    await eventually(() => calls.length === 2, 'and once more')
    const first = calls[0] as HeldMessage<unknown>
    holds((first.signal as AbortSignal).aborted, 'whoever had it is told')
    await rejects(first.ack(), 'conflict', 'not-held')
    ends[0]?.()
    ends[1]?.(new Error('no'))
    await eventually(() => calls.length === 3, 'the second one failed')
    ends[2]?.()
    await consumer.stop()
    equal((await topic.stats()).groups[0]?.lag, 0)
  }),

  claim('handlers are told that the database is closed', async (db) => {
    const topic = db.topic('t')
    await topic.publish('x')
    let signal: AbortSignal | undefined
    topic.consume('g', (message) => {
      signal = message.signal as AbortSignal
      return new Promise(() => undefined)
    })
    await eventually(() => signal !== undefined, 'it is handed out')
    equal(signal?.aborted, false)
    await db.close()
    equal(signal?.aborted, true)
  }),

  claim('whatever a handler throws, the message comes again', async (db) => {
    const topic = db.topic('t')
    const thrown = [Object.create(null), undefined, { message: 'an object' }, new Error('an error')]
    let tries = 0
    const options = { maxDeliveries: thrown.length, backoff: { min: 1, max: 1 } }
    const consumer = topic.consume('g', options, () => {
      throw thrown[tries++]
    })
    await topic.publish('x')
    await eventually(async () => (await topic.stats()).groups[0]?.lag === 0, 'it is a dead letter')
    await consumer.stop()
    for await (const { dead } of db.topic('t.dead').read())
      equal(
        dead?.history.map(({ error }) => error),
        ['unknown error', 'undefined', 'an object', 'an error'],
      )
  }),

  claim('reading ends with a signal that fires in the body of its loop', async (db) => {
    const topic = db.topic('t')
    await topic.publish('x')
    const controller = new AbortController()
    let error: TidewellError | undefined
    const reading = async () => {
      for await (const _ of topic.read({ follow: true, signal: controller.signal })) controller.abort()
    }
    reading().catch((thrown: TidewellError) => (error = thrown))
    await eventually(() => error !== undefined, 'it ends')
    equal(error?.code, 'aborted')
  }),

  claim('the options of a topic are stored once, not with every call', async (db) => {
    const position = async () => Number((await db.stats()).engine['position'])
    const publish = () => db.topic('t', { partitions: 2, retention: { count: 3 } }).publish('x')
    await publish()
    const before = await position()
    for (let n = 0; n < 5; n++) await publish()
    equal((await position()) - before, 5)
    await db.topic('t', { retention: { count: 2 } }).publish('x')
    equal((await db.topic('t').stats()).messages, 2, 'other ones are')
  }),
]
