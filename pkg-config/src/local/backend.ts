/** The engine on the calling thread: a warm read is one synchronous call into WebAssembly and one `JSON.parse`. */
import type { Answer, Backend, BackendEvent, BackendOptions, Importer, OpenBackend } from '../backend.js'
import { closed, invalid, notLoaded as notLoadedCode, TidewellError, toError } from '../errors.js'
import type { WireAnalyzer } from '../search/declaration.js'
import type { Durability, StorageInfo } from '../types/options.js'
import { type Instance, instantiate, type ProgramSource } from './instance.js'
import { needsRest, notLoaded, type Rest } from './rest.js'
import { Status, type WasmAnswer, type WasmDatabase } from './wasm.js'

/** Opens engines on the calling thread from `source`. */
export function openLocal(source: ProgramSource): OpenBackend {
  return async (name, options, listener) => {
    const life = new Life(listener)
    const instance = await start(source, life, options.isBehindServiceWorker)
    // Storage in memory is rare in pages.
    if (options.storage === 'memory') await instance.rest.ready()
    const onEvent = (json: string) => listener(JSON.parse(json) as BackendEvent)
    const database = await life.watch(instance.glue.openDatabase(name, wasmOptions(options), onEvent))
    instance.rest.soon()
    return new LocalBackend(name, database, instance, life, options.disk?.kind)
  }
}

/** Deletes a database and all it stored. */
export async function deleteLocal(source: ProgramSource, name: string): Promise<void> {
  const life = new Life(() => undefined)
  const instance = await start(source, life, false)
  await instance.rest.ready()
  await life.watch(instance.glue.deleteDatabase(name))
}

async function start(source: ProgramSource, life: Life, whole: boolean): Promise<Instance> {
  try {
    return await instantiate(await source(), whole, (cause) => life.end(cause))
  } catch (cause) {
    throw notLoaded(cause)
  }
}

function wasmOptions({ storage, disk, durability, memoryBudget, faults, faultLatencyMs }: BackendOptions) {
  return { storage, disk, durability, memoryBudget, faults, faultLatencyMs }
}

/** Whether an instance still runs, and who waits for it: the promises of a dead instance would never settle by themselves. */
class Life {
  #dead: TidewellError | undefined
  readonly #waiting = new Set<(error: TidewellError) => void>()
  readonly #listener: (event: BackendEvent) => void

  constructor(listener: (event: BackendEvent) => void) {
    this.#listener = listener
  }

  /** Whether the instance is dead. */
  get isOver(): boolean {
    return this.#dead !== undefined
  }

  /** Throws if the instance is dead. */
  check(): void {
    if (this.#dead !== undefined) throw this.#dead
  }

  /** The instance died of `cause`: something thrown, or a message. Only the first tells why. */
  end(cause: unknown): void {
    if (this.#dead !== undefined) return
    const message = cause instanceof Error ? cause.message : String(cause)
    const error = new TidewellError(
      cause instanceof TidewellError ? cause.code : 'internal',
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

/** Stands for a command that needs all of the program. */
const LIVE_VALUE = '{"op":"live"}'

class LocalBackend implements Backend {
  readonly kind: StorageInfo['kind']
  readonly #name: string
  readonly #life: Life
  readonly #memory: { readonly buffer: ArrayBuffer }
  readonly #rest: Rest
  readonly #decoder = new TextDecoder()
  #database: WasmDatabase | undefined
  #bytes: Uint8Array
  #closing: Promise<void> | undefined
  /** An analyzer of the application runs: the engine is in the middle of something, and may not be called. */
  #analyzing = false

  constructor(
    name: string,
    database: WasmDatabase,
    instance: Instance,
    life: Life,
    kind: StorageInfo['kind'] | undefined,
  ) {
    this.#name = name
    this.#database = database
    this.#memory = instance.memory
    this.#rest = instance.rest
    this.#bytes = new Uint8Array(instance.memory.buffer)
    this.#life = life
    this.kind = kind ?? (database.kind as StorageInfo['kind'])
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
    if (this.#waitsFor(command)) return this.execute(command)
    const status = this.#call(() => database.tryExecute(command))
    return status === Status.Missing ? this.execute(command) : this.#output(database, status)
  }

  execute(command: string): Promise<Answer> {
    return this.#wait((database) => database.execute(command), command)
  }

  writeBatch(
    operation: 'insert' | 'put',
    collection: string,
    documents: string,
    version: number | undefined,
    durability: Durability,
  ): Promise<Answer> {
    return this.#wait((database) => database.writeBatch(operation, collection, documents, version, durability))
  }

  async subscribe(command: string, listener: (event: Answer) => void): Promise<() => void> {
    const deliver = (json: string, extended: boolean) => listener({ json, extended })
    // Live values (counts, aggregations) are rare.
    const needed = command.startsWith('{"op":"find"') ? command : LIVE_VALUE
    const subscription = await this.#wait((database) => database.subscribe(command, deliver), needed)
    return () => {
      // A closed or dead database has no subscriptions left to end.
      if (this.#closing === undefined && !this.#life.isOver) this.#call(() => this.#database?.unsubscribe(subscription))
    }
  }

  async analyzers(analyzers: readonly WireAnalyzer[]): Promise<void> {
    this.#open()
    const { prepare } = await import('../search/analyzers.js').catch(notLoadedCode)
    for (const analyzer of analyzers) {
      const { name, version, analyze } = await prepare(analyzer)
      const database = this.#open()
      const alone = (text: string, isQuery: boolean) => {
        this.#analyzing = true
        try {
          return analyze(text, isQuery)
        } finally {
          this.#analyzing = false
        }
      }
      this.#call(() => database.registerAnalyzer(name, version, alone))
    }
  }

  async rehearse(faults: string, latencyMs: number): Promise<void> {
    this.#open()
    await this.#rest.ready()
    const database = this.#open()
    this.#call(() => database.rehearse(faults, latencyMs))
  }

  async *export(): AsyncGenerator<Uint8Array, void, undefined> {
    this.#open()
    await this.#rest.ready()
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
    this.#open()
    await this.#rest.ready()
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
    this.#checkIdle()
    if (this.#database === undefined || this.#closing !== undefined)
      throw closed(`the database ${JSON.stringify(this.#name)}`)
    return this.#database
  }

  #checkIdle(): void {
    if (this.#analyzing) throw invalid('an analyzer may not use the database', 'analyzer')
  }

  #call<R>(work: () => R): R {
    this.#checkIdle()
    try {
      return work()
    } catch (error) {
      throw this.#life.translate(error)
    }
  }

  /** Whether `command`, or one before it, waits for the rest of the program: commands keep their order. */
  #waitsFor(command: string): boolean {
    return !this.#rest.isThere && (this.#rest.isAwaited || needsRest(command))
  }

  async #wait<R>(work: (database: WasmDatabase) => Promise<R>, command = ''): Promise<R> {
    let database = this.#open()
    if (this.#waitsFor(command)) {
      const isNeeded = needsRest(command)
      // The same way for both kinds: commands keep their order.
      await this.#rest.ready().catch((error: unknown) => {
        if (isNeeded) throw error
      })
      database = this.#open()
    }
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
