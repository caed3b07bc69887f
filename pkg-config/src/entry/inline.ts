/** The entry for bundlers that cannot emit files: the WebAssembly is inside, as base64. Runs on the calling thread. */
import { fromBase64 } from '../codec/base64.js'
import { wasm } from '../wasm.js'
import { provideWhole } from './whole.js'

provideWhole(() => WebAssembly.compile(fromBase64(wasm) as Uint8Array<ArrayBuffer>))

export * from '../index.js'
