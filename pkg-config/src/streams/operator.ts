/**
 * What an operator with state is: pure, one key at a time. It is given the state of a key, a record and the watermark, and answers the
 * state after it; it reads nothing and knows no clock. `step.ts` runs one over a batch.
 */
import type { Rec } from './record.js'

/** The state of a key while a batch runs over it; what it has to say goes to `results`. */
export interface KeyState {
  /** A record that is not late. */
  add(record: Rec, watermark: number): void
  /** The batch is over and event time is complete up to here: closes what is due. */
  settle(watermark: number): void
  /** What is to be stored, or undefined if nothing is left. */
  readonly stored: Stored | undefined
  /** What is to be put out. */
  readonly results: Rec[]
}

/** A state at rest. */
export interface Stored {
  /** The watermark at which something of it is due. */
  readonly close?: number | undefined
  readonly state: unknown
}

/** An operator with state. */
export interface Operator {
  /** What it does, in a line: another one cannot go on with its state. */
  readonly shape: string
  /** Whether a record comes too late. */
  isLate(record: Rec, watermark: number): boolean
  /** The state of a key, as it was stored. */
  open(key: string, stored: unknown): KeyState
}
