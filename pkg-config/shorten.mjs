// Shortens the names by which the glue and the WebAssembly know each other. wasm-bindgen makes them unique with hashes, which do
// not compress: about a hundred imports weigh 3 KiB gzip in the two files together.

const CUSTOM = 0
const IMPORTS = 2
const EXPORTS = 7
const HEADER_BYTES = 8
const KIND_TABLE = 1
const KIND_MEMORY = 2
const KIND_GLOBAL = 3
/** By this name the two halves of the program import from each other. */
const OTHER_HALF = 'page'

/**
 * The same modules and glue with short names: imports become `i0`, `i1` …, exported closures `closure0` … (the package tells
 * callbacks from calls by that word). All modules are of the same program. Custom sections, such as names, are left out.
 */
export function shorten(modules, glue) {
  const names = new Map()
  const written = modules.map((wasm) => shortenModule(wasm, names))
  const text = glue
    .replace(/[\w$]+/g, (word) => names.get(word) ?? word)
    .replaceAll(/(["'])\.\/tidewell_bg\.js\1/g, '"w"')
  return { modules: written, glue: text }
}

function shortenModule(wasm, names) {
  const sections = [wasm.subarray(0, HEADER_BYTES)]
  const reader = new Reader(wasm, HEADER_BYTES)
  while (reader.at < wasm.length) {
    const id = reader.byte()
    const body = reader.bytes(reader.number())
    if (id === CUSTOM) continue
    const rewrite = { [IMPORTS]: shortenImports, [EXPORTS]: shortenExports }[id]
    const written = rewrite === undefined ? body : rewrite(new Reader(body, 0), names)
    sections.push(Buffer.from([id]), number(written.length), written)
  }
  return Buffer.concat(sections)
}

function shortenImports(reader, names) {
  const count = reader.number()
  const parts = [number(count)]
  for (let at = 0; at < count; at++) {
    const start = reader.at
    const module = reader.text()
    const name = reader.text()
    const description = reader.at
    reader.description()
    if (module === './tidewell_bg.js') {
      if (!names.has(name)) names.set(name, `i${names.size}`)
      parts.push(string('w'), string(names.get(name)), reader.since(description))
    } else if (module === OTHER_HALF) parts.push(reader.since(start))
    else throw new Error(`shorten.mjs: an import from ${module} was not expected`)
  }
  return Buffer.concat(parts)
}

function shortenExports(reader, names) {
  const count = reader.number()
  const parts = [number(count)]
  for (let at = 0; at < count; at++) {
    const name = reader.text()
    if (name.includes('closure') && !names.has(name)) names.set(name, `closure${names.size}`)
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
  /** What an import is: a function's type, or a table, a memory or a global. */
  description() {
    const kind = this.byte()
    if (kind === KIND_TABLE) this.byte()
    if (kind === KIND_TABLE || kind === KIND_MEMORY) {
      const hasMaximum = this.byte() === 1
      this.number()
      if (hasMaximum) this.number()
    } else if (kind === KIND_GLOBAL) this.bytes(2)
    else this.number()
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
