// Compiles types.ts, and runs the suites in Node by Vitest, which Keyv's suite asks for; prints the counts that `cargo xtask test`
// reads. The built package is named by TIDEWELL_PACKAGE (default: target/npm/tidewell).
import { spawnSync } from 'node:child_process'
import { rmSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startVitest } from 'vitest/node'

const here = dirname(fileURLToPath(import.meta.url))
process.env.TIDEWELL_PACKAGE ??= resolve(here, '../../target/npm/tidewell')

/** Whether types.ts compiles as an application would compile it. */
const compiles = () => {
  const installed = join(here, 'node_modules/tidewell')
  rmSync(installed, { recursive: true, force: true })
  symlinkSync(process.env.TIDEWELL_PACKAGE, installed)
  const tsc = resolve(here, '../../pkg-config/node_modules/typescript/bin/tsc')
  const options = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--target', 'ES2022', '--lib', 'ES2022,DOM']
  const modules = ['--module', 'NodeNext', '--moduleResolution', 'NodeNext']
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, ...modules, 'types.ts'], { cwd: here, encoding: 'utf8' })
  if (status !== 0) console.log(`✗ types.ts does not compile:\n${stdout}`)
  return status === 0
}

const counts = compiles() ? { pass: 1, fail: 0 } : { pass: 0, fail: 1 }
const vitest = await startVitest('test', [], {
  root: here,
  watch: false,
  include: ['node.test.mjs'],
  reporters: ['default'],
  fileParallelism: false,
})
let ran = 0
for (const file of vitest?.state.getTestModules() ?? []) {
  for (const test of file.children.allTests()) {
    ran++
    counts[test.result().state === 'passed' ? 'pass' : 'fail']++
  }
}
counts.fail += vitest?.state.getUnhandledErrors().length ?? 1
await vitest?.close()
console.log(`# pass ${counts.pass}\n# fail ${counts.fail}`)
process.exitCode = counts.fail > 0 || ran === 0 ? 1 : 0
