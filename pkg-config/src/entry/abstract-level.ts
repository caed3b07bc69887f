/**
 * The entry for the abstract-level family.
 *
 * @module tidewell/abstract-level
 */
export { type LevelOptions, TidewellLevel } from '../adapters/level.js'
