// Chromium as a process of ours, driven over the DevTools protocol: it can be killed with its whole group, and started
// again on the same profile.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-breakpad',
  '--disable-features=Translate,OptimizationHints,MediaRouter',
  // A tab in the background is to be slow only when a test says so.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
  // Every tab in a process of its own, so that one can crash alone.
  '--renderer-process-limit=32',
  '--site-per-process',
]

/** Browsers that run, by the process that leads their group: none outlives the tests. */
const running = new Set()
const endAll = () => {
  for (const pid of running) {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
}
process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

/** Spawns a program that leads a process group of its own; `kill()` ends the whole group at once. */
export const spawnGroup = (program, flags, env = process.env) => {
  const child = spawn(program, flags, { detached: true, stdio: 'ignore', env })
  running.add(child.pid)
  const exited = new Promise((done) => child.on('exit', done))
  const kill = async () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
    await exited
    running.delete(child.pid)
  }
  return { pid: child.pid, kill }
}

/** A profile folder that nothing else uses; `remove()` deletes it. */
export const newProfile = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidewell-profile-'))
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }) }
}

/** Waits until `probe` answers something; the last failure is part of the error. */
export const eventually = async (what, probe, seconds = 20) => {
  const end = Date.now() + seconds * 1000
  let last
  while (Date.now() < end) {
    try {
      const value = await probe()
      if (value) return value
      last = undefined
    } catch (error) {
      last = error
    }
    await sleep(50)
  }
  throw new Error(`not within ${seconds} s: ${what}${last ? ` (${last.message})` : ''}`)
}

const endpoint = async (profile) => {
  const text = await readFile(join(profile, 'DevToolsActivePort'), 'utf8')
  const [port, path] = text.split('\n')
  return path ? `ws://127.0.0.1:${port}${path}` : undefined
}

/** Starts Chromium on a profile folder. */
export const launch = async (profile) => {
  await rm(join(profile, 'DevToolsActivePort'), { force: true })
  const process = spawnGroup(CHROMIUM, [...FLAGS, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'])
  const address = await eventually('Chromium listens', () => endpoint(profile), 60)
  const browser = await chromium.connectOverCDP(address)
  const context = browser.contexts()[0]
  /** Ends the browser and all its processes at once, as a power switch would end a program. */
  const kill = async () => {
    await process.kill()
    await browser.close().catch(() => {})
  }
  return { browser, context, kill, close: kill, pid: process.pid }
}

/** Opens a test page and waits until the package is loaded in it. */
export const openPage = async (browser, address) => {
  const page = await browser.context.newPage()
  page.setDefaultTimeout(60_000)
  page.errors = []
  page.on('pageerror', (error) => page.errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()))
  await page.goto(address)
  await ready(page)
  return page
}

/** Waits until the package is loaded. Not `waitForFunction`, which a strict CSP forbids. */
export const ready = (page) =>
  eventually(`the page loads the package ${page.errors?.join(' | ') ?? ''}`, () => page.evaluate(() => window.ready === true))

/** A DevTools session of a page. */
export const devtools = (browser, page) => browser.context.newCDPSession(page)

/**
 * Stops a tab's thread between two of its tasks, as a browser does that freezes a tab; what is answered lets it go on. (The life cycle
 * state `frozen` leaves the timers and messages of a visible tab alone. `Debugger.pause` stops in the middle of a task, which no browser
 * does: if that is between the requests of a transaction and its `commit()`, IndexedDB lets nobody else write.)
 */
export const pause = async (browser, page) => {
  const session = await devtools(browser, page)
  await session.send('Debugger.enable')
  const paused = new Promise((done) => session.once('Debugger.paused', done))
  await session.send('Runtime.evaluate', { expression: 'void setTimeout(() => { debugger })' })
  await paused
  return async () => {
    await session.send('Debugger.resume')
    await session.send('Debugger.disable')
    await session.detach()
  }
}

/** Ends a tab's process. */
export const crash = async (browser, page) => {
  const session = await devtools(browser, page)
  const crashed = new Promise((done) => page.on('crash', done))
  session.send('Page.crash').catch(() => {})
  await crashed
}

/** Sets the origin's quota in bytes, or lifts it. The limit holds as long as its session does, so one is kept. */
export const setQuota = async (browser, page, origin, bytes) => {
  browser.quotaSession ??= await devtools(browser, page)
  await browser.quotaSession.send('Storage.overrideQuotaForOrigin', bytes === undefined ? { origin } : { origin, quotaSize: bytes })
}

/** Clears kinds of an origin's storage behind the page's back, such as `indexeddb` or `all`. */
export const clearStorage = async (browser, page, origin, storageTypes) => {
  const session = await devtools(browser, page)
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes })
  await session.detach()
}
