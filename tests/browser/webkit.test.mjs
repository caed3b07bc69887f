// The same promises in WebKitGTK, as far as it can be driven: the API, tabs, a worker, a tab that is closed while it writes, and sync. What is
// stored is gone when it ends, so it is not killed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from './support/browser.mjs'
import { ran } from './support/places.mjs'
import { counted } from './support/scenario.mjs'
import { serve } from './support/server.mjs'
import { apiHolds, hardships, syncsBothWays, twoTabsAndWorker } from './support/session_scenarios.mjs'
import { launchWebKit } from './support/webkit.mjs'

/** A test with a WebKitGTK of its own. */
const scenario = (claim, run, seconds = 120) =>
  test(`WebKitGTK: ${claim}`, { timeout: seconds * 1000 }, async () => {
    const server = await serve()
    const webkit = await launchWebKit().catch(async (error) => {
      await server.close()
      throw error
    })
    try {
      await run({ webkit, origin: server.origin })
    } finally {
      await webkit.kill()
      await server.close()
    }
  })

scenario(
  'every claim about the API holds, on the calling thread',
  async ({ webkit, origin }) => ran('WebKitGTK', 'the API, on the calling thread', await apiHolds(webkit, origin, false)),
  300,
)

// As long as everything else here, so it is done by hand: WEBKIT_WORKER=1.
if (process.env.WEBKIT_WORKER)
  scenario(
    'every claim about the API holds, in a worker',
    async ({ webkit, origin }) => counted(`WebKitGTK, in a worker: ${await apiHolds(webkit, origin, true)}`),
    300,
  )

scenario('writes, queries, a live query over two tabs and a worker', async ({ webkit, origin }) => {
  await twoTabsAndWorker(webkit, origin)
  ran('WebKitGTK', 'two tabs and a worker', 'written, queried, a live query follows the other tab')
})

scenario('a strict policy, connections that die and terminated workers harm nothing', async ({ webkit, origin }) => {
  ran('WebKitGTK', 'hardships', await hardships(webkit, origin))
})

const ROUNDS = 5

scenario(`a tab that is closed while it writes loses nothing that it acknowledged, ${ROUNDS} times`, async ({ webkit, origin }) => {
  const [first] = await webkit.tabs()
  await webkit.open(origin)
  await webkit.evaluate(async () => {
    window.docs = (await window.openDatabase('closed')).collection('docs')
    window.acknowledged = []
    new BroadcastChannel('acknowledged').onmessage = ({ data }) => window.acknowledged.push(...data)
  })
  for (let round = 0; round < ROUNDS; round++) {
    await webkit.show(await webkit.newTab())
    await webkit.open(origin)
    await webkit.evaluate(async (round) => {
      const docs = (await window.openDatabase('closed')).collection('docs')
      const told = new BroadcastChannel('acknowledged')
      const write = async () => {
        for (let n = 0; ; n++) {
          const ids = [`${round}-${n}-a`, `${round}-${n}-b`]
          await docs.putMany(ids.map((id) => ({ id, text: 'tide '.repeat(200) })))
          told.postMessage(ids)
          window.written = n + 1
        }
      }
      void write()
    }, round)
    await eventually('some are written', () => webkit.evaluate(async () => window.written >= 10))
    await webkit.closeTab()
    await webkit.show(first)
  }
  const { acknowledged, lost, torn } = await webkit.evaluate(async () => {
    const known = new Set((await window.docs.find({}).project({ text: 0 }).toArray()).map(({ id }) => id))
    const torn = [...known].filter((id) => !known.has(id.endsWith('a') ? id.replace(/a$/, 'b') : id.replace(/b$/, 'a')))
    return { acknowledged: window.acknowledged.length, lost: window.acknowledged.filter((id) => !known.has(id)), torn }
  })
  assert.deepEqual({ lost, torn }, { lost: [], torn: [] })
  assert.ok(acknowledged >= ROUNDS * 20, `${acknowledged} were acknowledged`)
  ran('WebKitGTK', 'a tab closed while it writes', `${ROUNDS} tabs, ${acknowledged} writes acknowledged, 0 lost, 0 torn`)
})

scenario("what was written without a server is sent by the next page, and another device's changes come by themselves", async ({ webkit, origin }) => {
  await syncsBothWays(() => webkit, origin, async () => undefined)
  ran('WebKitGTK', 'sync', 'sent by the next page; changes of another device come')
})
