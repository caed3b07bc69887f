/**
 * The way of a command from the API to the backend: encoded, sent, decoded; outside a transaction or inside one. It knows no
 * collection and no document type.
 */
import { throwIfAborted, untilAborted } from './abort.js'
import { type Answer, type Backend, MISS } from './backend.js'
import { decode } from './codec/decode.js'
import { encode, encodeDocuments } from './codec/encode.js'
import { closed, type TidewellError, toError } from './errors.js'
import type { Durability, ReadOptions, WriteOptions } from './types/options.js'

/** A command of docs/COMMANDS.md; fields that are undefined are left out. */
export type Command = { readonly op: string } & Readonly<Record<string, unknown>>

/** Sends commands. */
export class Session {
  readonly backend: Backend
  readonly tx: number | undefined
  /** The durability of writes that do not say. */
  readonly durability: Durability
  #ended: TidewellError | undefined
  /** Inside a transaction commands run one after another. */
  #tail: Promise<unknown> | undefined

  constructor(backend: Backend, durability: Durability, tx?: number) {
    this.backend = backend
    this.durability = durability
    this.tx = tx
  }

  /** Whether commands may be answered at once. */
  get isDirect(): boolean {
    return this.#ended === undefined && this.tx === undefined
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
    while (this.#tail !== undefined) {
      const tail = this.#tail
      await tail.catch(() => undefined)
      if (this.#tail === tail) this.#tail = undefined
    }
  }

  /** A document by id, or null. The hottest path: on the calling thread it is answered before this returns. */
  get(collection: string, id: string, options?: ReadOptions): Promise<unknown> {
    try {
      this.check()
      if (this.tx !== undefined) return this.read({ op: 'get', collection, id }, 'get', options)
      throwIfAborted(options?.signal)
      const found = this.backend.tryGet(collection, id)
      return found === MISS ? untilAborted(this.backend.get(collection, id), options?.signal) : Promise.resolve(found)
    } catch (error) {
      return Promise.reject(toError(error))
    }
  }

  /** Runs a command that the backend may answer at once. `name` is what errors call it. */
  async read(command: Command, name: string, options?: ReadOptions): Promise<unknown> {
    this.check()
    throwIfAborted(options?.signal)
    const answer = await untilAborted(this.#send(this.#text(command, name)), options?.signal)
    return decode(answer.json, answer.extended)
  }

  /** Runs a command that changes something. The signal counts until the command is sent. */
  async write(command: Command, name: string, options?: WriteOptions): Promise<unknown> {
    this.check()
    throwIfAborted(options?.signal)
    const durability = this.tx === undefined ? (options?.durability ?? this.durability) : undefined
    const answer = await this.#send(this.#text({ ...command, durability }, name))
    return decode(answer.json, answer.extended)
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
    if (operation !== 'replace' && version === undefined && this.tx === undefined) {
      const answer = await this.backend.writeBatch(operation, collection, text, durability)
      return decode(answer.json, answer.extended)
    }
    const rest = { collection, version, tx: this.tx, durability: this.tx === undefined ? durability : undefined }
    const fields = JSON.stringify(rest).slice(0, -1)
    const answer = await this.#send(`{"op":"${operation}",${fields.slice(1)},"docs":${text}}`)
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

  #send(text: string): Promise<Answer> {
    if (this.tx === undefined) return this.#run(text)
    // Not `async`: the next command must find this one in the queue.
    const before = this.#tail
    const mine = before === undefined ? this.#run(text) : before.then(
      () => this.#run(text),
      () => this.#run(text),
    )
    this.#tail = mine
    const forget = () => {
      if (this.#tail === mine) this.#tail = undefined
    }
    mine.then(forget, forget)
    return mine
  }

  #run(text: string): Promise<Answer> {
    try {
      const answer = this.backend.tryExecute(text)
      return answer === undefined ? this.backend.execute(text) : Promise.resolve(answer)
    } catch (error) {
      return Promise.reject(toError(error))
    }
  }
}

/** The error of a database that was closed. */
export function databaseClosed(name: string): TidewellError {
  return closed(`the database ${JSON.stringify(name)}`)
}
