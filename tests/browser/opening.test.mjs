// Two instances that open one database at about the same time, and one of which writes at once: the other hears of it.
import assert from 'node:assert/strict'
import { scenario } from './support/scenario.mjs'

const ROUNDS = 40

scenario('what an instance commits before it knows of another one is seen there all the same', async (scene) => {
  const page = await scene.page()
  const missed = await page.evaluate(async (rounds) => {
    const { open } = window.tidewell
    const late = []
    for (let round = 0; round < rounds; round++) {
      const opening = open(`both${round}`)
      await new Promise((done) => setTimeout(done, round % 7))
      const other = open(`both${round}`)
      const db = await opening
      let seen
      db.collection('c').find({}).subscribeCount(({ value }) => (seen = value))
      const writer = await other
      await writer.collection('c').insertMany(Array.from({ length: 40 }, (_, n) => ({ id: `p${n}` })))
      const end = Date.now() + 1500
      while (seen !== 40 && Date.now() < end) await new Promise((done) => setTimeout(done, 10))
      if (seen !== 40) late.push([round, seen])
      await Promise.all([db.close(), writer.close()])
    }
    return late
  }, ROUNDS)
  assert.deepEqual(missed, [])
})
