// Tidewell with its engine in a dedicated worker.
import { engine as make } from './tidewell.js'

export const engine = () => make({ worker: true })
