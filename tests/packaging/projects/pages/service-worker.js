// A service worker that uses the package.
import * as tidewell from 'tidewell/single'
import { answer } from './answer.js'

answer(tidewell, 'service')
