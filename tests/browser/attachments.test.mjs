// Attachments in real browsers: from one profile to another through a real server, and a browser that is killed with SIGKILL while it puts one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, launch, newProfile, openPage } from './support/browser.mjs'
import { counted, scenario } from './support/scenario.mjs'
import { serve } from './support/server.mjs'
import { startSyncServer } from './support/sync_server.mjs'

const ROUNDS = 8
const MIB = 1 << 20

/** Makes `bytesOf(size, seed)` in the page, and what looks at an attachment. */
const prepare = () => {
  window.bytesOf = (size, seed) => {
    const bytes = new Uint8Array(size)
    for (let at = 0, state = seed; at < size; at++) bytes[at] = (state = (state * 1103515245 + 12345) & 0x7fffffff) >>> 16
    return bytes
  }
  /** Whether the attachment is what was put by that size and seed. */
  window.isPut = async (files, name, size, seed) => {
    const found = await files.get('n1', name)
    if (found?.size !== size) return false
    const [actual, expected] = [new Uint8Array(await found.arrayBuffer()), window.bytesOf(size, seed)]
    return actual.every((byte, at) => byte === expected[at])
  }
}

test('a blob of 5 MiB that one device puts arrives bit for bit on another', { timeout: 120_000 }, async () => {
  const closing = []
  try {
    const pages = await serve()
    closing.push(() => pages.close())
    const server = await startSyncServer()
    closing.push(() => server.close())
    const options = { url: server.url, token: await server.token(), collections: ['notes'], attachments: true }
    const device = async () => {
      const profile = await newProfile()
      closing.push(() => profile.remove())
      const browser = await launch(profile.folder)
      closing.push(() => browser.close())
      const page = await openPage(browser, `${pages.origin}/`)
      await page.evaluate(prepare)
      await page.evaluate(async (options) => {
        const db = await openDatabase('attached')
        window.sync = db.sync(options)
        window.files = db.attachments('notes')
        await window.sync.ready
      }, options)
      return page
    }
    const [one, two] = [await device(), await device()]
    const put = await one.evaluate(async (size) => {
      await db.collection('notes').insert({ id: 'n1' })
      return files.put('n1', 'film.webm', new Blob([bytesOf(size, 7)], { type: 'video/webm' }))
    }, 5 * MIB)
    const list = () => two.evaluate(() => files.list('n1'))
    await eventually('it is complete on the other', async () => (await list())[0]?.complete === true, 60)
    assert.deepEqual(await list(), [put])
    assert.equal(await two.evaluate((size) => isPut(files, 'film.webm', size, 7), 5 * MIB), true, 'it is what was put')
    assert.equal(await two.evaluate(async () => (await files.get('n1', 'film.webm')).type), 'video/webm')
    await two.evaluate(() => files.delete('n1', 'film.webm'))
    await eventually('it is gone on the first, with its bytes', () => one.evaluate(async () => (await db.collection(files.files).count()) === 0))
  } finally {
    for (const close of closing.reverse()) await close()
  }
})

scenario(
  `the browser is killed ${ROUNDS} times while an attachment is being put: the old or the new one is there, whole, and nothing else is left`,
  async (scene) => {
    const size = 6 * MIB
    const outcomes = { old: 0, new: 0, leftovers: 0 }
    let current = 0
    for (let round = 1; round <= ROUNDS; round++) {
      const page = await scene.page()
      await page.evaluate(prepare)
      let stored = 0
      page.on('console', (message) => {
        const [word, bytes] = message.text().split(' ')
        if (word === 'stored') stored = Number(bytes)
      })
      await page.evaluate(async () => void (window.files = (await openDatabase('killed')).attachments('notes')))
      if (round === 1) await page.evaluate((size) => files.put('n1', 'a', bytesOf(size, 0)), size)
      page
        .evaluate(([size, round]) => files.put('n1', 'a', bytesOf(size, round), { onProgress: (bytes) => console.log(`stored ${bytes}`) }), [size, round])
        .catch(() => undefined)
      // At the beginning, in the middle, and about when the head is written.
      await eventually('it is being put', () => stored >= Math.min(round, ROUNDS - 2) * 0.9 * MIB)
      if (round % 2 === 0) await sleep(20 * round)
      await scene.browser.kill()
      await scene.restart()
      const check = await scene.page()
      await check.evaluate(prepare)
      const found = await check.evaluate(
        async ([size, seeds]) => {
          const db = await openDatabase('killed')
          const files = db.attachments('notes')
          const left = await db.collection(`${files.files}.puts`).count()
          const is = []
          for (const seed of seeds) if (await isPut(files, 'a', size, seed)) is.push(seed)
          const [{ complete }] = await files.list('n1')
          return { is, complete, left }
        },
        [size, [current, round]],
      )
      assert.equal(found.is.length, 1, `round ${round}: one of the two is there, whole: ${JSON.stringify(found)}`)
      assert.equal(found.complete, true)
      outcomes[found.is[0] === round ? 'new' : 'old'] += 1
      outcomes.leftovers += found.left
      current = found.is[0]
      const rest = () => check.evaluate(async () => [await db.collection('notes.files').count(), await db.collection('notes.files.puts').count()])
      await eventually('what was left behind is cleared', async () => String(await rest()) === `${(size / MIB) * 4 + 1},0`)
      await check.close()
    }
    assert.ok(outcomes.old > 0 && outcomes.leftovers > 0, `it was killed in the middle: ${JSON.stringify(outcomes)}`)
    counted(`${ROUNDS} kills of Chromium while it put an attachment: ${outcomes.old} times the old one, ${outcomes.new} times the new one, 0 torn, ${outcomes.leftovers} leftovers, all cleared`)
  },
  240,
)
