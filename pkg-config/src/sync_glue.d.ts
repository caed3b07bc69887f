/** Built from wasm-bindgen's output by `build.mjs`: its code as a function, so that every call makes an independent instance. */
import type { SyncGlue } from './edge/sync_wasm.js'

/** `webAssembly` stands in for the global of that name. */
export declare function createGlue(webAssembly: object): SyncGlue
