// `cargo xtask bench search`: full-text engines over real documents in one headless Chromium, each in a page of its own, one after the
// other. Arguments: --engines a,b, --data movies,titles, --standard (no stemming). Needs the folder of test data beside the checkout.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { eventually, launch, newProfile } from '../tests/browser/support/browser.mjs'
import { serveSearch } from './server.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const folder = resolve(root, '../shared/data')
const SETS = {
  movies: { file: 'movies.jsonl.gz', queries: 'queries-movies.json', fields: 'title,text' },
  titles: { file: 'arxiv-titles-150k.jsonl.gz', queries: 'queries-arxiv-titles.json', fields: 'title' },
}
const KINDS = ['one', 'three', 'prefix', 'fuzzy']
const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'tidewell,minisearch,orama,flexsearch,fts5' },
    data: { type: 'string', default: 'movies,titles' },
    standard: { type: 'boolean', default: false },
  },
})

const at = (samples, share) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))]
const pair = (samples) => {
  const sorted = [...samples].sort((a, b) => a - b)
  return `${at(sorted, 0.5).toFixed(3)} / ${at(sorted, 0.99).toFixed(2)}`
}

const openPage = async (browser, address) => {
  const page = await browser.context.newPage()
  page.on('pageerror', (error) => console.log(`  ${error.message}`))
  await page.goto(address)
  await eventually('the page is loaded', () => page.evaluate(() => window.bench !== undefined), 60)
  return page
}

const measure = async (browser, origin, engine, set) => {
  const { file, fields, queries } = SETS[set]
  const asked = JSON.parse(readFileSync(resolve(folder, queries), 'utf8'))
  const address = `${origin}/bench/search-page.html?engine=search-${engine}&data=${file}&fields=${fields}&english=${!values.standard}`
  const page = await openPage(browser, address)
  const row = await page.evaluate(() => window.bench.build())
  await page.evaluate(() => window.bench.close())
  row.open = []
  for (let i = 0; i < 3; i++) {
    await page.reload()
    await eventually('the page is loaded again', () => page.evaluate(() => window.bench !== undefined), 60)
    row.open.push(await page.evaluate((query) => window.bench.open(query), asked.one[0]))
    if (i < 2) await page.evaluate(() => window.bench.close())
  }
  for (const kind of KINDS) row[kind] = await page.evaluate(([name, list]) => window.bench.query(name, list), [kind, asked[kind]])
  row.update = await page.evaluate(() => window.bench.update(100))
  row.memory = await page.evaluate(() => window.bench.memory())
  await page.close()
  return row
}

const table = (set, rows) => {
  const share = (kind) => (kind === undefined ? '–' : `${pair(kind.samples)}${kind.found < 0.95 ? ` (${kind.found.toFixed(2)})` : ''}`)
  const lines = Object.entries(rows).map(([engine, row]) => {
    const build = (row.build / 1000).toFixed(1)
    const total = ([a, b, c]) => a + b + c
    const [, [engineOpened, programLoaded, answered]] = [...row.open].sort((a, b) => total(a) - total(b))
    const open = [engineOpened, programLoaded, answered].filter((ms) => ms > 0).map((ms) => ms.toFixed(ms < 10 ? 1 : 0))
    return `| ${engine} | ${build} | ${(row.bytes / 1e6).toFixed(1)} | ${open.join(' + ')} | ${KINDS.map((kind) => share(row[kind])).join(' | ')} | ${pair(row.update)} |`
  })
  const memory = Object.entries(rows).filter(([, row]) => row.memory !== undefined)
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
  return [
    `**${set}: ${Object.values(rows)[0].documents} documents, ${values.standard ? 'words as they are' : 'English stemming where the engine has it built in'}**`,
    '',
    '| engine | build s | MB kept | open + first answer ms | one | three | prefix | fuzzy(1) | update |',
    '|---|---|---|---|---|---|---|---|---|',
    ...lines,
    '',
    ...memory.map(([engine, { memory: { search, blocks } }]) => `${engine}: ${megabytes(search)} of memory for search, ${megabytes(blocks)} for blocks and unwritten documents`),
  ].join('\n')
}

if (!existsSync(folder)) {
  console.log(`The search benchmark needs the test data in ${folder}: skipped`)
} else {
  const engines = values.engines.split(',')
  const server = await serveSearch(engines, folder)
  const profile = await newProfile()
  const browser = await launch(profile.folder)
  const text = []
  try {
    for (const set of values.data.split(',')) {
      const rows = {}
      for (const engine of engines) {
        console.log(`  ${set}: ${engine}`)
        try {
          rows[engine] = await measure(browser, server.origin, engine, set)
        } catch (error) {
          console.log(`  ${engine} failed: ${error.message.split('\n')[0]}`)
        }
      }
      text.push(table(set, rows))
    }
  } finally {
    await browser.close()
    await server.close()
    await profile.remove()
  }
  mkdirSync(resolve(root, 'target/bench'), { recursive: true })
  writeFileSync(resolve(root, 'target/bench/search.md'), `${text.join('\n\n')}\n`)
  console.log(`\n${text.join('\n\n')}\n\nTimes are median / 99th percentile in ms, top 10; in brackets the share of queries that found anything. (target/bench/search.md)`)
}
