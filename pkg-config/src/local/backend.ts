/** The engine on the calling thread: a warm read is one synchronous call into WebAssembly and one `JSON.parse`. */
import type { Answer, Backend, BackendEvent, BackendOptions, Importer, OpenBackend } from '../backend.js'
import { closed, TidewellError, toError } from '../errors.js'
import type { Durability } from '../types/options.js'
import { type Instance, instantiate, type ModuleSource } from './instance.js'
import { Status, type WasmAnswer, type WasmDatabase } from './wasm.js'

/** Opens engines on the calling thread from `source`. */
export function openLocal(source: ModuleSource): OpenBackend {
  return async (name, options, listener) => {
    const life = new Life(listener)
    const instance = await start(source, life)
    const onEvent = (json: string) => listener(JSON.parse(json) as BackendEvent)
    const database = await life.watch(instance.glue.openDatabase(name, wasmOptions(options), onEvent))
    return new LocalBackend(name, database, instance, life)
  }
}

/** Deletes a database and all it stored. */
export async function deleteLocal(source: ModuleSource, name: string): Promise<void> {
  const life = new Life(() => undefined)
  const instance = await start(source, life)
  await life.watch(instance.glue.deleteDatabase(name))
}

async function start(source: ModuleSource, life: Life): Promise<Instance> {
  try {
    return await instantiate(await source(), (message) => life.end(message))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidewellError('unavailable', `the WebAssembly module could not be loaded: ${reason}`, { cause })
  }
}

function wasmOptions({ storage, durability, memoryBudget }: BackendOptions) {
  return { storage, durability, memoryBudget }
}

/** Whether an instance still runs, and who waits for it: the promises of a dead instance would never settle by themselves. */
class Life {
  #dead: TidewellError | undefined
  readonly #waiting = new Set<(error: TidewellError) => void>()
  readonly #listener: (event: BackendEvent) => void

  constructor(listener: (event: BackendEvent) => void) {
    this.#listener = listener
  }

  /** Throws if the instance is dead. */
  check(): void {
    if (this.#dead !== undefined) throw this.#dead
  }

  /** The instance died. Only the first message tells why. */
  end(message: string): void {
    if (this.#dead !== undefined) return
    const error = new TidewellError(
      'internal',
      `the engine stopped: ${message}. This instance is dead; open the database again`,
    )
    this.#dead = error
    for (const reject of this.#waiting) reject(error)
    this.#waiting.clear()
    this.#listener({ kind: 'dead', code: error.code, message: error.message })
  }

  /** The promise's outcome as a TidewellError, or the instance's death. */
  watch<R>(promise: Promise<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      if (this.#dead !== undefined) return reject(this.#dead)
      const settle = () => this.#waiting.delete(reject)
      this.#waiting.add(reject)
      promise.then(
        (value) => {
          settle()
          resolve(value)
        },
        (error: unknown) => {
          settle()
          reject(this.translate(error))
        },
      )
    })
  }

  /** What was thrown, as a TidewellError; a trap as the death it caused. */
  translate(error: unknown): TidewellError {
    return this.#dead ?? toError(error)
  }
}

class LocalBackend implements Backend {
  readonly kind: 'indexeddb' | 'memory'
  readonly #name: string
  readonly #life: Life
  readonly #memory: { readonly buffer: ArrayBuffer }
  readonly #decoder = new TextDecoder()
  #database: WasmDatabase | undefined
  #bytes: Uint8Array
  #closing: Promise<void> | undefined

  constructor(name: string, database: WasmDatabase, instance: Instance, life: Life) {
    this.#name = name
    this.#database = database
    this.#memory = instance.memory
    this.#bytes = new Uint8Array(instance.memory.buffer)
    this.#life = life
    this.kind = database.kind === 'indexeddb' ? 'indexeddb' : 'memory'
  }

  get(collection: string, id: string): Answer | null | Promise<Answer | null> {
    const database = this.#open()
    let status: Status
    try {
      status = database.tryGet(collection, id)
    } catch (error) {
      throw this.#life.translate(error)
    }
    if (status === Status.Nothing) return null
    if (status !== Status.Missing) return this.#output(database, status)
    return this.#life.watch(database.get(collection, id)).then((answer) => answer ?? null)
  }

  read(command: string): Answer | Promise<Answer> {
    const database = this.#open()
    const status = this.#call(() => database.tryExecute(command))
    return status === Status.Missing ? this.execute(command) : this.#output(database, status)
  }

  execute(command: string): Promise<Answer> {
    return this.#wait((database) => database.execute(command))
  }

  writeBatch(
    operation: 'insert' | 'put',
    collection: string,
    documents: string,
    durability: Durability,
  ): Promise<Answer> {
    return this.#wait((database) => database.writeBatch(operation, collection, documents, durability))
  }

  async subscribe(command: string, listener: (event: Answer) => void): Promise<() => void> {
    const deliver = (json: string, extended: boolean) => listener({ json, extended })
    const subscription = await this.#wait((database) => database.subscribe(command, deliver))
    return () => {
      // A closed or dead database has no subscriptions left to end.
      if (this.#closing === undefined) this.#call(() => this.#database?.unsubscribe(subscription))
    }
  }

  async *export(): AsyncGenerator<Uint8Array, void, undefined> {
    const database = this.#open()
    const stream = this.#call(() => database.export())
    try {
      for (;;) {
        const chunk = await this.#life.watch(stream.next())
        if (chunk === undefined) return
        yield chunk
        this.#open()
      }
    } finally {
      if (this.#database !== undefined) this.#call(() => stream.free())
    }
  }

  async import(): Promise<Importer> {
    const database = this.#open()
    const stream = this.#call(() => database.import())
    return {
      push: (chunk) => this.#wait(() => stream.push(chunk)),
      finish: () => this.#wait(() => stream.finish()),
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    const database = this.#database
    try {
      if (database !== undefined) await this.#life.watch(database.close())
    } finally {
      // Nothing refers to the instance any more: its memory goes.
      this.#database = undefined
      this.#bytes = new Uint8Array()
    }
  }

  #open(): WasmDatabase {
    this.#life.check()
    if (this.#database === undefined || this.#closing !== undefined)
      throw closed(`the database ${JSON.stringify(this.#name)}`)
    return this.#database
  }

  #call<R>(work: () => R): R {
    try {
      return work()
    } catch (error) {
      throw this.#life.translate(error)
    }
  }

  async #wait<R>(work: (database: WasmDatabase) => Promise<R>): Promise<R> {
    const database = this.#open()
    return this.#life.watch(this.#call(() => work(database)))
  }

  #output(database: WasmDatabase, status: Status): WasmAnswer {
    // A grown memory detaches its old buffer.
    if (this.#bytes.byteLength === 0) this.#bytes = new Uint8Array(this.#memory.buffer)
    const start = database.outputPointer()
    const text = this.#decoder.decode(this.#bytes.subarray(start, start + database.outputLength()))
    return { json: text, extended: status === Status.Extended }
  }
}
