// The store for abstract-level with that project's own published suite, unchanged: it prints TAP for run.mjs to count.
import { createRequire } from 'node:module'
import tape from 'tape'
import { open } from 'tidewell'
import { TidewellLevel } from 'tidewell/abstract-level'

const suite = createRequire(import.meta.url)('abstract-level/test')

// One database for the whole suite; every store has a collection of its own in it.
const db = open('level')
let count = 0
suite({ test: tape, factory: (options) => new TidewellLevel(db, { ...options, collection: `level-${++count}` }) })
tape.onFinish(async () => (await db).close())
