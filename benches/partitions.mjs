// `cargo xtask bench partitions`: jobs by one runner, and by two on a source that is split: a page and a worker of its own, or two pages.
// Besides the time that passed it shows the processor time of the two busiest threads, from Linux's /proc: where other work keeps the
// cores busy that is what tells whether the work was shared. Ways take turns, so that each is compared with what ran just before. Arguments: --total N, --rounds N, --partitions N, --work WORDS.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
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
const read = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
/** The fields of a line of /proc behind the name in brackets. */
const fields = (path) => read(path).replace(/^.*\) /s, '').split(' ')
/** Milliseconds of processor time that each thread of the browser's process group has had; nothing where there is no /proc. */
const threads = () => {
  const found = new Map()
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)) : []
  for (const pid of pids.filter((pid) => fields(`/proc/${pid}/stat`)[2] === String(browser.pid)))
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [user, system] = fields(`/proc/${pid}/task/${thread}/stat`).slice(11, 13).map(Number)
      found.set(thread, (user + system) * 10)
    }
  return found
}
/** The two threads that were busiest since. */
const busiest = (before) => {
  const spent = [...threads()].map(([thread, ms]) => ms - (before.get(thread) ?? 0))
  return spent.sort((a, b) => b - a).slice(0, 2)
}
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
        const before = threads()
        const result = await first.evaluate((job) => window.bench.run(job), job)
        result.busy = busiest(before)
        const key = `${work} | ${way}`
        rows.set(key, [...(rows.get(key) ?? []), result])
        console.log(`  ${key}: ${Math.round(result.ms)} ms, busy ${result.busy.join(' and ')} ms, ${result.rows} rows, sum ${result.sum}`)
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
  const busy = [0, 1].map((at) => median(all.map(({ busy }) => busy[at] ?? 0)))
  return `| ${key} | ${Math.round(median(times))} | ${Math.round(sorted(times)[0])} | ${share.toFixed(2)} | ${busy.join(' and ')} |`
})
const text = [`**${total} documents, ${rounds} rounds**`, '', '| work | runners | median, ms | best, ms | of the unsplit one in the same round | busiest threads, ms of processor time |', '|---|---|---|---|---|---|', ...lines].join('\n')
mkdirSync(resolve(root, 'target/bench'), { recursive: true })
writeFileSync(resolve(root, 'target/bench/partitions.md'), `${text}\n`)
console.log(`\n${text}\n(target/bench/partitions.md)`)
