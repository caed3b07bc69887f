/** What hosts give for the built module where it is imported: workerd and edge routes the module itself, Bun its path. */
declare module '*.wasm' {
  const wasm: WebAssembly.Module
  export default wasm
}
declare module '*.wasm?module' {
  const wasm: WebAssembly.Module
  export default wasm
}
