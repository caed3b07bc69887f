// Disks that JavaScript brings along keep every promise of a disk: the suite of src/core/disk/conformance, compiled for tests.
import assert from 'node:assert/strict'
import { build } from 'esbuild'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inFolder, project, ran, serve } from './support/host.mjs'

const suite = process.env.TIDEWELL_CONFORMANCE ?? 'target/edge/conformance'
const skip = existsSync(join(suite, 'conformance.js')) ? false : `${suite} is not built: run cargo xtask test edge`
const here = dirname(fileURLToPath(import.meta.url))
const CLAIMS_MIN = 28

/** A part of the package's source as one module. */
async function compiled(source, target) {
  await build({
    entryPoints: [join(here, '../../pkg-config/src', source)],
    ...{
      outfile: target,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'warning',
    },
  })
  return target
}

test('a disk in the SQLite of a Durable Object keeps every promise of a disk', { skip }, () =>
  inFolder(async (data) => {
    const folder = join(project('conformance-worker'), 'src')
    await compiled('edge/store.ts', join(folder, 'store.js'))
    cpSync(suite, join(folder, 'conformance'), { recursive: true })
    cpSync(join(here, 'objects/conformance.js'), join(folder, 'conformance.js'))
    const host = await serve('conformance-object', data, { CHECKED: 'Checked' }, { file: join(folder, 'conformance.js') })
    const claims = await host.ask('')
    assert.ok(claims >= CLAIMS_MIN, String(claims))
    // The platform holds rows of at most 2 MB, workerd larger ones, too.
    assert.deepEqual(await host.ask('rows'), { sizes: [...Array(4).fill(1 << 20), 5e6 - 4 * (1 << 20)], whole: true })
    ran('Durable Objects on workerd', 'a disk', `${claims} claims of the conformance suite hold`)
  }),
)

test('a disk in files keeps every promise of a disk', { skip }, () =>
  inFolder(async (data) => {
    const folder = project('conformance-files')
    const { FileStore } = await import(pathToFileURL(await compiled('files/store.ts', join(folder, 'files.mjs'))))
    const { Journal } = await import(pathToFileURL(await compiled('files/journal.ts', join(folder, 'journal.mjs'))))
    const { checkDisk, initSync } = await import(pathToFileURL(join(suite, 'conformance.js')))
    initSync({ module: readFileSync(join(suite, 'conformance_bg.wasm')) })
    const lock = { check: () => undefined, release: () => undefined }
    const claims = await checkDisk(handles((name) => new FileStore(new Journal(join(data, name)), lock)))
    assert.ok(claims >= CLAIMS_MIN)
    ran('Node', 'a disk in files', `${claims} claims of the conformance suite hold`)
  }),
)

/** One process opens a folder once, so two handles to one storage are two doors to one store, which is closed behind the last. */
function handles(open) {
  const stores = new Map()
  return (name) => {
    const shared = stores.get(name) ?? { store: open(name), doors: 0 }
    stores.set(name, shared)
    shared.doors++
    let isOpen = true
    const through =
      (method) =>
      (...values) => {
        if (!isOpen)
          throw Object.assign(new Error('the door is closed'), {
            disk: 'closed',
          })
        return shared.store[method](...values)
      }
    const close = () => {
      if (!isOpen) return
      isOpen = false
      if (--shared.doors > 0) return
      shared.store.close()
      stores.delete(name)
    }
    return {
      read: through('read'),
      scan: through('scan'),
      commit: through('commit'),
      close,
    }
  }
}
