/** From an application's options to what the engine and the transport are told. It keeps nothing. */
import { filesOf } from '../attachments/names.js'
import { invalid } from '../errors.js'
import type { SyncCollection, SyncConflict, SyncMerge, SyncMigrate, SyncOptions } from './types.js'

/** Options that were checked. */
export interface CheckedSync {
  /** The server's address without a slash at its end. */
  readonly url: string
  /** What the engine is told. */
  readonly wire: Readonly<Record<string, unknown>>
  /** The functions that decide, by collection. */
  readonly merges: ReadonlyMap<string, SyncMerge>
  /** The application's schema, and what brings writes of older ones to it. */
  readonly schema: number
  readonly migrate: SyncMigrate | undefined
  readonly deadline: number
  readonly silence: number
  readonly live: boolean | 'websocket'
  readonly background: string | undefined
}

const DEADLINE_MS = 30_000
const SILENCE_MS = 45_000
/** Where a server may sleep, each question wakes it. */
const POLL_ASLEEP_MS = 300_000
const TIMES = ['deadline', 'backoff', 'backoffMax', 'poll', 'silence'] as const
const COUNTS = ['schema', 'page', 'batch', 'retained'] as const

/** Checks options. Throws `invalid`, naming what is wrong. */
export function checkSync(options: unknown): CheckedSync {
  if (typeof options !== 'object' || options === null) throw invalid('sync: options must be an object')
  const given = options as SyncOptions
  const { token, getToken, background, live = true, migrate } = given
  if ((token === undefined) === (getToken === undefined)) throw invalid('sync: give token or getToken, one of them')
  if (token !== undefined) checkToken(token)
  if (getToken !== undefined && typeof getToken !== 'function') throw invalid('sync: getToken must be a function')
  if (typeof live !== 'boolean' && live !== 'websocket') throw invalid("sync: live must be true, false or 'websocket'")
  if (background !== undefined && (typeof background !== 'string' || background === ''))
    throw invalid('sync: background must be a tag: a string that is not empty')
  if (migrate !== undefined && typeof migrate !== 'function') throw invalid('sync: migrate must be a function')
  const { silence = SILENCE_MS, ...timing } = checkTiming(given)
  if (live === 'websocket') timing.poll ??= POLL_ASLEEP_MS
  const wire: Record<string, unknown> = { collections: [], timing }
  for (const name of COUNTS) {
    const count = given[name]
    if (count === undefined) continue
    if (!Number.isSafeInteger(count) || count < 0) throw invalid(`sync: ${name} must be a whole number from 0`)
    wire[name] = count
  }
  const merges = new Map<string, SyncMerge>()
  const collections = checkCollections(given, merges)
  wire['collections'] = [...collections, ...checkAttachments(given, collections)]
  const url = checkUrl(given.url)
  const deadline = timing.deadline ?? DEADLINE_MS
  return { url, wire, merges, schema: given.schema ?? 0, migrate, deadline, silence, live, background }
}

/** Throws unless it is a token that a header can carry. */
export function checkToken(token: unknown): asserts token is string {
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw invalid('sync: a token must be a string of visible ASCII characters')
}

function checkUrl(url: unknown): string {
  const base = (globalThis as { location?: { href: string } }).location?.href
  let address: URL | undefined
  try {
    address = new URL(String(url), base)
  } catch {
    // Said below.
  }
  if (typeof url !== 'string' || address === undefined || !/^https?:$/.test(address.protocol))
    throw invalid(`sync: url must be an address such as "https://sync.example.com", got ${JSON.stringify(url)}`)
  address.hash = address.search = ''
  return address.href.replace(/\/+$/, '')
}

function checkTiming({ timing = {} }: SyncOptions): { [T in (typeof TIMES)[number]]?: number } {
  if (typeof timing !== 'object' || timing === null) throw invalid('sync: timing must be an object')
  const checked: { [T in (typeof TIMES)[number]]?: number } = {}
  for (const name of TIMES) {
    const time = timing[name]
    if (time === undefined) continue
    if (typeof time !== 'number' || !(time >= 1) || time > 2 ** 31 - 1)
      throw invalid(`sync: timing.${name} must be milliseconds, at least 1`)
    checked[name] = time
  }
  return checked
}

function checkCollections({ collections, conflict }: SyncOptions, merges: Map<string, SyncMerge>) {
  if (!Array.isArray(collections) || collections.length === 0)
    throw invalid("sync: collections must be an array such as ['notes'], and not empty")
  const usual = checkConflict(conflict ?? 'merge', 'conflict')
  const names = new Set<string>()
  return (collections as SyncOptions['collections']).map((one, at) => {
    const { name, filter, conflict: own }: SyncCollection = typeof one === 'string' ? { name: one } : (one ?? {})
    if (typeof name !== 'string' || name === '')
      throw invalid(`sync: collections[${at}] must be a name, or an object with a name`)
    if (names.has(name)) throw invalid(`sync: collections[${at}]: ${JSON.stringify(name)} is there twice`)
    names.add(name)
    if (filter !== undefined && (typeof filter !== 'object' || filter === null || Array.isArray(filter)))
      throw invalid(`sync: collections[${at}].filter must be a filter such as { done: false }`)
    const decides = own === undefined ? usual : checkConflict(own, `collections[${at}].conflict`)
    if (typeof decides === 'function') merges.set(name, decides)
    const policy = typeof decides === 'function' ? 'if_version' : decides
    return filter === undefined ? { name, conflict: policy } : { name, filter, conflict: policy }
  })
}

/** The companions of collections whose attachments are synced. Whole heads are put, so the last one wins; a filter is the documents' own. */
function checkAttachments({ attachments = false }: SyncOptions, collections: readonly { readonly name: string }[]) {
  const names = collections.map(({ name }) => name)
  if (typeof attachments !== 'boolean' && !Array.isArray(attachments))
    throw invalid("sync: attachments must be true, or an array such as ['notes']")
  const of: readonly string[] = attachments === true ? names : attachments === false ? [] : attachments
  const unknown = of.find((name) => !names.includes(name))
  if (unknown !== undefined) throw invalid(`sync: attachments: ${JSON.stringify(unknown)} is not among the collections`)
  const wanted = new Set(of.map(filesOf).filter((name) => !names.includes(name)))
  return [...wanted].map((name) => ({ name, conflict: 'merge' }))
}

function checkConflict(conflict: SyncConflict, what: string): SyncConflict {
  if (conflict === 'merge' || conflict === 'if_version' || typeof conflict === 'function') return conflict
  throw invalid(`sync: ${what} must be 'merge', 'if_version' or a function`)
}
