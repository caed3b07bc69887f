/** The claims about the API, on the built package, in Node: memory, on the calling thread. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Database, OpenOptions } from '../src/index.js'
import { claims } from './api/index.js'

const entry = join(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist/inline.js')

if (existsSync(entry)) {
  const { open, deleteDatabase } = (await import(pathToFileURL(entry).href)) as typeof import('../src/index.js')
  let count = 0
  const context = {
    persistent: false,
    remove: deleteDatabase,
    open: (options?: OpenOptions) => open(`api-${++count}`, options),
    reopen: (db: Database, options?: OpenOptions) => open(db.name, options),
  }
  for (const { name, run } of claims) test(name, { timeout: 60_000 }, () => run(context))
} else {
  test('the API on the built package', { skip: `${entry} is not built: run cargo xtask build` }, () => undefined)
}
