import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Awake } from '../src/worker/awake.js'

/** An event loop by hand: turns that were asked for come when the test says so. */
class Loop {
  asked = 0
  #turn: () => void = () => undefined

  listen(turn: () => void): void {
    this.#turn = turn
  }

  ask(): void {
    this.asked += 1
  }

  /** Runs turns until none is asked for; answers how many there were. */
  run(most = 1000): number {
    let turns = 0
    for (; this.asked > 0 && turns < most; turns++) {
      this.asked -= 1
      this.#turn()
    }
    return turns
  }
}

/** Messages one right after another; the last was answered. */
const hurry = (awake: Awake, messages: number) => {
  for (let at = 0; at < messages; at++) {
    awake.heard()
    awake.sent()
  }
}

test('a thread that hears a few messages sleeps at once', () => {
  const loop = new Loop()
  hurry(new Awake(loop), 3)
  assert.equal(loop.run(), 0)
})

test('a thread that hears one message after another stays awake for a moment, and no longer', () => {
  const loop = new Loop()
  const awake = new Awake(loop)
  const begun = performance.now()
  hurry(awake, 10)
  assert.ok(loop.run() > 0)
  assert.equal(loop.asked, 0)
  assert.ok(performance.now() - begun < 500)
})

test('a message ends the waiting, and the next one that is sent begins it anew, once', () => {
  const loop = new Loop()
  const awake = new Awake(loop)
  hurry(awake, 10)
  loop.run(1)
  awake.heard()
  loop.run(1)
  assert.equal(loop.asked, 0)
  awake.sent()
  awake.sent()
  assert.equal(loop.asked, 1)
})

test('who pauses between messages is not waited for', async () => {
  const loop = new Loop()
  const awake = new Awake(loop)
  hurry(awake, 10)
  loop.run()
  await new Promise((resolve) => setTimeout(resolve, 5))
  hurry(awake, 1)
  assert.equal(loop.run(), 0)
})
