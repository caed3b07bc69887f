/** Fetching and compiling the module. */

/** Compiles the module at `url` while it is still arriving, where the server says what it is. */
export async function compileFrom(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${response.statusText}`)
  const type = response.headers.get('Content-Type') ?? ''
  if (type.startsWith('application/wasm')) return WebAssembly.compileStreaming(response)
  if (type.startsWith('text/html'))
    throw new Error(`${url} is a page, not WebAssembly: the bundler did not copy tidewell_bg.wasm`)
  return WebAssembly.compile(await response.arrayBuffer())
}
