// Data in files on Node, Deno and Bun: there in the next process, kept by a killed one, held by one process at a time.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ran } from './support/expected.mjs'
import { bin, project, run } from './support/project.mjs'

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'tidewell-packaging-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const seenBy = (output) => JSON.parse(output.trim().split('\n').at(-1))
const FLAGS = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', 'files.mjs']
const node = (cwd, ...words) => seenBy(run(process.execPath, [...FLAGS, ...words], { cwd, silent: true }))

for (const [place, name, program, flags] of [
  ['Node', 'node', () => process.execPath, [...FLAGS, 'visit']],
  ['Deno', 'deno', (folder) => bin(folder, 'deno'), ['run', '--no-prompt', '--cached-only', '-A', 'in-files.js']],
  ['Bun', 'bun', (folder) => bin(folder, 'bun'), ['in-files.js']],
])
  test(`${place} keeps data in files from one process to the next`, () =>
    inFolder((data) => {
      const cwd = project(name)
      for (const count of [1, 2, 3])
        assert.deepEqual(seenBy(run(program(cwd), [...flags, data], { cwd })), { kind: 'files', count, total: count })
      ran(place, 'files', 'stored, there in the next process')
    }))

test('what was acknowledged to a process that is killed is there, and its lock is not', () =>
  inFolder(async (data) => {
    const cwd = project('node')
    let acknowledged = 0
    for (let round = 0; round < 5; round++) {
      const writer = spawn(process.execPath, [...FLAGS, 'write', data], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      writer.stdout.setEncoding('utf8').on('data', (chunk) => (said += chunk))
      while (said.split('\n').length < 200 + round * 37) await once(writer.stdout, 'data')
      if (round === 0) {
        const { code, message } = node(cwd, 'count', data)
        assert.deepEqual([code, message], ['unavailable', `it is in use by process ${writer.pid}`])
      }
      const gone = once(writer, 'close')
      writer.kill('SIGKILL')
      await gone
      acknowledged = Number(said.split('\n').at(-2)) + 1
      const { count, whole } = node(cwd, 'count', data)
      assert.ok(count >= acknowledged, `${count} of ${acknowledged} are there`)
      assert.ok(whole)
    }
    ran('Node', 'files, killed 5 times', `all of ${acknowledged} acknowledged writes are there`)
  }))

test('a database in files can be deleted', () =>
  inFolder((data) => {
    const cwd = project('node')
    node(cwd, 'visit', data)
    assert.equal(node(cwd, 'visit', data).count, 2)
    assert.equal(node(cwd, 'delete', data).count, 1)
  }))
