// What is measured, in the page: each workload answers samples in milliseconds and how many operations one sample is.
import { documentOf, documentsOf, idOf } from './documents.js'

const BATCH = 1000

const timed = async (work) => {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** Numbers that look random and are the same for every engine. */
const scattered = (count, below) => Array.from({ length: count }, (_, i) => ((i + 1) * 48271) % below)

const check = (condition, message) => {
  if (!condition) throw new Error(message)
}

/** The longest time between two turns of the event loop while `work` runs. */
const withLongestTask = async (work) => {
  let longest = 0
  let last = performance.now()
  let running = true
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (running) port2.postMessage(0)
  }
  port2.postMessage(0)
  await work()
  running = false
  port1.close()
  return longest
}

export const workloads = {
  async bulk(engine, { total }) {
    const batches = Array.from({ length: total / BATCH }, (_, k) => documentsOf(k * BATCH, BATCH, total))
    const samples = []
    for (const batch of batches) samples.push(await timed(() => engine.bulk(batch)))
    check((await engine.count()) === total, 'every document is there')
    return { samples, each: BATCH }
  },
  async single(engine, { total, count }) {
    const samples = []
    for (let i = 0; i < count; i++) {
      const document = documentOf(total + i, total)
      samples.push(await timed(() => engine.put(document)))
    }
    return { samples, each: 1 }
  },
  async inFlight(engine, { total, count }) {
    const samples = []
    for (let i = 0; i < count; i += 100) {
      const documents = documentsOf(2 * total + i, 100, total)
      samples.push(await timed(() => Promise.all(documents.map((document) => engine.put(document)))))
    }
    return { samples, each: 100 }
  },
  async get(engine, { total, count }) {
    const ids = scattered(count, total).map(idOf)
    for (const id of ids) await engine.get(id)
    const samples = []
    // The clock ticks every few microseconds: twenty gets are one sample.
    for (let i = 0; i < ids.length; i += 20) {
      const some = ids.slice(i, i + 20)
      let found
      samples.push(await timed(async () => { for (const id of some) found = await engine.get(id) }))
      check(found?.id === some.at(-1), 'the document is the one that was asked for')
    }
    return { samples, each: 20 }
  },
  async range(engine, { total, count }) {
    const samples = []
    for (const low of scattered(count / 10, total - 1000)) {
      let found
      samples.push(await timed(async () => (found = await engine.range(low, 20))))
      check(found.length === 20 && found.every((doc, k) => doc.n >= low && (k === 0 || doc.n >= found[k - 1].n)), 'twenty documents in order')
    }
    return { samples, each: 1 }
  },
  async filterSort(engine) {
    const samples = []
    for (let i = 0; i < 7; i++) {
      let found
      samples.push(await timed(async () => (found = await engine.filterSort([`g${i}`, `g${i + 10}`, `g${i + 20}`], 2000, 50))))
      check(found.length === 50 && found[0].amount >= found[49].amount, 'fifty documents, largest first')
    }
    return { samples, each: 1 }
  },
  async groupBy(engine) {
    const samples = []
    for (let i = 0; i < 7; i++) {
      let found
      samples.push(await timed(async () => (found = await engine.groupBy())))
      check(found.length === 50, 'fifty groups')
    }
    return { samples, each: 1 }
  },
  async update(engine, { total }) {
    const size = total / 10
    return { samples: [await timed(() => engine.update(size, 2 * size))], each: size }
  },
  async remove(engine, { total }) {
    const size = total / 10
    return { samples: [await timed(() => engine.remove(3 * size, 4 * size))], each: size }
  },
  /** From a write's promise to the callback of a sorted window of 50 that it enters. */
  async live(engine, { total }) {
    if (engine.live === undefined) return undefined
    let arrived
    const stop = engine.live(0, ({ docs }) => arrived?.(docs[0].amount))
    await new Promise((done) => setTimeout(done, 300))
    const samples = []
    for (let i = 0; i < 200; i++) {
      const amount = 20_000 + i
      const seen = new Promise((done) => (arrived = (top) => top === amount && done(performance.now())))
      await engine.put({ ...documentOf(4 * total + i, total), amount })
      const written = performance.now()
      samples.push(Math.max(0, (await seen) - written))
    }
    stop()
    return { samples, each: 1 }
  },
  /** The longest task of the main thread while a tenth of the documents is written again and compaction works. */
  async longestTask(engine, { total }) {
    if (engine.stats === undefined) return undefined
    const batches = Array.from({ length: total / BATCH / 5 }, (_, k) => documentsOf(5 * total + k * BATCH, BATCH, total))
    const longest = await withLongestTask(async () => {
      for (const batch of batches) await engine.bulk(batch)
      await new Promise((done) => setTimeout(done, 1000))
    })
    return { samples: [longest], each: 1 }
  },
  /** The longest task of the main thread while one call changes a fifth of the documents by a filter. */
  async longestUpdate(engine, { total }) {
    if (engine.stats === undefined) return undefined
    const size = total / 10
    return { samples: [await withLongestTask(() => engine.update(4 * size, 6 * size))], each: 1 }
  },
  /** The same while one call deletes a fifth. */
  async longestRemove(engine, { total }) {
    if (engine.stats === undefined) return undefined
    const size = total / 10
    return { samples: [await withLongestTask(() => engine.remove(6 * size, 8 * size))], each: 1 }
  },
}

/** From `open` to the first document, in a page that was just loaded. */
export const reopen = (engine, name, id) =>
  timed(async () => {
    await engine.open(name)
    check((await engine.get(id)) !== null, 'the document is there after a reload')
  })
