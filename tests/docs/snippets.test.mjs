// Every snippet of the documents compiles, and all but those marked `no-run` run on the built package in memory, those of sync with a
// real server. The others run where they belong: elsewhere.test.mjs.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startSyncServer } from '../browser/support/sync_server.mjs'
import { compile } from './support/compile.mjs'
import { brokenLinks, brokenOrder } from './support/links.mjs'
import { page, pages } from './support/pages.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const folder = join(here, 'snippets.tmp')
rmSync(folder, { recursive: true, force: true })

const told = (path, problems) => problems.map(({ line, message }) => `${path}:${line}: ${message}`)

const claim = (problems) => assert.equal(problems.join('\n'), '')

/** Runs a page where it may leave files; answers what was wrong. */
function run({ name, path, expected }, where = folder, more = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'tidewell-docs-'))
  try {
    const flags = ['--enable-source-maps', join(here, 'support/run_page.mjs'), join(where, `${name}.mjs`), ...expected.map(String)]
    const { status, stderr } = spawnSync(process.execPath, flags, { cwd, encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...more } })
    return status === 0 ? [] : [`${path}: ${stderr}`]
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

const everybody = { read: {}, write: {} }
const RULES = { notes: everybody, 'notes.files': everybody, tags: { read: {}, write: { owner: '$claims.sub' } } }

/** Runs a page that syncs, with a server of its own. */
async function runSyncing(one) {
  const server = await startSyncServer({ rules: RULES })
  try {
    return run(one, folder, { SYNC_SERVER: server.url, SYNC_TOKEN: await server.token() })
  } finally {
    await server.close()
  }
}

const all = pages()
const wrong = compile(folder, all.flatMap(({ modules }) => modules))

for (const one of all) {
  const { path, name, ran, compiled, expected, problems } = one
  if (ran + compiled.length + problems.length === 0) continue
  test(`the snippets of ${path} compile and run`, async () => {
    claim(told(path, [...problems, ...wrong.filter((problem) => problem.name === name)]))
    claim(await (one.syncs ? runSyncing(one) : run(one)))
    console.log(`${path}: ${ran} ran (${expected.length} lines printed what they say), ${compiled.length} for elsewhere.test.mjs`)
  })
}

test('the pages of the guide follow one another, and every link to a file of the repository leads somewhere', () => {
  const paths = all.map(({ path }) => path)
  claim([...brokenOrder(paths), ...brokenLinks(paths)])
})

const planted = join(folder, 'planted')
const fence = (info, ...lines) => ['```' + info, ...lines, '```'].join('\n')

/** What is found wrong with a page of this text. */
function problemsOf(name, text) {
  const one = page(`${name}.md`, text)
  const compiling = compile(join(planted, name), one.modules)
  const problems = told(one.path, [...one.problems, ...compiling])
  return problems.length > 0 ? problems : run(one, join(planted, name))
}

for (const [what, text, expected] of [
  ['that does not compile', fence('ts', "import { open } from 'tidewell'", 'const db = await open(7)'), /wrong.md:3: .*number.* not assignable/],
  ['that throws', fence('ts', "throw new Error('thrown')"), /thrown/],
  ['that prints something else', fence('ts', 'console.log(1 + 1) // → 3'), /line 2: printed 2/],
  ['that never prints', fence('ts', 'const never = () => {', '  console.log(1) // → 1', '}'), /line 3: printed nothing/],
  ['that is only compiled, and does not', fence('ts no-run', 'const n: string = 1'), /wrong.md:2/],
  ['with an unknown mark', fence('ts norun', '1'), /neither run nor compiled/],
  ['without a language', fence('', '1'), /neither run nor compiled/],
])
  test(`a snippet ${what} is found`, () => assert.match(problemsOf('wrong', text).join('\n'), expected))

test('snippets share one scope, what is hidden runs, and imports of the same are one', () => {
  const text = ['<!-- ts', "import { open } from 'tidewell'", 'const n = 1', '-->', fence('ts', "import { open, TidewellError } from 'tidewell'", 'console.log(n + 1) // → 2', 'console.log({ n }, typeof open, TidewellError.name.length > 0) // → { n: 1 } function true'), fence('ts no-run', 'const n = await fetch("/")'), fence('json', '{}')].join('\n')
  assert.deepEqual(problemsOf('right', text), [])
})

console.log(`counted: ${all.reduce((n, { ran }) => n + ran, 0)} snippets ran in Node, in ${all.length} documents; ${all.reduce((n, { expected }) => n + expected.length, 0)} lines printed what they say`)
