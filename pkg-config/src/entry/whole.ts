/** What entries have in common that run the whole module on the calling thread. */
import { compileOnce, deleteLocal, openLocal } from '../host.js'
import { provide } from '../open.js'

/** Opens databases with the module that `load` gives, which is called when the first one is opened. */
export function provideWhole(load: () => Promise<WebAssembly.Module>): void {
  const source = compileOnce(async () => ({ module: await load() }))
  provide({ local: openLocal(source), worker: undefined, remove: (name) => deleteLocal(source, name) })
}
