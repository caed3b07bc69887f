/** The entry for Bun: its bundler and `--compile` take the file along when it is imported as one. */
import file from '../tidewell_bg.wasm' with { type: 'file' }
import { files } from './files.js'
import { provideWhole } from './whole.js'

declare const Bun: { file(address: URL): { arrayBuffer(): Promise<ArrayBuffer> } }

// An absolute path as it is run, a relative one in a bundle.
const address = new URL(file as unknown as string, import.meta.url)

provideWhole(async () => WebAssembly.compile(await Bun.file(address).arrayBuffer()), files)

export * from '../index.js'
