// What the scenario of projects/shared/scenario.js answers, wherever it runs, and how that is told.
import assert from 'node:assert/strict'

export { ran } from '../../browser/support/places.mjs'

const SEEN = {
  queried: ['n2', 'n1'],
  live: ['Flood plains'],
  grouped: [
    { _id: 'land', n: 1 },
    { _id: 'sea', n: 2 },
  ],
  found: ['n1', 'n2'],
  cached: { pulls: true },
  reopened: ['n2', 'n1'],
  due: 0,
}

/** Fails unless the scenario saw what it should, on storage of this kind with so many documents before. */
export function expectSeen(seen, kind, before = 0) {
  assert.deepEqual(seen, { kind, before, ...SEEN })
}

