// The example as wrangler bundles it for deployment, and what its script weighs.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Miniflare } from 'miniflare'
import { Device, SECRET, token } from './support/device.mjs'
import { inFolder, project, ran } from './support/host.mjs'

const here = dirname(fileURLToPath(import.meta.url))
/** What Cloudflare takes for free, compressed. */
const SCRIPT_MAX = 3 << 20

test('the example is bundled by one command, without an engine, and serves what it says', () =>
  inFolder(async (data) => {
    const folder = project('edge-sync-example')
    cpSync(resolve(here, '../../examples/edge-sync'), folder, {
      recursive: true,
    })
    // What an earlier version was bundled to.
    rmSync(join(folder, 'out'), { recursive: true, force: true })
    const wrangler = join(here, 'node_modules/wrangler/bin/wrangler.js')
    const flags = ['deploy', '--dry-run', '--outdir', 'out']
    const env = {
      ...process.env,
      WRANGLER_SEND_METRICS: 'false',
      CI: '1',
      NO_COLOR: '1',
      WRANGLER_LOG_PATH: data,
      NODE_OPTIONS: '',
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, [wrangler, ...flags], {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(status, 0, stdout + stderr)
    const out = join(folder, 'out')
    const files = readdirSync(out).filter((name) => /\.(js|wasm)$/.test(name))
    const size = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0)
    assert.ok(size < SCRIPT_MAX, `${size} bytes`)
    assert.equal(files.filter((name) => name.endsWith('.wasm')).length, 1)
    ran('wrangler', 'the example of a sync server', `bundled, served; ${Math.round(size / 1024)} KiB gzip`)

    const settings = JSON.parse(readFileSync(join(folder, 'wrangler.jsonc'), 'utf8').replaceAll(/^\s*\/\/.*$/gm, ''))
    const [{ name, class_name: className }] = settings.durable_objects.bindings
    assert.deepEqual(settings.migrations, [{ tag: 'v1', new_sqlite_classes: [className] }])
    const miniflare = new Miniflare({
      modulesRoot: out,
      modules: files
        .sort((a) => (a.endsWith('.js') ? -1 : 1))
        .map((one) => ({
          type: one.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
          path: join(out, one),
          ...(one.endsWith('.wasm') ? { contents: readFileSync(join(out, one)) } : {}),
        })),
      compatibilityDate: settings.compatibility_date,
      durableObjects: { [name]: { className, useSQLite: true } },
      durableObjectsPersist: data,
      bindings: { ...settings.vars, TIDEWELL_SECRET: SECRET },
    })
    try {
      const { origin } = await miniflare.ready
      const [ann, bob] = ['ann', 'bob'].map((sub) => new Device(origin, token({ sub })))
      const note = (id, doc) => [{ c: 'notes', id, put: { id, owner: 'ann', ...doc } }]
      await ann.push(note('own', {}), note('shown', { public: true }))
      assert.deepEqual([[...(await ann.pull()).keys()].length, [...(await bob.pull()).keys()]], [2, ['shown']])
    } finally {
      await miniflare.dispose()
    }
  }))
