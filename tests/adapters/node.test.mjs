// In Node, on the calling thread: Keyv's own test suite as it is published, and the claims about the persister.
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
