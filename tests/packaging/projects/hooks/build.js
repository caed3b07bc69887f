// One script and one page for each framework.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'
import { compile } from 'svelte/compiler'

const svelte = (generate) => ({
  name: 'svelte',
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, ({ path }) => ({
      contents: compile(readFileSync(path, 'utf8'), { filename: path, generate }).js.code,
    }))
  },
})

mkdirSync('dist', { recursive: true })
await build({
  entryPoints: ['react.jsx', 'vue.js', 'solid.js', 'svelte.js'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  jsx: 'automatic',
  conditions: ['svelte'],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true' },
  plugins: [svelte('client')],
})
for (const name of ['tidewell_page.wasm', 'tidewell_rest.wasm', 'tidewell_bg.wasm'])
  cpSync(`node_modules/tidewell/dist/${name}`, `dist/${name}`)
for (const name of ['react', 'vue', 'solid', 'svelte'])
  writeFileSync(
    `dist/${name}.html`,
    `<!doctype html><meta charset="utf-8"><title>${name}</title><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="./${name}.js"></script>`,
  )

// For the server, its packages stay where they are.
await build({
  entryPoints: ['react', 'vue', 'svelte', 'solid'].map((name) => `server/${name}.${name === 'react' ? 'jsx' : 'js'}`),
  outdir: 'dist/server',
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  jsx: 'automatic',
  plugins: [svelte('server')],
})
