/** The dedicated worker's script: one database, served to the page that started it. */
import { compileOnce, holdLock, openLocal, scopePort, serve } from '../host.js'
import { compileFrom } from './compile.js'

const source = compileOnce(() => compileFrom(new URL('./tidewell_bg.wasm', import.meta.url).href))
// A failure shows when the first request needs the module.
source().catch(() => undefined)

serve(scopePort(self as unknown as Worker), openLocal(source), holdLock)
