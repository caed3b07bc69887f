// Runs every test file, or those whose names contain an argument.
import { runBeside } from './support/files.mjs'

runBeside(import.meta.url)
