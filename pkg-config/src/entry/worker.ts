/** The dedicated worker's script: one database, served to the page that started it. */
import { openLocal } from '../host.js'
import { holdLock, scopePort } from '../worker/handle.js'
import { serve } from '../worker/host.js'
import { programAt } from './compile.js'

const source = programAt({
  page: new URL('./tidewell_page.wasm', import.meta.url).href,
  rest: new URL('./tidewell_rest.wasm', import.meta.url).href,
  whole: new URL('./tidewell_bg.wasm', import.meta.url).href,
})
// A failure shows when the first request needs the module.
source().catch(() => undefined)

serve(scopePort(self as unknown as Worker), openLocal(source), holdLock)
