/** Making documents ready to be stored: checked for shape, given an id, run through the application's schema. */
import { invalid, TidewellError } from './errors.js'
import type { SchemaIssue, SchemaResult, StandardSchema } from './types/schema.js'
import { uuidv7 } from './uuid.js'

/** A document as it is handled here: some object with an id. */
export type Stored = { readonly id: string } & Readonly<Record<string, unknown>>

/** The document with an id: itself if it has one, otherwise a copy with a new UUIDv7 in front. */
export function withId(document: unknown, name: string): Stored {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw invalid(
      `${name}: a document must be a plain object, got ${document === null ? 'null' : Array.isArray(document) ? 'an array' : `a ${typeof document}`}`,
    )
  }
  const { id } = document as { id?: unknown }
  // In front, where people look for it; an `id: undefined` would override it there.
  if (id === undefined) return 'id' in document ? { ...document, id: uuidv7() } : { id: uuidv7(), ...document }
  checkId(id, `${name} at "id"`)
  return document as Stored
}

/** Throws unless `id` is a string that may be an id. The engine checks its length in bytes. */
export function checkId(id: unknown, name: string): asserts id is string {
  if (typeof id !== 'string')
    throw invalid(`${name}: an id must be a string, got ${id === null ? 'null' : `a ${typeof id}`}: use String(id)`)
  if (id === '') throw invalid(`${name}: an id must not be empty: give 1 to 512 bytes, or leave it out and get one`)
}

/** What a name of documents in messages is: the position counts only among several. */
export function nameOf(at: number, total: number): string {
  return total === 1 ? 'document' : `documents[${at}]`
}

/**
 * The documents as they will be stored. Synchronous unless the schema is not.
 *
 * @throws TidewellError `invalid`, reason `schema`, with the schema's issues.
 */
export function prepare(
  documents: readonly unknown[],
  schema: StandardSchema | undefined,
): readonly Stored[] | Promise<readonly Stored[]> {
  const total = documents.length
  const named = documents.map((document, at) => withId(document, nameOf(at, total)))
  return schema === undefined ? named : validateAll(named, schema)
}

/** Runs every document through the schema; the answer is what the schema gives back, each with the id it had. */
export function validateAll(
  documents: readonly Stored[],
  schema: StandardSchema,
): readonly Stored[] | Promise<readonly Stored[]> {
  const results = documents.map((document) => schema['~standard'].validate(document))
  const accept = (settled: readonly SchemaResult<unknown>[]) =>
    settled.map((result, at) => accepted(result, documents[at] as Stored, nameOf(at, documents.length)))
  if (results.some((result) => result instanceof Promise)) return Promise.all(results).then(accept)
  return accept(results as SchemaResult<unknown>[])
}

function accepted(result: SchemaResult<unknown>, document: Stored, name: string): Stored {
  if (result.issues !== undefined) {
    const all = result.issues.map(issueText).join('; ')
    throw new TidewellError('invalid', `${name} ${JSON.stringify(document.id)} does not fit the schema: ${all}`, {
      reason: 'schema',
      issues: result.issues,
    })
  }
  const { value } = result
  if (typeof value !== 'object' || value === null)
    throw invalid(`${name}: the schema must give back an object`, 'schema')
  // A schema that strips unknown keys must not strip the id that was made for the document.
  const { id } = value as { id?: unknown }
  return id === document.id ? (value as Stored) : { ...value, id: document.id }
}

function issueText(issue: SchemaIssue): string {
  const path = (issue.path ?? []).map((key) => String(typeof key === 'object' ? key.key : key)).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}
