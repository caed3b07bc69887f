// The examples as their readers have them: a folder each, below what this folder's lock file installs and the packed tarball. The versions
// installed are those that each example asks for.
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pack, run } from '../../packaging/support/project.mjs'

const here = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const examples = resolve(here, '../../examples')
const read = (...path) => JSON.parse(readFileSync(join(...path, 'package.json'), 'utf8'))

/** The package.json of an example. */
export const manifest = (name) => read(examples, name)
/** What the tests install. */
export const installed = read(here).devDependencies
/** Where that is. */
export const modules = join(here, 'node_modules')

/** A command of the examples' packages. */
export const bin = (name) => join(modules, '.bin', name)

let unpacked = false
/** The tarball, as npm would lay it beside what else is installed. */
function install() {
  if (unpacked) return
  unpacked = true
  const folder = join(modules, 'tidewell')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  run('tar', ['-xzf', pack().file, '-C', folder, '--strip-components=1'])
}

/** Folder of an example that is ready to be built or run. */
export function example(name) {
  install()
  const folder = join(here, 'work.tmp', name)
  rmSync(folder, { recursive: true, force: true })
  cpSync(join(examples, name), folder, { recursive: true, filter: (path) => !path.includes('node_modules') })
  return folder
}
