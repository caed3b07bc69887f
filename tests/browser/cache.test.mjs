// Caches in several tabs: no read is stale, and a tab that is killed while it loads stops nobody.
import assert from 'node:assert/strict'
import { crash, pause } from './support/browser.mjs'
import { counted, scenario } from './support/scenario.mjs'

const TABS = 4
const OPERATIONS = 2500

/** Writes, computes and reads. Every value from the cache is compared with what the documents say at the same position. */
const work = async ([tab, operations]) => {
  const db = await openDatabase('cached')
  const notes = db.collection('notes', { indexes: ['tag'] })
  const cache = db.cache('views', { maxBytes: 20_000 })
  let seed = tab + 1
  const below = (end) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 4294967296) * end)
  }
  const views = {
    one: (n, from) => from.get(`n${n}`),
    tag: (n, from) => from.find({ tag: n % 5 }).toArray(),
    count: (n, from) => from.count({ tag: n % 5 }),
  }
  const result = { stale: [], hits: 0, computed: 0, written: 0, errors: [] }
  for (let n = 0; n < operations; n++) {
    const id = below(20)
    const kind = ['one', 'tag', 'count'][below(3)]
    const key = `${kind}${kind === 'one' ? id : id % 5}`
    try {
      if (below(100) < 12) {
        await notes.put({ id: `n${id}`, tag: below(5), n })
        result.written++
      } else if (below(100) < 3) await cache.delete(key)
      else {
        // Both are answered before this task ends: at one position.
        const held = cache.peek(key)
        const fresh = views[kind](id, notes)
        const now = JSON.stringify(await fresh)
        if (held !== undefined) {
          result.hits++
          if (JSON.stringify(held) !== now) result.stale.push(`${key}: ${JSON.stringify(held)} and not ${now}`)
        } else {
          await cache.compute(key, ({ collection }) => views[kind](id, collection(notes)), { tags: [kind] })
          result.computed++
        }
      }
    } catch (error) {
      result.errors.push(window.errorOf(error))
      if (result.errors.length > 5) break
    }
    if (n % 50 === 0) await new Promise((done) => setTimeout(done, 0))
  }
  return result
}

/** What is stored, compared with what it was computed from. */
const verify = async () => {
  const notes = window.db.collection('notes')
  const stale = []
  for (let n = 0; n < 20; n++) {
    const cache = window.db.cache('views')
    for (const [key, view] of [
      [`one${n}`, () => notes.get(`n${n}`)],
      [`tag${n % 5}`, () => notes.find({ tag: n % 5 }).toArray()],
      [`count${n % 5}`, () => notes.count({ tag: n % 5 })],
    ]) {
      const held = await cache.get(key)
      const fresh = await view()
      if (held !== undefined && JSON.stringify(held) !== JSON.stringify(fresh)) stale.push(key)
    }
  }
  return stale
}

scenario(
  `${TABS} tabs write, compute and read ${TABS * OPERATIONS} times, and no read is stale`,
  async (scene) => {
    const pages = []
    for (let tab = 0; tab < TABS; tab++) pages.push(await scene.page())
    const results = await Promise.all(pages.map((page, tab) => page.evaluate(work, [tab, OPERATIONS])))
    const sum = (name) => results.reduce((all, result) => all + result[name], 0)
    assert.deepEqual(results.flatMap(({ errors }) => errors), [])
    assert.deepEqual(results.flatMap(({ stale }) => stale), [])
    assert.ok(sum('hits') > 500 && sum('written') > 500, `${sum('hits')} hits, ${sum('written')} writes`)
    for (const page of pages) await page.evaluate(() => window.db.close())
    const late = await scene.page()
    await late.evaluate(() => openDatabase('cached'))
    assert.deepEqual(await late.evaluate(verify), [])
    counted(`cache: ${TABS * OPERATIONS} operations in ${TABS} tabs, ${sum('hits')} hits compared, 0 stale`)
  },
  240,
)

scenario('a tab that is killed while it loads frees the others within a second, and one load serves all tabs', async (scene) => {
  const [first, second, third] = [await scene.page(), await scene.page(), await scene.page()]
  for (const page of [first, second, third])
    await page.evaluate(async () => {
      window.cache = (await openDatabase('loads')).cache('c')
      window.loads = 0
    })
  await first.evaluate(() => {
    cache.get('k', () => new Promise(() => (window.loads += 1))).catch(() => {})
  })
  await first.evaluate(() => new Promise((done) => setTimeout(done, 200)))
  const load = () =>
    cache.get('k', async () => {
      window.loads += 1
      await new Promise((done) => setTimeout(done, 50))
      return { from: 'others' }
    })
  const waiting = [second.evaluate(load), third.evaluate(load)]
  await second.evaluate(() => new Promise((done) => setTimeout(done, 300)))
  assert.equal(await second.evaluate(() => window.loads), 0, 'the others wait for the load that is under way')
  await crash(scene.browser, first)
  const killed = performance.now()
  assert.deepEqual(await Promise.all(waiting), [{ from: 'others' }, { from: 'others' }])
  const took = performance.now() - killed
  assert.ok(took < 1000, `the others had it after ${took} ms`)
  const loads = (await second.evaluate(() => window.loads)) + (await third.evaluate(() => window.loads))
  assert.equal(loads, 1, 'one of them loaded')
  counted(`cache: a killed loader freed the others after ${Math.round(took)} ms`)
})

scenario('a tab that is frozen while it loads is waited for until the deadline only', async (scene) => {
  const [first, second] = [await scene.page(), await scene.page()]
  for (const page of [first, second])
    await page.evaluate(async () => {
      window.cache = (await openDatabase('frozen')).cache('c', { loadTimeout: 2000 })
    })
  await first.evaluate(() => {
    cache.get('k', () => new Promise(() => {})).catch(() => {})
  })
  await first.evaluate(() => new Promise((done) => setTimeout(done, 100)))
  const thaw = await pause(scene.browser, first)
  assert.equal(await second.evaluate(() => cache.get('k', () => 'mine')), 'mine')
  await thaw()
})
