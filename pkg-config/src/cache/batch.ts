/** Many entries at once: read in one step, written in one commit, listed page by page. One by one they are `CacheCore`'s. */
import { decode } from '../codec/decode.js'
import { encode } from '../codec/encode.js'
import { invalid } from '../errors.js'
import type { CacheCore, Stored } from './cache.js'
import { overhear, overhearFleeting, type Seen } from './heard.js'
import { type CacheChanges, checkKey, defined, type EntriesOptions } from './options.js'

/** The fresh values of `keys`, in their order. */
export async function getMany(core: CacheCore, keys: readonly string[]): Promise<unknown[]> {
  checkKeys('getMany', keys)
  const found = new Map<string, Seen | undefined>()
  const missing: string[] = []
  for (const key of new Set(keys)) {
    const held = core.hit(key)
    if (held === undefined) missing.push(key)
    else found.set(key, held)
  }
  if (missing.length > 0) {
    const cache = await core.number()
    const tickets = missing.map((key) => core.memory.begin(key))
    let kept = missing.map(() => false)
    try {
      const command = `{"op":"cacheGetMany","cache":${cache},"keys":${encode(missing, 'query', 'keys')}}`
      const { json, extended } = await core.session.backend.read(command)
      kept = missing.map((key, at) => core.memory.end(key, tickets[at]!))
      const stored = decode(json, extended) as (Stored | null)[]
      missing.forEach((key, at) => found.set(key, fresh(core, key, stored[at] ?? null, kept[at]!)))
    } finally {
      missing.forEach((key, at) => kept[at] || core.memory.end(key, tickets[at]!))
    }
  }
  for (const [key, seen] of found) overhear(core, key, seen)
  return keys.map((key) => found.get(key)?.value)
}

function fresh(core: CacheCore, key: string, stored: Stored | null, keep: boolean): Seen | undefined {
  const found = stored === null ? undefined : core.take(key, stored, keep)
  if (found !== undefined && core.isFresh(found)) {
    core.counts.disk++
    return found
  }
  core.counts.misses++
  return undefined
}

/** Stores and removes in one commit. Answers how many there were of those to be removed. */
export async function writeMany(core: CacheCore, changes: CacheChanges): Promise<number> {
  const set = [...new Map((changes.set ?? []).map((entry) => [entry.key, entry])).values()]
  for (const { key, value } of set) {
    checkKey(key)
    if (value === undefined) throw invalid('cache: undefined cannot be stored; delete the key instead')
  }
  const stored = new Set(set.map(({ key }) => key))
  const gone = [...new Set(changes.delete ?? [])].filter((key) => !stored.has(key))
  checkKeys('write', gone)
  if (set.length === 0 && gone.length === 0) return 0
  const cache = await core.number()
  const entries = set.map((entry) => core.fields(entry.key, entry.value, entry))
  const texts = entries.map((fields) => encode(fields['value'], 'document', 'value'))
  const tickets = set.map(({ key }) => core.memory.begin(key))
  let position = -1
  try {
    const answer = await core.write({ op: 'cacheWrite', cache, entries: entries.map(defined), delete: gone })
    position = answer['position'] as number
    core.counts.evicted += (answer['evicted'] as string[]).length
    return answer['deleted'] as number
  } finally {
    set.forEach(({ key }, at) => {
      const isTrue = core.memory.end(key, tickets[at]!, position)
      if (isTrue && position >= 0) core.keep(key, texts[at]!, entries[at]!, false)
    })
  }
}

/**
 * The fresh entries in the order of their keys, a page at a time: of each page's moment. They are not kept in memory, and no
 * computation that hears of it is kept: nothing would tell it of an entry that is new.
 */
export async function* listEntries(core: CacheCore, options: EntriesOptions): AsyncGenerator<[string, unknown]> {
  const { prefix } = options
  if (prefix !== undefined && typeof prefix !== 'string') throw invalid('cache: a prefix must be a string')
  const cache = await core.number()
  let after: string | undefined
  do {
    const page = (await core.session.read({ op: 'cacheEntries', cache, prefix, after }, 'entries')) as {
      entries: (Stored & { key: string })[]
      next: string | null
    }
    overhearFleeting(core)
    for (const stored of page.entries) {
      const found = core.take(stored.key, stored, false)
      if (core.hub.clock.now() < found.expires && stored.negative !== true) yield [stored.key, found.value]
    }
    after = page.next ?? undefined
  } while (after !== undefined)
}

function checkKeys(what: string, keys: unknown): asserts keys is string[] {
  if (!Array.isArray(keys)) throw invalid(`cache: ${what}: keys must be an array of strings`)
  for (const key of keys) checkKey(key)
}
