/** The interface of the sync server's module (`src/web/sync`), by hand: what is used of it. */

/** One tenant. A method that throws has done nothing that may stay: its transaction is to be taken back. */
export interface SyncServer {
  push(claims: string, body: Uint8Array): [status: number, body: string]
  pull(claims: string, body: Uint8Array): [status: number, body: string]
  version(): number
  compact(keep: number): void
  renew(epoch: string): void
}

/** The glue of an instance. */
export interface SyncGlue {
  initSync(module: { readonly module: WebAssembly.Module }): unknown
  readonly SyncServer: new (sql: object, epoch: string, policy: string) => SyncServer
}
