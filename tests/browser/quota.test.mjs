// Storage fills up in the middle of writes, and is given back. Reads go on, nothing acknowledged is lost, writes resume.
import assert from 'node:assert/strict'
import { setQuota } from './support/browser.mjs'
import { counted, scenario } from './support/scenario.mjs'

/** Inserts until a write is refused; answers how many were acknowledged and how the refused one failed. */
const fill = async (from) => {
  const docs = db.collection('docs')
  for (let n = from; n < from + 2000; n++) {
    // Random, so that compression cannot make room.
    const bytes = crypto.getRandomValues(new Uint8Array(20_000))
    const { error } = await settle(docs.insert({ id: `d${n}`, n, bytes }))
    if (error !== undefined) return { acknowledged: n, error }
  }
  return { acknowledged: from + 2000 }
}

const look = async () => {
  const docs = db.collection('docs')
  return { count: await docs.count(), byIndex: await docs.count({ n: { $gte: 0 } }), first: (await docs.get('d0'))?.n }
}

scenario('a full storage refuses with `quota`, keeps answering, and takes writes again when there is room', async (scene) => {
  const page = await scene.page()
  // Before the first write: Chromium goes on spending the space it last knew of for half a minute.
  await setQuota(scene.browser, page, scene.origin, 3_000_000)
  await page.evaluate(async () => {
    const db = await openDatabase('quota')
    window.told = []
    db.on('quota', (event) => window.told.push(event))
    await db.collection('docs', { indexes: ['n'] }).insert({ id: 'd0', n: 0 })
  })
  const first = await page.evaluate(fill, 1)
  assert.equal(first.error?.code, 'quota', JSON.stringify(first.error))
  assert.ok(first.acknowledged > 5, `${first.acknowledged} writes went in before it was full`)
  assert.ok((await page.evaluate(() => window.told.length)) > 0, 'the event `quota` was told')
  assert.deepEqual(await page.evaluate(look), { count: first.acknowledged, byIndex: first.acknowledged, first: 0 }, 'reads go on')

  await setQuota(scene.browser, page, scene.origin, undefined)
  const written = await page.evaluate(async (n) => settle(db.collection('docs').insert({ id: `d${n}`, n, text: 'room again' })), first.acknowledged)
  assert.equal(written.error, undefined, 'a write after the quota was lifted')
  await scene.restart()
  const again = await scene.page()
  await again.evaluate(() => openDatabase('quota'))
  const count = first.acknowledged + 1
  assert.deepEqual(await again.evaluate(look), { count, byIndex: count, first: 0 }, 'everything acknowledged is there after a restart')
  counted(`quota: ${first.acknowledged} writes before storage was full, 0 lost`)
})
