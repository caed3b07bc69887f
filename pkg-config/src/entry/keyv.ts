/**
 * The entry for Keyv. It shares nothing with the others: a cache is all it needs.
 *
 * @module tidewell/keyv
 */
export * from '../adapters/keyv.js'
