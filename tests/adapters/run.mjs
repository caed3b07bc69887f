// Compiles types.ts, and runs the suites in Node: abstract-level's by tape, the others by Vitest, which Keyv's asks for; prints the counts that `cargo xtask test`
// reads. The built package is named by TIDEWELL_PACKAGE (default: target/npm/tidewell).
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startVitest } from 'vitest/node'

const here = dirname(fileURLToPath(import.meta.url))
process.env.TIDEWELL_PACKAGE ??= resolve(here, '../../target/npm/tidewell')

// A copy, as npm would install it: what the package imports is then looked for here.
const installed = join(here, 'node_modules/tidewell')
rmSync(installed, { recursive: true, force: true })
cpSync(process.env.TIDEWELL_PACKAGE, installed, { recursive: true })

/** Whether types.ts compiles as an application would compile it. */
const compiles = () => {
  const tsc = resolve(here, '../../pkg-config/node_modules/typescript/bin/tsc')
  const options = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--target', 'ES2022', '--lib', 'ES2022,DOM']
  const modules = ['--skipLibCheck', '--types', 'node', '--typeRoots', '../../pkg-config/node_modules/@types', '--module', 'NodeNext', '--moduleResolution', 'NodeNext']
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, ...modules, 'types.ts'], { cwd: here, encoding: 'utf8' })
  if (status !== 0) console.log(`✗ types.ts does not compile:\n${stdout}`)
  return status === 0
}

/** How many assertions of abstract-level's own suite hold. */
const level = () => {
  const { status, stdout } = spawnSync(process.execPath, ['level.mjs'], { cwd: here, encoding: 'utf8', timeout: 240_000, maxBuffer: 1 << 26 })
  const [, passed] = /^# pass +(\d+)$/m.exec(stdout) ?? [, '0']
  const failed = stdout.match(/^not ok /gm)?.length ?? 0
  if (status !== 0) console.log(stdout.split('\n').filter((line, at, all) => all.slice(Math.max(0, at - 12), at + 1).some((one) => one.startsWith('not ok'))).join('\n'))
  console.log(`counted: ${passed} assertions of abstract-level's own suite`)
  return status === 0 && failed === 0 && Number(passed) > 4000
}

const counts = compiles() ? { pass: 1, fail: 0, skipped: 0 } : { pass: 0, fail: 1, skipped: 0 }
counts[level() ? 'pass' : 'fail']++
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
    const { state } = test.result()
    counts[state === 'passed' ? 'pass' : state === 'skipped' ? 'skipped' : 'fail']++
  }
}
counts.fail += vitest?.state.getUnhandledErrors().length ?? 1
await vitest?.close()
console.log(`# pass ${counts.pass}\n# fail ${counts.fail}\n# skipped ${counts.skipped}`)
process.exitCode = counts.fail > 0 || ran === 0 ? 1 : 0
