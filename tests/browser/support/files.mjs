// Runs the test files of a folder, or those whose names contain an argument, one after another: browsers need the cores.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Runs those beside the module at `address`; ends this process with their exit code. */
export const runBeside = (address) => {
  const folder = dirname(fileURLToPath(address))
  const wanted = process.argv.slice(2)
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.test.mjs') && (wanted.length === 0 || wanted.some((word) => name.includes(word))))
    .sort()
    .map((name) => join(folder, name))
  const runner = spawn(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=tap', ...files], {
    stdio: 'inherit',
  })
  runner.on('exit', (code) => process.exit(code ?? 1))
}
