import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Breath } from '../src/jobs/breath.js'

/** Holds the thread. */
const hold = (ms: number) => {
  for (const begun = performance.now(); performance.now() - begun < ms;);
}

/** How many calls of `ms` each it takes until the thread is given back. */
const callsUntilDue = async (breath: Breath, ms: number) => {
  for (let calls = 1; calls < 1000; calls++) {
    hold(ms)
    const due = breath.due()
    if (due === undefined) continue
    await due
    return calls
  }
  return Number.POSITIVE_INFINITY
}

test('the thread is given back after some milliseconds, whatever calls take', async () => {
  assert.equal(await callsUntilDue(new Breath(), 5), 1)
  assert.ok((await callsUntilDue(new Breath(), 1)) <= 5)
  assert.ok((await callsUntilDue(new Breath(), 0.1)) <= 60)
})

test('calls that become slow are noticed after sixteen, and from then on after each', async () => {
  const breath = new Breath()
  for (let calls = 0; calls < 100; calls++) await breath.due()
  assert.ok((await callsUntilDue(breath, 5)) <= 16)
  assert.equal(await callsUntilDue(breath, 5), 1)
})
