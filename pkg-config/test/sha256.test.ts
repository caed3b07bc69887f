/** SHA-256 of bytes that come in pieces: the vectors of FIPS 180-2, and every length about the borders of a block beside Node's own. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Sha256 } from '../src/attachments/sha256.js'

const VECTORS: readonly (readonly [text: string, digest: string])[] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
]

function hashOf(pieces: readonly Uint8Array[]): string {
  const hash = new Sha256()
  for (const piece of pieces) hash.update(piece)
  return hash.hex()
}

test('the published vectors come out', () => {
  for (const [text, digest] of VECTORS) assert.equal(hashOf([new TextEncoder().encode(text)]), digest)
})

test('of every length up to four blocks, cut anywhere in two, it is what Node says', () => {
  const all = Uint8Array.from({ length: 256 }, (_, at) => at * 7 + 1)
  for (let length = 0; length <= all.length; length++) {
    const bytes = all.subarray(0, length)
    const expected = createHash('sha256').update(bytes).digest('hex')
    for (let cut = 0; cut <= length; cut++)
      assert.equal(hashOf([bytes.subarray(0, cut), bytes.subarray(cut)]), expected, `${length} bytes, cut at ${cut}`)
  }
})
