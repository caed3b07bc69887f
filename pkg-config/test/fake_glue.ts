/**
 * Stands in for the glue that wasm-bindgen generates: a tiny real module whose functions trap, and a database in JavaScript that
 * answers by putting text into the module's memory. What a test asks for is in the id or the command.
 */
import type { Glue, WasmDatabase } from '../src/local/wasm.js'
import { Status } from '../src/local/wasm.js'

/** A module that exports one page of memory and two functions that trap; the second is named as the glue names callbacks. */
export const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
  ...[0x03, 0x03, 0x02, 0x00, 0x00],
  ...[0x05, 0x03, 0x01, 0x00, 0x01],
  ...[0x07, 0x20, 0x03],
  ...[6, ...text('memory'), 0x02, 0x00],
  ...[4, ...text('boom'), 0x00, 0x00],
  ...[12, ...text('closure_boom'), 0x00, 0x01],
  ...[0x0a, 0x09, 0x02, 0x03, 0x00, 0x00, 0x0b, 0x03, 0x00, 0x00, 0x0b],
])

interface Exports {
  readonly memory: WebAssembly.Memory
  readonly boom: () => void
  readonly closure_boom: () => unknown
}

/** How many instances were made. */
export let instances = 0

export function createGlue(webAssembly: object): Glue {
  let exports: Exports
  let onPanic: (message: string) => void = () => undefined
  instances++
  return {
    default: async ({ module_or_path }) => {
      const { instantiate } = webAssembly as {
        instantiate(module: unknown, imports: object): Promise<{ instance: { exports: unknown } }>
      }
      exports = (await instantiate(module_or_path, {})).instance.exports as Exports
      return exports
    },
    onPanic: (callback) => (onPanic = callback),
    onRest: () => undefined,
    openDatabase: async (name) => {
      if (name === 'refused') throw { code: 'storage-lost', message: 'it is gone' }
      return fakeDatabase(exports, (message) => onPanic(message))
    },
    deleteDatabase: async () => undefined,
  }
}

function fakeDatabase(exports: Exports, panic: (message: string) => void): WasmDatabase {
  let length = 0
  const answer = (json: string): Status => {
    const bytes = new TextEncoder().encode(json)
    new Uint8Array(exports.memory.buffer).set(bytes, 16)
    length = bytes.length
    return json.includes('"$') ? Status.Extended : Status.Plain
  }
  return {
    kind: 'memory',
    tryGet: (_, id) => {
      if (id === 'none') return Status.Nothing
      if (id === 'cold' || id === 'lost') return Status.Missing
      if (id === 'refused') throw { code: 'corrupt', message: 'a block is damaged', reason: 'checksum' }
      if (id === 'trap') exports.boom()
      if (id === 'panic') {
        panic('index out of bounds')
        exports.boom()
      }
      if (id === 'grow') exports.memory.grow(1)
      return answer(JSON.stringify({ id, when: { $date: 5 } }))
    },
    get: (_, id) => {
      if (id === 'cold') return Promise.resolve({ json: '{"id":"cold"}', extended: false })
      // What a task of the engine does that panics between two awaits: its promise never settles.
      queueMicrotask(() => exports.closure_boom())
      return new Promise(() => undefined)
    },
    tryExecute: (command) => (command.includes('"slow"') ? Status.Missing : answer('[]')),
    execute: () => new Promise(() => undefined),
    writeBatch: () => new Promise(() => undefined),
    subscribe: () => new Promise(() => undefined),
    unsubscribe: () => undefined,
    registerAnalyzer: () => undefined,
    rehearse: () => undefined,
    outputPointer: () => 16,
    outputLength: () => length,
    export: () => ({ next: async () => undefined, free: () => undefined }),
    import: () => ({ push: async () => undefined, finish: async () => ({ json: '{}', extended: false }) }),
    close: async () => undefined,
  }
}

function text(word: string): number[] {
  return [...new TextEncoder().encode(word)]
}
