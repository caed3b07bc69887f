/**
 * The entry for unstorage. It shares nothing with the others: a collection is all it needs.
 *
 * @module tidewell/unstorage
 */
export { type DriverOptions, type TidewellDriver, tidewellDriver } from '../adapters/unstorage.js'
