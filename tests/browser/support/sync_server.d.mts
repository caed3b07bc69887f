/** Types of `sync_server.mjs` for tests in TypeScript. */
export interface SyncServer {
  readonly url: string
  readonly port: number
  readonly folder: string
  start(): Promise<void>
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  token(user?: string, options?: { tenant?: string; claims?: object }): Promise<string>
  command(...words: string[]): Promise<string>
  close(): Promise<void>
}
export function serverProgram(): string
export function startSyncServer(options?: {
  rules?: Record<string, { read?: object; write?: object }>
  settings?: string
  database?: string
  secret?: string
}): Promise<SyncServer>
