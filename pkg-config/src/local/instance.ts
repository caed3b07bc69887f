/**
 * WebAssembly instances, one per open database: each has its own memory, which closing gives back, and a trap ends one only.
 * It decides nothing about databases.
 */
import { createGlue } from '../glue.js'
import type { Glue } from './wasm.js'

/** Gives the compiled module; called once, and again after a failure. */
export type ModuleSource = () => Promise<WebAssembly.Module>

/** A running instance. */
export interface Instance {
  readonly glue: Glue
  /** Its memory; the buffer changes when it grows. */
  readonly memory: { readonly buffer: ArrayBuffer }
}

/** A source that compiles once. */
export function compileOnce(compile: ModuleSource): ModuleSource {
  let compiled: Promise<WebAssembly.Module> | undefined
  return () => {
    compiled ??= compile().catch((error: unknown) => {
      compiled = undefined
      throw error
    })
    return compiled
  }
}

/**
 * Starts an instance. `onTrap` is called when it dies: a panic, a trap, an exhausted stack, or an exception that unwound its
 * frames. Nothing of it may be called afterwards.
 */
export async function instantiate(module: WebAssembly.Module, onTrap: (message: string) => void): Promise<Instance> {
  const glue = createGlue(guardedWebAssembly(onTrap))
  const { memory } = await glue.default({ module_or_path: module })
  glue.onPanic(onTrap)
  return { glue, memory }
}

/** A `WebAssembly` whose instances report everything that escapes from their exports, callbacks of the host included. */
function guardedWebAssembly(onTrap: (message: string) => void): object {
  return Object.create(WebAssembly, {
    instantiate: {
      value: async (module: WebAssembly.Module, imports: WebAssembly.Imports) => {
        const instance = await WebAssembly.instantiate(module, imports)
        return { module, instance: { exports: guardExports(instance.exports, onTrap) } }
      },
    },
  }) as object
}

function guardExports(exports: WebAssembly.Exports, onTrap: (message: string) => void): Record<string, unknown> {
  const depth = { entered: 0 }
  const guarded: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(exports)) {
    const isCall = typeof value === 'function' && !name.startsWith('__wbindgen_')
    guarded[name] = isCall ? guard(value as RawExport, name.includes('closure'), depth, onTrap) : value
  }
  return guarded
}

/** What the glue takes for the result of a callback that succeeded: it looks at the second value. */
const NO_ERROR = [0, 0]

type RawExport = (...values: unknown[]) => unknown

/**
 * The export, reporting what escapes from it: errors of the API are returned at this level, so whatever is thrown left broken
 * frames behind. A callback that the host calls (`isCallback`, outermost) has no caller to tell; in Node it would end the process.
 */
function guard(
  raw: RawExport,
  isCallback: boolean,
  depth: { entered: number },
  onTrap: (message: string) => void,
): RawExport {
  return (...values) => {
    depth.entered++
    try {
      return raw(...values)
    } catch (error) {
      onTrap(error instanceof Error ? error.message : String(error))
      if (isCallback && depth.entered === 1) return NO_ERROR
      throw error
    } finally {
      depth.entered--
    }
  }
}
