// The same promises in Firefox, as far as it can be driven: the API, two tabs, a worker, and being killed while it writes.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from './support/browser.mjs'
import { scenario } from './support/firefox_scenario.mjs'
import { ran } from './support/places.mjs'
import { apiHolds, hardships, twoTabsAndWorker } from './support/session_scenarios.mjs'

const KILLS = 5

for (const worker of [false, true]) {
  const where = worker ? 'in a worker' : 'on the calling thread'
  scenario(
    `Firefox: every claim about the API holds, ${where}`,
    async ({ firefox, origin }) => ran('Firefox', `the API, ${where}`, await apiHolds(firefox, origin, worker)),
    300,
  )
}

scenario(
  'Firefox: writes, queries, a live query over two tabs and a worker',
  async ({ firefox, origin }) => {
    await twoTabsAndWorker(firefox, origin)
    ran('Firefox', 'two tabs and a worker', 'written, queried, a live query follows the other tab')
  },
  120,
)

scenario(
  'Firefox: a strict policy, connections that die and terminated workers harm nothing',
  async ({ firefox, origin }) => {
    ran('Firefox', 'hardships', await hardships(firefox, origin))
  },
  120,
)

scenario(
  `Firefox: no acknowledged write is lost or torn when it is killed ${KILLS} times while it writes`,
  async (scene) => {
    let acknowledged = 0
    for (let round = 0; round < KILLS; round++) {
      await scene.firefox.open(scene.origin)
      await scene.firefox.evaluate(async (name) => {
        const db = await window.openDatabase('fox-kill')
        window.acked = 0
        const write = async (writer) => {
          for (let n = 0; ; n++) {
            const id = `${name}-${writer}-${n}`
            await db.transaction(async (tx) => {
              await tx.collection('left').insert({ id })
              await tx.collection('right').insert({ id })
            })
            window.acked += 1
          }
        }
        for (let writer = 0; writer < 4; writer++) write(writer)
      }, `r${round}`)
      await sleep(600 + 150 * round)
      acknowledged += await scene.firefox.evaluate(async () => window.acked)
      await scene.restart()
      await scene.firefox.open(scene.origin)
      const found = await scene.firefox.evaluate(async () => {
        const db = await window.openDatabase('fox-kill')
        const ids = async (name) => (await db.collection(name).find({}).project({ id: 1 }).toArray()).map(({ id }) => id)
        return { left: await ids('left'), right: await ids('right') }
      })
      assert.deepEqual(found.left, found.right, 'no transaction is torn')
      assert.ok(found.left.length >= acknowledged, `${acknowledged} acknowledged, ${found.left.length} there`)
    }
    ran('Firefox', 'killed while it writes', `${KILLS} kills, ${acknowledged} transactions acknowledged, 0 lost, 0 torn`)
  },
  240,
)
