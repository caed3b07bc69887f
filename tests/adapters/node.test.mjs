// In Node, on the calling thread: Keyv's own test suite as it is published, unstorage's where it is at hand, and the claims about the adapters.
import { join } from 'node:path'
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import Keyv from 'keyv'
import * as test from 'vitest'
import { keyv } from './claims/keyv.mjs'
import { level } from './claims/level.mjs'
import { tanstack } from './claims/tanstack.mjs'
import { tanstackDb } from './claims/tanstack_db.mjs'
import { unstorage } from './claims/unstorage.mjs'
import { open } from 'tidewell'
import { TidewellLevel } from 'tidewell/abstract-level'
import { KeyvTidewell } from 'tidewell/keyv'
import { tidewellCollectionOptions } from 'tidewell/tanstack-db'
import { createPersister, createQueryStorage } from 'tidewell/tanstack-query'
import { tidewellDriver } from 'tidewell/unstorage'

// One cache for the whole suite: its stores share it, as they would share a server.
const cache = open('keyv').then((db) => db.cache('keyv'))
test.describe('Keyv', () => {
  const store = () => new KeyvTidewell(cache)
  keyvTestSuite(test, Keyv, store)
  keyvIteratorTests(test, Keyv, store)
})

// Not in npm, so it is run where UNSTORAGE names a checkout of github.com/unjs/unstorage, as it stands there.
const checkout = process.env.UNSTORAGE
test.describe.skipIf(checkout === undefined)('unstorage (its own suite: UNSTORAGE=FOLDER, a checkout of its repository)', async () => {
  if (checkout === undefined) return test.test('its suite for drivers', () => undefined)
  const { testDriver } = await import(join(checkout, 'test/drivers/utils.ts'))
  const items = open('unstorage').then((db) => db.collection('items'))
  testDriver({ driver: () => tidewellDriver({ collection: items }) })
})

let count = 0
const context = {
  KeyvTidewell,
  createPersister,
  createQueryStorage,
  tidewellCollectionOptions,
  tidewellDriver,
  TidewellLevel,
  open: () => open(`adapters-${++count}`),
  // Memory does not outlive the database here: the same one stands for it. The browser closes it.
  reopen: async (db) => ({
    cache: (name) => db.cache(name),
    collection: (name) => db.collection(name),
    close: () => db.close(),
  }),
}
test.describe('claims', () => {
  for (const { name, run } of [...keyv, ...tanstack, ...tanstackDb, ...unstorage, ...level]) test.test(name, () => run(context))
})
