/** What working with documents does not need; loaded by `later.ts`. */
export { Migrator } from './migration.js'
export { atomically, Transaction } from './transaction.js'
export { chunksOf } from './source.js'
export { updateChecked } from './checked.js'
