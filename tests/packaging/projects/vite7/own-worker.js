// A worker of the application. Vite 7 makes one file of it, and can do so only with an entry that loads nothing later.
import * as tidewell from 'tidewell/single'
import { answer } from './answer.js'

answer(tidewell, 'own')
