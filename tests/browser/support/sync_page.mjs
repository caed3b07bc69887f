// What tests of syncing do in pages: they sync the collection `notes`, look at it, and keep a bank under load.
import assert from 'node:assert/strict'
import { eventually } from './browser.mjs'

/** Opens the database in a page and syncs it. */
export const begin = async ([options, opening]) => {
  const db = await openDatabase('synced', opening)
  const timing = { backoff: 20, backoffMax: 200, deadline: 2000, silence: 5000, ...options.timing }
  window.sync = db.sync({ ...options, timing })
  window.notes = db.collection('notes')
  await window.sync.ready
}
export const status = (page) => page.evaluate(() => ({ ...window.sync.status, lastError: window.sync.status.lastError?.message }))
const isIdle = ({ state, pending, progress }) => state === 'live' && pending === 0 && progress === undefined
export const idle = (page, seconds) => eventually('it is live and nothing waits', async () => isIdle(await status(page)), seconds)
export const all = (page) => page.evaluate(() => window.notes.find({}).sort({ id: 1 }).toArray())
export const now = (page) => page.evaluate(async () => void (await window.sync.now()))
/** The network is good again, but a request may still be hanging in it: the round that it belongs to fails. */
export const nowAgain = (page) =>
  eventually(
    'a round succeeds',
    async () => {
      await now(page)
      return true
    },
    3,
  )

/** The accounts of a bank, and a counter of transfers. */
export const openBank = (page) =>
  page.evaluate(() => window.notes.insertMany(['counter', ...[0, 1, 2, 3].map((at) => `account${at}`)].map((id) => ({ id, n: 0 }))))

/** Two writers that transfer until the page ends: each transfer inserts a document of its own and counts. */
const transfer = (name) => {
  const writer = async (who) => {
    for (let n = 0; ; n++) {
      const id = `${name}-${who}-${n}`
      await window.db.transaction(async (tx) => {
        const notes = tx.collection(window.notes)
        await notes.insert({ id, kind: 'set' })
        await notes.update('counter', { $inc: { n: 1 } })
        await notes.update(`account${n % 4}`, { $inc: { n: -1 } })
        await notes.update(`account${(n + 1 + who) % 4}`, { $inc: { n: 1 } })
      }, { retries: 1000 })
      console.log(`ack ${id}`)
      await new Promise((resume) => setTimeout(resume, 5))
      if (window.isEnough) return
    }
  }
  for (let who = 0; who < 2; who++) writer(who).catch((error) => console.log(`failed ${error.code} ${error.message}`))
}

/** What pages transferred, and what failed. */
export class Bank {
  acknowledged = new Set()
  failures = []

  /** Hears what a page writes from now on. */
  hear(page) {
    page.on('console', (message) => {
      const [word, id] = message.text().split(' ')
      if (word === 'failed') this.failures.push(message.text())
      if (word === 'ack') this.acknowledged.add(id)
    })
  }

  /** Lets the page transfer until it ends, or `window.isEnough`; resolves after some of it. */
  async load(page, name) {
    const before = this.acknowledged.size
    await page.evaluate(transfer, name)
    await eventually('writes are acknowledged', () => this.acknowledged.size > before + 20)
  }

  /** Nothing acknowledged is missing from what the server has, and nothing was done twice. */
  check(there, seed) {
    const ids = new Set(there.map(({ id }) => id))
    assert.deepEqual([...this.acknowledged].filter((id) => !ids.has(id)), [], `acknowledged and lost (seed ${seed})`)
    const done = there.filter(({ kind }) => kind === 'set').length
    assert.equal(there.find(({ id }) => id === 'counter').n, done, `each once (seed ${seed})`)
    assert.equal(there.filter(({ id }) => id.startsWith('account')).reduce((sum, { n }) => sum + n, 0), 0, `the bank is balanced (seed ${seed})`)
    assert.deepEqual(this.failures, [])
  }
}
