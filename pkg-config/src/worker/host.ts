/** The worker's end: takes requests, runs them on a backend of its own, answers. What memory holds is answered within the task. */
import type { Answer, Backend, Importer, OpenBackend } from '../backend.js'
import { invalid, toWire } from '../errors.js'
import { Outbox, type Port, type Reply, type Request } from './protocol.js'

/** Takes a Web Lock that is held as long as this worker lives, and answers its name; null where there are no Web Locks. */
export type HoldLock = () => Promise<string | null>

/** Serves one database to the other end of `port`. */
export function serve(port: Port<Reply, Request>, open: OpenBackend, holdLock: HoldLock): void {
  const host = new Host(port, open, holdLock)
  port.listen((requests) => host.receive(requests))
}

class Host {
  readonly #out: Outbox<Reply>
  readonly #openBackend: OpenBackend
  readonly #holdLock: HoldLock
  readonly #subscriptions = new Map<number, () => void>()
  readonly #exports = new Map<number, AsyncIterator<Uint8Array>>()
  readonly #imports = new Map<number, Importer>()
  #backend: Backend | undefined

  constructor(port: Port<Reply, Request>, open: OpenBackend, holdLock: HoldLock) {
    this.#out = new Outbox<Reply>(port)
    this.#openBackend = open
    this.#holdLock = holdLock
  }

  receive(requests: readonly Request[]): void {
    for (const request of requests) this.#handle(request)
  }

  #handle(request: Request): void {
    if (request.kind === 'unsubscribe') return this.#unsubscribe(request.subscription)
    if (request.kind === 'stop') return this.#stop(request.stream)
    const { id } = request
    try {
      const result = this.#run(request)
      if (result instanceof Promise)
        result.then(
          (reply) => this.#reply(reply),
          (error: unknown) => this.#fail(id, error),
        )
      else this.#reply(result)
    } catch (error) {
      this.#fail(id, error)
    }
  }

  #run(request: Exclude<Request, { kind: 'unsubscribe' | 'stop' }>): Reply | Promise<Reply> {
    const { id } = request
    switch (request.kind) {
      case 'open':
        return this.#open(request)
      case 'get':
        return answer(id, this.#opened().get(request.collection, request.key))
      case 'read':
        return answer(id, this.#opened().read(request.command))
      case 'execute':
        return answer(id, this.#opened().execute(request.command))
      case 'write':
        return answer(id, this.#write(request))
      case 'subscribe':
        return this.#subscribe(id, request.command)
      case 'analyzers':
        return this.#opened()
          .analyzers(request.analyzers)
          .then(() => ({ kind: 'done', id, stream: 0 }))
      case 'rehearse':
        return this.#opened()
          .rehearse(request.faults, request.latencyMs)
          .then(() => ({ kind: 'done', id, stream: 0 }))
      case 'export':
        this.#exports.set(id, this.#opened().export())
        return { kind: 'done', id, stream: id }
      case 'next':
        return this.#next(id, request.stream)
      case 'import':
        return this.#import(id)
      case 'push':
        return this.#importer(request.stream)
          .push(request.chunk)
          .then(() => ({ kind: 'done', id, stream: 0 }))
      case 'finish':
        return answer(id, this.#importer(request.stream).finish())
      case 'close':
        return this.#opened()
          .close()
          .then(() => ({ kind: 'done', id, stream: 0 }))
    }
  }

  #write({ operation, collection, documents, version, durability }: Extract<Request, { kind: 'write' }>) {
    return this.#opened().writeBatch(operation, collection, documents, version, durability)
  }

  async #open({ id, name, options }: Extract<Request, { kind: 'open' }>): Promise<Reply> {
    const [backend, lock] = await Promise.all([
      this.#openBackend(name, options, (event) => this.#out.send({ kind: 'event', event })),
      this.#holdLock(),
    ])
    this.#backend = backend
    return { kind: 'opened', id, storage: backend.kind, lock }
  }

  #opened(): Backend {
    if (this.#backend === undefined) throw invalid('the worker has no open database yet')
    return this.#backend
  }

  async #subscribe(id: number, command: string): Promise<Reply> {
    // Events before the start resolves belong to it as well.
    const end = await this.#opened().subscribe(command, (event) =>
      this.#out.send({ kind: 'live', subscription: id, event }),
    )
    this.#subscriptions.set(id, end)
    return { kind: 'done', id, stream: 0 }
  }

  #unsubscribe(subscription: number): void {
    const end = this.#subscriptions.get(subscription)
    this.#subscriptions.delete(subscription)
    try {
      end?.()
    } catch {
      // The engine died just now: the page hears of that, and the requests behind this one are answered.
    }
  }

  async #next(id: number, stream: number): Promise<Reply> {
    const { value, done } = (await this.#exports.get(stream)?.next()) ?? { value: undefined, done: true }
    if (done === true) this.#exports.delete(stream)
    return { kind: 'chunk', id, chunk: done === true ? null : (value as Uint8Array) }
  }

  #stop(stream: number): void {
    // The backup is given up: what freeing it says has no one to go to.
    this.#exports
      .get(stream)
      ?.return?.()
      .catch(() => undefined)
    this.#exports.delete(stream)
  }

  async #import(id: number): Promise<Reply> {
    this.#imports.set(id, await this.#opened().import())
    return { kind: 'done', id, stream: id }
  }

  #importer(stream: number): Importer {
    const importer = this.#imports.get(stream)
    if (importer === undefined) throw invalid('no such import')
    return importer
  }

  #reply(reply: Reply): void {
    if (reply.kind !== 'chunk' || reply.chunk === null) return this.#out.send(reply)
    // Only a chunk that owns its whole buffer can be given away.
    const { chunk } = reply
    const owned = chunk.byteLength === chunk.buffer.byteLength ? chunk : chunk.slice()
    this.#out.send({ ...reply, chunk: owned }, owned.buffer as ArrayBuffer)
  }

  #fail(id: number, error: unknown): void {
    this.#out.send({ kind: 'failed', id, error: toWire(error) })
  }
}

function answer(id: number, result: Answer | null | Promise<Answer | null>): Reply | Promise<Reply> {
  if (result instanceof Promise) return result.then((settled) => ({ kind: 'answer', id, answer: settled }))
  return { kind: 'answer', id, answer: result }
}
