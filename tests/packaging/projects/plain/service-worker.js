// A service worker: it may not load code later, so it takes the entry that is one file.
import * as tidewell from './node_modules/tidewell/dist/single.js'
import { answer } from './answer.js'

answer(tidewell, 'service')
