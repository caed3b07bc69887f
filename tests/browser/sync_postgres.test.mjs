// Two browsers, each on a server of its own, both servers on one PostgreSQL: whatever is killed with SIGKILL under load, nothing is lost and
// nothing done twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { eventually, launch, newProfile, openPage } from './support/browser.mjs'
import { startPostgres } from './support/postgres.mjs'
import { startProxy } from './support/proxy.mjs'
import { counted } from './support/scenario.mjs'
import { serve } from './support/server.mjs'
import { all, Bank, begin, now, nowAgain, openBank, status } from './support/sync_page.mjs'
import { startSyncServer } from './support/sync_server.mjs'

const ROUNDS = 3

test('with two servers on PostgreSQL, all of them and a browser are killed under load: nothing lost, nothing twice', { timeout: 120_000 }, async (t) => {
  const closing = []
  t.after(async () => {
    for (const close of closing.reverse()) await close()
  })
  const keep = async (starting) => {
    const thing = await starting
    closing.push(() => (thing.close ?? thing.remove)())
    return thing
  }
  const seed = 1 + (Date.now() % 100_000)
  const pages = await keep(serve())
  const postgres = await keep(startPostgres())
  const bank = new Bank()
  const devices = []
  for (const at of [0, 1]) {
    const secret = at === 0 ? undefined : join(devices[0].server.folder, 'tidewell.secret')
    const server = await keep(startSyncServer({ database: postgres.url, secret }))
    const proxy = await keep(startProxy(server.port, { seed: seed + at, faults: 0 }))
    const profile = await keep(newProfile())
    devices.push({ server, proxy, profile, browser: await launch(profile.folder) })
  }
  closing.push(() => Promise.all(devices.map(({ browser }) => browser.close())))
  const token = await devices[0].server.token()
  const open = async (device) => {
    device.page = await openPage(device.browser, `${pages.origin}/`)
    bank.hear(device.page)
    const options = { url: device.proxy.url, token, collections: ['notes'], timing: { deadline: 1000 } }
    await device.page.evaluate(begin, [options, { durability: 'strict' }])
  }
  for (const device of devices) await open(device)
  const [one, two] = devices
  await openBank(one.page)
  await now(one.page)
  await eventually('the other has the bank', async () => (await all(two.page)).length === 5)
  // Only now does anything go wrong: `now` rejects when a request fails.
  for (const { proxy } of devices) proxy.set({ faults: 0.1 })
  for (let round = 0; round < ROUNDS; round++) {
    await bank.load(one.page, `one${round}`)
    if (round === 0) await bank.load(two.page, 'two')
    await postgres.kill()
    await sleep(200)
    await postgres.start()
    await sleep(200)
    const { server } = devices[round % 2]
    await server.kill()
    await one.browser.close()
    one.browser = await launch(one.profile.folder)
    await server.start()
    await open(one)
  }
  await two.page.evaluate(() => void (window.isEnough = true))
  for (const { page } of devices) await eventually('everything is sent', async () => (await status(page)).pending === 0, 40)
  for (const { proxy } of devices) proxy.set({ faults: 0 })
  for (const { page } of [one, two, one]) await nowAgain(page)
  const there = await all(one.page)
  assert.deepEqual(await all(two.page), there, `both browsers show the same (seed ${seed})`)
  bank.check(there, seed)
  for (const { page } of devices) assert.equal((await status(page)).letters, 0)
  counted(`sync: PostgreSQL killed ${ROUNDS} times, two servers ${ROUNDS} and a browser ${ROUNDS} under load: ${bank.acknowledged.size} acknowledged writes, 0 lost, 0 twice, seed ${seed}`)
})
