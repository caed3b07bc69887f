// The reference can be made, and lacks nothing that the package exports.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const read = (file) => JSON.parse(readFileSync(join(here, file), 'utf8'))
/** Entries with types that are those of the main one, or that are no modules of types. */
const WITHOUT = ['./inline', './single', './worker', './package.json']

test('the reference has every entry with types of its own', () => {
  const { exports } = read('node_modules/tidewell/package.json')
  const paths = Object.keys(exports).filter((path) => !WITHOUT.includes(path) && !path.endsWith('.wasm'))
  const names = read('typedoc.json').entryPoints.map((path) => /src\/(?:entry\/)?([\w-]+)\.ts$/.exec(path)[1])
  assert.deepEqual(names.map((name) => (name === 'index' ? '.' : `./${name}`)).sort(), paths.sort())
})

test('everything that is exported is documented, and links in comments lead somewhere', () => {
  const program = createRequire(import.meta.url).resolve('typedoc/package.json')
  const flags = [join(dirname(program), 'bin/typedoc'), '--options', 'typedoc.json', '--emit', 'none']
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, { cwd: here, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  assert.equal(status, 0, stdout + stderr)
})
