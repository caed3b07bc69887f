// In a page: Keyv's own test suite as it is published, with the little of a runner that it asks for, and the claims.
// Sets the global `adapters`: `runAdapters()` answers how many held and what was wrong with the others.
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import Keyv from 'keyv'
import { TidewellLevel } from 'tidewell/abstract-level'
import { KeyvTidewell } from 'tidewell/keyv'
import { tidewellCollectionOptions } from 'tidewell/tanstack-db'
import { createPersister, createQueryStorage } from 'tidewell/tanstack-query'
import { tidewellDriver } from 'tidewell/unstorage'
import { same } from './claims/expect.mjs'
import { keyv } from './claims/keyv.mjs'
import { level } from './claims/level.mjs'
import { tanstack } from './claims/tanstack.mjs'
import { tanstackDb } from './claims/tanstack_db.mjs'
import { unstorage } from './claims/unstorage.mjs'

/** A runner with the words of Vitest that the suite uses. */
const runner = () => {
  const [before, after, tests] = [[], [], []]
  let [seen, expected] = [0, undefined]
  const expect = (value) => {
    seen++
    const check = (holds, word, other) => {
      if (!holds) throw new Error(`${String(value)} ${word} ${other === undefined ? '' : JSON.stringify(other)}`)
    }
    return {
      toBe: (other) => check(Object.is(value, other), 'toBe', other),
      toEqual: (other) => check(same(value, other), 'toEqual', other),
      toBeTruthy: () => check(Boolean(value), 'toBeTruthy'),
      toBeFalsy: () => check(!value, 'toBeFalsy'),
      toBeNull: () => check(value === null, 'toBeNull'),
      toBeDefined: () => check(value !== undefined, 'toBeDefined'),
      toBeUndefined: () => check(value === undefined, 'toBeUndefined'),
    }
  }
  expect.assertions = (count) => (expected = count)
  const run = async (body) => {
    ;[seen, expected] = [0, undefined]
    for (const one of before) await one()
    await body({ expect })
    if (expected !== undefined && seen !== expected) throw new Error(`${seen} of ${expected} assertions`)
    for (const one of after) await one()
  }
  return {
    tests,
    it: (name, body) => tests.push({ name, run: () => run(body) }),
    beforeEach: (one) => before.push(one),
    afterEach: (one) => after.push(one),
  }
}

export const runAdapters = async () => {
  const { open } = window.tidewell
  let count = 0
  const options = {}
  const db = await open('adapters-suite', options)
  const suite = runner()
  const store = () => new KeyvTidewell(db.cache('keyv'))
  keyvTestSuite(suite, Keyv, store)
  keyvIteratorTests(suite, Keyv, store)
  const context = {
    ...{ KeyvTidewell, createPersister, createQueryStorage, tidewellCollectionOptions, tidewellDriver, TidewellLevel },
    open: () => open(`adapters-${++count}`, options),
    reopen: async (one) => {
      await one.close()
      return open(one.name, options)
    },
  }
  const all = [...keyv, ...tanstack, ...tanstackDb, ...unstorage, ...level]
  const claims = all.map(({ name, run }) => ({ name, run: () => run(context) }))
  const failures = []
  for (const { name, run } of [...suite.tests, ...claims]) {
    await Promise.resolve()
      .then(run)
      .catch((error) => failures.push(`${name}: ${error.stack}`))
  }
  await db.close()
  return { suite: suite.tests.length, claims: claims.length, failures }
}
