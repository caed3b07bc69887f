/** Built by `build.mjs`: the module's bytes as base64. */
export declare const wasm: string
