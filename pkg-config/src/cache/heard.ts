/**
 * What a computation that takes no parameter reads of caches: every entry that this tab reads while it runs, as it was found.
 * It decides nothing: `compute.ts` looks whether the entries are still so.
 */
import { encode } from '../codec/encode.js'
import type { CacheCore } from './cache.js'
import { listening } from './options.js'

/** A fresh entry, or one that was served all the same. Its value is undefined where it says that there is none. */
export interface Seen {
  readonly value: unknown
}

/** The entries one computation has read so far. */
export class Heard {
  readonly #core: CacheCore
  readonly #key: string
  /** By cache and key; undefined where nothing was found. */
  readonly entries = new Map<CacheCore, Map<string, Seen | undefined>>()
  /** Whether an entry was found in two states. */
  torn = false
  /** Whether something was read that no commit takes back: the result is right now, and cannot be kept. */
  fleeting = false
  /** Reads that can be counted only when the code of their cache is loaded. */
  readonly late: Promise<void>[] = []

  constructor(core: CacheCore, key: string) {
    this.#core = core
    this.#key = key
  }

  /** Whether reading this may be part of it. Others in the tab may ask for the very entry that is being computed. */
  concerns(core: CacheCore, key?: string): boolean {
    return core.hub === this.#core.hub && (core !== this.#core || key !== this.#key)
  }

  add(core: CacheCore, key: string, seen: Seen | undefined): void {
    let found = this.entries.get(core)
    if (found === undefined) this.entries.set(core, (found = new Map()))
    if (found.has(key) && !isSame(found.get(key), seen)) this.torn = true
    found.set(key, seen)
  }
}

/** An entry was read outside a transaction. */
export function overhear(core: CacheCore, key: string, seen: Seen | undefined): void {
  if (listening.size === 0) return
  for (const heard of listening) if (heard.concerns(core, key)) heard.add(core, key, seen)
}

/** Something was read that cannot be followed: of one entry, or of any. */
export function overhearFleeting(core: CacheCore, key?: string): void {
  for (const heard of listening) if (heard.concerns(core, key)) heard.fleeting = true
}

/** Whether both are the same value, or both nothing. */
export function isSame(one: Seen | undefined, other: Seen | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return one.value === other.value || textOf(one) === textOf(other)
}

function textOf({ value }: Seen): string {
  return encode(value, 'document', 'value')
}
