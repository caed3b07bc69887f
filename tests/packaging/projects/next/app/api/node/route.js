// A route handler on Node.
import * as tidewell from 'tidewell'
import { scenario } from '../../../scenario.js'

export const dynamic = 'force-dynamic'

export const GET = async () => Response.json(await scenario(tidewell))
