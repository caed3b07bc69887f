/**
 * The entry for TanStack DB. It shares nothing with the others: a collection is all it needs.
 *
 * @module tidewell/tanstack-db
 */
export { tidewellCollectionOptions, type TidewellCollectionOptions } from '../adapters/tanstack_collection.js'
