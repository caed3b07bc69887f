/**
 * A tenant's backup: its tables at one version as JSON lines, while pushes go on. It keeps no copy: rows are read when the stream is, and
 * those of later versions are passed over. What cannot be told apart by versions (a compaction, a new epoch) ends it with an error.
 *
 * ```text
 * {"tidewell":"tenant","format":1,"tenant":"t","version":42}
 * {"image":["notes","n1",41,"replica",7,"{\"id\":\"n1\"}"]}
 * {"record":["replica",1,"16 hex digits","its name","ann",41,"{\"outcome\":\"applied\",\"version\":41}"]}
 * {"end":true,"images":1,"records":1,"checksum":"SHA-256 of every byte before this line, as hexadecimal digits"}
 * ```
 */
import { TidewellError } from '../errors.js'
import { exportStream } from '../transfer.js'
import type { ByteStream } from '../types/signal.js'
import type { DurableRows } from './types.js'

/** The format of a backup. */
export const FORMAT = 1
/** About the size of a chunk. */
const CHUNK_BYTES = 256 << 10
const utf8 = new TextEncoder()

/** `ctx.storage.sql`. */
export interface Sql {
  exec(query: string, ...bindings: unknown[]): DurableRows
}

/** What is current at the version, tombstones, too: what was superseded nobody asks for in a new epoch. */
const IMAGES = `SELECT collection, id, version, by, since, document FROM sync_images
  WHERE (collection, id, version) > (?1, ?2, ?3) AND version <= ?4 AND until > ?4 ORDER BY collection, id, version`
/** What was handled up to the version. The last record of a replica is the replica's state. */
const RECORDS = `SELECT replica, seq, hash, id, user, at, outcome FROM sync_records
  WHERE (replica, seq) > (?1, ?2) AND at <= ?3 ORDER BY replica, seq`

/** The stream of a backup. */
export function backupOf(sql: Sql, tenant: string): ByteStream {
  return exportStream(() => chunksOf(sql, tenant), undefined).stream()
}

async function* chunksOf(sql: Sql, tenant: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { epoch, version } = headOf(sql)
  const hash = new Hash()
  const counts = { images: 0, records: 0 }
  const hashed = async (text: string) => {
    const bytes = utf8.encode(text)
    await hash.add(bytes)
    return bytes
  }
  yield hashed(line({ tidewell: 'tenant', format: FORMAT, tenant, version }))
  const slices = {
    image: (place: readonly unknown[]) => sql.exec(IMAGES, ...place.slice(0, 3), version),
    record: (place: readonly unknown[]) => sql.exec(RECORDS, ...place.slice(0, 2), version),
  }
  let place: readonly unknown[] | undefined
  for (const kind of ['image', 'record'] as const) {
    place = kind === 'image' ? ['', '', -1] : ['', -1]
    while (place !== undefined) {
      // A slice is read at one moment; between slices the tenant goes on.
      check(sql, epoch, version)
      let text = ''
      let last: readonly unknown[] | undefined
      for (const row of slices[kind](place).raw()) {
        text += line({ [kind]: row })
        counts[`${kind}s`]++
        last = row
        if (text.length >= CHUNK_BYTES) break
      }
      if (last !== undefined) yield hashed(text)
      place = last
    }
  }
  yield utf8.encode(line({ end: true, ...counts, checksum: await hash.end() }))
}

const line = (value: object) => `${JSON.stringify(value)}\n`

function headOf(sql: Sql): { epoch: string; version: number; purged: number } {
  for (const [epoch, version, purged] of sql.exec('SELECT epoch, version, purged FROM sync_tenant').raw())
    return { epoch, version, purged } as { epoch: string; version: number; purged: number }
  throw new TidewellError('corrupt', 'the tenant has no head')
}

/** Whether what was current at the version is still there. */
function check(sql: Sql, epoch: string, version: number): void {
  const head = headOf(sql)
  if (head.epoch === epoch && head.purged <= version) return
  throw new TidewellError('conflict', 'the tenant was compacted or put back during its backup: take another')
}

interface Digest extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>
}

/** SHA-256 of what comes in pieces, by workerd: `crypto.subtle` wants all of it at once. */
export class Hash {
  readonly #stream: Digest
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>

  constructor() {
    const { DigestStream } = crypto as unknown as { DigestStream: new (algorithm: string) => Digest }
    this.#stream = new DigestStream('SHA-256')
    this.#writer = this.#stream.getWriter()
  }

  add(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes)
  }

  async end(): Promise<string> {
    await this.#writer.close()
    return Array.from(new Uint8Array(await this.#stream.digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
}
