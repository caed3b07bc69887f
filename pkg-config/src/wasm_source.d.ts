/** Built by `build.mjs`: the compiled module by a source phase import, which TypeScript does not know yet. */
export declare const wasm: WebAssembly.Module
