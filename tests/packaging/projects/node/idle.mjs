// Node, importing the package without using it: whether anything is compiled.
let compiled = 0
const { compile } = WebAssembly
WebAssembly.compile = (bytes) => {
  compiled += bytes.byteLength
  return compile(bytes)
}
const { open } = await import('tidewell')
const idle = compiled
const db = await open('app')
await db.close()
console.log(JSON.stringify({ idle, used: compiled > 1_000_000 }))
