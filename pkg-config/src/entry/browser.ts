/** The entry for pages and bundlers: the WebAssembly and the worker are files beside this one. */
import { provide } from '../open.js'
import { deleteLocal, handleOf, openInWorker, openLocal } from '../host.js'
import { programAt } from './compile.js'

// Vite 7's dev server moves this file to its own folder and leaves the others behind.
const VITE_DEPS = /^(.*)\/\.vite\/deps[^/]*\//

const vite = VITE_DEPS.exec(import.meta.url)
const source = programAt(
  vite === null
    ? {
        page: new URL('./tidewell_page.wasm', import.meta.url).href,
        rest: new URL('./tidewell_rest.wasm', import.meta.url).href,
        whole: new URL('./tidewell_bg.wasm', import.meta.url).href,
      }
    : {
        page: `${vite[1]}/tidewell/dist/tidewell_page.wasm`,
        rest: `${vite[1]}/tidewell/dist/tidewell_rest.wasm`,
        whole: `${vite[1]}/tidewell/dist/tidewell_bg.wasm`,
      },
)

// A page that imports this opens a database soon. Meanwhile the first half is on its way; a failure shows when it is needed.
if (typeof document !== 'undefined') source().catch(() => undefined)

function startWorker(): Worker {
  if (vite !== null) return new Worker(`${vite[1]}/tidewell/dist/worker.js`, { type: 'module', name: 'tidewell' })
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'tidewell' })
}

provide({
  local: openLocal(source),
  worker:
    typeof Worker === 'undefined'
      ? undefined
      : async (name, options, listener) => openInWorker(handleOf(startWorker()), name, options, listener),
  remove: (name) => deleteLocal(source, name),
})

export * from '../index.js'
