/** The entry for the abstract-level family. */
export { type LevelOptions, TidewellLevel } from '../adapters/level.js'
