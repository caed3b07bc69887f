/**
 * What is used of a Cloudflare Durable Object, by shape: the package needs none of Cloudflare's types. `ctx` of a class with SQLite
 * storage (`new_sqlite_classes`) fits.
 */

/** Rows of an answer. */
export interface DurableRows {
  /** The rows, as arrays. */
  raw(): Iterable<readonly unknown[]>
}

/** `ctx.storage`. */
export interface DurableStorage {
  /** Its SQL. */
  readonly sql: {
    /** Runs a query. */
    exec(query: string, ...bindings: never[]): DurableRows
  }
  /** Runs `work` in one transaction. */
  transactionSync<R>(work: () => R): R
  /** Resolves when what was written is safe. */
  sync(): Promise<void>
  /** When the object is woken, in milliseconds; null for never. */
  getAlarm(): Promise<number | null>
  /** Has the object woken then. */
  setAlarm(at: number): Promise<void>
}

/** What a Durable Object's constructor gets first. */
export interface DurableState {
  /** The object's storage. */
  readonly storage: DurableStorage
}
