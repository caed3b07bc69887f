// Reads the console's notation: JSON as people type it. Keys without quotes, single quotes, trailing commas, comments, regular
// expressions, `Date("2019-01-01")`, BigInts and `undefined` are all fine. Nothing is evaluated: the page's policy forbids it.

/** Why a text is not a value: a sentence with the line and column. */
export class LiteralError extends Error {}

const WORDS = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
  ['NaN', NaN],
  ['Infinity', Infinity],
])
const ESCAPES = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', 0: '\0' }
const MAX_DEPTH = 100

/** The value that `text` writes. Throws a {@link LiteralError}. An empty text is `empty`. */
export const parse = (text, empty) => {
  const reader = new Reader(text)
  reader.space()
  if (reader.done()) {
    if (empty !== undefined) return empty
    reader.fail('a value is missing')
  }
  const value = reader.value(0)
  reader.space()
  if (!reader.done()) reader.fail(`there is more after the value: ${JSON.stringify(text.slice(reader.at, reader.at + 12))}`)
  return value
}

class Reader {
  constructor(text) {
    this.text = text
    this.at = 0
  }

  done() {
    return this.at >= this.text.length
  }

  fail(what) {
    const before = this.text.slice(0, this.at).split('\n')
    throw new LiteralError(`line ${before.length}, column ${before.at(-1).length + 1}: ${what}`)
  }

  /** Takes what a sticky pattern matches here, or nothing. */
  take(pattern) {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found !== null) this.at = pattern.lastIndex
    return found
  }

  space() {
    this.take(/(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y)
  }

  expect(character, what) {
    this.space()
    if (this.text[this.at] !== character) this.fail(`expected ${what}`)
    this.at += 1
  }

  value(depth) {
    this.space()
    if (depth > MAX_DEPTH) this.fail(`nested more than ${MAX_DEPTH} deep`)
    const first = this.text[this.at]
    if (first === undefined) this.fail('the text ends where a value should be')
    if (first === '{') return this.object(depth)
    if (first === '[') return this.array(depth)
    if (first === '"' || first === "'" || first === '`') return this.string()
    if (first === '/') return this.regexp()
    return this.number() ?? this.word()
  }

  object(depth) {
    const result = {}
    this.at += 1
    for (;;) {
      this.space()
      if (this.text[this.at] === '}') break
      const key = this.key()
      this.expect(':', `":" after the key ${JSON.stringify(key)}`)
      // Defined, not assigned: `__proto__` is a key like any other.
      const value = this.value(depth + 1)
      Object.defineProperty(result, key, { value, enumerable: true, writable: true, configurable: true })
      this.space()
      if (this.text[this.at] === ',') this.at += 1
      else if (this.text[this.at] !== '}') this.fail('expected "," or "}"')
    }
    this.at += 1
    return result
  }

  key() {
    if (/["'`]/.test(this.text[this.at] ?? '')) return this.string()
    const name = this.take(/[\p{L}\p{N}_$][\p{L}\p{N}_$.\-]*/uy)
    if (name === null) this.fail('expected a key')
    return name[0]
  }

  array(depth) {
    const result = []
    this.at += 1
    for (;;) {
      this.space()
      if (this.text[this.at] === ']') break
      result.push(this.value(depth + 1))
      this.space()
      if (this.text[this.at] === ',') this.at += 1
      else if (this.text[this.at] !== ']') this.fail('expected "," or "]"')
    }
    this.at += 1
    return result
  }

  string() {
    const quote = this.text[this.at]
    this.at += 1
    let result = ''
    for (;;) {
      const character = this.text[this.at]
      if (character === undefined || (character === '\n' && quote !== '`')) this.fail(`the text ends inside ${quote}…${quote}`)
      this.at += 1
      if (character === quote) return result
      result += character === '\\' ? this.escape() : character
    }
  }

  escape() {
    const unicode = this.take(/u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}/y)
    if (unicode !== null) return String.fromCodePoint(parseInt(unicode[1] ?? unicode[2] ?? unicode[3], 16))
    const character = this.text[this.at] ?? this.fail('the text ends after a backslash')
    this.at += 1
    return ESCAPES[character] ?? character
  }

  regexp() {
    const found = this.take(/\/((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([a-z]*)/y)
    if (found === null) this.fail('this regular expression does not end')
    try {
      return new RegExp(found[1], found[2])
    } catch (error) {
      return this.fail(error.message)
    }
  }

  number() {
    const found = this.take(/[+-]?(?:(\d+)n\b|Infinity\b|0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y)
    if (found === null) return undefined
    return found[1] === undefined ? Number(found[0]) : BigInt(found[0].slice(0, -1))
  }

  word() {
    const date = this.take(/(?:new\s+)?(?:Date|ISODate)\s*\(\s*/y)
    if (date !== null) return this.date()
    const bytes = this.take(/Bytes\s*\(\s*/y)
    if (bytes !== null) return this.bytes()
    const word = this.take(/[\p{L}_$][\p{L}\p{N}_$]*/uy)
    if (word !== null && WORDS.has(word[0])) return WORDS.get(word[0])
    if (word !== null) this.fail(`unknown word ${word[0]}: put text in quotes`)
    return this.fail(`unexpected ${JSON.stringify(this.text[this.at])}`)
  }

  date() {
    const argument = this.text[this.at] === ')' ? Date.now() : this.value(0)
    this.expect(')', '")" after the date')
    const date = new Date(argument)
    if (Number.isNaN(date.getTime())) this.fail('this is no date: write Date("2019-12-31")')
    return date
  }

  bytes() {
    const text = this.value(0)
    this.expect(')', '")" after the bytes')
    try {
      return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    } catch {
      return this.fail('Bytes("…") takes base64')
    }
  }
}
