// `cargo xtask bench jobs`: batch jobs beside the same computation by hand over Dexie, in one headless Chromium, each in a page of its
// own, round by round. Arguments: --total N, --rounds N.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { eventually, launch, newProfile } from '../tests/browser/support/browser.mjs'
import { serveJobs } from './server.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({ options: { total: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '3' } } })
const [total, rounds] = [Number(values.total), Number(values.rounds)]
const ENGINES = ['tidewell', 'dexie']

const server = await serveJobs(ENGINES)
const profile = await newProfile()
const browser = await launch(profile.folder)
const rows = new Map()
try {
  const pages = []
  for (const engine of ENGINES) {
    const page = await browser.context.newPage()
    page.on('pageerror', (error) => console.log(`  ${engine}: ${error.message}`))
    page.setDefaultTimeout(600_000)
    await page.goto(`${server.origin}/bench/jobs-page.html?engine=${engine}`)
    await eventually(`${engine} is loaded`, () => page.evaluate(() => window.bench !== undefined), 60)
    console.log(`  ${engine}: ${total} documents`)
    await page.evaluate(([name, total]) => window.bench.fill(name, total), [`jobs-${engine}`, total])
    pages.push([engine, page])
  }
  for (const work of ['sum by group', 'word count']) {
    for (let round = 0; round < rounds; round++) {
      for (const [engine, page] of pages) {
        await page.bringToFront()
        for (const way of await page.evaluate((work) => window.bench.ways(work), work)) {
          const key = `${work} | ${engine}: ${way}`
          const result = await page.evaluate(([work, way]) => window.bench.run(work, way), [work, way])
          rows.set(key, [...(rows.get(key) ?? []), result])
          console.log(`  ${key}: ${Math.round(result.ms)} ms, ${result.rows} rows, sum ${result.sum}`)
        }
      }
    }
  }
} finally {
  await browser.close()
  await server.close()
  await profile.remove()
}
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
const lines = [...rows].map(([key, results]) => {
  const longest = Math.max(...results.map((one) => one.longest))
  return `| ${key} | ${Math.round(median(results.map(({ ms }) => ms)))} | ${Math.round(longest)} |`
})
const text = [`**${total} documents, median of ${rounds} rounds**`, '', '| work | how | ms | longest time between frames, ms |', '|---|---|---|---|', ...lines].join('\n')
mkdirSync(resolve(root, 'target/bench'), { recursive: true })
writeFileSync(resolve(root, 'target/bench/jobs.md'), `${text}\n`)
console.log(`\n${text}\n(target/bench/jobs.md)`)
