// What was written is there after a reload, after closing the tab, and after ending the browser.
import assert from 'node:assert/strict'
import { ready } from './support/browser.mjs'
import { scenario } from './support/scenario.mjs'

/** Writes one document of every kind of value and a collection with indexes. */
const write = async () => {
  const db = await openDatabase('reload')
  const notes = db.collection('notes', { indexes: ['tag', ['done', 'due']] })
  await notes.insert({ id: 'every', date: new Date(0), bytes: new Uint8Array([0, 255, 7]), big: -(2n ** 70n), none: null, gone: undefined, odd: [NaN, -0, Infinity], deep: { a: [{ b: 'ü𝄞' }] }, ['__proto__x']: 1 })
  const many = Array.from({ length: 3000 }, (_, i) => ({ id: `n${i}`, tag: `t${i % 10}`, done: i % 2 === 0, due: i, text: 'x'.repeat(i % 200) }))
  await notes.insertMany(many)
  await notes.updateMany({ tag: 't3' }, { $set: { tag: 'three' } })
  await notes.deleteMany({ due: { $gte: 2900 } })
}

/** What must be there, read by the page. */
const read = async () => {
  const db = await openDatabase('reload')
  const notes = db.collection('notes')
  const every = await notes.get('every')
  return {
    date: every.date instanceof Date && every.date.getTime() === 0,
    bytes: every.bytes instanceof Uint8Array && [...every.bytes].join() === '0,255,7',
    big: every.big === -(2n ** 70n),
    none: every.none === null && 'gone' in every && every.gone === undefined,
    odd: Number.isNaN(every.odd[0]) && Object.is(every.odd[1], -0) && every.odd[2] === Infinity,
    deep: every.deep.a[0].b === 'ü𝄞',
    count: await notes.count(),
    three: await notes.count({ tag: 'three' }),
    used: (await notes.find({ tag: 'three' }).explain()).stage,
    first: (await notes.find({ done: true }).sort({ due: -1 }).limit(3).toArray()).map(({ due }) => due),
  }
}

const EXPECTED = { date: true, bytes: true, big: true, none: true, odd: true, deep: true, count: 2901, three: 290, used: 'index', first: [2898, 2896, 2894] }

scenario('documents, values and indexes survive a reload, a new tab and a new browser', async (scene) => {
  let page = await scene.page()
  await page.evaluate(write)
  await page.reload()
  await ready(page)
  assert.deepEqual(await page.evaluate(read), EXPECTED, 'after a reload')
  await page.close()
  page = await scene.page()
  assert.deepEqual(await page.evaluate(read), EXPECTED, 'in a new tab')
  await page.evaluate(() => db.close())
  await scene.restart()
  page = await scene.page()
  assert.deepEqual(await page.evaluate(read), EXPECTED, 'in a new browser')
})

scenario('a closed database refuses, and opens again', async (scene) => {
  const page = await scene.page()
  const result = await page.evaluate(async () => {
    const db = await openDatabase('again')
    await db.collection('c').insert({ id: 'a', n: 1 })
    await db.close()
    const refused = await settle((async () => db.collection('c').get('a'))())
    const other = await openDatabase('again')
    return { refused: refused.error?.code, found: (await other.collection('c').get('a'))?.n }
  })
  assert.deepEqual(result, { refused: 'closed', found: 1 })
})
