// A route handler on the edge runtime.
import * as tidewell from 'tidewell'
import { scenario } from '../../../scenario.js'

export const runtime = 'edge'
export const dynamic = 'force-dynamic'

export const GET = async () => Response.json(await scenario(tidewell))
