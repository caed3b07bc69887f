/**
 * A driver for unstorage on a collection: an item is a document whose id is its key. It needs neither unstorage nor the rest of the
 * package. What unstorage adds (mounts, serialization, normal keys) stays unstorage's.
 */
import type { Collection } from '../collection.js'

/** An item as it is stored. */
export interface StoredItem {
  readonly id: string
  readonly value: unknown
  /** When it was written. */
  readonly at: Date
}

/** Options of {@link tidewellDriver}. */
export interface DriverOptions {
  /** Holds the items: `db.collection('items')`, or a promise of it, so that storage can be made before the database is open. */
  readonly collection: unknown
}

type Items = Collection<StoredItem, StoredItem>
type Changed = (event: 'update' | 'remove', key: string) => unknown

/** What the driver is to unstorage. */
export interface TidewellDriver {
  readonly name: string
  readonly options: DriverOptions
  /** The collection, or the promise of it. */
  getInstance(): unknown
  /** Whether there is an item. */
  hasItem(key: string): Promise<boolean>
  /** The item as text, or null. */
  getItem(key: string): Promise<string | null>
  /** Several items, in one step. */
  getItems(items: { key: string }[]): Promise<{ key: string; value: string | null }[]>
  /** The item as it was stored: bytes are bytes. */
  getItemRaw(key: string): Promise<unknown>
  /** Stores an item. */
  setItem(key: string, value: string): Promise<void>
  /** Stores several items in one commit. */
  setItems(items: { key: string; value: string }[]): Promise<void>
  /** Stores an item as it is. */
  setItemRaw(key: string, value: unknown): Promise<void>
  /** Removes an item. */
  removeItem(key: string): Promise<void>
  /** When the item was written. */
  getMeta(key: string): Promise<{ mtime: Date } | null>
  /** All keys, or those that begin with `base`. */
  getKeys(base?: string): Promise<string[]>
  /** Removes all items, or those whose keys begin with `base`. */
  clear(base?: string): Promise<void>
  /** Calls back when an item changes, in whatever tab. What it answers ends that. */
  watch(callback: Changed): Promise<() => Promise<void>>
}

/** `createStorage({ driver: tidewellDriver({ collection: db.collection('items') }) })`: items that all tabs share, and that are never evicted. */
export function tidewellDriver(options: DriverOptions): TidewellDriver {
  const given = options.collection as Items | Promise<Items>
  // Whoever uses the driver hears of it.
  if (given instanceof Promise) given.catch(() => undefined)
  const get = async (key: string) => (await (await given).get(key))?.value ?? null
  const set = async (id: string, value: unknown) => {
    await (await given).put({ id, value, at: new Date() })
  }
  return {
    name: 'tidewell',
    options,
    getInstance: () => given,
    hasItem: async (key) => (await (await given).get(key)) !== null,
    getItem: get as (key: string) => Promise<string | null>,
    getItemRaw: get,
    setItem: set,
    // Buffers of bytes are kept as what they are: bytes.
    setItemRaw: (key, value) => set(key, value instanceof ArrayBuffer ? new Uint8Array(value) : bytesOf(value)),
    getItems: async (items) => {
      const found = await (await given).getMany(items.map(({ key }) => key))
      return items.map(({ key }, at) => ({ key, value: (found[at]?.value ?? null) as string | null }))
    },
    setItems: async (items) => {
      const at = new Date()
      await (await given).putMany(items.map(({ key, value }) => ({ id: key, value, at })))
    },
    removeItem: async (key) => {
      await (await given).delete(key)
    },
    getMeta: async (key) => {
      const item = await (await given).get(key)
      return item === null ? null : { mtime: item.at }
    },
    getKeys: async (base) => {
      const keys: string[] = []
      for await (const { id } of (await given).find(under(base)).project({ id: 1 })) keys.push(id)
      return keys
    },
    clear: async (base) => {
      await (await given).deleteMany(under(base))
    },
    watch: async (callback) => {
      const stop = watch(await given, callback)
      return async () => stop()
    },
  }
}

/** Items whose keys begin with `base`. */
function under(base: string | undefined) {
  return base === undefined || base === '' ? {} : { id: { $gte: base, $lt: `${base}\u{10ffff}` } }
}

/** A view on bytes as no more than its bytes; Node's `Buffer` is one of many. */
function bytesOf(value: unknown): unknown {
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value
}

/** Tells of every item that is written or removed from now on, by whatever tab. */
function watch(items: Items, callback: Changed): () => void {
  // Whole items: two writes in one millisecond differ only in their value.
  return items.find().subscribe(({ diff }) => {
    if (diff === null) return
    for (const { id } of diff.removed) callback('remove', id)
    for (const { doc } of [...diff.added, ...diff.moved, ...diff.changed]) callback('update', doc.id)
  })
}
