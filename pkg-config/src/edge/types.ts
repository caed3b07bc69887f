/**
 * What is used of a Cloudflare Durable Object, by shape: the package needs none of Cloudflare's types. `ctx` of a class with SQLite
 * storage (`new_sqlite_classes`) fits.
 */

/** Rows of an answer. */
export interface DurableRows {
  raw(): Iterable<readonly unknown[]>
}

/** `ctx.storage`. */
export interface DurableStorage {
  readonly sql: { exec(query: string, ...bindings: never[]): DurableRows }
  transactionSync<R>(work: () => R): R
  sync(): Promise<void>
  getAlarm(): Promise<number | null>
  setAlarm(at: number): Promise<void>
}

/** What a Durable Object's constructor gets first. */
export interface DurableState {
  readonly storage: DurableStorage
}
