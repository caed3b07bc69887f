/**
 * The entry for data that other libraries stored: imports from Dexie, PouchDB and RxDB. None of them is imported.
 *
 * @module tidewell/migrate
 */
export { type DexieLike, importFromDexie } from '../migrate/dexie.js'
export { importFromPouch, type PouchLike, type PouchOptions } from '../migrate/pouch.js'
export { importFromRx, type RxCollectionLike, type RxDatabaseLike } from '../migrate/rx.js'
export type * from '../migrate/options.js'
