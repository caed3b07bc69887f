// Node, as a module.
import * as tidewell from 'tidewell'
import { scenario } from './scenario.js'

console.log(JSON.stringify(await scenario(tidewell)))
