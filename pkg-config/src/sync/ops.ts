/** Ops and letters between the wire and the application. */
import { invalid } from '../errors.js'
import type { AnyDocument } from '../types/document.js'
import type { PendingMutation, RefusedMutation, SyncOp } from './types.js'

/** An op as the wire has it (docs/SYNC.md). */
export type WireOp = { readonly c: string; readonly id: string; readonly if?: number } & Readonly<
  Record<string, unknown>
>

/** A letter as the engine answers it. */
export interface WireLetter {
  readonly id: string
  readonly code: string
  readonly reason: string
  readonly ops: readonly WireOp[]
  readonly documents: readonly (AnyDocument | null)[]
}

/** A mutation of the outbox as the engine answers it. */
export interface WireMutation extends Omit<PendingMutation, 'ops'> {
  readonly ops: readonly WireOp[]
}

const KINDS = ['create', 'put', 'update', 'remove'] as const

/** The op for the application. */
function fromWire({ c, if: ifVersion, ...rest }: WireOp): SyncOp {
  const op = ifVersion === undefined ? { collection: c, ...rest } : { collection: c, ifVersion, ...rest }
  return op as unknown as SyncOp
}

/** The ops for the engine. Throws `invalid`, naming what is wrong. */
export function toWire(ops: unknown): WireOp[] {
  if (!Array.isArray(ops) || ops.length === 0) throw invalid('sync: ops must be an array, and not empty')
  return ops.map((op: SyncOp, at) => {
    if (typeof op !== 'object' || op === null) throw invalid(`sync: ops[${at}] must be an object`)
    const { collection, id, ifVersion, ...rest } = op
    const kinds = KINDS.filter((kind) => kind in rest)
    if (typeof collection !== 'string' || typeof id !== 'string' || kinds.length !== 1)
      throw invalid(`sync: ops[${at}] needs collection, id, and one of create, put, update, remove`)
    return { c: collection, id, ...rest, ...(ifVersion === undefined ? {} : { if: ifVersion }) }
  })
}

/** A write that waits. */
export function pendingOf({ ops, ...rest }: WireMutation): PendingMutation {
  return { ...rest, ops: ops.map(fromWire) }
}

/** A refused mutation without what can be done about it. */
export function refusedOf({ id, code, reason, ops }: WireLetter): RefusedMutation {
  return { id, code, reason, ops: ops.map(fromWire) }
}
