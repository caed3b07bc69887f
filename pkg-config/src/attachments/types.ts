/** What is asked of attachments and told of them. Types only, and no checks: those are where the values are used. */
import type { Transaction } from '../transaction.js'
import type { ImportSource } from '../transfer.js'
import type { ByteStream, HostBlob, Signal } from '../types/signal.js'
import type { Durability } from '../types/options.js'

/** What an attachment is made of: bytes or text, whole or in chunks; a `Blob`, a `File`, a `ReadableStream`. */
export type AttachmentSource = ImportSource | ArrayBuffer

/** What is known of an attachment without its bytes. */
export interface AttachmentInfo {
  /** The id of the document it belongs to. */
  readonly document: string
  readonly name: string
  /** Its media type. */
  readonly type: string
  /** Bytes. */
  readonly size: number
  /** SHA-256 of its bytes: 64 lower-case hexadecimal digits. */
  readonly digest: string
  /** When it was put, by the clock of the device that did. */
  readonly created: Date
  /** Whether all its bytes are here; false while a download is under way. */
  readonly complete: boolean
  /** The fields that it was put with. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Options of {@link Attachments.put}. */
export interface AttachmentPutOptions {
  /** The media type: that of a `Blob`, else `application/octet-stream`, unless given. */
  readonly type?: string | undefined
  /** Fields of the stored documents, for a server's rules to read: `{ owner: 'ann' }`. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined
  /** Told how many bytes are stored so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined
  readonly durability?: Durability | undefined
  /** Gives up: the attachment is as it was before. */
  readonly signal?: Signal | undefined
}

/** Options of removing attachments. */
export interface AttachmentDeleteOptions {
  /** Does it in this transaction: with the document's own removal, for example. */
  readonly tx?: Transaction | undefined
  readonly durability?: Durability | undefined
}

/** Options of {@link Attachments.clean}. */
export interface AttachmentCleanOptions {
  /**
   * Also what other devices began to put longer ago than so many milliseconds, and never finished. Longer than any device is without a
   * network: the bytes of one that comes back later would be missing.
   */
  readonly olderThan?: number | undefined
  /** Also the attachments of documents that are not in the collection. */
  readonly gone?: boolean | undefined
}

/** What {@link Attachments.clean} removed. */
export interface AttachmentCleanResult {
  /** Attachments of documents that are gone. */
  readonly attachments: number
  /** Puts that were cut off or superseded. */
  readonly puts: number
}

/** The attachments of a collection. */
export interface Attachments {
  /** The collection whose documents they belong to. */
  readonly collection: string
  /** The collection they are stored in: to be synced, queried, watched. */
  readonly files: string
  /**
   * Stores an attachment, in place of the one with that name. Until the last byte is stored the old one stays; then one commit makes it
   * the new one. The source is read in chunks, and never held whole. The document need not exist.
   *
   * @param name 1 to 255 bytes, no slash, no control characters; with the document's id at most 511.
   * @throws TidewellError `invalid`, reason `too-large` above 64 MiB, or `bad-name`; `quota`; `aborted`; `conflict`, reason `abandoned`, if
   * its tab was taken for dead: put it again.
   */
  put(document: string, name: string, source: AttachmentSource, options?: AttachmentPutOptions): Promise<AttachmentInfo>
  /**
   * The attachment as a `Blob` of its type; undefined if there is none.
   *
   * @throws TidewellError `unavailable`, reason `incomplete`, while not all of it has arrived; `corrupt`, reason `digest`, if it is not what was put.
   */
  get(document: string, name: string, options?: { readonly signal?: Signal | undefined }): Promise<HostBlob | undefined>
  /** As {@link Attachments.get}: its bytes. */
  bytes(
    document: string,
    name: string,
    options?: { readonly signal?: Signal | undefined },
  ): Promise<Uint8Array | undefined>
  /**
   * Its bytes as they are read, chunk by chunk; undefined if there is none. What {@link Attachments.get} rejects with ends the stream: a wrong
   * digest is known at its end. `conflict`, reason `replaced`, if somebody put another meanwhile.
   */
  stream(
    document: string,
    name: string,
    options?: { readonly signal?: Signal | undefined },
  ): Promise<ByteStream | undefined>
  /** What is known of an attachment; undefined if there is none. */
  info(document: string, name: string): Promise<AttachmentInfo | undefined>
  /** The attachments of a document, by name. */
  list(document: string): Promise<AttachmentInfo[]>
  /** Removes an attachment. Resolves with whether there was one. */
  delete(document: string, name: string, options?: AttachmentDeleteOptions): Promise<boolean>
  /** Removes all attachments of a document, in one commit. Resolves with how many there were. */
  deleteAll(document: string, options?: AttachmentDeleteOptions): Promise<number>
  /**
   * Removes what nobody needs any more. What this device itself left behind is removed without asking, soon after attachments are first used.
   *
   * @throws TidewellError `unavailable`, reason `incomplete`, while the first download of a synced database is under way.
   */
  clean(options?: AttachmentCleanOptions): Promise<AttachmentCleanResult>
}
