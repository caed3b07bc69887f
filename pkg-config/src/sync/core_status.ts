/** How the engine says that syncing stands, and what the application is shown of it. */
import type { TidewellError } from '../errors.js'
import type { SyncState, SyncStatus } from './types.js'

/** The engine's status (docs/COMMANDS.md). */
export interface CoreStatus {
  readonly state: SyncState | 'off'
  readonly pending: number
  readonly settled: boolean
  readonly letters: number
  readonly version: number | null
  readonly whole: boolean
  readonly epoch: string | null
  readonly replica: string
  readonly collections: readonly string[]
  readonly received: number
  /** The bytes of the next write, if that does not get through even alone. */
  readonly tooLarge?: number
}

/** What tabs tell each other of it. */
export interface SharedStatus {
  readonly core: CoreStatus
  readonly error: { readonly code: string; readonly message: string; readonly reason?: string | undefined } | undefined
}

/** The status for the application. */
export function shown(core: CoreStatus, here: boolean, lastError: TidewellError | undefined): SyncStatus {
  const { pending, letters, whole, version, received } = core
  const state = core.state === 'off' ? 'connecting' : core.state
  return {
    // Not everything is there while something waits to be sent.
    state: state === 'live' && pending > 0 ? 'syncing' : state,
    here,
    pending,
    letters,
    lastError,
    progress: whole && version !== null ? undefined : { received },
    version: version ?? undefined,
  }
}

/** Whether the application would see no difference. */
export function isSame(a: SyncStatus, b: SyncStatus): boolean {
  return (
    a.state === b.state &&
    a.here === b.here &&
    a.pending === b.pending &&
    a.letters === b.letters &&
    a.version === b.version &&
    a.lastError?.message === b.lastError?.message &&
    a.progress?.received === b.progress?.received
  )
}
