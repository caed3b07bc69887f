// Runs the package's tests: each test/*.test.ts is bundled, then Node's runner takes them.
// The glue, which only the build makes, is test/fake_glue.ts there. The API tests use the built package named by TIDEWELL_PACKAGE (default: target/npm/tidewell),
// those of syncing also the server named by TIDEWELL_SERVER (default: target/debug/tidewell-server).
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const out = resolve(here, '../target/package-tests')
const bench = process.argv.includes('--bench')
const folder = join(here, bench ? 'test/bench' : 'test')
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const names = readdirSync(folder)
  .filter((name) => (bench ? name.endsWith('.ts') : name.endsWith('.test.ts')))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
await build({
  entryPoints: names.map((name) => join(folder, name)),
  outdir: out,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outExtension: { '.js': '.mjs' },
  sourcemap: 'inline',
  logLevel: 'warning',
  plugins: [
    {
      name: 'fake-glue',
      setup({ onResolve }) {
        onResolve({ filter: /^\.\.\/glue\.js$/ }, () => ({ path: join(here, 'test/fake_glue.ts') }))
      },
    },
  ],
})
const environment = {
  TIDEWELL_PACKAGE: resolve(here, '../target/npm/tidewell'),
  TIDEWELL_SERVER: resolve(here, '../target/debug/tidewell-server'),
  ...process.env,
}
const files = readdirSync(out).map((name) => join(out, name))
const flags = ['--enable-source-maps', '--expose-gc', ...(bench ? [] : ['--test'])]
for (const group of bench ? files.map((file) => [file]) : [files]) {
  const { status } = spawnSync(process.execPath, [...flags, ...group], { stdio: 'inherit', env: environment })
  process.exitCode = process.exitCode || (status ?? 1)
}
