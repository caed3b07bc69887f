// `cargo xtask bench partitions`: jobs by one runner, and by two on a source that is split: a page and a worker of its own, or two pages.
// Ways take turns, so that each is compared with what ran just before. Arguments: --total N, --rounds N, --partitions N, --work WORDS.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { eventually, launch, newProfile } from '../tests/browser/support/browser.mjs'
import { servePartitions } from './server.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const options = { total: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '5' }, partitions: { type: 'string', default: '8' }, work: { type: 'string', default: '' } }
const { values } = parseArgs({ options })
const [total, rounds, partitions] = [values.total, values.rounds, values.partitions].map(Number)

const server = await servePartitions()
const profile = await newProfile()
const browser = await launch(profile.folder)
const rows = new Map()
const pageOf = async () => {
  const page = await browser.context.newPage()
  page.on('pageerror', (error) => console.log(`  ${error.message}`))
  page.setDefaultTimeout(600_000)
  await page.goto(`${server.origin}/bench/jobs-split-page.html`)
  await eventually('the page is loaded', () => page.evaluate(() => window.bench !== undefined), 60)
  await page.evaluate(() => window.bench.open('split'))
  return page
}
try {
  const [first, second] = [await pageOf(), await pageOf()]
  console.log(`  ${total} documents`)
  await first.evaluate((total) => window.bench.fill(total), total)
  const ways = {
    'one, not split': { partitions: 1 },
    [`one, ${partitions} partitions`]: { partitions },
    'page and worker': { partitions, worker: true },
    'two pages': { partitions, tab: true },
  }
  await first.bringToFront()
  for (const work of await first.evaluate(() => window.bench.works)) {
    if (!work.includes(values.work)) continue
    // Blocks are in memory in both pages.
    for (const page of [first, second]) await page.evaluate((job) => window.bench.run(job), { work, partitions: 1 })
    for (let round = 0; round < rounds; round++) {
      for (const [way, { partitions, worker = false, tab = false }] of Object.entries(ways)) {
        const job = { work, partitions }
        await first.evaluate((job) => window.bench.helped(job), worker ? job : null)
        await second.evaluate((job) => window.bench.help(job), tab ? job : null)
        const result = await first.evaluate((job) => window.bench.run(job), job)
        const key = `${work} | ${way}`
        rows.set(key, [...(rows.get(key) ?? []), result])
        console.log(`  ${key}: ${Math.round(result.ms)} ms, ${result.rows} rows, sum ${result.sum}`)
      }
    }
  }
} finally {
  await browser.close()
  await server.close()
  await profile.remove()
}
const sorted = (list) => [...list].sort((a, b) => a - b)
const median = (list) => sorted(list)[list.length >> 1]
const lines = [...rows].map(([key, all]) => {
  const [times, unsplit] = [all, rows.get(`${key.split(' | ')[0]} | one, not split`)].map((list) => list.map(({ ms }) => ms))
  const share = median(times.map((ms, round) => ms / unsplit[round]))
  return `| ${key} | ${Math.round(median(times))} | ${Math.round(sorted(times)[0])} | ${share.toFixed(2)} |`
})
const text = [`**${total} documents, ${rounds} rounds**`, '', '| work | runners | median, ms | best, ms | of the unsplit one in the same round |', '|---|---|---|---|---|', ...lines].join('\n')
mkdirSync(resolve(root, 'target/bench'), { recursive: true })
writeFileSync(resolve(root, 'target/bench/partitions.md'), `${text}\n`)
console.log(`\n${text}\n(target/bench/partitions.md)`)
