// What the scenario of projects/shared/scenario.js answers, wherever it runs, and how that is told.
import assert from 'node:assert/strict'

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

/** Says where something ran, what, and how it went: a line of the table at the end of the suite. */
export function ran(place, what, how) {
  console.log(`counted: ${place.padEnd(22)} ${what.padEnd(24)} ${how}`)
}
