/** Every claim about the API. */
import { badInput } from './bad_input.js'
import { documents } from './documents.js'
import type { Claim } from './harness.js'
import { queries } from './queries.js'
import { backups, closing, live, migrations, schemas, transactions } from './transactions.js'

export type { Claim, Context } from './harness.js'

export const claims: readonly Claim[] = [...documents, ...queries, ...transactions, ...live, ...schemas, ...migrations, ...backups, ...closing, ...badInput]
