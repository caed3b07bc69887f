// The reference can be made, and lacks nothing that the entries of the package export.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

test('everything that is exported is documented, and links in comments lead somewhere', () => {
  const program = createRequire(import.meta.url).resolve('typedoc/package.json')
  const flags = [join(dirname(program), 'bin/typedoc'), '--emit', 'none']
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, { cwd: here, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  assert.equal(status, 0, stdout + stderr)
})
