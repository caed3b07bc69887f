// `cargo xtask bench`: every engine in a tab of its own in one headless Chromium, workload by workload, engine by engine, so that
// a slow moment of the machine meets all of them. Arguments: --quick, --total N, --rounds N, --engines a,b, --work a,b, --no-scale.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { eventually, launch, newProfile } from '../tests/browser/support/browser.mjs'
import { documentsOf, idOf } from './documents.js'
import { report, summarise } from './report.mjs'
import { serveBench } from './server.mjs'

const ENGINES = ['tidewell', 'tidewell-worker', 'idb', 'dexie', 'rxdb', 'sqlite']
const WORKLOADS = ['bulk', 'single', 'inFlight', 'get', 'range', 'filterSort', 'groupBy', 'update', 'remove', 'live', 'longestTask', 'longestUpdate', 'longestRemove']

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    total: { type: 'string' },
    rounds: { type: 'string' },
    engines: { type: 'string', default: ENGINES.join() },
    'no-scale': { type: 'boolean', default: false },
    work: { type: 'string', default: WORKLOADS.join() },
  },
})
const engines = values.engines.split(',')
const total = Number(values.total ?? (values.quick ? 10_000 : 100_000))
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
const parameters = { total, rounds, count: values.quick ? 500 : 2000 }

const openTab = async (browser, origin, engine) => {
  const page = await browser.context.newPage()
  page.on('pageerror', (error) => console.log(`  ${engine}: ${error.message}`))
  await page.goto(`${origin}/bench/page.html?engine=${engine}`)
  await eventually(`${engine} is loaded`, () => page.evaluate(() => window.bench !== undefined), 30)
  return page
}

/** One workload for every engine; all samples are collected under the workload's name. */
const runAll = async (tabs, workload, collected) => {
  for (const [engine, page] of tabs) {
    const begun = performance.now()
    try {
      await page.bringToFront()
      const outcome = await page.evaluate(([name, given]) => window.bench.run(name, given), [workload, parameters])
      if (outcome === undefined || outcome === null) continue
      const kept = ((collected[workload] ??= {})[engine] ??= { samples: [], each: outcome.each })
      kept.samples.push(...outcome.samples)
    } catch (error) {
      console.log(`  ${engine} failed in ${workload}: ${error.message.split('\n')[0]}`)
    }
    console.log(`  ${workload.padEnd(12)} ${engine.padEnd(16)} ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  }
}

const runRound = async (browser, origin, round, collected, durabilities) => {
  const tabs = new Map()
  for (const engine of engines) {
    const page = await openTab(browser, origin, engine)
    durabilities[engine] = await page.evaluate(() => window.bench.durability)
    await page.evaluate((name) => window.bench.open(name), `bench-${engine}-${round}`)
    tabs.set(engine, page)
  }
  for (const workload of values.work.split(',')) await runAll(tabs, workload, collected)
  for (const [engine, page] of tabs) {
    await page.evaluate(() => window.bench.close()).catch(() => {})
    const kept = ((collected.reopen ??= {})[engine] ??= { samples: [], each: 1 })
    for (let i = 0; i < 5; i++) {
      await page.reload()
      await eventually(`${engine} is loaded again`, () => page.evaluate(() => window.bench !== undefined), 30)
      kept.samples.push(await page.evaluate(([name, id]) => window.bench.reopen(name, id), [`bench-${engine}-${round}`, idOf(1)]))
      await page.evaluate(() => window.bench.close()).catch(() => {})
    }
    await page.close()
  }
}

/** Opening and memory as the data grows: Tidewell alone, 10,000 to 1,000,000 documents. */
const runScale = async (browser, origin) => {
  const found = []
  let written = 0
  for (const size of values.quick ? [1000, 10_000] : [10_000, 100_000, 1_000_000]) {
    let page = await openTab(browser, origin, 'tidewell')
    await page.evaluate(() => window.bench.open('bench-scale'))
    for (; written < size; written += 1000) await page.evaluate((documents) => window.bench.bulk(documents), documentsOf(written, 1000, 1_000_000))
    const memory = memoryOf(await page.evaluate(() => window.bench.stats()))
    await page.evaluate(() => window.bench.close())
    const samples = []
    for (let i = 0; i < 5; i++) {
      await page.reload()
      await eventually('Tidewell is loaded again', () => page.evaluate(() => window.bench !== undefined), 30)
      samples.push(await page.evaluate((id) => window.bench.reopen('bench-scale', id), idOf(7)))
      await page.evaluate(() => window.bench.close())
    }
    await page.close()
    found.push({ total: size, reopen: summarise({ samples, each: 1 }).median, memory })
    console.log(`  scale ${size}: open ${found.at(-1).reopen.toFixed(1)} ms, ${memory}`)
  }
  return found
}

/** Every figure of the engine's statistics that speaks of memory. */
const memoryOf = ({ engine }) => {
  const bytes = Object.entries(flatten(engine)).filter(([name, value]) => typeof value === 'number' && /memory|memtable|cache|budget/i.test(name) && /bytes|budget/i.test(name))
  return bytes.map(([name, value]) => `${name} ${(value / 2 ** 20).toFixed(1)} MiB`).join(', ')
}

const flatten = (value, path = '') =>
  Object.assign({}, ...Object.entries(value ?? {}).map(([key, field]) => (typeof field === 'object' && field !== null ? flatten(field, `${path}${key}.`) : { [`${path}${key}`]: field })))

const server = await serveBench(engines)
const profile = await newProfile()
const browser = await launch(profile.folder)
const collected = {}
const durabilities = {}
let scale = []
try {
  for (let round = 0; round < rounds; round++) {
    console.log(`round ${round + 1} of ${rounds}`)
    await runRound(browser, server.origin, round, collected, durabilities)
  }
  if (!values['no-scale'] && engines.includes('tidewell')) scale = await runScale(browser, server.origin)
} finally {
  await browser.close()
  await server.close()
  await profile.remove()
}
const results = Object.fromEntries(Object.entries(collected).map(([workload, of]) => [workload, Object.fromEntries(Object.entries(of).map(([engine, samples]) => [engine, summarise(samples)]))]))
const text = report({ engines, results, durabilities, scale, parameters })
const folder = resolve(dirname(fileURLToPath(import.meta.url)), '../target/bench')
mkdirSync(folder, { recursive: true })
writeFileSync(`${folder}/results.md`, `${text}\n`)
writeFileSync(`${folder}/results.json`, JSON.stringify({ parameters, results, scale }, null, 2))
console.log(`\n${text}\n\n(target/bench/results.md and results.json)`)
