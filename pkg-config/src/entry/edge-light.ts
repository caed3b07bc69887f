/** The entry for edge routes of Next.js, which compiles what is imported with `?module`. */
import wasm from '../tidewell_bg.wasm?module'
import { provideWhole } from './whole.js'

provideWhole(async () => wasm)

export * from '../index.js'
