/** A database over a backend that a test plays. */
import assert from 'node:assert/strict'
import { Database, forwardEvents } from '../src/database.js'
import { TidewellError } from '../src/errors.js'
import { EventHub } from '../src/events.js'
import { FakeBackend, type Script } from './fake_backend.js'

export function setUp(script: Script) {
  const hub = new EventHub()
  const fake = new FakeBackend(script, forwardEvents(hub))
  return { fake, db: new Database('db', fake, hub, 'relaxed') }
}

export async function rejects(promise: Promise<unknown>, code: string, reason?: string): Promise<TidewellError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof TidewellError, String(error))
    assert.deepStrictEqual([error.code, error.reason], [code, reason], error.message)
    return error
  }
  throw new assert.AssertionError({ message: `was not rejected with ${code}` })
}

export const ops = (fake: FakeBackend) => fake.asked.map(({ op }) => op)

/** Answers transactions 1, 2, 3 … and everything else by `rest`. */
export function transactional(rest: Script): Script {
  let tx = 0
  return (command) => {
    if (command['op'] === 'begin') return { tx: ++tx }
    if (command['op'] === 'rollback') return {}
    return rest(command)
  }
}

export const retry = new TidewellError('conflict', 'lost a race', { reason: 'retry' })
