/**
 * The entry that loads no code later and is one file: for service workers, which may not, and for workers of applications where
 * the bundler makes one file of them.
 */
import { compileFrom } from './compile.js'
import { inVite } from './vite.js'
import { provideWhole } from './whole.js'

provideWhole(() => compileFrom(inVite('tidewell_bg.wasm') ?? new URL('./tidewell_bg.wasm', import.meta.url).href))

export * from '../index.js'
