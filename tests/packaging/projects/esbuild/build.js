// esbuild leaves `new URL(…, import.meta.url)` as it is: the files it names are copied beside what it builds.
import { cpSync } from 'node:fs'
import { build } from 'esbuild'

await build({
  entryPoints: ['main.js', 'own-worker.js', 'service-worker.js'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  minify: true,
})
for (const name of ['tidewell_page.wasm', 'tidewell_rest.wasm', 'tidewell_bg.wasm', 'worker.js', 'glue.js'])
  cpSync(`node_modules/tidewell/dist/${name}`, `dist/${name}`)
cpSync('index.html', 'dist/index.html')

// By hand instead: the loader `file` gives the addresses, and the slim entry takes them.
await build({
  entryPoints: ['slim.js'],
  outdir: 'dist-slim',
  bundle: true,
  format: 'esm',
  minify: true,
  loader: { '.wasm': 'file' },
})
cpSync('slim.html', 'dist-slim/index.html')

// Nothing but one script.
await build({ entryPoints: ['inline.js'], outdir: 'dist-inline', bundle: true, format: 'iife', minify: true })
cpSync('inline.html', 'dist-inline/index.html')
