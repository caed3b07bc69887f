/**
 * WebAssembly instances, one per open database: each has its own memory, which closing gives back, and a trap ends one only.
 * It decides nothing about databases.
 */
import { createGlue } from '../glue.js'
import { isInner, type Program, Rest } from './rest.js'
import type { Glue } from './wasm.js'

/** Gives the compiled program; called once, and again after a failure. */
export type ProgramSource = () => Promise<Program>

/** A running instance. */
export interface Instance {
  readonly glue: Glue
  /** Its memory; the buffer changes when it grows. */
  readonly memory: { readonly buffer: ArrayBuffer }
  /** What of the program may still be missing. */
  readonly rest: Rest
}

/** A source that compiles once. */
export function compileOnce<T>(compile: () => Promise<T>): () => Promise<T> {
  let compiled: Promise<T> | undefined
  return () => {
    compiled ??= compile().catch((error: unknown) => {
      compiled = undefined
      throw error
    })
    return compiled
  }
}

/**
 * Starts an instance; if `whole`, with the rest of the program where that can be loaded: the synchronous request that would load it
 * later passes by a service worker, which may be all that answers without a network. `onTrap` is called when the instance dies: a
 * panic, a trap, an exhausted stack, or an exception that unwound its frames. Nothing of it may be called afterwards.
 */
export async function instantiate(program: Program, whole: boolean, onTrap: OnTrap): Promise<Instance> {
  const rest = new Rest(program.rest)
  const glue = createGlue(guardedWebAssembly(rest, onTrap))
  const { memory } = await glue.default({ module_or_path: program.module })
  glue.onPanic(onTrap)
  if (!rest.isThere) glue.onRest(() => rest.arrive())
  if (whole) await rest.arrive().catch(() => undefined)
  return { glue, memory, rest }
}

/** Called with what ended an instance: a message, or what was thrown. */
type OnTrap = (cause: unknown) => void

/** A `WebAssembly` whose instances report everything that escapes from their exports, callbacks of the host included. */
function guardedWebAssembly(rest: Rest, onTrap: OnTrap): object {
  return Object.create(WebAssembly, {
    instantiate: {
      value: async (module: WebAssembly.Module, imports: WebAssembly.Imports) => {
        const { exports } = await WebAssembly.instantiate(module, rest.importsOf(imports))
        rest.belongsTo(exports, imports)
        return { module, instance: { exports: guardExports(exports, onTrap) } }
      },
    },
  }) as object
}

function guardExports(exports: WebAssembly.Exports, onTrap: OnTrap): Record<string, unknown> {
  const state = { entered: 0, isDead: false }
  const guarded: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(exports)) {
    if (isInner(name)) continue
    const isCall = typeof value === 'function' && !name.startsWith('__wbindgen_')
    guarded[name] = isCall ? guard(value as RawExport, name, state, onTrap) : value
  }
  return guarded
}

/** What the glue takes for the result of a callback that succeeded: it looks at the second value. */
const NO_ERROR = [0, 0]

type RawExport = (...values: unknown[]) => unknown

/**
 * The export, reporting what escapes from it: errors of the API are returned at this level, so whatever is thrown left broken
 * frames behind, and nothing of the instance runs afterwards. A callback that the host calls (outermost) has no caller to
 * tell; in Node it would end the process. Nor has what frees an object that was collected.
 */
function guard(raw: RawExport, name: string, state: { entered: number; isDead: boolean }, onTrap: OnTrap): RawExport {
  const isCallback = name.includes('closure')
  return (...values) => {
    if (state.isDead) {
      if (isCallback || name.endsWith('_free')) return NO_ERROR
      throw new Error('the instance is dead')
    }
    state.entered++
    try {
      return raw(...values)
    } catch (error) {
      state.isDead = true
      onTrap(error)
      if (isCallback && state.entered === 1) return NO_ERROR
      throw error
    } finally {
      state.entered--
    }
  }
}
