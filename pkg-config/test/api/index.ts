/** Every claim about the API. */
import { analyzers } from './analyzers.js'
import { attachments } from './attachments.js'
import { backups, closing } from './backups.js'
import { badInput } from './bad_input.js'
import { caches } from './caches.js'
import { consumers } from './consumers.js'
import { documents } from './documents.js'
import { faults } from './faults.js'
import type { Claim } from './harness.js'
import { inspection } from './inspection.js'
import { jobDefinitions } from './job_definitions.js'
import { jobPartitions } from './job_partitions.js'
import { jobs } from './jobs.js'
import { live } from './live.js'
import { queries } from './queries.js'
import { migrations, schemas } from './schemas.js'
import { searches } from './search.js'
import { streamFailures } from './stream_failures.js'
import { streams } from './streams.js'
import { topics } from './topics.js'
import { transactions } from './transactions.js'

export type { Claim, Context } from './harness.js'

export const claims: readonly Claim[] = [
  ...documents,
  ...queries,
  ...searches,
  ...analyzers,
  ...transactions,
  ...live,
  ...schemas,
  ...migrations,
  ...backups,
  ...closing,
  ...badInput,
  ...caches,
  ...topics,
  ...consumers,
  ...jobs,
  ...jobDefinitions,
  ...jobPartitions,
  ...streams,
  ...streamFailures,
  ...faults,
  ...inspection,
  ...attachments,
]
