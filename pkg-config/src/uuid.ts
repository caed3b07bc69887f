/** Ids for documents that come without one: UUID version 7 (RFC 9562), increasing within this process. Not secret, not a lock. */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
/** Random bytes are drawn in pools: one call to the generator serves 128 ids. */
const POOL_BYTES = 1024
const RANDOM_BYTES = 8

const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES
let lastMs = 0
let counter = 0

/**
 * A new UUIDv7 such as `0192f0c1-2b3c-7a01-9f00-0123456789ab`. Ids made in one process sort in the order they were made, also when
 * the clock steps back: the 12 bits after the time are a counter that starts at a random value each millisecond.
 *
 * @param now milliseconds since the Unix epoch; the current time unless given (tests give it).
 */
export function uuidv7(now: number = Date.now()): string {
  if (used + RANDOM_BYTES > POOL_BYTES) {
    crypto.getRandomValues(pool)
    used = 0
  }
  const at = used
  used += RANDOM_BYTES
  if (now > lastMs) {
    lastMs = now
    counter = ((byte(at) << 8) | byte(at + 1)) & 0x7ff
  } else if (++counter > 0xfff) {
    lastMs += 1
    counter = 0
  }
  const high = Math.floor(lastMs / 0x1_0000_0000)
  const low = lastMs >>> 0
  return (
    hex(high >>> 8) +
    hex(high) +
    hex(low >>> 24) +
    hex(low >>> 16) +
    '-' +
    hex(low >>> 8) +
    hex(low) +
    '-' +
    hex(0x70 | (counter >>> 8)) +
    hex(counter) +
    '-' +
    hex(0x80 | (byte(at) & 0x3f)) +
    hex(byte(at + 1)) +
    '-' +
    hex(byte(at + 2)) +
    hex(byte(at + 3)) +
    hex(byte(at + 4)) +
    hex(byte(at + 5)) +
    hex(byte(at + 6)) +
    hex(byte(at + 7))
  )
}

function byte(at: number): number {
  return pool[at] ?? 0
}

function hex(value: number): string {
  return HEX[value & 0xff] ?? '00'
}
