import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Breath } from '../src/jobs/breath.js'

/** Holds the thread. */
const hold = (ms: number) => {
  for (const begun = performance.now(); performance.now() - begun < ms;);
}

/** How many calls of `ms` each it takes until the thread is to be given back. */
const callsUntilDue = (breath: Breath, ms: number) => {
  for (let calls = 1; calls < 1000; calls++) {
    hold(ms)
    if (breath.due() !== undefined) return calls
  }
  return Number.POSITIVE_INFINITY
}

test('the thread is given back after some milliseconds, whatever calls take', () => {
  assert.equal(callsUntilDue(new Breath(), 5), 1)
  assert.ok(callsUntilDue(new Breath(), 1) <= 5)
  assert.ok(callsUntilDue(new Breath(), 0.1) <= 60)
})

test('calls that become slow are noticed after sixteen, and from then on after each', async () => {
  const breath = new Breath()
  for (let calls = 0; calls < 100; calls++) await breath.due()
  assert.ok(callsUntilDue(breath, 5) <= 16)
  await breath.due()
  assert.equal(callsUntilDue(breath, 5), 1)
})
