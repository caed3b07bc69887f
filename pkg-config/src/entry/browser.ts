/** The entry for pages and bundlers: the WebAssembly and the worker are files beside this one. */
import { provide } from '../open.js'
import { notLoaded } from '../errors.js'
import { deleteLocal, openLocal } from '../host.js'
import { programAt } from './compile.js'
import { inVite } from './vite.js'

const source = programAt({
  page: inVite('tidewell_page.wasm') ?? new URL('./tidewell_page.wasm', import.meta.url).href,
  rest: inVite('tidewell_rest.wasm') ?? new URL('./tidewell_rest.wasm', import.meta.url).href,
  whole: inVite('tidewell_bg.wasm') ?? new URL('./tidewell_bg.wasm', import.meta.url).href,
})

// A page that imports this opens a database soon. Meanwhile the first half is on its way; a failure shows when it is needed.
if (typeof document !== 'undefined') source().catch(() => undefined)

function startWorker(): Worker {
  const script = inVite('worker.js')
  if (script !== undefined) return new Worker(script, { type: 'module', name: 'tidewell' })
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'tidewell' })
}

provide({
  local: openLocal(source),
  worker:
    typeof Worker === 'undefined'
      ? undefined
      : async (name, options, listener) => {
          const { handleOf, openInWorker } = await import('../worker/page.js').catch(notLoaded)
          return openInWorker(handleOf(startWorker()), name, options, listener)
        },
  remove: (name) => deleteLocal(source, name),
})

export * from '../index.js'
