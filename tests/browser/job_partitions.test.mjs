// A job whose source is split, in real tabs and workers: they map side by side, are killed and frozen, and the counts are exact.
import assert from 'node:assert/strict'
import { crash, eventually, pause } from './support/browser.mjs'
import { counted, scenario } from './support/scenario.mjs'

const TOTAL = 20_000
const WORDS = 40

/** In a page: notes of three words each; every word comes as often as any other. */
const fill = async ([database, total, words]) => {
  const db = await openDatabase(database)
  const note = (n) => ({ id: `n${String(n).padStart(6, '0')}`, text: [1, 3, 7].map((step) => `word${(n * step) % words}`).join(' ') })
  for (let at = 0; at < total; at += 1000)
    await db.collection('notes').insertMany(Array.from({ length: Math.min(1000, total - at) }, (_, index) => note(at + index)))
  await db.flush()
}

/** In a page: begins the job, or joins it, and leaves its end in `window.ended`. */
const begin = async (database) => {
  const { words } = await import('/job_words.js')
  const db = window.db ?? (await openDatabase(database))
  window.mapped = 0
  const before = async () => {
    if (++window.mapped % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    if (window.hold) {
      window.held = true
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
  window.ended = settle(db.job('words', words(before)).run({ onProgress: (progress) => (window.progress = progress) }))
}

const mapped = (page) => page.evaluate(() => window.mapped)

const exact = async (page) => {
  const rows = await page.evaluate(() => db.collection('counts').find().toArray())
  const expected = new Map()
  for (let n = 0; n < TOTAL; n++)
    for (const step of [1, 3, 7]) expected.set(`word${(n * step) % WORDS}`, (expected.get(`word${(n * step) % WORDS}`) ?? 0) + 1)
  assert.deepEqual(new Map(rows.map(({ id, value }) => [id, value])), new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))))
}

const done = (end) => assert.deepEqual([end.error, end.value?.state, end.value?.rows], [undefined, 'done', TOTAL])

scenario('two tabs map a split job side by side, one is killed, and the other takes over what it was at: the counts are exact', async (scene) => {
  const [first, second] = [await scene.page(), await scene.page()]
  await first.evaluate(fill, ['split', TOTAL, WORDS])
  await first.evaluate(begin, 'split')
  await second.evaluate(begin, 'split')
  await eventually('both map', async () => (await mapped(first)) > 500 && (await mapped(second)) > 500)
  const at = await mapped(first)
  await crash(scene.browser, first)
  done(await second.evaluate(() => window.ended))
  await exact(second)
  const by = await mapped(second)
  const status = await second.evaluate(() => window.progress)
  assert.deepEqual([status.partitions, status.partitionsDone], [8, 8])
  assert.ok(by < TOTAL, `the second mapped ${by}`)
  counted(`job partitions: exact after a tab was killed that had mapped about ${at} of ${TOTAL} documents; the other mapped ${by}`)
})

scenario('a page and a worker of its own map a split job side by side', async (scene) => {
  const page = await scene.page()
  await page.evaluate(fill, ['helped', TOTAL, WORDS])
  await page.evaluate(async () => {
    window.helper = { mapped: undefined }
    const worker = new Worker('/job_worker.js?database=helped', { type: 'module' })
    worker.onmessage = ({ data }) => Object.assign(window.helper, data)
  })
  await eventually('the worker is there', () => page.evaluate(() => window.helper.mapped === 0))
  await page.evaluate(begin, 'helped')
  done(await page.evaluate(() => window.ended))
  await exact(page)
  const [own, helper] = [await mapped(page), await page.evaluate(() => window.helper)]
  assert.equal(helper.error, undefined)
  assert.ok(own > 500 && helper.mapped > 500, `both had their share: ${own} and ${helper.mapped}`)
  // It also finishes what its page leaves: a run that was stopped here goes on there.
  const alone = await page.evaluate(async () => {
    const stop = new AbortController()
    const { words } = await import('/job_words.js')
    const job = db.job('words', words(() => new Promise((resolve) => setTimeout(resolve, 1))))
    const onProgress = ({ rows, partitionsDone }) => rows > 0 && partitionsDone > 0 && stop.abort()
    const error = await job.run({ signal: stop.signal, onProgress }).catch(({ code }) => code)
    while ((await job.status()).state === 'running') await new Promise((resolve) => setTimeout(resolve, 20))
    const { state, run, rows } = await job.status()
    return { error, state, run, rows }
  })
  assert.deepEqual(alone, { error: 'aborted', state: 'done', run: 2, rows: TOTAL })
  await exact(page)
  counted(`job partitions: a page mapped ${own} and its worker about ${helper.mapped} of ${TOTAL} documents`)
})

scenario('a partition of a frozen tab is taken over, and what wakes up late counts nothing twice', async (scene) => {
  const [first, second] = [await scene.page(), await scene.page()]
  await first.evaluate(fill, ['frozen', TOTAL, WORDS])
  await first.evaluate(begin, 'frozen')
  await second.evaluate(begin, 'frozen')
  await eventually('both map', async () => (await mapped(first)) > 500 && (await mapped(second)) > 500)
  // In the middle of a slice, and of no transaction of IndexedDB.
  await first.evaluate(() => void (window.hold = true))
  await eventually('the first is in a function', () => first.evaluate(() => window.held))
  const resume = await pause(scene.browser, first)
  done(await second.evaluate(() => window.ended))
  await exact(second)
  await resume()
  await first.evaluate(() => void (window.hold = false))
  done(await first.evaluate(() => window.ended))
  await exact(second)
  counted(`job partitions: exact though a tab was frozen that had mapped ${await mapped(first)} of ${TOTAL} documents`)
})
