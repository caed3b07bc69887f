/** The entry for Node, and for bundlers that cannot emit files: the WebAssembly is inside, as base64. Runs on the calling thread. */
import { fromBase64 } from '../codec/base64.js'
import { compileOnce, deleteLocal, openLocal } from '../host.js'
import { provide } from '../open.js'
import { wasm } from '../wasm.js'

const source = compileOnce(async () => ({
  module: await WebAssembly.compile(fromBase64(wasm) as Uint8Array<ArrayBuffer>),
}))

provide({ local: openLocal(source), worker: undefined, remove: (name) => deleteLocal(source, name) })

export * from '../index.js'
