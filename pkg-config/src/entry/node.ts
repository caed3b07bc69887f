/**
 * The entry for Node, and for pages that a server renders: the WebAssembly is a JavaScript file with its bytes as base64, loaded
 * when the first database is opened. No file is read by its path: bundlers for servers move files.
 */
import { fromBase64 } from '../codec/base64.js'
import { files } from './files.js'
import { provideWhole } from './whole.js'

provideWhole(async () => {
  const { wasm } = await import('../wasm.js')
  return WebAssembly.compile(fromBase64(wasm) as Uint8Array<ArrayBuffer>)
}, files)

export * from '../index.js'
