// A worker of the application: import maps are for pages, so it names the file.
import * as tidewell from './node_modules/tidewell/dist/browser.js'
import { answer } from './answer.js'

answer(tidewell, 'own')
