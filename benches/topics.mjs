// `cargo xtask bench topics`: what publishing, consuming and the way from tab to tab cost, in one headless Chromium. Arguments:
// --total N messages, --rounds N.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { eventually, launch, newProfile } from '../tests/browser/support/browser.mjs'
import { serveTopics } from './server.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({ options: { total: { type: 'string', default: '20000' }, rounds: { type: 'string', default: '3' } } })
const [total, rounds] = [Number(values.total), Number(values.rounds)]
const [BACKLOG, EFFECTS, MESSAGES] = [10_000, 1_000, 300]

const server = await serveTopics()
const profile = await newProfile()
const browser = await launch(profile.folder)
const results = new Map()
const note = (what, value) => {
  results.set(what, [...(results.get(what) ?? []), value])
  console.log(`  ${what}: ${value.toFixed(1)}`)
}
const sorted = (list) => [...list].sort((a, b) => a - b)
const share = (list, at) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * at))]
let memory
try {
  const [one, two] = await Promise.all(
    [0, 1].map(async () => {
      const page = await browser.context.newPage()
      page.on('pageerror', (error) => console.log(`  ${error.message}`))
      page.setDefaultTimeout(600_000)
      await page.goto(`${server.origin}/bench/topics-page.html`)
      await eventually('the page is loaded', () => page.evaluate(() => window.bench !== undefined), 60)
      await page.evaluate(() => window.bench.open())
      return page
    }),
  )
  const call = (page, method, ...args) => page.evaluate(([method, args]) => window.bench[method](...args), [method, args])
  for (let round = 0; round < rounds; round++) {
    note('published in batches of 1,000, messages/s', await call(one, 'publish', `p${round}`, total))
    note('the same, flushed to the disk (strict), messages/s', await call(one, 'publish', `s${round}`, total, 'strict'))
    await call(one, 'publish', `b${round}`, BACKLOG)
    note(`consumed and acknowledged of a backlog of ${BACKLOG}, messages/s`, await call(one, 'consume', `b${round}`, BACKLOG))
    await call(one, 'publish', `e${round}`, EFFECTS)
    note('consumed with an effect in the commit of each ack, messages/s', await call(one, 'transactional', `e${round}`, EFFECTS))
    for (const [where, page] of [['the same tab', one], ['another tab', two]]) {
      const name = `l${round} ${where}`
      await call(page, 'listen', name)
      await call(one, 'send', name, MESSAGES)
      const heard = await call(page, 'heard', MESSAGES)
      if (heard.length !== MESSAGES) throw new Error(`${heard.length} of ${MESSAGES} messages came to ${where}`)
      note(`publish to handler in ${where}, ms, half of the messages`, share(heard, 0.5))
      note(`publish to handler in ${where}, ms, 99 of 100`, share(heard, 0.99))
    }
  }
  memory = await call(one, 'memory')
} finally {
  await browser.close()
  await server.close()
  await profile.remove()
}
const lines = [...results].map(([what, list]) => {
  const digits = share(list, 0.5) >= 100 ? 0 : 1
  return `| ${what} | ${share(list, 0.5).toFixed(digits)} | ${sorted(list)[0].toFixed(digits)} to ${sorted(list).at(-1).toFixed(digits)} |`
})
const held = Object.entries(memory).filter(([name]) => /bytes|memory|budget/i.test(name))
const text = [
  `**${total} messages published, median of ${rounds} rounds**`,
  '',
  '| what | median | from, to |',
  '|---|---|---|',
  ...lines,
  '',
  `Memory of the engine after that: ${held.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')}.`,
].join('\n')
mkdirSync(resolve(root, 'target/bench'), { recursive: true })
writeFileSync(resolve(root, 'target/bench/topics.md'), `${text}\n`)
console.log(`\n${text}\n(target/bench/topics.md)`)
