// Shortens the names by which the glue and the WebAssembly know each other. wasm-bindgen makes them unique with hashes, which do
// not compress: about a hundred imports weigh 3 KiB gzip in the two files together.

const IMPORTS = 2
const EXPORTS = 7
const HEADER_BYTES = 8

/**
 * The same module and glue with short names: imports become `i0`, `i1` …, exported closures `closure0` … (the package tells
 * callbacks from calls by that word).
 */
export function shorten(wasm, glue) {
  const names = new Map()
  const sections = [wasm.subarray(0, HEADER_BYTES)]
  const reader = new Reader(wasm, HEADER_BYTES)
  while (reader.at < wasm.length) {
    const id = reader.byte()
    const body = reader.bytes(reader.number())
    const rewrite = { [IMPORTS]: shortenImports, [EXPORTS]: shortenExports }[id]
    const written = rewrite === undefined ? body : rewrite(new Reader(body, 0), names)
    sections.push(Buffer.from([id]), number(written.length), written)
  }
  const text = glue
    .replace(/[\w$]+/g, (word) => names.get(word) ?? word)
    .replaceAll(/(["'])\.\/tidewell_bg\.js\1/g, '"w"')
  return { wasm: Buffer.concat(sections), glue: text }
}

function shortenImports(reader, names) {
  const count = reader.number()
  const parts = [number(count)]
  for (let at = 0; at < count; at++) {
    const module = reader.text()
    const name = reader.text()
    const short = `i${at}`
    names.set(name, short)
    if (module !== './tidewell_bg.js') throw new Error(`shorten.mjs: an import from ${module} was not expected`)
    const start = reader.at
    if (reader.byte() !== 0) throw new Error(`shorten.mjs: ${name} is not a function`)
    reader.number()
    parts.push(string('w'), string(short), reader.since(start))
  }
  return Buffer.concat(parts)
}

function shortenExports(reader, names) {
  const count = reader.number()
  const parts = [number(count)]
  let closures = 0
  for (let at = 0; at < count; at++) {
    const name = reader.text()
    if (name.includes('closure')) names.set(name, `closure${closures++}`)
    const start = reader.at
    reader.byte()
    reader.number()
    parts.push(string(names.get(name) ?? name), reader.since(start))
  }
  return Buffer.concat(parts)
}

class Reader {
  constructor(source, at) {
    this.source = source
    this.at = at
  }
  byte() {
    return this.source[this.at++]
  }
  /** An unsigned LEB128 number. */
  number() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  bytes(length) {
    this.at += length
    return this.source.subarray(this.at - length, this.at)
  }
  text() {
    return Buffer.from(this.bytes(this.number())).toString()
  }
  since(start) {
    return this.source.subarray(start, this.at)
  }
}

function number(value) {
  const bytes = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.from(bytes)
}

function string(text) {
  const bytes = Buffer.from(text)
  return Buffer.concat([number(bytes.length), bytes])
}
