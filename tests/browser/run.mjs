// Runs every test file, or those whose names contain an argument; those of other browsers beside Chromium's, which begin with what is not timed.
import { runBeside } from './support/files.mjs'

runBeside(import.meta.url, /^(firefox|webkit)/)
