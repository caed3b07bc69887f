// Runs the test files of a folder, or those whose names contain an argument, one after another: browsers need the cores.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Runs those beside the module at `address`; ends this process with their exit code. Those whose names match `aside` run beside the others, one after
 * another as well; what they print comes when they have ended.
 */
export const runBeside = (address, aside) => {
  const folder = dirname(fileURLToPath(address))
  const wanted = process.argv.slice(2)
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.test.mjs') && (wanted.length === 0 || wanted.some((word) => name.includes(word))))
    .sort()
  const isAside = (name) => aside?.test(name) === true
  const lanes = [files.filter((name) => !isAside(name)), files.filter(isAside)].filter((lane) => lane.length > 0)
  Promise.all(lanes.map((lane, at) => run(lane.map((name) => join(folder, name)), at > 0))).then((codes) => process.exit(Math.max(...codes)))
}

function run(files, isQuiet) {
  const stdio = isQuiet ? ['inherit', 'pipe', 'inherit'] : 'inherit'
  const runner = spawn(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=tap', ...files], { stdio })
  const printed = []
  runner.stdout?.on('data', (chunk) => printed.push(chunk))
  return new Promise((done) =>
    runner.on('close', (code) => {
      if (!isQuiet) return done(code ?? 1)
      process.stdout.write(Buffer.concat(printed), () => done(code ?? 1))
    }),
  )
}
