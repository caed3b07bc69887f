// Streams in several tabs: words counted over real texts while tabs are closed, killed and stopped in between come to exactly what the
// aggregation says; windows too; and how fast messages go through.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { crash, eventually, pause } from './support/browser.mjs'
import { counted, scenario } from './support/scenario.mjs'

const DATA = resolve(fileURLToPath(new URL('.', import.meta.url)), '../../../shared/data/arxiv-abstracts-12k.jsonl.gz')
const ABSTRACTS = 1200

/** Runs both streams in a tab: words over all of time, and papers by year in windows of their dates. */
const runStreams = async (name) => {
  const db = await openDatabase(name)
  window.failures = []
  db.on('error', (error) => window.failures.push(`${error.code}: ${error.message}`))
  const papers = db.collection('papers')
  window.words = await db
    .stream('words')
    .from(papers)
    .flatMap(({ after }) => after.words)
    .keyBy((word) => word)
    .count()
    .into('words')
    .run({ batch: 64 })
  window.years = await db
    .stream('years')
    .from(db.changes('papers'), { time: ({ after }) => Date.parse(after.date) })
    .keyBy(({ after }) => after.cat)
    .window({ tumbling: 365 * 86_400_000 }, { lateness: 1e13, emit: 'updates' })
    .aggregate({ n: { $count: {} }, words: { $sum: ({ after }) => after.words.length } })
    .map(({ value, key, start }) => ({ key, start, ...value }))
    .into('years')
    .run({ batch: 64 })
}

const progress = async () => {
  const [words, years] = [await window.words.stats(), await window.years.stats()]
  return { lag: words.lag + years.lag, in: words.in, dead: words.dead + years.dead + words.late + years.late, working: words.working }
}

/** Papers as documents: what the words are is decided here, once. */
function papers() {
  const lines = gunzipSync(readFileSync(DATA)).toString('utf8').split('\n').slice(0, ABSTRACTS)
  return lines.map((line) => {
    const { id, cats, date, text } = JSON.parse(line)
    return { id, cat: cats[0], date, words: text.toLowerCase().match(/[\p{L}\p{N}]{1,40}/gu) ?? [] }
  })
}

if (!existsSync(DATA)) test('words of real texts are counted by a stream', { skip: `${DATA} is not there` }, () => undefined)
else
  scenario(
    'words counted by a stream are those of the aggregation, with tabs closed, killed and stopped in between',
    async (scene) => {
      const all = papers()
      const writer = await scene.page()
      await writer.evaluate(async () => {
        await openDatabase('counting')
        // Followed from the first document on.
        await db.changes('papers').stats()
      })
      const tabs = []
      const open = async () => {
        const page = await scene.page()
        await page.evaluate(runStreams, 'counting')
        tabs.push(page)
        return page
      }
      const insert = (from, to) =>
        writer.evaluate((documents) => db.collection('papers').insertMany(documents).then(() => undefined), all.slice(from, to))
      /** The tab that does the work at the moment. */
      const worker = () =>
        eventually('a tab works', async () => {
          for (const tab of tabs) if ((await tab.evaluate(progress)).working) return tab
          return undefined
        })
      const leave = (tab) => tabs.splice(tabs.indexOf(tab), 1)
      const past = (count) => eventually(`${count} papers are counted`, async () => (await tabs[0].evaluate(progress)).in >= count, 60)
      await open()
      await open()
      const part = ABSTRACTS / 6
      await insert(0, part)
      await past(part / 2)
      const killed = await worker()
      await insert(part, 2 * part)
      await crash(scene.browser, killed)
      leave(killed)
      await open()
      await past(1.5 * part)
      const stopped = await worker()
      const goOn = await pause(scene.browser, stopped)
      leave(stopped)
      await insert(2 * part, 3 * part)
      await past(3 * part)
      await goOn()
      await insert(3 * part, 4 * part)
      const closed = await worker()
      await closed.close()
      leave(closed)
      const last = await open()
      await insert(4 * part, 5 * part)
      // Everything at once, and from where the disk says it was.
      for (const tab of [...tabs, stopped]) await crash(scene.browser, tab)
      tabs.splice(0)
      await insert(5 * part, 6 * part)
      const final = await open()
      assert.notEqual(final, last)
      await eventually('both streams are through', async () => (await final.evaluate(progress)).lag === 0, 90)
      const result = await final.evaluate(async () => {
        const rows = (documents, ...fields) => documents.map((one) => JSON.stringify(fields.map((field) => one[field]))).sort()
        const papers = db.collection('papers')
        const words = await papers.aggregate([{ $unwind: '$words' }, { $group: { _id: '$words', n: { $sum: 1 } } }])
        const all = await papers.find().toArray()
        const years = new Map()
        const size = 365 * 86_400_000
        for (const { cat, date, words } of all) {
          const start = new Date(Math.floor(Date.parse(date) / size) * size)
          const year = years.get(`${cat}@${+start}`) ?? { key: cat, start, n: 0, words: 0 }
          years.set(`${cat}@${+start}`, { ...year, n: year.n + 1, words: year.words + words.length })
        }
        return {
          words: rows(words, '_id', 'n'),
          counted: rows(await db.collection('words').find().toArray(), 'key', 'value'),
          years: rows([...years.values()], 'key', 'start', 'n', 'words'),
          windows: rows(await db.collection('years').find().toArray(), 'key', 'start', 'n', 'words'),
          failures: window.failures,
        }
      })
      assert.deepEqual(result.failures, [])
      assert.deepEqual(result.counted, result.words, 'words')
      assert.deepEqual(result.windows, result.years, 'windows')
      const { in: read, dead } = await final.evaluate(progress)
      assert.deepEqual([read, dead], [ABSTRACTS, 0])
      const words = all.reduce((sum, paper) => sum + paper.words.length, 0)
      counted(
        `${ABSTRACTS} abstracts, ${words} words, ${result.words.length} different: the stream counts what the aggregation does; ` +
          `${result.years.length} windows the same; one tab closed, one stopped for a while, one killed, then all`,
      )
    },
    150,
  )

scenario(
  'messages go through a stream fast, and another tab takes over from a killed one within a second',
  async (scene) => {
    const [one, two] = [await scene.page(), await scene.page()]
    const run = async () => {
      const db = await openDatabase('speed')
      const topic = db.topic('clicks', { partitions: 1 })
      window.stream = await db
        .stream('s')
        .from(topic, { time: ({ at }) => at })
        .keyBy(({ page }) => page)
        .window({ tumbling: 1000 })
        .aggregate({ n: { $count: {} }, ms: { $sum: ({ ms }) => ms } })
        .into('counts')
        .run()
    }
    await one.evaluate(async () => {
      const db = await openDatabase('speed')
      const topic = db.topic('clicks', { partitions: 1 })
      for (let from = 0; from < 10_000; from += 1000)
        await topic.publishMany(
          Array.from({ length: 1000 }, (_, n) => ({ value: { page: `p${n % 20}`, at: (from + n) * 10, ms: n % 7 } })),
        )
    })
    const begun = Date.now()
    await one.evaluate(run)
    await eventually('all is read', () => one.evaluate(async () => (await window.stream.stats()).lag === 0), 60)
    const rate = Math.round((10_000 / (Date.now() - begun)) * 1000)
    await two.evaluate(run)
    await two.evaluate(() => db.topic('clicks').publish({ page: 'x', at: 100_001, ms: 1 }))
    await eventually('all is read', () => two.evaluate(async () => (await window.stream.stats()).lag === 0))
    const [killed, other] = (await one.evaluate(async () => (await window.stream.stats()).working)) ? [one, two] : [two, one]
    await crash(scene.browser, killed)
    const begunAgain = Date.now()
    await other.evaluate(() => db.topic('clicks').publish({ page: 'x', at: 200_001, ms: 1 }))
    await eventually('it took over', () => other.evaluate(async () => (await window.stream.stats()).lag === 0))
    const took = Date.now() - begunAgain
    assert.ok(took < 2000, `took over after ${took} ms`)
    const sum = await other.evaluate(async () =>
      (await db.collection('counts').find().toArray()).reduce((all, { value }) => all + value.n, 0),
    )
    assert.equal(sum, 10_001)
    counted(`10,000 messages through a window in ${rate} messages/s; took over from a killed tab after ${took} ms`)
  },
  120,
)

scenario(
  'a stream whose instance crashes at one operation of the disk after another loses nothing and counts nothing twice',
  async (scene) => {
    const page = await scene.page()
    const { crashes, counts, expected, stats } = await page.evaluate(async () => {
      const { open } = window.tidewell
      const writer = await open('crashes')
      const texts = writer.topic('texts', { partitions: 1 })
      const expected = {}
      let crashes = 0
      const run = (db) =>
        db
          .stream('words')
          .from(db.topic('texts'))
          .flatMap(({ words }) => words)
          .keyBy((word) => word)
          .window({ tumbling: 1e15 }, { emit: 'updates' })
          .count()
          .into('counts')
          .run({ batch: 8 })
      const through = async (stream, messages) => {
        while ((await stream.stats()).in < messages) await new Promise((done) => setTimeout(done, 1))
      }
      for (let round = 0; round < 60; round++) {
        // Opening and a few batches are about so many.
        const operation = 1 + (round % 10)
        const words = [`w${round % 5}`, 'all', `v${round}`]
        await texts.publishMany(Array.from({ length: 10 }, () => ({ value: { words } })))
        for (const word of words) expected[word] = (expected[word] ?? 0) + 10
        const db = await open('crashes', { faults: { at: { [operation]: 'crash-kill' } } }).catch(() => undefined)
        try {
          if (db === undefined) throw new Error('crashed while it opened')
          const stream = await run(db)
          await Promise.race([through(stream, 10 * (round + 1)), stream.done])
        } catch {
          crashes++
        }
        await db?.close().catch(() => undefined)
      }
      const stream = await run(writer)
      await through(stream, 600)
      const counts = Object.fromEntries((await writer.collection('counts').find().toArray()).map(({ key, value }) => [key, value]))
      return { crashes, counts, expected, stats: await stream.stats() }
    })
    assert.deepEqual(counts, expected)
    assert.deepEqual([stats.in, stats.late, stats.dead], [600, 0, 0])
    assert.ok(crashes >= 30, `it crashed ${crashes} times`)
    counted(`${crashes} crashes of a stream's instance, at the first to the tenth operation of its disk: 600 messages, each counted once`)
  },
  120,
)
