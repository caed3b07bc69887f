// Updates and deletes of many documents by a filter do not hold the page.
import assert from 'node:assert/strict'
import { counted, scenario } from './support/scenario.mjs'
import { tasksOf } from './support/tasks.mjs'

const TOTAL = 100_000
const CHANGED = 20_000

/** In a page: fills the collection, two indexes, `n` scattered over the ids. */
const fill = async (total) => {
  const db = await openDatabase('sweep')
  const docs = db.collection('docs', { indexes: ['n', 's'] })
  await docs.indexes()
  const words = 'tide harbour lantern gravel meadow signal copper orbit velvet thunder canyon ember willow anchor prism saffron'.split(' ')
  const textOf = (i) => Array.from({ length: 40 }, (_, k) => words[((Math.imul(i * 40 + k, 0x9e3779b1) >>> 0) >> 13) % words.length]).join(' ')
  const documentOf = (i) => ({ id: `doc-${String(i).padStart(8, '0')}`, n: (i * 7919) % total, s: `s${(i * 31) % 997}`, title: `title ${i}`, flag: false, body: textOf(i) })
  for (let at = 0; at < total; at += 1000) await docs.insertMany(Array.from({ length: 1000 }, (_, k) => documentOf(at + k)))
}

scenario(
  'a page is not held while a fifth of 100,000 documents is updated, and deleted, by a filter',
  async (scene) => {
    const page = await scene.page()
    await page.evaluate(fill, TOTAL)
    const longest = {}
    const run = async (name, work) => {
      const { result, tasks } = await tasksOf(scene.browser, page, () => page.evaluate(work, CHANGED))
      assert.equal(result, CHANGED, name)
      longest[name] = tasks[0]
    }
    await run('update', async (changed) => {
      const { modified } = await db.collection('docs').updateMany({ n: { $lt: changed } }, { $set: { flag: true, s: 'changed' } })
      return modified
    })
    await run('delete', async (changed) => {
      const { deleted } = await db.collection('docs').deleteMany({ n: { $gte: changed / 2, $lt: changed * 1.5 } })
      return deleted
    })
    assert.equal(await page.evaluate(() => db.collection('docs').count({ flag: true })), CHANGED / 2)
    const told = Object.entries(longest).map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`).join(', ')
    counted(`the page's longest task while 20,000 of 100,000 documents are changed: ${told}`)
    assert.ok(Math.max(...Object.values(longest)) < 50, told)
  },
  240,
)
