// In Node, on the calling thread: Keyv's own test suite as it is published, and the claims about the persister.
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import Keyv from 'keyv'
import * as test from 'vitest'
import { keyv } from './claims/keyv.mjs'
import { tanstack } from './claims/tanstack.mjs'

const root = process.env.TIDEWELL_PACKAGE
const { open } = await import(/* @vite-ignore */ `file://${root}/dist/inline.js`)
const { KeyvTidewell } = await import(/* @vite-ignore */ `file://${root}/dist/keyv.js`)
const { createPersister, createQueryStorage } = await import(/* @vite-ignore */ `file://${root}/dist/tanstack-query.js`)

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
  open: () => open(`adapters-${++count}`),
  // Memory does not outlive the database here: the same one stands for it. The browser closes it.
  reopen: async (db) => ({ cache: (name) => db.cache(name), close: () => db.close() }),
}
test.describe('claims', () => {
  for (const { name, run } of [...keyv, ...tanstack]) test.test(name, () => run(context))
})
