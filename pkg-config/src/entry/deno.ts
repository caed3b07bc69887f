/** The entry for Deno, which gives the compiled module to a source phase import, and asks for no permission. */
import { wasm } from '../wasm_source.js'
import { files } from './files.js'
import { provideWhole } from './whole.js'

provideWhole(async () => wasm, files)

export * from '../index.js'
