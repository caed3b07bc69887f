// A live query follows writes of its own tab and of another: every change once, in order, and the result equals the query.
import assert from 'node:assert/strict'
import { eventually } from './support/browser.mjs'
import { scenario } from './support/scenario.mjs'

const follow = async () => {
  const db = await openDatabase('live')
  const docs = db.collection('docs', { indexes: ['n'] })
  window.positions = []
  window.shown = undefined
  window.unsubscribe = docs
    .find({ n: { $gte: 100 } })
    .sort({ n: -1 })
    .limit(20)
    .subscribe(({ docs: found, diff, position }) => {
      window.positions.push(position)
      window.shown = found.map(({ id, n }) => `${id}:${n}`)
      window.lastDiff = diff && { added: diff.added.length, removed: diff.removed.length, changed: diff.changed.length, moved: diff.moved.length }
    })
}
const shown = (page) => page.evaluate(() => window.shown)
const asked = (page) => page.evaluate(async () => (await db.collection('docs').find({ n: { $gte: 100 } }).sort({ n: -1 }).limit(20).toArray()).map(({ id, n }) => `${id}:${n}`))

scenario('a live query in one tab follows the writes of another', async (scene) => {
  const [one, two] = [await scene.page(), await scene.page()]
  await one.evaluate(follow)
  await eventually('the first result', async () => (await shown(one)) !== undefined)
  await two.evaluate(follow)
  const change = async (page, work) => {
    await page.evaluate(work)
    for (const tab of [one, two]) {
      await eventually('the live result equals the query', async () => JSON.stringify(await shown(tab)) === JSON.stringify(await asked(page)))
    }
  }
  await change(two, () => db.collection('docs').insertMany(Array.from({ length: 200 }, (_, n) => ({ id: `d${n}`, n }))))
  assert.equal((await shown(one)).length, 20)
  await change(one, () => db.collection('docs').insert({ id: 'high', n: 999 }))
  assert.equal((await shown(two))[0], 'high:999')
  await change(two, () => db.collection('docs').update('high', { $set: { n: 0 } }))
  await change(one, () => db.collection('docs').deleteMany({ n: { $gte: 190 } }))
  await change(two, () => db.collection('docs').updateMany({ n: { $lt: 100 } }, { $inc: { n: 1000 } }))
  await change(two, () => db.transaction(async (tx) => { for (let i = 0; i < 50; i++) await tx.collection('docs').put({ id: `d${i}`, n: 2000 + i }) }))
  for (const tab of [one, two]) {
    const positions = await tab.evaluate(() => window.positions)
    assert.deepEqual(positions, [...positions].sort((a, b) => a - b), 'results come in the order of the log')
  }
  const before = await one.evaluate(() => window.positions.length)
  await one.evaluate(() => window.unsubscribe())
  await two.evaluate(() => db.collection('docs').insert({ id: 'after', n: 9999 }))
  await eventually('the other tab still follows', async () => (await shown(two))[0] === 'after:9999')
  assert.equal(await one.evaluate(() => window.positions.length), before, 'an ended subscription hears nothing')
})
