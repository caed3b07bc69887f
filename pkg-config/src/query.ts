/** A lazy query: built step by step, run when asked for its documents. It holds no result. */
import type { Definition } from './definition.js'
import { encode } from './codec/encode.js'
import { invalid } from './errors.js'
import type { EventHub } from './events.js'
import { toWireHint } from './indexes.js'
import { iterateLive, type LiveContext, subscribeDocuments, subscribeValue } from './live.js'
import type { Command, Session } from './session.js'
import type { Filter } from './types/filter.js'
import type { Explanation, Hint, LiveOptions, LiveResult, LiveValue, Page, ReadOptions, Sort } from './types/options.js'
import type { Projected, Projection, Unknown } from './types/projection.js'

/** How many documents one step of `for await` fetches. */
const STEP = 256
/** How many documents a page has when no limit is set. */
const PAGE = 100

interface Plan {
  readonly filter?: unknown
  readonly sort?: unknown
  readonly skip?: number
  readonly limit?: number
  readonly projection?: unknown
  readonly hint?: string | undefined
  readonly after?: string | undefined
}

/**
 * The documents of a collection that meet a filter. Every method that narrows it returns a new query; nothing runs until the
 * documents are asked for. Bad filters reject with `invalid` then.
 */
export class Query<T, R = T> implements AsyncIterable<R> {
  readonly #session: Session
  readonly #definition: Definition
  readonly #hub: EventHub
  readonly #plan: Plan

  /** @internal */
  constructor(session: Session, definition: Definition, hub: EventHub, plan: Plan) {
    this.#session = session
    this.#definition = definition
    this.#hub = hub
    this.#plan = plan
  }

  /** Orders the documents. Ties are ordered by id, and so are queries without an order that skip, are limited or paged. */
  sort(order: Sort<T>): Query<T, R> {
    return this.#with({ sort: typeof order === 'string' ? [[order, 1]] : order })
  }

  /** Leaves out the first `count` documents. */
  skip(count: number): Query<T, R> {
    return this.#with({ skip: count })
  }

  /** Returns at most `count` documents. */
  limit(count: number): Query<T, R> {
    return this.#with({ limit: count })
  }

  /** Returns some fields only: those set to 1, or all but those set to 0. */
  project<const P extends Projection<T>>(projection: P & Unknown<P, T>): Query<T, Projected<T, P>> {
    return new Query<T, Projected<T, P>>(this.#session, this.#definition, this.#hub, { ...this.#plan, projection })
  }

  /** Uses this index instead of the planner's choice: its paths as declared, `{ name }`, `$id` or `$scan`. */
  hint(index: Hint<T>): Query<T, R> {
    return this.#with({ hint: toWireHint(index) })
  }

  /** Continues behind the document a page ended with, whatever was inserted or deleted since. Null starts at the beginning. */
  after(cursor: string | null): Query<T, R> {
    return this.#with({ after: cursor ?? undefined })
  }

  /** All documents. */
  async toArray(options?: ReadOptions): Promise<R[]> {
    return (await this.#run(this.#command('find'), 'find', options)) as R[]
  }

  /** The first document, or null. */
  async first(options?: ReadOptions): Promise<R | null> {
    const limit = Math.min(this.#plan.limit ?? 1, 1)
    const [first] = (await this.#run({ ...this.#command('find'), limit }, 'find', options)) as R[]
    return first ?? null
  }

  /** How many documents there are, skip and limit considered. */
  async count(options?: ReadOptions): Promise<number> {
    return (await this.#run(this.#countCommand(), 'count', options)) as number
  }

  /** One page of documents (`limit` of them, 100 by default) and the cursor to continue with. */
  async page(options?: ReadOptions): Promise<Page<R>> {
    const command = { ...this.#command('find'), limit: this.#plan.limit ?? PAGE, page: true }
    return (await this.#run(command, 'find', options)) as Page<R>
  }

  /** How the query would run, and what running it cost. */
  async explain(options?: ReadOptions): Promise<Explanation> {
    const command = { op: 'explain', command: this.#command('find') }
    return (await this.#run(command, 'explain', options)) as Explanation
  }

  /**
   * The documents one by one, fetched in steps of 256. Not a snapshot outside a transaction: a document changed meanwhile appears
   * as it is when its step is fetched; one that then comes later in the order than before is met again.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<R, void, undefined> {
    let left = this.#plan.limit ?? Infinity
    let step: Query<T, R> = this
    while (left > 0) {
      const { docs, next } = await step.limit(Math.min(left, STEP)).page()
      yield* docs
      left -= docs.length
      if (next === null) return
      step = this.skip(0).after(next)
    }
  }

  /**
   * Calls back with the documents now, and again with what changed after every commit that changes them, in this tab or another.
   * Returns what ends it.
   */
  subscribe(callback: (result: LiveResult<R>) => void, options?: LiveOptions): () => void {
    return subscribeDocuments(this.#live('find', this.#command('find')), callback, options)
  }

  /** Calls back with the number of documents, now and whenever it changes. Returns what ends it. */
  subscribeCount(callback: (result: LiveValue<number>) => void, options?: LiveOptions): () => void {
    return subscribeValue(this.#live('count', this.#countCommand()), callback, options)
  }

  /** The live results of {@link subscribe} as an async iterable. A slow consumer gets the newest result. Ends by `break` or the signal. */
  live(options: ReadOptions = {}): AsyncIterableIterator<LiveResult<R>> {
    return iterateLive<R>((callback, live) => this.subscribe(callback, live), options.signal)
  }

  /** @internal What tells it apart from others: the session it reads in, and what it asks. */
  get identity(): readonly [owner: object, key: string] {
    return [this.#session, textOf(this.#command('find'), 'find')]
  }

  #with(change: Plan): Query<T, R> {
    return new Query<T, R>(this.#session, this.#definition, this.#hub, { ...this.#plan, ...change })
  }

  #command(op: string): Command {
    return { op, collection: this.#definition.name, ...this.#plan }
  }

  #countCommand(): Command {
    const { filter, skip, limit, hint, after } = this.#plan
    if (after !== undefined) throw invalid('count: a cursor cannot be counted from; leave out after()')
    return { op: 'count', collection: this.#definition.name, filter, skip, limit, hint }
  }

  async #run(command: Command, name: string, options: ReadOptions | undefined): Promise<unknown> {
    if (!this.#definition.isSettled) await this.#definition.migrated()
    return this.#session.read(command, name, options)
  }

  #live(name: string, command: Command): LiveContext {
    return liveContext(this.#session, this.#definition, this.#hub, name, command)
  }
}

/** What a live query needs: its command's text, once the collection is ready for it. */
export function liveContext(
  session: Session,
  definition: Definition,
  hub: EventHub,
  name: string,
  command: Command,
): LiveContext {
  session.check()
  if (session.tx !== undefined)
    throw invalid('subscribe: a transaction has no live queries; subscribe to the collection of the database')
  const text = textOf(command, name)
  return {
    backend: session.backend,
    hub,
    command: async () => {
      if (!definition.isSettled) await definition.migrated()
      session.check()
      return text
    },
  }
}

/** The text of a command, fields that are undefined left out. */
export function textOf(command: Command, name: string): string {
  const fields = Object.fromEntries(Object.entries(command).filter(([, value]) => value !== undefined))
  return encode(fields, 'query', name)
}

/** The plan of a query by `filter` alone. */
export function filterPlan<T>(filter: Filter<T> | undefined): Plan {
  return filter === undefined ? {} : { filter }
}
