// Runs when the server starts, before any route is loaded: counts the large modules that are compiled on Node from then on.
export function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  globalThis.compiledModules = 0
  const { compile, Module } = WebAssembly
  const counted = (bytes) => (globalThis.compiledModules += bytes.byteLength > 1_000_000 ? 1 : 0)
  WebAssembly.compile = (bytes) => {
    counted(bytes)
    return compile(bytes)
  }
  WebAssembly.Module = new Proxy(Module, {
    construct: (target, [bytes]) => {
      counted(bytes)
      return new target(bytes)
    },
  })
}
