/** What entries have in common that run the whole module on the calling thread. */
import { compileOnce, deleteLocal, openLocal } from '../host.js'
import { type Files, provide } from '../open.js'

/** Opens databases with the module that `load` gives, which is called when the first one is opened; and files with what `files` gives. */
export function provideWhole(load: () => Promise<WebAssembly.Module>, files?: () => Promise<Files>): void {
  const source = compileOnce(async () => ({ module: await load() }))
  provide({ local: openLocal(source), worker: undefined, remove: (name) => deleteLocal(source, name), files })
}
