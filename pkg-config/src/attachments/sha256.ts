/**
 * SHA-256 (FIPS 180-4) of bytes that come in pieces. `crypto.subtle` wants all of them at once, and is missing on pages without TLS.
 */

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes; of the square roots, of the first 8. */
const [K, FIRST] = constants()
const BLOCK = 64

/** A hash under way. */
export class Sha256 {
  readonly #state = FIRST.slice()
  readonly #words = new Int32Array(64)
  readonly #rest = new Uint8Array(BLOCK)
  #length = 0

  /** Takes the next bytes. */
  update(bytes: Uint8Array): void {
    let at = 0
    let filled = this.#length % BLOCK
    this.#length += bytes.length
    if (filled > 0) {
      at = Math.min(BLOCK - filled, bytes.length)
      this.#rest.set(bytes.subarray(0, at), filled)
      filled += at
      if (filled < BLOCK) return
      this.#compress(this.#rest, 0)
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.#compress(bytes, at)
    this.#rest.set(bytes.subarray(at))
  }

  /** The hash as 64 hexadecimal digits. Nothing may be taken after it. */
  hex(): string {
    const length = this.#length
    const padding = new Uint8Array(BLOCK + 8 - ((length + 8) % BLOCK))
    padding[0] = 0x80
    const view = new DataView(padding.buffer)
    view.setUint32(padding.length - 8, Math.floor(length / 2 ** 29))
    view.setUint32(padding.length - 4, (length * 8) >>> 0)
    this.update(padding)
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #compress(bytes: Uint8Array, from: number): void {
    const words = this.#words
    for (let i = 0, at = from; i < 16; i++, at += 4)
      words[i] = (num(bytes[at]) << 24) | (num(bytes[at + 1]) << 16) | (num(bytes[at + 2]) << 8) | num(bytes[at + 3])
    for (let i = 16; i < 64; i++) {
      const early = num(words[i - 15])
      const late = num(words[i - 2])
      const s0 = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3)
      const s1 = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10)
      words[i] = (num(words[i - 16]) + s0 + num(words[i - 7]) + s1) | 0
    }
    this.#round(words)
  }

  #round(words: Int32Array): void {
    const state = this.#state
    let a = num(state[0])
    let b = num(state[1])
    let c = num(state[2])
    let d = num(state[3])
    let e = num(state[4])
    let f = num(state[5])
    let g = num(state[6])
    let h = num(state[7])
    for (let i = 0; i < 64; i++) {
      const choice = (e & f) ^ (~e & g)
      const mixed = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + num(K[i]) + num(words[i])) | 0
      const major = (a & b) ^ (a & c) ^ (b & c)
      const sum = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + major) | 0
      h = g
      g = f
      f = e
      e = (d + mixed) | 0
      d = c
      c = b
      b = a
      a = (mixed + sum) | 0
    }
    state[0] = num(state[0]) + a
    state[1] = num(state[1]) + b
    state[2] = num(state[2]) + c
    state[3] = num(state[3]) + d
    state[4] = num(state[4]) + e
    state[5] = num(state[5]) + f
    state[6] = num(state[6]) + g
    state[7] = num(state[7]) + h
  }
}

function num(value: number | undefined): number {
  return value as number
}

function turn(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}

function constants(): readonly [cubes: Int32Array, squares: Int32Array] {
  const primes: number[] = []
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  const fraction = (root: number) => ((root % 1) * 2 ** 32) | 0
  return [
    Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime))),
    Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime))),
  ]
}
