/** The page's end of a worker: the same backend, each call one message there and one back. It holds no state of the engine. */
import type { Answer, Backend, BackendEvent, BackendOptions, Importer } from '../backend.js'
import { closed, invalid, TidewellError, toError } from '../errors.js'
import type { WireAnalyzer } from '../search/declaration.js'
import type { Durability, StorageInfo } from '../types/options.js'
import { Outbox, type Port, type Reply, type Request } from './protocol.js'

/** A worker as the page holds it. */
export interface WorkerHandle extends Port<Request, Reply> {
  /** Calls back once if the worker failed to start or is known to have died. */
  onLost(lost: (why: string) => void): void
  /** Tells when the Web Lock `name`, which the worker holds while it lives, is free. The answer stops waiting. */
  watchLock(name: string, free: () => void): () => void
  terminate(): void
}

type Settle = { readonly resolve: (reply: Reply) => void; readonly reject: (error: TidewellError) => void }

/** Opens `name` in the worker behind `handle`. */
export async function openInWorker(
  handle: WorkerHandle,
  name: string,
  options: BackendOptions,
  listener: (event: BackendEvent) => void,
): Promise<Backend> {
  const client = new Client(handle, name, listener)
  try {
    return await client.open(options)
  } catch (error) {
    handle.terminate()
    throw error
  }
}

class Client implements Backend {
  kind: StorageInfo['kind'] = 'memory'
  readonly #handle: WorkerHandle
  readonly #name: string
  readonly #out: Outbox<Request>
  readonly #listener: (event: BackendEvent) => void
  readonly #waiting = new Map<number, Settle>()
  readonly #live = new Map<number, (event: Answer) => void>()
  #nextId = 1
  #ended: TidewellError | undefined
  #closing: Promise<void> | undefined
  #unwatch: () => void = () => undefined

  constructor(handle: WorkerHandle, name: string, listener: (event: BackendEvent) => void) {
    this.#handle = handle
    this.#name = name
    this.#out = new Outbox<Request>(handle)
    this.#listener = listener
    handle.listen((replies) => {
      for (const reply of replies) this.#receive(reply)
    })
    handle.onLost((why) => this.#lost(why))
  }

  async open(options: BackendOptions): Promise<Backend> {
    const reply = await this.#ask((id) => ({ kind: 'open', id, name: this.#name, options }))
    if (reply.kind !== 'opened') throw unexpected(reply)
    this.kind = reply.storage
    if (reply.lock !== null) this.#unwatch = this.#handle.watchLock(reply.lock, () => this.#lost('it was terminated'))
    return this
  }

  get(collection: string, key: string): Promise<Answer | null> {
    return this.#answer((id) => ({ kind: 'get', id, collection, key }))
  }

  read(command: string): Promise<Answer> {
    return this.#answer((id) => ({ kind: 'read', id, command })).then(present)
  }

  execute(command: string): Promise<Answer> {
    return this.#answer((id) => ({ kind: 'execute', id, command })).then(present)
  }

  writeBatch(
    operation: 'insert' | 'put',
    collection: string,
    documents: string,
    version: number | undefined,
    durability: Durability,
  ): Promise<Answer> {
    const rest = { operation, collection, documents, version, durability }
    return this.#answer((id) => ({ kind: 'write', id, ...rest })).then(present)
  }

  async subscribe(command: string, listener: (event: Answer) => void): Promise<() => void> {
    let subscription = 0
    const started = this.#ask((id) => {
      subscription = id
      this.#live.set(id, listener)
      return { kind: 'subscribe', id, command }
    })
    try {
      await started
    } catch (error) {
      this.#live.delete(subscription)
      throw error
    }
    return () => {
      if (this.#live.delete(subscription) && this.#ended === undefined)
        this.#out.send({ kind: 'unsubscribe', subscription })
    }
  }

  async analyzers(analyzers: readonly WireAnalyzer[]): Promise<void> {
    const own = analyzers.find((one) => 'analyze' in one)
    if (own !== undefined)
      throw invalid(
        `the analyzer '${own.name}' is a function, which cannot go to the worker: put it into a module and give its address as 'module'`,
        'analyzer-function',
      )
    await this.#ask((id) => ({ kind: 'analyzers', id, analyzers }))
  }

  async rehearse(faults: string, latencyMs: number): Promise<void> {
    await this.#ask((id) => ({ kind: 'rehearse', id, faults, latencyMs }))
  }

  async *export(): AsyncGenerator<Uint8Array, void, undefined> {
    const stream = await this.#stream('export')
    try {
      for (;;) {
        const reply = await this.#ask((id) => ({ kind: 'next', id, stream }))
        if (reply.kind !== 'chunk') throw unexpected(reply)
        if (reply.chunk === null) return
        yield reply.chunk
      }
    } finally {
      if (this.#ended === undefined) this.#out.send({ kind: 'stop', stream })
    }
  }

  async import(): Promise<Importer> {
    const stream = await this.#stream('import')
    return {
      push: async (chunk) => {
        await this.#ask((id) => ({ kind: 'push', id, stream, chunk }))
      },
      finish: () => this.#answer((id) => ({ kind: 'finish', id, stream })).then(present),
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    if (this.#ended !== undefined) return
    try {
      await this.#ask((id) => ({ kind: 'close', id }))
    } finally {
      this.#end(
        closed(this.#what()),
        new TidewellError('aborted', `${this.#what()} was closed while this was under way`),
      )
    }
  }

  async #stream(kind: 'export' | 'import'): Promise<number> {
    const reply = await this.#ask((id) => ({ kind, id }))
    if (reply.kind !== 'done') throw unexpected(reply)
    return reply.stream
  }

  async #answer(request: (id: number) => Request): Promise<Answer | null> {
    const reply = await this.#ask(request)
    if (reply.kind !== 'answer') throw unexpected(reply)
    return reply.answer
  }

  #ask(request: (id: number) => Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      const id = this.#nextId++
      this.#waiting.set(id, { resolve, reject })
      this.#out.send(request(id))
    })
  }

  #receive(reply: Reply): void {
    if (reply.kind === 'live') return this.#live.get(reply.subscription)?.(reply.event)
    if (reply.kind === 'event') return this.#listener(reply.event)
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.kind === 'failed') waiting?.reject(toError(reply.error))
    else waiting?.resolve(reply)
  }

  /** The worker is gone without having been closed: what it was doing is unknown, and nothing more can be asked of it. */
  #lost(why: string): void {
    if (this.#ended !== undefined) return
    const message = `the worker of ${this.#what()} ended: ${why}`
    this.#end(
      closed(`${this.#what()} (its worker ended: ${why})`),
      new TidewellError(
        'unavailable',
        `${message}. Whether this operation happened is unknown; open the database again and look`,
      ),
    )
    this.#listener({ kind: 'dead', code: 'unavailable', message: `${message}. Open the database again` })
  }

  #end(later: TidewellError, pending: TidewellError): void {
    this.#ended = later
    this.#unwatch()
    for (const { reject } of this.#waiting.values()) reject(pending)
    this.#waiting.clear()
    this.#live.clear()
    this.#handle.terminate()
  }

  #what(): string {
    return `the database ${JSON.stringify(this.#name)}`
  }
}

function present(answer: Answer | null): Answer {
  if (answer === null) throw new TidewellError('internal', 'the worker answered nothing')
  return answer
}

function unexpected(reply: Reply): TidewellError {
  return new TidewellError('internal', `the worker answered ${reply.kind}, which was not asked for`)
}
