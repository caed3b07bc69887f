// Runs every test file beside it, or those whose names contain an argument.
import { runBeside } from '../browser/support/files.mjs'

runBeside(import.meta.url)
