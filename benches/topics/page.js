// The page of the benchmark of topics. Each part has a topic of its own, so that rounds do not see each other's messages.
import { open } from '/tidewell.js'

const DATABASE = 'topics'
let db
let latencies = []

const clock = () => performance.timeOrigin + performance.now()
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const rate = (count, begun) => count / ((performance.now() - begun) / 1000)
const batch = (size, from) =>
  Array.from({ length: size }, (_, at) => ({ value: { n: from + at, text: 'a message of usual length' }, key: `k${(from + at) % 100}` }))

/** Resolves once the handler has seen `count` messages. */
const consumed = (topic, group, options, count) =>
  new Promise((resolve, reject) => {
    let seen = 0
    const consumer = topic.consume(group, options, () => {
      if (++seen === count) setTimeout(() => consumer.stop().then(resolve, reject))
    })
    consumer.done.catch(reject)
  })

window.bench = {
  async open() {
    db = await open(DATABASE)
    await db.topic('warm').publishMany(batch(500, 0))
  },
  /** Messages published a second, in batches of 1,000, each awaited. */
  async publish(name, count, durability) {
    const topic = db.topic(name)
    const begun = performance.now()
    for (let at = 0; at < count; at += 1000) await topic.publishMany(batch(1000, at), { durability })
    return rate(count, begun)
  },
  /** Messages consumed and acknowledged a second out of a backlog that is there. */
  async consume(name, count) {
    const begun = performance.now()
    await consumed(db.topic(name), 'g', { maxInFlight: 256 }, count)
    return rate(count, begun)
  },
  /** The same with every effect in the commit of its acknowledgement. */
  async transactional(name, count) {
    const topic = db.topic(name)
    let seen = 0
    const begun = performance.now()
    await new Promise((resolve, reject) => {
      const consumer = topic.consume('tx', { maxInFlight: 64, transactional: true }, async ({ value }, tx) => {
        await tx.collection('effects').insert({ id: `${name} ${value.n}` })
        if (++seen === count) setTimeout(() => consumer.stop().then(resolve, reject))
      })
      consumer.done.catch(reject)
    })
    return rate(count, begun)
  },
  /** A consumer that notes how long messages took from `publish`. */
  async listen(name) {
    latencies = []
    window.listening = db.topic(name).consume('g', ({ value }) => void latencies.push(clock() - value))
    await wait(200)
  },
  async send(name, count) {
    for (let n = 0; n < count; n++) {
      await db.topic(name).publish(clock())
      await wait(4)
    }
  },
  latencies: () => latencies,
  async heard(count) {
    for (let tries = 0; latencies.length < count && tries < 400; tries++) await wait(25)
    await window.listening.stop()
    return latencies
  },
  /** Bytes that the engine holds in memory. */
  memory: async () => (await db.stats()).engine,
}
