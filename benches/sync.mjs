// `cargo xtask bench sync`: uploads, first downloads and the way of a write to another device, beside PouchDB and its server, in one
// headless Chromium; every device is a database of its own. Arguments: --total N documents, --rounds N, --engines a,b.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { eventually, launch, newProfile } from '../tests/browser/support/browser.mjs'
import { startSyncServer } from '../tests/browser/support/sync_server.mjs'
import { serveSync } from './server.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: {
    total: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    engines: { type: 'string', default: 'tidewell,pouchdb' },
  },
})
const [total, rounds, engines] = [Number(values.total), Number(values.rounds), values.engines.split(',')]
const WRITES = 100

/** PouchDB's server, on a folder of its own. */
const startCouch = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidewell-couch-'))
  const child = spawn(process.execPath, [join(here, 'sync/couch.mjs'), folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const url = await new Promise((listens, failed) => {
    child.stdout.once('data', (text) => listens(String(text).trim()))
    child.once('exit', (code) => failed(new Error(`PouchDB's server ended at once, with ${code}`)))
  })
  const close = async () => {
    const exited = new Promise((done) => child.once('exit', done))
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  // A database for each round.
  const place = async (name) => {
    await fetch(`${url}/${name}`, { method: 'PUT' })
    return { url: `${url}/${name}` }
  }
  return { place, close }
}

const startTidewell = async () => {
  const server = await startSyncServer({ settings: '[limits]\nuser_requests = 0\ntenant_requests = 0\n' })
  // A tenant for each round.
  const place = async (name) => ({ url: server.url, token: await server.token('ann', { tenant: name }) })
  return { place, close: server.close }
}

const pages = await serveSync(engines)
const profile = await newProfile()
const browser = await launch(profile.folder)
const servers = {}
const results = new Map()
const note = (engine, what, value) => {
  const of = results.get(what) ?? new Map()
  results.set(what, of.set(engine, [...(of.get(engine) ?? []), value]))
  console.log(`  ${engine}: ${what}: ${value.toFixed(1)}`)
}
const sorted = (list) => [...list].sort((a, b) => a - b)
const share = (list, at) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * at))]

const device = async (engine, name) => {
  const page = await browser.context.newPage()
  page.on('pageerror', (error) => console.log(`  ${engine}: ${error.message}`))
  page.setDefaultTimeout(3_600_000)
  await page.goto(`${pages.origin}/bench/sync-page.html?engine=${engine}`)
  await eventually(`${engine} is loaded`, () => page.evaluate(() => window.bench !== undefined), 60)
  const call = (method, ...args) => page.evaluate(([method, args]) => window.bench[method](...args), [method, args])
  await call('open', name)
  const close = async () => {
    await call('close')
    await page.close()
  }
  return { call, close }
}

/** Documents a second that a device sends which wrote them without a network. */
const upload = async (engine, where, name, method, count) => {
  const one = await device(engine, name)
  await one.call('join', where)
  await browser.context.setOffline(true)
  await one.call(method, count)
  const begun = performance.now()
  await browser.context.setOffline(false)
  await one.call('settled')
  return [one, count / ((performance.now() - begun) / 1000)]
}

const runRound = async (engine, round) => {
  const [single, slow] = await upload(engine, await servers[engine].place(`single${round}`), `${engine}-${round}-single`, 'fillSingly', total / 10)
  note(engine, 'documents a second sent, written one by one', slow)
  await single.close()
  const where = await servers[engine].place(`round${round}`)
  const [one, fast] = await upload(engine, where, `${engine}-${round}-one`, 'fill', total)
  note(engine, 'documents a second sent, written a thousand at a time', fast)
  const two = await device(engine, `${engine}-${round}-two`)
  const begun = performance.now()
  await two.call('join', where)
  await two.call('settled')
  note(engine, 'documents a second of a first download', total / ((performance.now() - begun) / 1000))
  const arrived = await two.call('count')
  if (arrived !== total) throw new Error(`${engine}: ${arrived} of ${total} documents arrived`)
  await two.call('listen')
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const sent = await one.call('send', 0, WRITES)
  const heard = await eventually('every write has arrived', async () => {
    const arrivals = new Map(await two.call('arrivals'))
    return sent.every(([id]) => arrivals.has(id)) ? arrivals : undefined
  }, 120)
  const times = sent.map(([id, at]) => heard.get(id) - at)
  note(engine, 'from a write to the other device, ms, half of the writes', share(times, 0.5))
  note(engine, 'from a write to the other device, ms, 99 of 100', share(times, 0.99))
  await one.close()
  await two.close()
}

try {
  for (const engine of engines) servers[engine] = await (engine === 'tidewell' ? startTidewell() : startCouch())
  for (let round = 0; round < rounds; round++) for (const engine of engines) await runRound(engine, round)
} finally {
  await browser.close()
  for (const server of Object.values(servers)) await server.close()
  await pages.close()
  await profile.remove()
}
const cell = (list) => (list === undefined ? '–' : share(list, 0.5).toFixed(share(list, 0.5) >= 100 ? 0 : 1))
const lines = [...results].map(([what, of]) => `| ${what} | ${engines.map((engine) => cell(of.get(engine))).join(' | ')} |`)
const text = [`**${total} documents, median of ${rounds} rounds**`, '', `| what | ${engines.join(' | ')} |`, `|---|${engines.map(() => '---|').join('')}`, ...lines].join('\n')
mkdirSync(resolve(here, '../target/bench'), { recursive: true })
writeFileSync(resolve(here, '../target/bench/sync.md'), `${text}\n`)
console.log(`\n${text}\n(target/bench/sync.md)`)
