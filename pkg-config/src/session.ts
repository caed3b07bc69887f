/**
 * The way of a command from the API to the backend: encoded, sent, decoded; outside a transaction or inside one. It knows no
 * collection and no document type.
 */
import { throwIfAborted, untilAborted } from './abort.js'
import type { Answer, Backend } from './backend.js'
import type { Overheard } from './cache/watch.js'
import { decode } from './codec/decode.js'
import { encode, encodeDocuments } from './codec/encode.js'
import { closed, type TidewellError, toError } from './errors.js'
import type { Durability, ReadOptions, WriteOptions } from './types/options.js'

/** A command of docs/COMMANDS.md; fields that are undefined are left out. */
export type Command = { readonly op: string } & Readonly<Record<string, unknown>>

/** Commands whose answers depend on documents. */
const OVERHEARD = new Set(['get', 'getMany', 'find', 'count', 'distinct', 'aggregate', 'search', 'suggest'])

/** Sends commands. */
export class Session {
  readonly backend: Backend
  readonly tx: number | undefined
  /** The durability of writes that do not say. */
  readonly durability: Durability
  /** What is read outside transactions while somebody listens: computations of caches that take no parameter. */
  overheard: Set<Overheard[]> | undefined
  #ended: TidewellError | undefined
  /** Inside a transaction commands run one after another. */
  #tail: Promise<void> | undefined

  constructor(backend: Backend, durability: Durability, tx?: number) {
    this.backend = backend
    this.durability = durability
    this.tx = tx
  }

  /** The session of transaction `tx`. */
  inTransaction(tx: number): Session {
    return new Session(this.backend, this.durability, tx)
  }

  /** Makes every later command throw `error`. */
  end(error: TidewellError): void {
    this.#ended ??= error
  }

  /** Throws if the session has ended. */
  check(): void {
    if (this.#ended !== undefined) throw this.#ended
  }

  /** Resolves once every command sent so far was answered. */
  async drain(): Promise<void> {
    while (this.#tail !== undefined) await this.#tail
  }

  /** A document by id, or null. The hottest path: on the calling thread it is answered before this returns. */
  get(collection: string, id: string, options?: ReadOptions): Promise<unknown> {
    try {
      this.check()
      if (this.tx !== undefined) return this.read({ op: 'get', collection, id }, 'get', options)
      throwIfAborted(options?.signal)
      if (this.overheard !== undefined) return this.read({ op: 'get', collection, id }, 'get', options)
      const found = this.backend.get(collection, id)
      if (!(found instanceof Promise))
        return Promise.resolve(found === null ? null : decode(found.json, found.extended))
      return untilAborted(
        found.then((answer) => (answer === null ? null : decode(answer.json, answer.extended))),
        options?.signal,
      )
    } catch (error) {
      return Promise.reject(toError(error))
    }
  }

  /** Runs a command marked *sync*. `name` is what errors call it. */
  async read(command: Command, name: string, options?: ReadOptions): Promise<unknown> {
    this.check()
    throwIfAborted(options?.signal)
    const answer = this.#read(this.#text(command, name))
    const heard = this.overheard === undefined || !OVERHEARD.has(command.op) ? [] : [...this.overheard]
    const { json, extended } = answer instanceof Promise ? await untilAborted(answer, options?.signal) : answer
    for (const list of heard) list.push({ command, json })
    return decode(json, extended)
  }

  /** Runs a command that changes something. The signal counts until the command is sent. */
  async write(command: Command, name: string, options?: WriteOptions): Promise<unknown> {
    this.check()
    throwIfAborted(options?.signal)
    const durability = this.tx === undefined ? (options?.durability ?? this.durability) : undefined
    const { json, extended } = await this.#write(this.#text({ ...command, durability }, name))
    return decode(json, extended)
  }

  /** Runs any command that is neither: no durability, no waiting in a transaction's line. */
  async control(command: Command): Promise<unknown> {
    this.check()
    const { json, extended } = await this.backend.execute(JSON.stringify(command))
    return decode(json, extended)
  }

  /** Writes documents in one commit. `version` is the schema version to store, the collection's unless given. */
  async writeBatch(
    operation: 'insert' | 'put' | 'replace',
    collection: string,
    documents: readonly unknown[],
    version: number | undefined,
    options?: WriteOptions,
  ): Promise<unknown> {
    this.check()
    throwIfAborted(options?.signal)
    const text = encodeDocuments(documents)
    const durability = options?.durability ?? this.durability
    if (operation !== 'replace' && this.tx === undefined) {
      const answer = await this.backend.writeBatch(operation, collection, text, version, durability)
      return decode(answer.json, answer.extended)
    }
    const rest = { collection, version, tx: this.tx, durability: this.tx === undefined ? durability : undefined }
    const fields = JSON.stringify(rest).slice(0, -1)
    const answer = await this.#write(`{"op":"${operation}",${fields.slice(1)},"docs":${text}}`)
    return decode(answer.json, answer.extended)
  }

  #text(command: Command, name: string): string {
    const fields: Record<string, unknown> = {}
    for (const key of Object.keys(command)) {
      if (command[key] !== undefined) fields[key] = command[key]
    }
    if (this.tx !== undefined) fields['tx'] = this.tx
    return encode(fields, 'query', name)
  }

  #write(text: string): Promise<Answer> {
    return this.tx === undefined ? this.backend.execute(text) : Promise.resolve(this.#read(text))
  }

  #read(text: string): Answer | Promise<Answer> {
    if (this.tx === undefined) return this.backend.read(text)
    const before = this.#tail
    const answer = before === undefined ? this.backend.read(text) : before.then(() => this.backend.read(text))
    if (answer instanceof Promise) this.#queue(answer)
    return answer
  }

  /** The next command of the transaction waits for this one. */
  #queue(answer: Promise<Answer>): void {
    const forget = () => {
      if (this.#tail === settled) this.#tail = undefined
    }
    const settled: Promise<void> = answer.then(forget, forget)
    this.#tail = settled
  }
}

/** The error of a database that was closed. */
export function databaseClosed(name: string): TidewellError {
  return closed(`the database ${JSON.stringify(name)}`)
}
