/** What the API costs per operation in Node, on the memory disk: the engine and the JavaScript around it, no storage. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const COUNT = 100_000
const entry = pathToFileURL(join(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist/inline.js')).href
const { open } = (await import(entry)) as typeof import('../../src/index.js')

interface Doc {
  id: string
  title: string
  body: string
  tags: string[]
  group: number
  n: number
  amount: number
}

const make = (n: number): Doc => ({
  id: `doc-${String(n).padStart(8, '0')}`,
  title: `Tide table number ${n} of the harbour`,
  body: 'Lorem ipsum dolor sit amet consectetur '.repeat(6).slice(0, 220),
  tags: ['sea', 'moon', `t${n % 100}`],
  group: n % 50,
  n,
  amount: (n * 7919) % 100_000,
})

async function timed(what: string, units: number, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work()
  const ms = performance.now() - start
  console.log(`${what.padEnd(52)} ${((ms * 1000) / units).toFixed(2).padStart(10)} µs each, ${ms.toFixed(0)} ms in all`)
}

const db = await open('bench')
const docs = db.collection<Doc>('docs', { indexes: ['n', 'title'] })
const all = Array.from({ length: COUNT }, (_, n) => make(n))
await timed(`insert ${COUNT} in batches of 1000, two indexes`, COUNT, async () => {
  for (let start = 0; start < COUNT; start += 1000) await docs.insertMany(all.slice(start, start + 1000))
})
await timed('insert one by one, awaited', 2000, async () => {
  for (let n = 0; n < 2000; n++) await docs.put(make(COUNT + n))
})
await timed('insert 100 at a time', 10_000, async () => {
  for (let start = 0; start < 100; start++)
    await Promise.all(Array.from({ length: 100 }, (_, n) => docs.put(make(COUNT + start * 100 + n))))
})
for (const round of ['cold', 'warm', 'warm']) {
  await timed(`get by id, ${round}`, 20_000, async () => {
    for (let n = 0; n < 20_000; n++) await docs.get(`doc-${String((n * 7919) % COUNT).padStart(8, '0')}`)
  })
}
await timed('get one document again and again', 100_000, async () => {
  for (let n = 0; n < 100_000; n++) await docs.get('doc-00000500')
})
await timed('range of 20 on an index', 2000, async () => {
  for (let n = 0; n < 2000; n++)
    await docs
      .find({ n: { $gte: (n * 37) % COUNT } })
      .sort({ n: 1 })
      .limit(20)
      .toArray()
})
for (let round = 0; round < 2; round++) {
  await timed('filter and sort without an index, top 50', 1, () =>
    docs
      .find({ group: { $in: [1, 2, 3] }, amount: { $gte: 50_000 } })
      .sort({ amount: -1 })
      .limit(50)
      .toArray(),
  )
  await timed('group by with a sum over all', 1, () =>
    docs.aggregate([{ $group: { _id: '$group', sum: { $sum: '$amount' } } }]),
  )
}
await timed('update 10 000 by a range', 10_000, () =>
  docs.updateMany({ n: { $gte: 0, $lt: 10_000 } }, { $set: { title: 'changed' } }),
)
await timed('delete 10 000 by a range', 10_000, () => docs.deleteMany({ n: { $gte: 0, $lt: 10_000 } }))
const times: number[] = []
const stop = docs
  .find({ amount: { $gte: 50_000 } })
  .sort({ amount: -1 })
  .limit(50)
  .subscribe(() => times.push(performance.now()))
await new Promise((resolve) => setTimeout(resolve, 500))
const lags: number[] = []
for (let n = 0; n < 200; n++) {
  await docs.put({ ...make(50_000 + n), amount: 99_990 + n })
  const resolved = performance.now()
  while ((times.at(-1) ?? 0) < resolved - 50) await new Promise((resolve) => setImmediate(resolve))
  lags.push((times.at(-1) ?? 0) - resolved)
}
stop()
lags.sort((a, b) => a - b)
console.log(
  `live query: write resolved to callback, median ${lags[100]?.toFixed(3)} ms, worst ${lags.at(-1)?.toFixed(3)} ms`,
)
console.log(JSON.stringify((await db.stats()).engine))
await db.close()
