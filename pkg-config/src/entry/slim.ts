/** The entry without the WebAssembly: call {@link init} with it before `open`. For hosts and bundlers with ways of their own. */
import { invalid } from '../errors.js'
import { compileOnce, deleteLocal, openLocal } from '../host.js'
import { provide } from '../open.js'
import { compileFrom } from './compile.js'

/**
 * Says where the WebAssembly is: a compiled `WebAssembly.Module`, its bytes, or its address. Call it once, before `open`.
 *
 * @param source the module, bytes, or URL (a string or URL object), or a promise of one of them.
 */
export function init(source: string | object | Promise<object | string>): void {
  const compiled = compileOnce(async () => ({ module: await compile(await source) }))
  provide({ local: openLocal(compiled), worker: undefined, remove: (name) => deleteLocal(compiled, name) })
}

async function compile(source: string | object): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source
  if (typeof source === 'string') return compileFrom(source)
  if (source instanceof URL) return compileFrom(source.href)
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source as BufferSource)
  throw invalid('init: give a WebAssembly.Module, its bytes or its URL')
}

export * from '../index.js'
