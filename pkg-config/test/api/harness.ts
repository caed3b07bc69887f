/**
 * Claims about the API as plain functions: no test runner, nothing of Node or of a page. Whoever runs them gives `open`; so the
 * same claims hold on the calling thread, in a worker, in Node and in every browser.
 */
import type { Collection, Database, OpenOptions, TidewellError } from '../../src/index.js'

/** What a claim is given. */
export interface Context {
  /** Opens a new, empty database. */
  readonly open: (options?: OpenOptions) => Promise<Database>
  /** Opens the database that {@link Context.open} made, once more. */
  readonly reopen: (db: Database, options?: OpenOptions) => Promise<Database>
  /** Deletes a database by its name. */
  readonly remove: (name: string) => Promise<void>
  /** Whether data outlives the last close, and several instances of one database see each other. */
  readonly persistent: boolean
  /** Whether the engine runs in a worker. */
  readonly worker?: boolean | undefined
}

/** One claim: a sentence, and what must not throw. */
export interface Claim {
  readonly name: string
  readonly run: (context: Context) => Promise<void>
}

/** A claim about one database, opened before and closed after. */
export function claim(name: string, run: (db: Database, context: Context) => Promise<void>): Claim {
  return {
    name,
    run: async (context) => {
      const db = await context.open()
      try {
        await run(db, context)
      } finally {
        await db.close()
      }
    },
  }
}

/** Throws unless `actual` and `expected` are the same value, all the way down. */
export function equal(actual: unknown, expected: unknown, about = ''): void {
  if (!same(actual, expected))
    throw new Error(`${about === '' ? '' : `${about}: `}got ${show(actual)}, expected ${show(expected)}`)
}

/** Throws unless `condition` holds. */
export function holds(condition: boolean, about: string): void {
  if (!condition) throw new Error(`does not hold: ${about}`)
}

/** Throws unless the promise rejects with a TidewellError of this code (and reason); answers the error. */
export async function rejects(promise: Promise<unknown>, code: string, reason?: string): Promise<TidewellError> {
  let error: unknown
  try {
    await promise
  } catch (thrown) {
    error = thrown
  }
  if (error === undefined) throw new Error(`was not rejected with ${code}`)
  const known = error as TidewellError
  equal([known.name, known.code, known.reason], ['TidewellError', code, reason], known.message)
  return known
}

/** Resolves once `condition` holds; fails after five seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>, about: string): Promise<void> {
  const deadline = Date.now() + 5000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`did not happen within 5 s: ${about}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Puts `count` numbered documents into a collection. */
export async function fill<T extends { id: string }, In>(
  collection: Collection<T, In>,
  count: number,
  make: (at: number) => In,
): Promise<void> {
  for (let start = 0; start < count; start += 1000) {
    await collection.insertMany(Array.from({ length: Math.min(1000, count - start) }, (_, at) => make(start + at)))
  }
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Date || b instanceof Date)
    return a instanceof Date && b instanceof Date && Object.is(a.getTime(), b.getTime())
  if (a instanceof Uint8Array || b instanceof Uint8Array)
    return (
      a instanceof Uint8Array &&
      b instanceof Uint8Array &&
      a.length === b.length &&
      a.every((byte, at) => byte === b[at])
    )
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [keysA, keysB] = [Object.keys(a), Object.keys(b)]
  return (
    keysA.length === keysB.length &&
    keysA.every(
      (key) => Object.hasOwn(b, key) && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  )
}

function show(value: unknown): string {
  const text =
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === 'bigint' ? `${inner}n` : inner === undefined ? '(undefined)' : inner,
    ) ?? String(value)
  return text.length > 600 ? `${text.slice(0, 600)}…` : text
}
