// The pages whose snippets are tested, from text to modules.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { extract } from './extract.mjs'
import { generate } from './generate.mjs'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** The README, docs/ and docs/guide/. Decisions are records. */
export function pages() {
  const inFolder = (folder) => readdirSync(join(root, folder)).filter((name) => name.endsWith('.md')).map((name) => join(folder, name))
  return ['README.md', ...inFolder('docs'), ...inFolder('docs/guide')].map((path) => page(path, readFileSync(join(root, path), 'utf8')))
}

/** One page: its modules, and what is wrong with it before anything is compiled. */
export function page(path, text) {
  const name = relative('', path).replaceAll('/', '-').replace(/\.md$/, '')
  const { snippets, problems } = extract(text)
  const generated = generate(name, snippets)
  const ran = snippets.filter(({ kind }) => kind === 'run')
  const syncs = ran.some(({ lines }) => lines.some((line) => line.includes('https://sync.example.com')))
  return { path, name, ...generated, problems: [...problems, ...generated.problems], syncs, ran: ran.length, compiled: snippets.filter(({ kind }) => kind === 'compile') }
}
