// Runs the tests beside it on the built package, named by TIDEWELL_PACKAGE (default: target/npm/tidewell).
import { cpSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runBeside } from '../browser/support/files.mjs'

const here = dirname(fileURLToPath(import.meta.url))

// A copy, as npm would install it.
const installed = join(here, 'node_modules/tidewell')
rmSync(installed, { recursive: true, force: true })
cpSync(process.env.TIDEWELL_PACKAGE ?? resolve(here, '../../target/npm/tidewell'), installed, { recursive: true })

runBeside(import.meta.url)
