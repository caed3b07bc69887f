/** How long the boundary codec takes per document of about 420 bytes. Run: `npm run bench`. */
import { decode } from '../../src/codec/decode.js'
import { encodeDocuments } from '../../src/codec/encode.js'
import { uuidv7 } from '../../src/uuid.js'

const documents = Array.from({ length: 1000 }, (_, at) => ({
  id: `doc-${String(at).padStart(8, '0')}`,
  title: `Tide table number ${at} of the harbour`,
  body: 'Lorem ipsum dolor sit amet consectetur '.repeat(5).slice(0, 200),
  tags: ['sea', 'moon', 'harbour'],
  author: `author-${at % 50}`,
  created: 1_700_000_000_000 + at,
  score: at * 0.37,
  done: at % 2 === 0,
  place: { name: 'Brest', lat: 48.38, lon: -4.49 },
}))
const ROUNDS = 400

function microseconds(work: () => unknown, units: number): number {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    work()
    best = Math.min(best, performance.now() - start)
  }
  return (best * 1000) / units
}

const text = JSON.stringify(documents)
const plain = microseconds(() => JSON.stringify(documents), 1000)
const encoded = microseconds(() => encodeDocuments(documents), 1000)
const parsed = microseconds(() => JSON.parse(text) as unknown, 1000)
const decoded = microseconds(() => decode(text, false), 1000)
const revived = microseconds(() => decode(text, true), 1000)
const ids = microseconds(() => {
  for (let at = 0; at < 1000; at++) uuidv7()
}, 1000)
console.log(`bytes per document: ${Math.round(text.length / 1000)}`)
console.log(
  `JSON.stringify ${plain.toFixed(2)} µs, encode ${encoded.toFixed(2)} µs: the walk costs ${(encoded - plain).toFixed(2)} µs (target 0.30)`,
)
console.log(
  `JSON.parse ${parsed.toFixed(2)} µs, decode plain ${decoded.toFixed(2)} µs, revive ${revived.toFixed(2)} µs; uuidv7 ${ids.toFixed(2)} µs`,
)
