// Runs every test file, or those whose names contain an argument. What ran where becomes the notes of the suite in xtask's table.
// Packages are installed under target/packaging and kept.
import { runBeside } from '../browser/support/files.mjs'

runBeside(import.meta.url)
