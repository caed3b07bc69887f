// The slim entry in every way it takes the WebAssembly.
import * as tidewell from 'tidewell/slim'
import whole from 'tidewell/tidewell_bg.wasm'
import page from 'tidewell/tidewell_page.wasm'
import rest from 'tidewell/tidewell_rest.wasm'
import { scenario } from './scenario.js'

const bytes = async (address) => (await fetch(address)).arrayBuffer()
const module = async (address) => WebAssembly.compileStreaming(fetch(address))

async function main() {
  return {
    'slim, an address': await scenario(tidewell, { name: 'address', wasm: whole }),
    'slim, a URL': await scenario(tidewell, { name: 'url', wasm: new URL(whole, import.meta.url) }),
    'slim, bytes': await scenario(tidewell, { name: 'bytes', wasm: await bytes(whole) }),
    'slim, a module': await scenario(tidewell, { name: 'module', wasm: module(whole) }),
    'slim, halves': await scenario(tidewell, { name: 'halves', wasm: { page, rest } }),
    'slim, compiled halves': await scenario(tidewell, { name: 'both', wasm: { page: module(page), rest: module(rest) } }),
  }
}

main().then(
  (seen) => (window.seen = seen),
  (error) => (window.failed = String(error.stack ?? error)),
)
