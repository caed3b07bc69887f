/**
 * The hit ratio of the memory tier's policy over recorded traces, beside LRU. `node test.mjs --bench traces`; the folder of the
 * traces (gzipped little-endian u32 keys; `adaptsize`: key and bytes) is TIDEWELL_TRACES.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Kept, hashOf, Policy } from '../../src/cache/policy.js'

const folder = process.env['TIDEWELL_TRACES'] ?? resolve(import.meta.dirname, '../../../shared/data/traces')
const POINTS: readonly (readonly [trace: string, capacities: readonly number[]])[] = [
  ['arc-oltp', [250, 1000, 2000, 5000, 15000]],
  ['cache2k-web12', [75, 300, 1200]],
  ['lirs-loop', [512, 1000]],
  ['lirs-multi3', [800]],
  ['lirs-sprite', [600]],
  ['lirs-2_pools', [200]],
]
const MB = 1e6

interface Ratio {
  readonly objects: number
  readonly bytes: number
}

const read = (name: string) => {
  const bytes = gunzipSync(readFileSync(join(folder, name)))
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
}

const kept = (key: string, weight: number): Kept => ({
  key,
  weight,
  hash: hashOf(key),
  list: undefined,
  before: undefined,
  after: undefined,
})

function replay(keys: Uint32Array, width: number, ask: (key: number, weight: number) => boolean): Ratio {
  let [hits, hitBytes, bytes] = [0, 0, 0]
  for (let at = 0; at < keys.length; at += width) {
    const weight = width === 2 ? Math.max(1, keys[at + 1] ?? 1) : 1
    bytes += weight
    if (ask(keys[at] ?? 0, weight)) {
      hits++
      hitBytes += weight
    }
  }
  return { objects: (100 * hits * width) / keys.length, bytes: (100 * hitBytes) / bytes }
}

function ours(keys: Uint32Array, capacity: number, width: number): Ratio {
  const there = new Map<number, Kept>()
  const policy = new Policy(capacity, (gone) => there.delete(Number(gone.key)))
  return replay(keys, width, (key, weight) => {
    const found = there.get(key)
    if (found !== undefined) {
      policy.hit(found)
      return true
    }
    const one = kept(String(key), weight)
    there.set(key, one)
    policy.add(one)
    return false
  })
}

function lru(keys: Uint32Array, capacity: number, width: number): Ratio {
  const there = new Map<number, number>()
  let held = 0
  return replay(keys, width, (key, weight) => {
    const found = there.get(key)
    if (found !== undefined) {
      there.delete(key)
      there.set(key, found)
      return true
    }
    if (weight > capacity) return false
    there.set(key, weight)
    held += weight
    for (const [oldest, size] of there) {
      if (held <= capacity) break
      there.delete(oldest)
      held -= size
    }
    return false
  })
}

const line = (name: string, ...cells: readonly string[]) =>
  console.log(`${name.padEnd(28)}${cells.map((cell) => cell.padStart(12)).join('')}`)

if (existsSync(folder)) {
  line('trace @ capacity', 'ours', 'LRU', 'difference')
  const [all, worst] = [[] as number[], { difference: Infinity, name: '' }]
  for (const [trace, capacities] of POINTS) {
    const keys = read(`${trace}.u32.gz`)
    for (const capacity of capacities) {
      const [a, b] = [ours(keys, capacity, 1).objects, lru(keys, capacity, 1).objects]
      const name = `${trace} @ ${capacity}`
      all.push(a)
      if (a - b < worst.difference) Object.assign(worst, { difference: a - b, name })
      line(name, a.toFixed(1), b.toFixed(1), (a - b).toFixed(1))
    }
  }
  const sizes = read('adaptsize.u32kv.gz')
  for (const capacity of [10, 50, 100]) {
    const [a, b] = [ours(sizes, capacity * MB, 2), lru(sizes, capacity * MB, 2)]
    const both = ({ objects, bytes }: Ratio) => `${objects.toFixed(1)}/${bytes.toFixed(1)}`
    line(`adaptsize @ ${capacity} MB (hits/bytes)`, both(a), both(b), (a.objects - b.objects).toFixed(1))
  }
  console.log(`mean of ${all.length} points: ${(all.reduce((sum, one) => sum + one, 0) / all.length).toFixed(2)} %`)
  console.log(`worst against LRU: ${worst.difference.toFixed(1)} (${worst.name})`)
} else console.log(`traces: ${folder} is not there; name the folder by TIDEWELL_TRACES`)
