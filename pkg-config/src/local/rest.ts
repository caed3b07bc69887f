/**
 * The second half of the program: what few commands need, loaded when the database is open and nobody waits. It shares memory and
 * tables with the first, where a placeholder stands for each of its functions. Where the program is one module, it is always there.
 */
import { TidewellError } from '../errors.js'

/** A compiled program. */
export interface Program {
  /** All of it, or its first half. */
  readonly module: WebAssembly.Module
  /** The second half. */
  readonly rest?: RestSource
}

/** Where the second half comes from. */
export interface RestSource {
  readonly compile: () => Promise<WebAssembly.Module>
  /** The same while the thread waits. */
  readonly compileNow: () => WebAssembly.Module
}

/** By this name the halves import from each other. */
const PAGE = 'page'

/** Whether an export of the first half is for the second only. */
export function isInner(name: string): boolean {
  return name.startsWith('$')
}

/** The functions of the first half that the second calls: the last ones of its table, under the names by which it imports them. */
function lentBy(exports: WebAssembly.Exports): WebAssembly.ModuleImports {
  const table = exports['$t0'] as WebAssembly.Table
  const first = (exports['$lent'] as WebAssembly.Global).value as number
  const lent: WebAssembly.ModuleImports = {}
  for (let at = first; at < table.length; at++) lent[`$f${at - first}`] = table.get(at) as WebAssembly.ImportValue
  return lent
}

/** The module could not be loaded. Nothing is broken: it may be tried again. */
export function notLoaded(cause: unknown): TidewellError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new TidewellError('unavailable', `the WebAssembly module could not be loaded: ${reason}`, { cause })
}

/** The second half of one instance. */
export class Rest {
  readonly #source: RestSource | undefined
  #link: (module: WebAssembly.Module) => void = () => undefined
  #arriving: Promise<void> | undefined
  /** Whether all of the program is there. */
  isThere: boolean
  /** Whether somebody waits until it is. */
  isAwaited = false

  constructor(source: RestSource | undefined) {
    this.#source = source
    this.isThere = source === undefined
  }

  /** What the first half imports: what the glue gives it, and the way to load the second. */
  importsOf(glue: WebAssembly.Imports): WebAssembly.Imports {
    return { ...glue, [PAGE]: { load: () => this.#now() } }
  }

  /** Says which instance it is part of. */
  belongsTo(exports: WebAssembly.Exports, glue: WebAssembly.Imports): void {
    this.#link = (module) => {
      new WebAssembly.Instance(module, { ...glue, [PAGE]: { ...exports, ...lentBy(exports) } })
      ;(exports['$ready'] as WebAssembly.Global).value = 1
      this.isThere = true
    }
  }

  /** Resolves when it is there; rejects with `unavailable`, and may be asked again. */
  ready(): Promise<void> {
    if (this.isThere) return Promise.resolve()
    this.isAwaited = true
    // An attempt that is under way may have begun before the network came back.
    return this.#arriving?.catch(() => this.#again()) ?? this.arrive()
  }

  #again(): Promise<void> {
    this.isAwaited = !this.isThere
    return this.arrive()
  }

  /** Loads it when the host has nothing else to do. */
  soon(): void {
    if (this.isThere) return
    const load = () => {
      this.arrive().catch(() => undefined)
    }
    // First the page's own first reads.
    setTimeout(() => {
      if (typeof requestIdleCallback === 'undefined') load()
      else requestIdleCallback(load, { timeout: IDLE_TIMEOUT_MS })
    }, FIRST_READS_MS)
  }

  /** The same, for work that nobody waits for. */
  arrive(): Promise<void> {
    if (this.isThere) return Promise.resolve()
    this.#arriving ??= this.#load().finally(() => {
      this.#arriving = undefined
      this.isAwaited = false
    })
    return this.#arriving
  }

  async #load(): Promise<void> {
    try {
      const module = await this.#source?.compile()
      if (!this.isThere && module !== undefined) this.#link(module)
    } catch (cause) {
      throw notLoaded(cause)
    }
  }

  /** A placeholder was called: whoever called it is in the middle of something, so everything waits. */
  #now(): void {
    if (this.isThere) return
    try {
      const module = this.#source?.compileNow()
      if (module !== undefined) this.#link(module)
    } catch (cause) {
      throw notLoaded(cause)
    }
  }
}

/** How long a page that has just opened a database is left alone. */
const FIRST_READS_MS = 300
/** How long after that one that is never idle. */
const IDLE_TIMEOUT_MS = 2000

/** Commands that the first half can do by itself. */
const PAGE_COMMANDS = new Set(
  'get getMany find count collections insert put replace update delete ensure subscribe unsubscribe close'.split(' '),
)
/** Operators in them that it knows. */
const PAGE_OPERATORS = new Set(
  '$eq $ne $gt $gte $lt $lte $in $nin $exists $and $or $not $set $unset $inc $date $binary $bigint'.split(' '),
)

/** Whether `command` may need the second half; yes in doubt. */
export function needsRest(command: string): boolean {
  if (command === '') return false
  const [, op = ''] = /^\{"op":"(\w+)"/.exec(command) ?? []
  if (!PAGE_COMMANDS.has(op) || command.includes('"arrayFilters"')) return true
  for (const [operator] of command.matchAll(/\$\w+(?=")/g)) if (!PAGE_OPERATORS.has(operator)) return true
  return false
}
