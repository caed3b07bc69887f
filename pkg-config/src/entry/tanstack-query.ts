/**
 * The entry for TanStack Query. It shares nothing with the others: a cache is all it needs.
 *
 * @module tidewell/tanstack-query
 */
export { createPersister, type PersisterOptions, type TidewellPersister } from '../adapters/tanstack_persister.js'
export { createQueryStorage, type QueryStorage, type QueryStorageOptions } from '../adapters/tanstack_storage.js'
export type * from '../adapters/tanstack_shapes.js'
