// Modules of snippets as a bundler leaves them, in a page of Chromium. The package is what the server has below /pkg, as it is published;
// its adapters, and whatever else modules import, are bundled.
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { launch, newProfile } from '../../browser/support/browser.mjs'
import { packageFolder } from '../../browser/support/server.mjs'
import { serveStatic } from '../../packaging/support/server.mjs'
import { root } from './pages.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const PAGE = '<!doctype html><meta charset="utf-8"><title>snippet</title><main></main><input type="file">'

/** Entries that load other files of the package, which stay beside them. */
const asPublished = {
  name: 'as published',
  setup({ onResolve }) {
    const { exports } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))
    onResolve({ filter: /^tidewell(\/(single|inspector))?$/ }, ({ path }) => {
      const entry = exports[path.replace('tidewell', '.')]
      const file = entry.browser?.default ?? entry.browser ?? entry.default
      return { path: `/pkg/${normalize(file)}`, external: true }
    })
  },
}

async function bundle(folder, modules) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, code] of Object.entries(modules)) writeFileSync(join(folder, name), code)
  await build({
    entryPoints: Object.keys(modules).map((name) => join(folder, name)),
    outdir: join(folder, 'out'),
    nodePaths: [join(here, '../node_modules'), join(root, 'tests/browser/node_modules')],
    plugins: [asPublished],
    loader: { '.wasm': 'file' },
    publicPath: '/',
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    ...{ bundle: true, format: 'esm', target: 'es2022', jsx: 'automatic', logLevel: 'error' },
  })
  const out = join(folder, 'out')
  writeFileSync(join(out, 'index.html'), PAGE)
  symlinkSync(packageFolder, join(out, 'pkg'))
  return out
}

/**
 * Bundles the modules, and opens a page at `/` that has loaded none of them. `visit({ page, context, load })` does the rest: `load(name)` imports
 * one into the page, and fails as it does.
 */
export async function inPage(name, modules, visit) {
  const server = await serveStatic(await bundle(join(root, 'target/docs', name), modules))
  const profile = await newProfile()
  const browser = await launch(profile.folder)
  try {
    const page = await browser.context.newPage()
    const errors = []
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(`${server.origin}/`)
    const load = (module) => page.evaluate((path) => import(path).then(() => undefined), `/${module}`)
    await visit({ page, origin: server.origin, load, context: browser.context })
    if (errors.length > 0) throw new Error(errors.join('\n'))
  } finally {
    await browser.close()
    await server.stop()
    await profile.remove()
  }
}
