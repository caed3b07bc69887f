// The same session on the calling thread, in a worker, and under the strictest policy a page may have, gives the same results.
import assert from 'node:assert/strict'
import { scenario } from './support/scenario.mjs'

/** A session that touches everything; answers what can be compared. */
const session = async (options) => {
  const db = await openDatabase(`modes-${options.worker === true}`, options)
  const docs = db.collection('docs', { indexes: ['group', ['kind', 'n']] })
  await docs.insertMany(Array.from({ length: 1000 }, (_, n) => ({ id: `d${String(n).padStart(4, '0')}`, n, group: n % 7, kind: n % 2 ? 'odd' : 'even', when: new Date(n * 1000), tags: [`a${n % 3}`, `b${n % 5}`] })))
  const seen = []
  const stop = docs.find({ group: 3 }).sort({ n: -1 }).limit(5).subscribe(({ docs: found, diff }) => seen.push({ ids: found.map(({ id }) => id), added: diff?.added.length ?? null }))
  await new Promise((done) => setTimeout(done, 100))
  await docs.insert({ id: 'top', n: 5000, group: 3, kind: 'odd', tags: [] })
  await new Promise((done) => setTimeout(done, 200))
  stop()
  const errors = {}
  const fails = async (name, promise) => (errors[name] = (({ code, reason, name: type }) => ({ code, reason, type }))((await settle(promise)).error ?? {}))
  await fails('duplicate', docs.insert({ id: 'top' }))
  await fails('filter', docs.find({ n: { $near: 1 } }).toArray())
  await fails('id', docs.insert({ id: '' }))
  await fails('cyclic', (async () => { const a = { id: 'x' }; a.a = a; await docs.insert(a) })())
  await fails('rollback', db.transaction(async (tx) => { await tx.collection('docs').delete('top'); throw new Error('stop') }))
  const moved = await db.transaction(async (tx) => {
    const inside = tx.collection('docs')
    const top = await inside.get('top')
    await inside.update('top', { $set: { n: top.n + 1 } })
    return (await inside.get('top')).n
  })
  const result = {
    moved, seen, errors,
    get: await docs.get('d0007'),
    missing: await docs.get('nothing'),
    getMany: (await docs.getMany(['d0001', 'nothing', 'd0002'])).map((doc) => doc?.n ?? null),
    found: (await docs.find({ kind: 'odd', n: { $gte: 990 } }).sort({ n: -1 }).project({ n: 1, kind: 1 }).toArray()),
    distinct: await docs.distinct('tags'),
    update: await docs.updateMany({ group: 1 }, { $inc: { n: 0.5 }, $push: { tags: 'new' } }),
    grouped: await docs.aggregate([{ $unwind: '$tags' }, { $group: { _id: '$tags', n: { $sum: 1 }, top: { $max: '$n' } } }, { $sort: { _id: 1 } }]),
    deleted: await docs.deleteMany({ group: 2 }),
    count: await docs.count(),
  }
  result.update.ids = result.update.ids?.length
  let bytes = 0
  let chunks = 0
  for await (const chunk of db.export()) { bytes += chunk.length; chunks += 1 }
  result.exported = bytes > 50_000 && chunks > 0
  await db.close()
  return JSON.parse(JSON.stringify(result))
}

const expectedErrors = {
  duplicate: { code: 'conflict', reason: 'duplicate-id', type: 'TidewellError' },
  filter: { code: 'invalid', type: 'TidewellError' },
  id: { code: 'invalid', type: 'TidewellError' },
  cyclic: { code: 'invalid', type: 'TidewellError' },
  rollback: { type: 'Error' },
}

const compare = (result, where) => {
  assert.deepEqual(Object.fromEntries(Object.entries(result.errors).map(([name, { code, type }]) => [name, { code, type }])), Object.fromEntries(Object.entries(expectedErrors).map(([name, { code, type }]) => [name, { code, type }])), `errors ${where}`)
  assert.equal(result.errors.duplicate.reason, 'duplicate-id')
  assert.equal(result.moved, 5001)
  assert.equal(result.count, 1001 - 143)
  assert.deepEqual(result.seen[0].ids, ['d0997', 'd0990', 'd0983', 'd0976', 'd0969'], `first live result ${where}`)
  assert.deepEqual(result.seen.at(-1), { ids: ['top', 'd0997', 'd0990', 'd0983', 'd0976'], added: 1 }, `live result ${where}`)
}

scenario('the calling thread and a worker give the same results and the same errors', async (scene) => {
  const page = await scene.page()
  const here = await page.evaluate(session, {})
  const there = await page.evaluate(session, { worker: true })
  compare(here, 'on the calling thread')
  compare(there, 'in a worker')
  assert.deepEqual(there, here)
  assert.deepEqual(page.errors, [])
})

scenario("a page under script-src 'self' 'wasm-unsafe-eval' gives the same results, with and without a worker", async (scene) => {
  const page = await scene.page('/strict/')
  compare(await page.evaluate(session, {}), 'on the calling thread')
  compare(await page.evaluate(session, { worker: true }), 'in a worker')
  assert.deepEqual(page.errors, [], 'the policy was not violated')
})
