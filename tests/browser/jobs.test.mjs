// Batch jobs in real tabs: words of real abstracts counted in three ways, with tabs and browsers killed on the way; all agree exactly.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { crash } from './support/browser.mjs'
import { counted, scenario } from './support/scenario.mjs'

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
