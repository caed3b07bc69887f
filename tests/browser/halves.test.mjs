// The program comes in two halves, and a page that has only the first works: with documents as always, and with what needs the
// second as soon as that can be loaded. (docs/decisions/0012-two-modules.md)
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'

import { ready } from './support/browser.mjs'
import { runClaims } from './support/claims.mjs'
import { pile } from './support/pile.mjs'
import { counted, scenario } from './support/scenario.mjs'

const REST = '**/tidewell_rest.wasm'

/** Collects how the page asks for the second half, and does with the request what `decide` says. */
const watchRest = async (page, decide) => {
  const asked = []
  await page.context().route(REST, (route) => {
    const kind = route.request().resourceType()
    asked.push(kind)
    return decide(kind) ? route.continue() : route.abort()
  })
  return asked
}

/** As if the machine were so many times slower: more work is cut into slices then, and other code runs. */
const slowDown = async (page, rate) => {
  if (rate > 1) await (await page.context().newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate })
}

/** The calls by which the page waits for the second half, which name the code that needed it. */
const keepStacks = () => {
  Error.stackTraceLimit = 60
  window.stacks = []
  const open = XMLHttpRequest.prototype.open
  XMLHttpRequest.prototype.open = function (...given) {
    window.stacks.push(new Error('a placeholder was reached').stack)
    return open.apply(this, given)
  }
}

const NAMES = new URL('../../target/glue/tidewell_page.names', import.meta.url)

/** Those calls, with the names of functions that the last build left, where it was made here. */
const stacksOf = async (page) => {
  const names = existsSync(NAMES) ? readFileSync(NAMES, 'utf8').split('\n') : []
  const stacks = await page.evaluate(() => window.stacks)
  return stacks.join('\n').replaceAll(/wasm-function\[(\d+)\]/g, (number, at) => names[at] ?? number)
}

/** Does it in the page, which must not run into a placeholder for that. */
const withFirstHalf = async (page, asked, name, work) => {
  const seen = await page.evaluate(work).catch(async (error) => {
    throw new Error(`${name}: ${error.message}\n${await stacksOf(page)}`)
  })
  assert.ok(!asked.includes('xhr'), `${name}: ${asked}\n${await stacksOf(page)}`)
  return seen
}

/** Everyday work with documents. Answers what it read. */
const everyday = async (name) => {
  const db = await window.openDatabase(name)
  const notes = db.collection('notes', { indexes: ['group', ['done', 'amount']] })
  await notes.insertMany(Array.from({ length: 500 }, (_, n) => ({ id: `n${n}`, group: `g${n % 5}`, amount: n, done: n % 2 === 0 })))
  await notes.put({ id: 'n1', group: 'g1', amount: 1000, done: true })
  await notes.update('n2', { $set: { group: 'g9' }, $inc: { amount: 1 } })
  await notes.delete('n3')
  const seen = []
  const stop = notes.find({ group: 'g9' }).subscribe(({ docs }) => seen.push(docs.length))
  while (seen.length === 0) await new Promise((done) => setTimeout(done, 5))
  await notes.put({ id: 'late', group: 'g9', amount: 5, done: false })
  while (seen.length === 1) await new Promise((done) => setTimeout(done, 5))
  stop()
  const found = await notes.find({ group: { $in: ['g1', 'g9'] }, amount: { $gte: 3 } }).sort({ amount: -1 }).limit(3).toArray()
  return [await notes.count(), (await notes.get('n2')).amount, found.map(({ id }) => id), seen]
}
const EVERYDAY = [500, 3, ['n1', 'n496', 'n491'], [1, 2]]

scenario('documents need the first half only; what needs the second is unavailable without it, and the instance lives on', async (scene) => {
  const page = await scene.page()
  let online = false
  const asked = await watchRest(page, () => online)
  assert.deepEqual(await page.evaluate(everyday, 'first'), EVERYDAY)
  const aggregate = () => window.settle(window.db.collection('notes').aggregate([{ $group: { _id: '$done', n: { $count: {} } } }, { $sort: { n: 1 } }]))
  const { error } = await page.evaluate(aggregate)
  assert.equal(error.code, 'unavailable', error.message)
  const { error: failed } = await page.evaluate(() => window.settle(window.db.export()[Symbol.asyncIterator]().next()))
  assert.equal(failed.code, 'unavailable', failed.message)
  assert.equal(await page.evaluate(async () => (await window.db.collection('notes').get('n1')).amount), 1000)
  assert.ok(!asked.includes('xhr'), 'nothing ran into a placeholder')
  online = true
  const { value } = await page.evaluate(aggregate)
  assert.equal(value.length, 2)
  assert.equal((await page.evaluate(everyday, 'second'))[0], 500)
})

scenario('JavaScript that first work does not need is unavailable where it cannot be loaded, and is asked for again', async (scene) => {
  const page = await scene.page()
  let online = false
  const asked = []
  const PROBE = '/pkg/dist/shared-probe.js'
  await page.context().route('**/shared-*.js', (route) => {
    asked.push(route.request().url())
    if (!online) return route.abort()
    return route.request().url().endsWith(PROBE) ? route.fulfill({ contentType: 'text/javascript', body: '' }) : route.continue()
  })
  const probe = () => page.evaluate((address) => import(address).then(() => true, () => false), PROBE)
  assert.equal(await probe(), false)
  const [count, error] = await page.evaluate(async () => {
    const db = await window.openDatabase('seldom')
    const notes = db.collection('notes')
    await notes.insertMany([{ id: 'a', n: 1 }, { id: 'b', n: 2 }])
    await notes.update('a', { $inc: { n: 1 } })
    const failed = await window.settle(db.transaction((tx) => tx.collection('notes').put({ id: 'c', n: 3 })))
    return [await notes.count(), failed.error?.code]
  })
  assert.deepEqual([count, error], [2, 'unavailable'])
  assert.ok(asked.some((address) => !address.endsWith(PROBE)), 'a chunk was asked for')
  online = true
  // Chromium 148 (not 156) remembers for as long as a page lives that a module could not be loaded; nothing can be asked for again there.
  if (!(await probe())) {
    await page.reload()
    await page.evaluate(() => window.openDatabase('seldom'))
  }
  const kept = await page.evaluate(async () => {
    await window.db.transaction((tx) => tx.collection('notes').put({ id: 'c', n: 3 }))
    return window.db.collection('notes').count()
  })
  assert.equal(kept, 3)
})

const comesBack = (rate) => async (scene) => {
  const page = await scene.page()
  await page.evaluate(async () => {
    const db = await window.openDatabase('back')
    const notes = db.collection('notes', { indexes: ['group'] })
    for (let from = 0; from < 8000; from += 1000) {
      await notes.insertMany(Array.from({ length: 1000 }, (_, at) => ({ id: `n${from + at}`, n: from + at, group: `g${at % 9}`, body: 'tide '.repeat(80) })))
      if (from % 3000 === 0) await db.flush()
    }
    await db.close()
  })
  const asked = await watchRest(page, () => false)
  await page.addInitScript(keepStacks)
  await slowDown(page, rate)
  await page.reload()
  await ready(page)
  const found = await withFirstHalf(page, asked, 'coming back', async () => {
    const db = await window.openDatabase('back')
    const notes = db.collection('notes', { indexes: ['group'] })
    await notes.indexes()
    const first = (await notes.get('n777')).n
    await notes.put({ id: 'n777', n: -1, group: 'g0' })
    return [first, (await notes.get('n777')).n, await notes.count(), (await notes.find({ group: 'g3' }).sort({ n: -1 }).limit(2).toArray()).map(({ n }) => n)]
  })
  assert.deepEqual(found, [777, -1, 8000, [7993, 7984]])
}

scenario('a page comes back to documents in tables with the first half only', comesBack(1))
scenario('a page on a slow machine comes back to documents in tables with the first half only', comesBack(40), 120)

const tablesWait = (deletes, count) => async (scene) => {
  const page = await scene.page()
  const [flushed] = await page.evaluate(pile, ['pile', deletes])
  assert.ok(flushed >= (deletes ? 1 : 5), `${flushed} tables`)
  const asked = await watchRest(page, () => false)
  await page.addInitScript(keepStacks)
  await page.reload()
  await ready(page)
  const found = await withFirstHalf(page, asked, 'coming back', async () => {
    const notes = (await window.openDatabase('pile')).collection('notes', { indexes: ['group'] })
    const { n } = await notes.get('n777')
    await notes.put({ id: 'n777', n: -1, group: 'g0' })
    return [n, await notes.count(), (await notes.find({ group: 'g3', n: { $lt: 1000 } }).sort({ n: -1 }).limit(2).toArray()).map(({ n }) => n)]
  })
  assert.deepEqual(found, [777, count, [993, 984]])
}

scenario('a page comes back to tables that overlap and wait for compaction with the first half only', tablesWait(false, 3000))
scenario('a page comes back to a table of deletes that waits for compaction with the first half only', tablesWait(true, 1000))

const declaresNothing = (rate) => async (scene) => {
  const page = await scene.page()
  await page.evaluate(async () => {
    const db = await window.openDatabase('plain')
    const notes = db.collection('notes')
    for (let from = 0; from < 6000; from += 1000) {
      await notes.insertMany(Array.from({ length: 1000 }, (_, at) => ({ id: `n${from + at}`, n: from + at, body: 'tide '.repeat(80) })))
      if (from % 4000 === 0) await db.flush()
    }
    await db.close()
  })
  const asked = await watchRest(page, () => false)
  await page.addInitScript(keepStacks)
  await slowDown(page, rate)
  const first = {
    get: [(notes) => notes.get('n777').then(({ n }) => n), 777],
    none: [(notes) => notes.get('none'), null],
    getMany: [(notes) => notes.getMany(['n1', 'n5000']).then((found) => found.map(({ n }) => n)), [1, 5000]],
    find: [(notes) => notes.find({ n: { $gt: 5990 } }).sort({ n: -1 }).limit(2).toArray().then((found) => found.map(({ n }) => n)), [5999, 5998]],
    count: [(notes) => notes.count(), 6000],
    indexes: [(notes) => notes.indexes().then((found) => found.length), 0],
    put: [(notes) => notes.put({ id: 'n1', n: -1 }).then(() => notes.get('n1')).then(({ n }) => n), -1],
    update: [(notes) => notes.update('n2', { $inc: { n: 100 } }).then(() => notes.get('n2')).then(({ n }) => n), 102],
    delete: [(notes) => notes.delete('n3').then(() => notes.count()), 5999],
  }
  for (const [name, [does, expected]] of Object.entries(first)) {
    await page.reload()
    await ready(page)
    const found = await withFirstHalf(page, asked, name, `window.openDatabase('plain').then((db) => (${does})(db.collection('notes')))`)
    assert.deepEqual(found, expected, name)
  }
}

scenario('whatever a page that comes back and declares nothing does first, the first half does it', declaresNothing(1))
scenario('whatever a page that comes back and declares nothing does first, the first half does it, on a slow machine', declaresNothing(20), 120)

scenario('code of the second half that is reached before it was loaded is loaded there and then', async (scene) => {
  const page = await scene.page()
  // The thread waits for this request, so the browser must answer it without us.
  await page.evaluate(() => {
    window.requestIdleCallback = () => 0
    const open = XMLHttpRequest.prototype.open
    window.waited = 0
    XMLHttpRequest.prototype.open = function (...given) {
      window.waited++
      return open.apply(this, given)
    }
  })
  const { waited, found } = await page.evaluate(async () => {
    const db = await window.openDatabase('now')
    const notes = db.collection('notes')
    const odd = [1.7976931348623157e308, 5e-324, 123456789012345680000, -2.5e-17]
    for (const [at, n] of odd.entries()) await notes.insert({ id: `odd${at}`, n, text: '\u0000\u0007"\\ \ud83d\ude00' })
    await notes.update('odd0', { $set: { ['a.b.c']: [[1], { x: null }] } })
    const bad = await window.settle(notes.find({ n: { $gt: 1 }, $no: 1 }).toArray())
    return { waited: window.waited, found: [(await notes.find({ n: { $lt: 1 } }).sort({ n: 1 }).toArray()).map(({ n }) => n), bad.error.code, (await notes.get('odd0')).a] }
  })
  assert.deepEqual(found, [[-2.5e-17, 5e-324], 'invalid', { b: { c: [[1], { x: null }] } }])
  counted(`${waited} times the second half was loaded while a call waited`)
})

for (const worker of [false, true]) {
  const where = worker ? 'in a worker' : 'on the calling thread'
  scenario(
    `every claim about the API holds where the second half is never loaded ahead, ${where}`,
    async (scene) => {
      const page = await scene.page()
      // A worker has no idle callbacks: there the claims outrun the timer, since no service worker asks for the whole.
      await page.evaluate(() => (window.requestIdleCallback = () => 0))
      const { held, failures } = await runClaims(page, { worker })
      assert.deepEqual(failures, [])
      counted(`${held} claims about the API without loading ahead, ${where}`)
    },
    300,
  )
}
