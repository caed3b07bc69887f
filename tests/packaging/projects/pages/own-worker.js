// A worker of the application that uses the package by itself.
import * as tidewell from 'tidewell'
import { answer } from './answer.js'

answer(tidewell, 'own')
