/**
 * The one error class of the package, and how an error crosses a worker or the WebAssembly boundary.
 * Messages are for people and may change; `code` and `reason` are API.
 */
import type { SchemaIssue } from './types/schema.js'

/**
 * What to do about an error:
 *
 * - `conflict`: the state changed, or already holds such a key (`reason`: `duplicate-id`, `unique`, `retry`). Look, decide, try again.
 * - `closed`: the database, transaction or cursor has ended. Open it again.
 * - `invalid`: the input is wrong; the message names the path and the fix. Retrying cannot help.
 * - `quota`: storage is full. Free space or ask for more; reads and deletes still work.
 * - `storage-lost`: the browser lost the stored database. Nothing was silently recreated.
 * - `corrupt`: stored bytes fail their checksum.
 * - `unavailable`: storage (or the worker) did not answer. Try again later.
 * - `aborted`: the caller asked to stop, through an `AbortSignal` or `close()`.
 * - `internal`: a bug in Tidewell. The instance is dead; `open` again.
 */
export type ErrorCode =
  'conflict' | 'closed' | 'invalid' | 'quota' | 'storage-lost' | 'corrupt' | 'unavailable' | 'aborted' | 'internal'

const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'conflict',
  'closed',
  'invalid',
  'quota',
  'storage-lost',
  'corrupt',
  'unavailable',
  'aborted',
  'internal',
])

/** Optional details of a {@link TidewellError}. */
export interface ErrorDetails {
  /** A fixed machine-readable reason within the code, such as `duplicate-id`, `unique` or `schema`. */
  readonly reason?: string | undefined
  /** What a schema found wrong (code `invalid`, reason `schema`). */
  readonly issues?: readonly SchemaIssue[] | undefined
  /** What caused it. */
  readonly cause?: unknown
}

/** Every error this package throws or rejects with. */
export class TidewellError extends Error {
  static {
    // On the prototype, so that the first line of the stack has it too.
    this.prototype.name = 'TidewellError'
  }

  /** What to do about it. */
  readonly code: ErrorCode
  /** A fixed machine-readable reason within the code, where there is one. */
  readonly reason: string | undefined
  /** What a schema found wrong (code `invalid`, reason `schema`). */
  readonly issues: readonly SchemaIssue[] | undefined

  /** An error that says what to do (`code`) and, for people, what was wrong and how to fix it. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.reason = details.reason
    this.issues = details.issues
  }
}

/** An error as it crosses a worker: plain data. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly reason?: string | undefined
  readonly issues?: readonly SchemaIssue[] | undefined
}

/** The input is wrong; `message` names the path and the fix. */
export function invalid(message: string, reason?: string): TidewellError {
  return new TidewellError('invalid', message, { reason })
}

/** Code that is loaded when it is first used could not be. */
export function notLoaded(cause: unknown): never {
  throw new TidewellError('unavailable', `a part of the package could not be loaded: ${toError(cause).message}`, {
    cause,
  })
}

/** The thing was closed. */
export function closed(what: string): TidewellError {
  return new TidewellError('closed', `${what} is closed: open it again`)
}

/** The caller's signal fired. */
export function aborted(cause?: unknown): TidewellError {
  return new TidewellError('aborted', 'the operation was aborted by its signal', { cause })
}

/** Turns an error into plain data for a message. */
export function toWire(error: unknown): WireError {
  const known = toError(error)
  return { code: known.code, message: known.message, reason: known.reason, issues: known.issues }
}

/**
 * The {@link TidewellError} for anything thrown: itself, a wire error, an error of the WebAssembly side (an object or `Error`
 * with a known `code`), an `AbortError`; everything else is `internal`.
 */
export function toError(thrown: unknown): TidewellError {
  if (thrown instanceof TidewellError) return thrown
  if (typeof thrown === 'object' && thrown !== null) {
    const { code, message, reason, issues, name } = thrown as Partial<Record<keyof WireError | 'name', unknown>>
    const text = typeof message === 'string' && message !== '' ? message : String(name ?? 'unknown error')
    if (typeof code === 'string' && CODES.has(code)) {
      return new TidewellError(code as ErrorCode, text, {
        reason: typeof reason === 'string' ? reason : undefined,
        issues: Array.isArray(issues) ? (issues as readonly SchemaIssue[]) : undefined,
        cause: thrown instanceof Error ? thrown : undefined,
      })
    }
    if (name === 'AbortError') return new TidewellError('aborted', text, { cause: thrown })
    if (name === 'QuotaExceededError') return new TidewellError('quota', text, { cause: thrown })
    return new TidewellError('internal', text, { cause: thrown })
  }
  return new TidewellError('internal', String(thrown), { cause: thrown })
}
