/** What a hit costs: in memory beside npm's `lru-cache` (its folder in LRU_CACHE), in storage beside a document by its id. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const load = async (file: string) => (await import(pathToFileURL(file).href)) as Record<string, unknown>
const { open } = (await load(
  join(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist/inline.js'),
)) as unknown as typeof import('../../src/index.js')

const KEYS = 1000
const ROUNDS = 2_000_000
const keys = Array.from({ length: KEYS }, (_, n) => `key-${n}`)

async function time(name: string, rounds: number, work: (key: string) => unknown, wait: boolean): Promise<number> {
  let best = Infinity
  for (let run = 0; run < 5; run++) {
    const begun = performance.now()
    for (let n = 0; n < rounds; n++) {
      const answer = work(keys[n % KEYS] ?? '')
      if (wait) await answer
    }
    best = Math.min(best, ((performance.now() - begun) / rounds) * 1e6)
  }
  console.log(`${name.padEnd(44)}${best.toFixed(0).padStart(8)} ns`)
  return best
}

const db = await open('bench-cache')
const cache = db.cache<{ n: number }>('memory')
const stored = db.cache<{ n: number }>('stored', { memoryBytes: 0 })
const notes = db.collection('notes')
for (const [n, id] of keys.entries()) {
  await cache.set(id, { n })
  await stored.set(id, { n })
  await notes.put({ id, n })
}
const ours = await time('memory hit: cache.peek', ROUNDS, (key) => cache.peek(key), false)
await time('memory hit: await cache.get', ROUNDS / 4, (key) => cache.get(key), true)
if (process.env['LRU_CACHE'] !== undefined) {
  const { LRUCache } = (await load(join(process.env['LRU_CACHE'], 'dist/esm/index.js'))) as unknown as {
    LRUCache: new (options: { max: number }) => { get(key: string): unknown; set(key: string, value: unknown): void }
  }
  const lru = new LRUCache({ max: KEYS * 2 })
  for (const [n, key] of keys.entries()) lru.set(key, { n })
  const theirs = await time('memory hit: lru-cache', ROUNDS, (key) => lru.get(key), false)
  console.log(`ratio to lru-cache: ${(ours / theirs).toFixed(2)}`)
}
const document = await time('document by id: await notes.get', 100_000, (key) => notes.get(key), true)
const disk = await time('stored hit: await cache.get', 100_000, (key) => stored.get(key), true)
console.log(`stored hit to document: ${(disk / document).toFixed(2)}`)
await db.close()
