// A route on Node that imports the package and opens nothing.
import * as tidewell from 'tidewell'

export const dynamic = 'force-dynamic'

export const GET = () => Response.json({ imported: typeof tidewell.open, compiled: globalThis.compiledModules })
