/**
 * The WebAssembly side as JavaScript sees it: the classes that `src/web` exports through wasm-bindgen. Types only; the code is
 * generated at build time into `glue.js`.
 */

/** The outcome of a synchronous call: what the output buffer holds. */
export enum Status {
  /** No such document. */
  Nothing = 0,
  /** Plain JSON. */
  Plain = 1,
  /** JSON with tagged values. */
  Extended = 2,
  /** Nothing: blocks must be fetched first. Make the asynchronous call. */
  Missing = 3,
}

/** The answer of an asynchronous call. */
export interface WasmAnswer {
  readonly json: string
  readonly extended: boolean
}

/** Errors are thrown as objects with `code`, `message` and, where there is one, `reason`. */
export interface WasmDatabase {
  /** Where data lives: `indexeddb`, `files` or `memory`. */
  readonly kind: string
  /** The document's JSON goes to the output buffer. */
  tryGet(collection: string, id: string): Status
  get(collection: string, id: string): Promise<WasmAnswer | undefined>
  /** The answer's JSON goes to the output buffer. */
  tryExecute(command: string): Status
  execute(command: string): Promise<WasmAnswer>
  /** `operation` is `insert` or `put`; `documents` a JSON array. */
  writeBatch(
    operation: string,
    collection: string,
    documents: string,
    version: number | undefined,
    durability: string,
  ): Promise<WasmAnswer>
  subscribe(command: string, callback: (json: string, extended: boolean) => void): Promise<number>
  unsubscribe(subscription: number): void
  /** Where the output buffer of the last synchronous call starts in the module's memory, and its bytes. */
  outputPointer(): number
  outputLength(): number
  /** `analyze` answers the terms, separated by U+0000, and for each its position, start and end. */
  registerAnalyzer(
    name: string,
    version: number,
    analyze: (text: string, isQuery: boolean) => { readonly terms: string; readonly places: Uint32Array },
  ): void
  /** Changes the faults of storage that was opened with some. */
  rehearse(faults: string, latencyMs: number): void
  export(): WasmExport
  import(): WasmImport
  close(): Promise<void>
}

/** A backup being read. */
export interface WasmExport {
  /** The next chunk as a copy of its own; undefined at the end. */
  next(): Promise<Uint8Array | undefined>
  free(): void
}

/** A restore being written. */
export interface WasmImport {
  push(chunk: Uint8Array): Promise<void>
  finish(): Promise<WasmAnswer>
}

/** Options of opening, all given. */
export interface WasmOptions {
  readonly storage: string
  readonly disk?: object | undefined
  readonly durability: string
  readonly memoryBudget: number
  readonly faults: string | null
  readonly faultLatencyMs: number
}

/** What one WebAssembly instance exports. Each instance has memory of its own. */
export interface Glue {
  /** Instantiates `module` (compiled or bytes) and resolves with the raw exports. */
  default(source: { module_or_path: unknown }): Promise<{ readonly memory: { readonly buffer: ArrayBuffer } }>
  /** `callback` gets a panic's message, once, before the trap. */
  onPanic(callback: (message: string) => void): void
  /** `load` is called where something needs all of the program; its promise is for when that is there. */
  onRest(load: () => Promise<void>): void
  /** Opens a database; `onEvent` gets JSON texts of events. */
  openDatabase(name: string, options: WasmOptions, onEvent: (json: string) => void): Promise<WasmDatabase>
  /** Deletes a database and all it stored. */
  deleteDatabase(name: string): Promise<void>
}
