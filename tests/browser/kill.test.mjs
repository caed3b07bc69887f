// The browser is killed with SIGKILL in the middle of writes, again and again on the same profile. Nothing that was
// acknowledged may be missing, and no transaction may be there by halves.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { control, controlled } from './support/control.mjs'
import { ran } from './support/places.mjs'
import { counted, scenario } from './support/scenario.mjs'
import { eventually } from './support/browser.mjs'

const ROUNDS = 20

/** Writes until the end of the world: transactions over two collections, 16 at a time, every acknowledgement told at once. */
const writeForever = (round) => {
  let next = 0
  const writer = async () => {
    const db = window.db
    for (;;) {
      const id = `r${round}-${next++}`
      await db.transaction(async (tx) => {
        await tx.collection('left').insert({ id, round, text: 'left'.repeat(20) })
        await tx.collection('right').insert({ id, round, text: 'right'.repeat(20) })
        await tx.collection('sums').update('sum', { $inc: { n: 1 } }, { upsert: true })
      }, { retries: 1000 }) // All of them want the same counter.
      console.log(`ack ${id}`)
    }
  }
  const single = async () => {
    for (let n = 0; ; n++) {
      const id = `r${round}-s${n}`
      await window.db.collection('single').put({ id, round })
      console.log(`ack single ${id}`)
    }
  }
  for (let i = 0; i < 4; i++) writer().catch((error) => console.log(`failed ${error.code} ${error.message}`))
  for (let i = 0; i < 4; i++) single().catch((error) => console.log(`failed ${error.code} ${error.message}`))
}

const readAll = async () => {
  const db = await openDatabase('kill')
  const ids = async (name) => (await db.collection(name).find({}).project({ id: 1 }).toArray()).map(({ id }) => id)
  return {
    left: await ids('left'),
    right: await ids('right'),
    single: await ids('single'),
    sum: (await db.collection('sums').get('sum'))?.n ?? 0,
    byRound: await db.collection('left').find({}).hint('round').count(),
  }
}

scenario(
  `no acknowledged write is lost or torn when the browser is killed ${ROUNDS} times while it writes`,
  async (scene) => {
    const pairs = new Set()
    const singles = new Set()
    const failures = []
    let controls = []
    const totals = { pairs: 0, singles: 0, amnesias: 0 }
    for (let round = 0; round < ROUNDS; round++) {
      const page = await scene.page()
      let heard = 0
      page.on('console', (message) => {
        const [word, first, second] = message.text().split(' ')
        if (word === 'failed') failures.push(message.text())
        if (word === 'control') controls.push(Number(first))
        if (word !== 'ack') return
        heard += 1
        if (first === 'single') singles.add(second)
        else pairs.add(first)
      })
      await page.evaluate(async () => {
        const db = await openDatabase('kill')
        await db.collection('left', { indexes: ['round'] }).count()
      })
      await page.evaluate(control)
      await page.evaluate(`(${writeForever})(${round})`)
      await eventually('writes are acknowledged', () => heard > 20)
      await sleep(100 + 47 * (round % 7))
      await scene.browser.kill()
      await scene.restart()
      const check = await scene.page()
      const forgotten = await controlled(check, controls)
      if (forgotten) {
        // The browser itself lost what its own transactions had acknowledged: that is to be told, and never hidden.
        totals.amnesias += 1
        counted(`Chromium forgot its own records after a kill: ${JSON.stringify(forgotten)}`)
        assert.ok(totals.amnesias <= 1, 'Chromium keeps losing what it acknowledged')
        const told = await check.evaluate(() => settle(openDatabase('kill')))
        assert.equal(told.error?.code, 'storage-lost', `round ${round}: a loss is reported, not hidden: ${JSON.stringify(told)}`)
        await check.evaluate(() => tidewell.deleteDatabase('kill'))
        await check.close()
        pairs.clear()
        singles.clear()
        controls = []
        continue
      }
      const found = await check.evaluate(readAll)
      await check.close()
      agree(found, pairs, singles, `round ${round}`)
      totals.pairs = Math.max(totals.pairs, pairs.size)
      totals.singles = Math.max(totals.singles, singles.size)
    }
    assert.deepEqual(failures, [], 'no write failed while the browser lived')
    ran('Chromium', 'killed while it writes', `${ROUNDS} kills, ${totals.pairs} transactions and ${totals.singles} writes acknowledged, 0 lost, 0 torn`)
  },
  240,
)

/** Everything acknowledged is there once and whole, and what is derived from it agrees. */
const agree = (found, pairs, singles, when) => {
  const left = new Set(found.left)
  const right = new Set(found.right)
  const single = new Set(found.single)
  assert.deepEqual([...pairs].filter((id) => !left.has(id) || !right.has(id)), [], `${when}: acknowledged transactions that are lost`)
  assert.deepEqual([...singles].filter((id) => !single.has(id)), [], `${when}: acknowledged writes that are lost`)
  assert.deepEqual([...left].filter((id) => !right.has(id)), [], `${when}: transactions that are torn`)
  assert.equal(left.size, right.size, `${when}: the two collections agree`)
  assert.equal(found.left.length, left.size, `${when}: nothing is there twice`)
  assert.equal(found.sum, left.size, `${when}: the counter agrees with the documents`)
  assert.equal(found.byRound, left.size, `${when}: the index agrees with the documents`)
}
