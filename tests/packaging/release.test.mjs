// The check before a release, on a small tree of its own with a planted problem at a time.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from './support/project.mjs'

const script = resolve(dirname(fileURLToPath(import.meta.url)), '../../pkg-config/release.mjs')
const repository = { type: 'git', url: 'https://example.com/owner/name' }
const READY = {
  '.gitignore': 'target\n',
  'Cargo.toml': '[workspace.package]\nversion = "1.2.3"\n',
  'CHANGELOG.md': '# Changelog\n\n## 1.2.3 – 2030-01-31\n',
  'target/npm/tidewell/package.json': JSON.stringify({ name: 'tidewell', version: '1.2.3', repository }),
}

/** What the check says of a tree with these files; those that are null are not there. */
function released(planted, afterwards = {}) {
  const root = mkdtempSync(join(tmpdir(), 'tidewell-release-'))
  const write = (files) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      if (text !== null) writeFileSync(join(root, name), text)
    }
  }
  try {
    write({ ...READY, ...planted })
    mkdirSync(join(root, 'pkg-config'))
    cpSync(script, join(root, 'pkg-config/release.mjs'))
    for (const words of [['init', '--quiet'], ['add', '.'], ['commit', '--quiet', '--message', 'all']])
      run('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...words], { cwd: root })
    write(afterwards)
    const { status, stdout, stderr } = spawnSync(process.execPath, ['pkg-config/release.mjs'], { cwd: root, encoding: 'utf8' })
    return { status, stdout, problems: stderr.match(/^release\.mjs: .*$/gm) ?? [] }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

test('a tree that is ready is packed, and the command that publishes it is printed', () => {
  const { status, stdout, problems } = released({})
  assert.deepEqual([status, problems], [0, []])
  assert.match(stdout, /target\/npm\/tidewell-1\.2\.3\.tgz: \d+ bytes, sha512-/)
  assert.match(stdout, /git tag v1\.2\.3 && npm publish target\/npm\/tidewell-1\.2\.3\.tgz --provenance/)
})

const built = 'target/npm/tidewell/package.json'
const manifest = (more) => ({ [built]: JSON.stringify({ name: 'tidewell', version: '1.2.3', repository, ...more }) })
for (const [what, said, planted, afterwards] of [
  ['a package of another version', /the built package is 1\.2\.2: build it again/, manifest({ version: '1.2.2' })],
  ['a changelog without the version', /needs a line "## 1\.2\.3 – <date>".* has: none/, { 'CHANGELOG.md': '## 1.2.2 – 2030-01-01\n' }],
  ['a changelog without a date', /has: ## 1\.2\.3 – unreleased/, { 'CHANGELOG.md': '## 1.2.3 – unreleased\n' }],
  ['a change that is not committed', /changes that are not committed/, {}, { 'Cargo.toml': `${READY['Cargo.toml']}# more\n` }],
  ['no repository', /needs repository = "…"/, manifest({ repository: undefined })],
])
  test(`${what} is refused by name, and nothing is packed`, () => {
    const { status, stdout, problems } = released(planted, afterwards)
    assert.deepEqual([status, stdout, problems.length], [1, '', 1], problems.join('\n'))
    assert.match(problems[0], said)
  })

test('of several problems each is named, a package that was not built among them', () => {
  const { status, problems } = released({ [built]: null, 'CHANGELOG.md': '' })
  assert.equal(status, 1)
  assert.deepEqual(problems.length, 3, problems.join('\n'))
  assert.match(problems[0], /the package is not built/)
})
