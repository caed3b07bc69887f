// Deno, with data in files.
import process from 'node:process'
import * as tidewell from 'tidewell'
import { visit } from './files.js'

console.log(JSON.stringify(await visit(tidewell, process.argv[2])))
