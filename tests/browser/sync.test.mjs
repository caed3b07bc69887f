// Syncing for real: browsers against a `tidewell-server` process, through a proxy that behaves like a network. Either side is killed with
// SIGKILL, tabs come and go; nothing that was acknowledged may be missing, and nothing may have been done twice.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { crash, eventually, launch, newProfile, openPage, pause } from './support/browser.mjs'
import { control, controlled } from './support/control.mjs'
import { startProxy } from './support/proxy.mjs'
import { ran } from './support/places.mjs'
import { counted } from './support/scenario.mjs'
import { packageFolder, serve } from './support/server.mjs'
import { all, Bank, begin, idle, now, nowAgain, openBank, status } from './support/sync_page.mjs'
import { startPostgres } from './support/postgres.mjs'
import { dispatchSync } from './support/service_worker.mjs'
import { startSyncServer } from './support/sync_server.mjs'

/** The browser itself lost what its own transactions had acknowledged. */
class Forgotten extends Error {}

/** A test with a sync server, or two beside each other on PostgreSQL, a proxy before each, and as many browsers on fresh profiles as it wants. */
const scenario = (claim, settings, run) =>
  test(claim, { timeout: (settings.seconds ?? 60) * 1000 }, () =>
    scene(settings, run).catch((error) => {
      if (!(error instanceof Forgotten)) throw error
      // Once: it is told, and the scenario begins anew.
      counted(error.message)
      return scene(settings, run)
    }),
  )

async function scene(settings, run) {
  const closing = []
  const keep = (thing, close) => {
    closing.push(close)
    return thing
  }
  try {
    const pages = await serve()
    keep(pages, () => pages.close())
    const postgres = settings.postgres ? await startPostgres() : undefined
    if (postgres !== undefined) keep(postgres, () => postgres.close())
    const seed = 1 + (Date.now() % 100_000)
    const serveOne = async (at, secret) => {
      const server = await startSyncServer({ rules: settings.rules, database: postgres?.url, secret })
      keep(server, () => server.close())
      const proxy = await startProxy(server.port, { seed: seed + at, faults: settings.faults ?? 0 })
      return { server, proxy: keep(proxy, () => proxy.close()) }
    }
    const { server, proxy } = await serveOne(0)
    const second = postgres === undefined ? { server, proxy } : await serveOne(1, join(server.folder, 'tidewell.secret'))
    const options = async (more, at = 0) => ({ url: [proxy, second.proxy][at].url, token: await server.token(), collections: ['notes'], ...more })
    const device = async () => {
      const profile = await newProfile()
      keep(profile, () => profile.remove())
      const own = { browser: await launch(profile.folder) }
      keep(own, () => own.browser.close())
      own.page = (path = '/') => openPage(own.browser, pages.origin + path)
      own.restart = async () => {
        await own.browser.close()
        own.browser = await launch(profile.folder)
      }
      return own
    }
    /** A database in this process: looks at what the server has, or fills it. */
    const observer = async (user) => {
      const { open } = await import(pathToFileURL(`${packageFolder}/dist/inline.js`).href)
      const db = await open(`observer-${Math.random()}`)
      keep(db, () => db.close())
      return { db, sync: db.sync({ url: server.url, token: await server.token(user), collections: ['notes'], live: false }) }
    }
    await run({ server, proxy, device, observer, seed, options })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

for (const postgres of [false, true]) {
  const where = postgres ? ', each with a server of its own on PostgreSQL' : ''
  scenario(`two profiles edit without a network, come back, and are the same, with both fields and the refusal listed${where}`, { postgres }, editApart)
}

async function editApart({ device, options, proxy }) {
  const [one, two] = [await device(), await device()]
  const pages = [await one.page(), await two.page()]
  for (const [at, page] of pages.entries()) await page.evaluate(begin, [await options({}, at)])
  await pages[0].evaluate(() => window.notes.insertMany([{ id: 'a', title: 'tide', n: 0 }, { id: 'b', title: 'well' }]))
  await now(pages[0])
  await eventually('the other has them', async () => (await all(pages[1])).length === 2).catch(async (error) => {
    throw new Error(`${error.message} ${JSON.stringify(await Promise.all(pages.map(status)))} ${JSON.stringify(proxy.counts)}`)
  })
  // Parts of the package that are loaded while nobody waits may not be there yet: what is used without a network is used once before.
  for (const page of pages) await page.evaluate(() => window.db.transaction(async () => {}))
  for (const { browser } of [one, two]) await browser.context.setOffline(true)
  for (const page of pages) await eventually('it is offline', async () => (await status(page)).state === 'offline')
  await pages[0].evaluate(async () => {
    await window.notes.update('a', { $set: { title: 'from one' }, $inc: { n: 1 } })
    await window.notes.delete('b')
    await window.db.transaction(async (tx) => {
      for (const id of ['c', 'd']) await tx.collection(window.notes).insert({ id, by: 'one' })
    })
  })
  await pages[1].evaluate(async () => {
    await window.notes.update('a', { $set: { mood: 'from two' }, $inc: { n: 1 } })
    await window.notes.update('b', { $set: { title: 'too late' } })
    await window.notes.insert({ id: 'e', by: 'two' })
  })
  assert.deepEqual([(await status(pages[0])).pending, (await status(pages[1])).pending], [3, 3])
  await one.browser.context.setOffline(false)
  await idle(pages[0])
  await two.browser.context.setOffline(false)
  for (const page of [pages[1], pages[0]]) await idle(page)
  await now(pages[0])
  const expected = [
    { id: 'a', title: 'from one', n: 2, mood: 'from two' },
    { id: 'c', by: 'one' },
    { id: 'd', by: 'one' },
    { id: 'e', by: 'two' },
  ]
  assert.deepEqual([await all(pages[0]), await all(pages[1])], [expected, expected])
  const letters = await pages[1].evaluate(async () => (await window.sync.deadLetters()).map(({ code, ops }) => [code, ops[0].id]))
  assert.deepEqual(letters, [['gone', 'b']], 'what could not be done is listed')
}

scenario(
  'with the engine in a worker: refused by rule, edited, sent again; a token that has run out, and another',
  { rules: { notes: { read: { owner: '$claims.sub' }, write: { owner: '$claims.sub' } } } },
  async ({ device, options, server }) => {
    const one = await device()
    const page = await one.page()
    await page.evaluate(begin, [await options({ token: 'stale' }), { worker: true }])
    await page.evaluate(() => window.notes.insertMany([{ id: 'a', owner: 'ann' }]))
    await page.evaluate(() => window.notes.insert({ id: 'b', owner: 'bob' }))
    await eventually('it needs a token', async () => (await status(page)).state === 'needs-auth')
    assert.equal((await status(page)).pending, 2, 'nothing is dropped')
    await page.evaluate((token) => window.sync.setToken(token), await server.token())
    await idle(page)
    assert.equal((await status(page)).letters, 1)
    await page.evaluate(async () => {
      const [letter] = await window.sync.deadLetters()
      await letter.edit([{ collection: 'notes', id: 'b', create: { id: 'b', owner: 'ann' } }])
    })
    await now(page)
    assert.deepEqual([(await all(page)).length, (await status(page)).letters], [2, 0])
  },
)

/** A page of a browser that remembers what it acknowledged; what it acknowledges from now on is added. A browser that does not is found out by Tidewell, too. */
async function remembering(page, acknowledged) {
  const forgotten = await controlled(page, acknowledged)
  if (forgotten !== undefined) {
    const told = await page.evaluate(() => settle(openDatabase('synced')))
    assert.equal(told.error?.code, 'storage-lost', `a loss is reported, not hidden: ${JSON.stringify(told)}`)
    throw new Forgotten(`sync: Chromium forgot its own records after a kill: ${JSON.stringify(forgotten)}`)
  }
  page.on('console', (message) => {
    const [word, number] = message.text().split(' ')
    if (word === 'control') acknowledged.push(Number(number))
  })
  await page.evaluate(control)
  return page
}

scenario('a server and two browsers are killed again and again under load, on a bad network: nothing lost, nothing twice', { faults: 0.15, seconds: 180 }, async ({ device, options, server, proxy, observer, seed }) => {
  const devices = [await device(), await device()]
  const timing = { deadline: 500 }
  const bank = new Bank()
  const ROUNDS = 4
  const controls = devices.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, one] of devices.entries()) {
      const page = await remembering(await one.page(), controls[at])
      bank.hear(page)
      await page.evaluate(begin, [await options({ timing }), { durability: 'strict' }])
      if (round === 0 && at === 0) await openBank(page)
      await eventually('the bank is there', async () => (await all(page)).length >= 5, 40)
      await bank.load(page, `r${round}d${at}`)
    }
    await server.kill()
    await sleep(100)
    await server.start()
    await sleep(200 + 100 * (round % 3))
    // Sometimes while the server is away.
    if (round % 2 === 1) await server.kill()
    for (const one of devices) await one.restart()
    if (round % 2 === 1) await server.start()
  }
  const pages = []
  for (const [at, one] of devices.entries()) {
    const page = await remembering(await one.page(), controls[at])
    await page.evaluate(begin, [await options({ timing })])
    pages.push(page)
  }
  for (const page of pages) await eventually('everything is sent', async () => (await status(page)).pending === 0, 40)
  const { passed, ...mishaps } = proxy.counts
  assert.ok(Object.values(mishaps).reduce((sum, count) => sum + count, 0) >= 10, `the network was bad: ${JSON.stringify(proxy.counts)}`)
  proxy.set({ faults: 0 })
  for (const page of [...pages, pages[0]]) await nowAgain(page)
  const { db, sync } = await observer()
  await sync.now()
  const there = await db.collection('notes').find({}).sort({ id: 1 }).toArray()
  for (const page of pages) assert.deepEqual(await all(page), there, `each browser shows what the server has (seed ${seed})`)
  bank.check(there, seed)
  for (const page of pages) assert.equal((await status(page)).letters, 0)
  ran('Chromium', 'sync', `${2 * ROUNDS} browsers and ${ROUNDS + ROUNDS / 2} servers killed under load: ${bank.acknowledged.size} acknowledged writes, 0 lost, 0 twice; ${JSON.stringify(proxy.counts)}, seed ${seed}`)
})

scenario('one tab syncs; when it is killed another does within a second, when it stands still a little later, never two', {}, async ({ device, options, server, proxy }) => {
  const one = await device()
  const requests = proxy.record()
  const tabs = []
  const open = async () => {
    const page = await one.page()
    // Who asks is told apart by the token.
    const token = await server.token('ann', { claims: { tab: `t${tabs.length}` } })
    await page.evaluate(begin, [await options({ token, timing: { poll: 50 } })])
    tabs.push(page)
    return page
  }
  for (let at = 0; at < 3; at++) await open()
  const times = { killed: [], frozen: [] }
  for (const kind of ['killed', 'frozen', 'killed', 'frozen']) {
    const statuses = await Promise.all(tabs.map(status))
    assert.equal(statuses.filter(({ here }) => here).length, 1, 'one tab syncs')
    await eventually('every tab shows how it stands', async () => (await Promise.all(tabs.map(status))).every(({ state }) => state === 'live'))
    const at = statuses.findIndex(({ here }) => here)
    const [leader] = tabs.splice(at, 1)
    const begun = Date.now()
    const resume = kind === 'frozen' ? await pause(one.browser, leader) : await crash(one.browser, leader)
    await eventually('another tab syncs', async () => (await Promise.all(tabs.map(status))).some(({ here }) => here))
    times[kind].push(Date.now() - begun)
    await tabs[0].evaluate(() => window.notes.insert({ id: String(Math.random()) }))
    for (const page of tabs) await idle(page)
    if (kind === 'frozen') {
      await resume()
      tabs.push(leader)
      await eventually('who wakes waits', async () => !(await status(leader)).here)
    } else await open()
  }
  await Promise.all(tabs.map((page) => idle(page)))
  // The one that has just woken hears of what was written meanwhile a moment later.
  const counts = async () => (await Promise.all(tabs.map(all))).map((docs) => docs.length)
  await eventually('every tab has the four', async () => (await counts()).every((count) => count === 4))
  assert.ok(Math.max(...times.killed) < 1000, `killed: ${times.killed} ms`)
  assert.ok(Math.max(...times.frozen) < 3000, `frozen: ${times.frozen} ms`)
  const overlaps = requests.filter((a) => requests.some((b) => a.token !== b.token && a.begun < b.ended && b.begun < a.begun))
  assert.deepEqual(overlaps.map(({ token, ...rest }) => ({ tab: JSON.parse(atob(token.split('.')[1])).tab, ...rest })), [], 'never two at once')
  counted(`sync: taken over from a killed tab after ${times.killed.join(', ')} ms, from a frozen one after ${times.frozen.join(', ')} ms; ${requests.length} requests, no two tabs at once`)
})

scenario('a first download of 20,000 documents goes on where it was when the browser was killed', { seconds: 120 }, async ({ device, options, server, observer }) => {
  const DOCS = 20_000
  const { db, sync } = await observer()
  const text = 'a document of usual length, as people write them. '.repeat(4)
  const begunUpload = Date.now()
  for (let from = 0; from < DOCS; from += 1000)
    await db.collection('notes').insertMany(Array.from({ length: 1000 }, (_, at) => ({ id: `n${String(from + at).padStart(6, '0')}`, text })))
  await sync.now()
  const upload = Date.now() - begunUpload
  const served = async () => Number(/^tidewell_documents_sent_total (\d+)/m.exec(await (await fetch(`${server.url}/metrics`)).text())[1])
  const one = await device()
  let page = await one.page()
  const before = await served()
  const begun = Date.now()
  page.on('console', () => undefined)
  await page.evaluate(begin, [await options({ page: 500 })])
  const seen = await eventually('a part has come', async () => {
    const { progress } = await status(page)
    return progress !== undefined && progress.received > 4000 ? progress.received : undefined
  })
  await one.restart()
  page = await one.page()
  const first = await page.evaluate(async () => (await openDatabase('synced')).collection('notes').count())
  assert.ok(first >= 3000, `what had come is there: ${first} of ${seen}`)
  await page.evaluate(async () => window.db.close())
  await page.evaluate(begin, [await options({ page: 500 })])
  await idle(page, 60)
  const took = Date.now() - begun
  assert.equal(await page.evaluate(() => window.notes.count()), DOCS)
  const sent = (await served()) - before
  assert.ok(sent <= DOCS + 1500, `pages are sent once: ${sent} documents`)
  counted(`sync: ${DOCS} documents uploaded in ${upload} ms; first download with a kill at ${seen} in ${took} ms, ${sent} documents sent`)
})

scenario('a change is on the other device at once', {}, async ({ device, options, server }) => {
  const [one, two] = [await device(), await device()]
  const pages = [await one.page(), await two.page()]
  for (const page of pages) await page.evaluate(begin, [await options({ url: server.url })])
  for (const page of pages) await idle(page)
  await pages[1].evaluate(() => {
    window.arrived = new Map()
    window.notes.find({}).subscribe(({ docs }) => {
      for (const { id } of docs) if (!window.arrived.has(id)) window.arrived.set(id, Date.now())
    })
  })
  await sleep(500)
  const COUNT = 100
  const sent = await pages[0].evaluate(async (count) => {
    const sent = []
    for (let n = 0; n < count; n++) {
      sent.push([`n${n}`, Date.now()])
      await window.notes.insert({ id: `n${n}`, text: 'a change' })
      await new Promise((resume) => setTimeout(resume, 30))
    }
    return sent
  }, COUNT)
  await eventually('all have come', () => pages[1].evaluate((count) => window.arrived.size === count, COUNT))
  const arrived = new Map(await pages[1].evaluate(() => [...window.arrived]))
  const times = sent.map(([id, at]) => arrived.get(id) - at).sort((a, b) => a - b)
  const [p50, p99] = [times[COUNT / 2], times[Math.floor(COUNT * 0.99)]]
  assert.ok(p50 < 500, `p50 ${p50} ms`)
  counted(`sync: from one browser's write to another browser's screen p50 ${p50} ms, p99 ${p99} ms`)
})

scenario('what was written offline is sent by the service worker when the page is closed', {}, async ({ device, options, observer }) => {
  const one = await device()
  const page = await one.page()
  const given = await options()
  await page.evaluate(async (options) => {
    const address = `/sync_worker.js?options=${encodeURIComponent(JSON.stringify(options))}`
    await navigator.serviceWorker.register(address, { type: 'module' })
    await navigator.serviceWorker.ready
  }, given)
  await page.evaluate(begin, [{ ...given, background: 'notes' }])
  await idle(page)
  const other = await one.page()
  await one.browser.context.setOffline(true)
  await eventually('it is offline', async () => (await status(page)).state === 'offline')
  await page.evaluate(() => window.notes.insert({ id: 'n', text: 'written offline' }))
  const tags = () => page.evaluate(async () => (await navigator.serviceWorker.ready).sync.getTags())
  await eventually('the tag is registered', async () => (await tags()).includes('notes'))
  await page.close()
  await one.browser.context.setOffline(false)
  await dispatchSync(other, 'notes')
  const { db, sync } = await observer()
  await eventually('the server has it', async () => {
    await sync.now()
    return (await db.collection('notes').count()) === 1
  })
})
