/**
 * The entry without the WebAssembly: give it to `open` or `init`. For hosts and bundlers with ways of their own.
 *
 * @module tidewell/slim
 */
import type { Database } from '../database.js'
import { invalid } from '../errors.js'
import { compileOnce, deleteLocal, openLocal, type Program, type ProgramSource } from '../host.js'
import { open as openProvided, provide } from '../open.js'
import type { OpenOptions } from '../types/options.js'
import { compileFrom, programAt } from './compile.js'

/** A module: compiled (`WebAssembly.Module`), as bytes, or where it is (a string or `URL`); or a promise of one of them. */
export type WasmSource = string | object | Promise<string | object>

/** `tidewell_page.wasm` and `tidewell_rest.wasm`: the second is loaded when a database is open, as the main entry does it. */
export interface WasmHalves {
  readonly page: WasmSource
  readonly rest: WasmSource
}

/** Options of {@link open} of this entry. */
export interface SlimOptions extends OpenOptions {
  /** `tidewell_bg.wasm`, or its halves. The last one given holds from then on, for `deleteDatabase` too. */
  readonly wasm?: WasmSource | WasmHalves | undefined
}

let current: unknown

/**
 * Says where the WebAssembly is, before the first `open`: `tidewell_bg.wasm` compiled, as bytes or by address, or its halves.
 * Nothing is loaded before it is needed.
 */
export function init(wasm: WasmSource | WasmHalves): void {
  const given: unknown = wasm
  if (given === undefined || given === null || given === '') throw unknown()
  const source = isHalves(given) ? halves(given) : compileOnce(async () => ({ module: await compile(await wasm) }))
  provide({ local: openLocal(source), worker: undefined, remove: (name) => deleteLocal(source, name) })
  current = identity(wasm)
}

/** Opens a database as the main entry does, with the WebAssembly of `options.wasm`, or of {@link init}. */
export async function open(name: string, options: SlimOptions = {}): Promise<Database> {
  const { wasm, ...others } = options
  if (wasm !== undefined && identity(wasm) !== current) init(wasm)
  return openProvided(name, others)
}

/** What tells two sources apart: an address by its text. */
function identity(wasm: unknown): unknown {
  return wasm instanceof URL ? wasm.href : wasm
}

function isHalves(wasm: unknown): wasm is WasmHalves {
  return typeof wasm === 'object' && wasm !== null && 'page' in wasm && 'rest' in wasm
}

/** By address, the second half is loaded when it is needed; otherwise it is there from the beginning. */
function halves({ page, rest }: WasmHalves): ProgramSource {
  const [first, second] = [addressOf(page), addressOf(rest)]
  if (first !== undefined && second !== undefined && typeof XMLHttpRequest !== 'undefined')
    return programAt({ page: first, rest: second, whole: first })
  return compileOnce(async (): Promise<Program> => {
    const [module, other] = await Promise.all([compile(await page), compile(await rest)])
    return { module, rest: { compile: async () => other, compileNow: () => other } }
  })
}

function addressOf(source: unknown): string | undefined {
  if (source instanceof URL) return source.href
  return typeof source === 'string' ? source : undefined
}

async function compile(source: unknown): Promise<WebAssembly.Module> {
  const address = addressOf(source)
  if (address !== undefined) return compileFrom(address)
  // By its name: a module made in another realm is no instance of this one's class.
  if (Object.prototype.toString.call(source) === '[object WebAssembly.Module]') return source as WebAssembly.Module
  if (ArrayBuffer.isView(source) || Object.prototype.toString.call(source) === '[object ArrayBuffer]')
    return WebAssembly.compile(source as BufferSource)
  throw unknown()
}

function unknown() {
  return invalid('wasm: give a WebAssembly.Module, its bytes, its URL, or { page, rest } with one of them each')
}

export * from '../index.js'
