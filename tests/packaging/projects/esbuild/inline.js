// The inline entry in one classic script.
import * as tidewell from 'tidewell/inline'
import { scenario } from './scenario.js'

scenario(tidewell).then(
  (seen) => (window.seen = { inline: seen }),
  (error) => (window.failed = String(error.stack ?? error)),
)
