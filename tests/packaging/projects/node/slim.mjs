// Node, with the bytes of the module read from the package.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as tidewell from 'tidewell/slim'
import { scenario } from './scenario.js'

const wasm = await readFile(fileURLToPath(import.meta.resolve('tidewell/tidewell_bg.wasm')))
console.log(JSON.stringify(await scenario(tidewell, { wasm })))
