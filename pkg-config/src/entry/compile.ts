/** Fetching and compiling the module. */

import { compileOnce, type Program, type ProgramSource } from '../host.js'

/** Where the program is: in two halves, and as a whole for hosts that cannot load the second one at once when it must be. */
export interface Addresses {
  readonly page: string
  readonly rest: string
  readonly whole: string
}

/** How long the second half may take to arrive before who waits for it is told. */
const REST_MS = 60_000

/** The program at `addresses`. */
export function programAt({ page, rest, whole }: Addresses): ProgramSource {
  if (typeof XMLHttpRequest === 'undefined') return compileOnce(async () => ({ module: await compileFrom(whole) }))
  let compiled: WebAssembly.Module | undefined
  const compile = compileOnce(async () => (compiled ??= await compileFrom(rest, AbortSignal.timeout(REST_MS))))
  const compileNow = () => (compiled ??= new WebAssembly.Module(fetchNow(rest)))
  return compileOnce(async (): Promise<Program> => ({ module: await compileFrom(page), rest: { compile, compileNow } }))
}

/** Fetches the bytes at `url` while the thread waits. */
function fetchNow(url: string): Uint8Array<ArrayBuffer> {
  const request = new XMLHttpRequest()
  request.open('GET', url, false)
  // Pages may not ask for bytes in such a request: they arrive as characters.
  request.overrideMimeType('text/plain; charset=x-user-defined')
  request.send()
  if (request.status !== 200) throw new Error(`${url} answered ${request.status} ${request.statusText}`)
  const text = request.responseText
  const bytes = new Uint8Array(text.length)
  // `Uint8Array.from` takes thirty times as long, of a thread that waits.
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}

/** Compiles the module at `url` while it is still arriving, where the server says what it is. */
export async function compileFrom(url: string, signal: AbortSignal | null = null): Promise<WebAssembly.Module> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${response.statusText}`)
  const type = response.headers.get('Content-Type') ?? ''
  if (type.startsWith('application/wasm')) return WebAssembly.compileStreaming(response)
  if (type.startsWith('text/html'))
    throw new Error(
      `${url} is a page, not WebAssembly: the file is not there (docs/PACKAGING.md has what bundlers need)`,
    )
  return WebAssembly.compile(await response.arrayBuffer())
}
