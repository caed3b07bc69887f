// Checks that the built package can be released, packs it, and prints the command that publishes it with provenance:
//
//   node pkg-config/release.mjs
//
// It publishes nothing. Provenance is signed by the CI job that runs the command; docs/PACKAGING.md says what that needs.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, 'target/npm/tidewell')
const read = (file) => readFileSync(join(root, file), 'utf8')
const output = (program, ...flags) => execFileSync(program, flags, { cwd: root, encoding: 'utf8' }).trim()

const [, version] = /^version = "([^"]+)"/m.exec(read('Cargo.toml'))
const built = existsSync(join(folder, 'package.json'))
  ? JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  : undefined
const section = read('CHANGELOG.md')
  .split('\n')
  .find((line) => line.startsWith(`## ${version} `))

const problems = [
  built === undefined && 'the package is not built: run cargo xtask build',
  built !== undefined && built.version !== version && `the built package is ${built.version}: build it again`,
  output('git', 'status', '--porcelain') !== '' && 'the tree has changes that are not committed',
  !/ \d{4}-\d{2}-\d{2}$/.test(section ?? '') &&
    `CHANGELOG.md needs a line "## ${version} – <date>", such as 2030-01-31, and has: ${section ?? 'none'}`,
  built?.repository === undefined &&
    'Cargo.toml needs repository = "…": provenance names where a package was built from',
].filter(Boolean)

if (problems.length > 0) {
  for (const problem of problems) console.error(`release.mjs: ${problem}`)
  process.exitCode = 1
} else {
  const [{ filename, size, integrity }] = JSON.parse(
    output('npm', 'pack', folder, '--json', '--pack-destination', join(root, 'target/npm')),
  )
  console.log(`target/npm/${filename}: ${size} bytes, ${integrity}`)
  console.log('After cargo xtask test, in a CI job with id-token: write:')
  console.log(`  git tag v${version} && npm publish target/npm/${filename} --provenance --access public`)
}
