// Batch jobs in real tabs: words of real abstracts counted in three ways, with tabs and browsers killed on the way; all agree exactly.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { crash, eventually, pause } from './support/browser.mjs'
import { counted, scenario } from './support/scenario.mjs'
import { tasksOf } from './support/tasks.mjs'

const FILE = fileURLToPath(new URL('../../../shared/data/arxiv-abstracts-12k.jsonl.gz', import.meta.url))
const there = existsSync(FILE)
if (!there) test(`words of abstracts: ${FILE} is not there`, { skip: true }, () => {})
const abstracts = there
  ? gunzipSync(readFileSync(FILE)).toString('utf8').trim().split('\n').map((line) => JSON.parse(line)).map(({ id, text }) => ({ id, text }))
  : []

/** By hand. */
const byLoop = () => {
  const counts = new Map()
  for (const { text } of abstracts) for (const word of text.split(' ')) if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

const fill = async (page, name) => {
  await page.evaluate((name) => openDatabase(name), name)
  for (let at = 0; at < abstracts.length; at += 1000)
    await page.evaluate((part) => db.collection('abstracts').insertMany(part), abstracts.slice(at, at + 1000))
}

/** In a page: begins a job and leaves its end in `window.ended`. Counts documents that were mapped here. */
const begin = ([database, kind]) => {
  const run = async () => {
    const db = window.db?.name === database ? window.db : await openDatabase(database)
    window.mapped = 0
    const functions = {
      from: 'abstracts',
      into: 'words',
      map: ({ text }, emit) => {
        window.mapped++
        for (const word of text.split(' ')) if (word !== '') emit(word, 1)
      },
      combine: (_, values) => values.reduce((a, b) => a + b, 0),
      reduce: (_, values) => values.reduce((a, b) => a + b, 0),
      version: 1,
    }
    const pipeline = {
      from: 'abstracts',
      into: 'words',
      pipeline: [
        { $project: { word: { $split: ['$text', ' '] } } },
        { $unwind: '$word' },
        { $match: { word: { $ne: '' } } },
        { $group: { _id: '$word', value: { $sum: 1 } } },
      ],
    }
    const result = await db.job(kind, kind === 'functions' ? functions : pipeline).run({
      onProgress: (progress) => (window.progress = progress),
    })
    return { ...result, mapped: window.mapped }
  }
  window.ended = settle(run())
}

const reached = async (page, share, phase) => {
  for (;;) {
    const progress = await page.evaluate(() => window.progress)
    if (progress && (progress.phase !== 'map' || (phase === 'map' && progress.fraction >= share))) {
      if (phase === 'map' || (progress.phase === phase && progress.fraction >= share) || progress.phase === 'finish') return progress
    }
    await new Promise((done) => setTimeout(done, 20))
  }
}

const wordsIn = async (page) => new Map(await page.evaluate(() => db.collection('words').find().toArray().then((all) => all.map(({ id, value }) => [id, value]))))

const byAggregate = (page) =>
  page.evaluate(async () => {
    const rows = await db.collection('abstracts').aggregate([
      { $project: { word: { $split: ['$text', ' '] } } },
      { $unwind: '$word' },
      { $match: { word: { $ne: '' } } },
      { $group: { _id: '$word', value: { $sum: 1 } } },
    ])
    return rows.map(({ _id, value }) => [_id, value])
  })

const same = (actual, expected, what) => {
  const wrong = [...expected].filter(([word, count]) => actual.get(word) !== count)
  assert.deepEqual(wrong.slice(0, 5), [], what)
  assert.equal(actual.size, expected.size, what)
}

for (const kind of there ? ['functions', 'pipeline'] : [])
  scenario(
    `word counts of ${abstracts.length} abstracts by a job of ${kind} are exact, though a tab and the whole browser are killed on the way`,
    async (scene) => {
      const name = `words-${kind}`
      const first = await scene.page()
      await fill(first, name)
      await first.evaluate(() => db.collection('words').insert({ id: 'old', value: 1 }))
      // A tab dies in the middle of reading.
      await first.evaluate(begin, [name, kind])
      const at = await reached(first, 0.3, 'map')
      const second = await scene.page()
      await second.evaluate(begin, [name, kind])
      await crash(scene.browser, first)
      // The browser dies later.
      const later = await reached(second, Math.min(at.fraction + 0.2, 0.9), 'map')
      await scene.restart()
      const third = await scene.page()
      await third.evaluate((name) => openDatabase(name), name)
      same(await wordsIn(third), new Map([['old', 1]]), 'the old result is there until the end')
      const status = await third.evaluate((kind) => db.job(kind, { from: 'abstracts', into: 'words', map: { key: '$id' }, reduce: 'count' }).status(), kind)
      assert.ok(status.rows >= at.rows && status.rows > 0, `${status.rows} rows were kept`)
      await third.evaluate(begin, [name, kind])
      const { value: result, error } = await third.evaluate(() => window.ended)
      assert.equal(error, undefined)
      assert.equal(result.rows, abstracts.length)
      if (kind === 'functions') assert.ok(result.mapped < abstracts.length, `${result.mapped} documents were mapped after the restart`)
      const words = await wordsIn(third)
      same(words, byLoop(), 'as by a loop')
      same(words, new Map(await byAggregate(third)), 'as by aggregate')
      counted(
        `jobs: ${kind}: ${words.size} words exact after a killed tab at ${at.rows} and a killed browser at ${later.rows} documents`,
      )
    },
    300,
  )

/** In a page: sales of some shops, by number. */
const sell = async ([database, total]) => {
  const db = await openDatabase(database)
  const words = 'tide harbour lantern gravel meadow signal copper orbit velvet thunder canyon ember willow anchor prism saffron'.split(' ')
  const text = (n) => Array.from({ length: 30 }, (_, at) => words[(n * (at + 7)) % words.length]).join(' ')
  for (let at = 0; at < total; at += 1000) {
    const sale = (n) => ({ id: `s${String(n).padStart(7, '0')}`, shop: `shop ${n % 50}`, amount: (n % 997) / 4, text: text(n) })
    await db.collection('sales').insertMany(Array.from({ length: Math.min(1000, total - at) }, (_, index) => sale(at + index)))
  }
  await db.flush()
}

scenario(
  'a job goes on in another tab when the one that runs it is frozen, and what wakes up late counts nothing twice',
  async (scene) => {
    const TOTAL = 6_000
    const [first, second] = [await scene.page(), await scene.page()]
    await first.evaluate(sell, ['frozen', TOTAL])
    const run = async () => {
      const db = window.db ?? (await openDatabase('frozen'))
      window.mapped = 0
      const job = db.job('slow', {
        from: 'sales',
        into: 'totals',
        version: 1,
        sliceSize: 50,
        map: async ({ shop }, emit) => {
          if (++window.mapped % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
          if (window.hold) {
            window.held = true
            await new Promise((resolve) => setTimeout(resolve, 500))
          }
          emit(shop, 1)
        },
        reduce: (_, values) => values.reduce((a, b) => a + b, 0),
      })
      window.ended = settle(job.run({ onProgress: (progress) => (window.progress = progress) }))
    }
    await first.evaluate(run)
    await reached(first, 0.1, 'map')
    await second.evaluate(run)
    await eventually('the second waits', () => second.evaluate(() => window.progress?.rows > 0 && window.mapped === 0))
    // In the middle of a slice, and of no transaction of IndexedDB: such a one would hold up every tab, whatever it runs.
    await first.evaluate(() => void (window.hold = true))
    await eventually('the first is in a function', () => first.evaluate(() => window.held))
    const resume = await pause(scene.browser, first)
    const begun = Date.now()
    await eventually('the second takes over', () => second.evaluate(() => window.mapped > 0), 30)
    const took = Date.now() - begun
    // It wakes up in the middle of the other's work.
    await eventually('the second gets on', () => second.evaluate(() => window.mapped > 500), 30)
    await resume()
    await first.evaluate(() => void (window.hold = false))
    const ends = await Promise.all([first, second].map((page) => page.evaluate(() => window.ended)))
    for (const { value, error } of ends) assert.deepEqual([error, value?.state, value?.rows], [undefined, 'done', TOTAL])
    const totals = await second.evaluate(() => db.collection('totals').find().toArray().then((all) => all.map(({ value }) => value)))
    assert.deepEqual(totals, Array.from({ length: 50 }, () => TOTAL / 50))
    const [one, two] = await Promise.all([first, second].map((page) => page.evaluate(() => window.mapped)))
    assert.ok(one < TOTAL && two < TOTAL, `both had their share: ${one} and ${two}`)
    assert.ok(took < 15_000, `${took} ms`)
    counted(`jobs: taken over from a frozen tab after ${took} ms; ${one + two - TOTAL} of ${TOTAL} documents were mapped twice and counted once`)
  },
  120,
)

scenario(
  'a job over 100,000 documents never holds the page for long',
  async (scene) => {
    const page = await scene.page()
    await page.evaluate(sell, ['smooth', 100_000])
    const worst = {}
    const gaps = {}
    for (const kind of ['expressions', 'functions', 'a key for each document']) {
      const run = (kind) => {
        const sum = (_, values) => values.reduce((a, b) => a + b, 0)
        const definition = {
          expressions: { map: { key: '$shop', value: '$amount' }, reduce: 'sum' },
          functions: { map: ({ shop, amount }, emit) => emit(shop, amount), combine: sum, reduce: sum },
          'a key for each document': { map: { key: '$id', value: '$amount' }, reduce: 'sum' },
        }[kind]
        const frames = [performance.now()]
        let isOn = true
        const frame = () => {
          frames.push(performance.now())
          if (isOn) requestAnimationFrame(frame)
        }
        requestAnimationFrame(frame)
        return db
          .job(kind, { from: 'sales', into: 'totals', ...definition })
          .run()
          .then(({ rows }) => {
            isOn = false
            frames.push(performance.now())
            return { rows, gaps: frames.slice(1).map((at, index) => at - frames[index]) }
          })
      }
      const { result, tasks } = await tasksOf(scene.browser, page, () => page.evaluate(run, kind))
      assert.equal(result.rows, 100_000)
      worst[kind] = tasks[0]
      gaps[kind] = result.gaps.sort((a, b) => a - b)
    }
    const told = Object.entries(worst).map(([kind, ms]) => `${kind} ${ms.toFixed(1)} ms`)
    counted(`jobs: over 100,000 documents the page's longest task: ${told.join(', ')}`)
    const middle = (figures) => Object.values(figures).sort((a, b) => a - b)[1]
    assert.ok(middle(worst) < 50, told.join(', '))
    // At 60 frames a second it is 17 ms; 34 where a job goes on before the frames that wait.
    const half = (all) => all[all.length >> 1]
    const frames = Object.entries(gaps).map(([kind, all]) => `${kind} ${half(all).toFixed(0)} and ${all.at(-1).toFixed(0)} ms`)
    counted(`jobs: the time between two frames, half of them and the longest: ${frames.join(', ')}`)
    assert.ok(half(gaps.functions) < 25, frames.join(', '))
  },
  240,
)
