/** The entry for Cloudflare's workerd, where WebAssembly is compiled when a worker is deployed, and never from bytes. */
import wasm from '../tidewell_bg.wasm'
import { provideWhole } from './whole.js'

provideWhole(async () => wasm)

export * from '../index.js'
