/** What commits changed, with names for the engine's numbers; and what goes on. Loaded when somebody inspects. It changes nothing. */
import type { CacheEvent, CommitNews } from './backend.js'
import type { EventHub } from './events.js'
import type { Session } from './session.js'
import type { CommitEvent, Inspection } from './types/inspection.js'

type Numbered = readonly [number: number, name: string]

/** How the engine's numbers are called. */
interface Names {
  readonly collections: readonly [number: number, name: string, indexes: readonly Numbered[]][]
  readonly topics: readonly Numbered[]
  readonly caches: readonly Numbered[]
}

const NOTHING: Names = { collections: [], topics: [], caches: [] }

/** Lets the hub's listeners hear of commits from now on. At the first commit that nobody listens to it ends. */
export async function startInspection(session: Session, hub: EventHub): Promise<void> {
  if (hub.inspector !== undefined) return
  hub.inspector = new Inspector(session, hub)
  await session.read({ op: 'inspect', on: true }, 'inspect')
}

/** Translates the engine's news of commits, one after another. */
class Inspector {
  readonly #session: Session
  readonly #hub: EventHub
  #names = NOTHING
  /** What is told after names were looked up. */
  #waiting: (() => CommitEvent | undefined)[] = []
  /** Why entries went with the commit that is told next. */
  #why: { readonly position: number; readonly why: Why } | undefined

  constructor(session: Session, hub: EventHub) {
    this.#session = session
    this.#hub = hub
  }

  hear(event: CommitNews | CacheEvent): void {
    if (event.kind === 'cache') {
      if ('position' in event) this.#why = { position: event.position, why: event.why ?? [] }
      return
    }
    if (!this.#hub.listens('commit')) return this.#end()
    const why = this.#why?.position === event.position ? this.#why.why : []
    const told = (isLast: boolean) => eventOf(event, why, this.#names, isLast)
    const now = this.#waiting.length === 0 ? told(false) : undefined
    if (now !== undefined) return this.#hub.emit('commit', now)
    if (this.#waiting.push(() => told(true)) === 1) void this.#lookUp()
  }

  async #lookUp(): Promise<void> {
    try {
      this.#names = (await this.#session.read({ op: 'names' }, 'inspect')) as Names
    } catch {
      // Closed, or dead: numbers will do.
    }
    const waiting = this.#waiting
    this.#waiting = []
    for (const told of waiting) {
      const event = told()
      if (event !== undefined) this.#hub.emit('commit', event)
    }
  }

  #end(): void {
    this.#hub.inspector = undefined
    this.#session.read({ op: 'inspect', on: false }, 'inspect').catch(() => undefined)
  }
}

type Why = NonNullable<Extract<CacheEvent, { readonly position: number }>['why']>

/** The event; undefined if a name is not known and may be looked up. */
function eventOf(news: CommitNews, why: Why, names: Names, isLast: boolean): CommitEvent | undefined {
  let isComplete = true
  const called = (list: readonly (Numbered | Names['collections'][number])[], number: number): string => {
    const found = list.find(([one]) => one === number)
    isComplete &&= found !== undefined
    return found?.[1] ?? `#${number}`
  }
  const collection = (number: number) => called(names.collections, number)
  const event: CommitEvent = {
    position: news.position,
    own: news.own,
    strict: news.strict,
    bytes: news.bytes,
    documents: news.documents.map(([number, put, gone, putIds, goneIds]) => {
      return { collection: collection(number), put, gone, putIds, goneIds }
    }),
    indexes: news.indexes.map(([number, index, put, gone]) => {
      const indexes = names.collections.find(([one]) => one === number)?.[2] ?? []
      return { collection: collection(number), index: called(indexes, index), put, gone }
    }),
    postings: news.postings.map(([number, put, gone]) => ({ collection: collection(number), put, gone })),
    caches: news.caches.map(([number, put, gone]) => ({ cache: called(names.caches, number), put, gone })),
    invalidated: why.map(([cache, key, kind, ...what]) => {
      const because = reasonOf(kind, what, (number) => called(names.caches, number))
      return { cache: called(names.caches, cache), key, because }
    }),
    topics: news.topics.map(([number, messages, other]) => ({
      topic: called(names.topics, number),
      messages,
      other,
    })),
    catalog: news.catalog,
    jobs: news.jobs,
    outbox: { put: news.outbox[0], gone: news.outbox[1] },
    tables: news.edits,
    other: news.other,
  }
  return isComplete || isLast ? event : undefined
}

function reasonOf(kind: string, what: readonly (string | number)[], cache: (number: number) => string): string {
  const [first, ...rest] = what
  if (kind === 'document') return `the document ${rest.join()} of ${String(first)} changed`
  if (kind === 'query') return `a query of ${String(first)} read ${rest.join(', ')}`
  return `the entry ${rest.join()} of ${cache(Number(first))} went`
}

/** What goes on now. */
export async function inspectNow(session: Session, { live, caches }: EventHub): Promise<Inspection> {
  const read = (command: Parameters<Session['read']>[0]) => session.read(command, 'inspect')
  const names = (await read({ op: 'names' })) as Names
  const topics = names.topics.map(async ([topic, name]) => {
    const stats = (await read({ op: 'topicStats', topic })) as Inspection['topics'][number]
    return { ...stats, name }
  })
  const stored = names.caches.map(async ([cache, name]) => {
    const tally = (await read({ op: 'cacheTally', cache })) as { readonly entries: number; readonly bytes: number }
    return { name, ...tally, figures: await caches?.known(name)?.stats() }
  })
  return {
    live: [...live].map(({ command }) => JSON.parse(command) as Inspection['live'][number]),
    topics: await Promise.all(topics),
    jobs: (await read({ op: 'jobs' })) as Inspection['jobs'],
    caches: await Promise.all(stored),
  }
}
