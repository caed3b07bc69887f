/** From what an application gives to what is stored. It reads and writes nothing. */
import { invalid } from '../errors.js'
import { headId, OWN_FIELDS } from './names.js'
import type { AttachmentPutOptions } from './types.js'

const ID_BYTES_MAX = 512
const NAME_BYTES_MAX = 255
const TYPE_BYTES_MAX = 255
const PLAIN = 'application/octet-stream'

/** The id of an attachment's head. Throws `invalid`, reason `bad-name`. */
export function checkNames(what: string, document: unknown, name: unknown): string {
  if (typeof document !== 'string' || document === '') throw invalid(`${what}: give the id of a document`)
  if (typeof name !== 'string' || name === '') throw badName(`${what}: a name must be a string that is not empty`)
  if (/[/\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u.test(name))
    throw badName(`${what}: the name ${JSON.stringify(name)} has a slash, a control character or half a character`)
  if (bytesOf(name) > NAME_BYTES_MAX) throw badName(`${what}: a name has at most ${NAME_BYTES_MAX} bytes`)
  const id = headId(document, name)
  if (bytesOf(id) > ID_BYTES_MAX)
    throw badName(`${what}: the document's id and the name have at most ${ID_BYTES_MAX - 1} bytes together`)
  return id
}

/** The fields that are stored with heads and chunks. */
export function checkFields(fields: AttachmentPutOptions['fields'] = {}): Readonly<Record<string, unknown>> {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw invalid("put: fields must be an object such as { owner: 'ann' }")
  const own = Object.keys(fields).find((field) => OWN_FIELDS.has(field))
  if (own !== undefined) throw invalid(`put: fields.${own}: that is a field of attachments: give it another name`)
  return fields
}

/** The media type: as given, or as the source says. */
export function checkType(given: unknown, source: unknown): string {
  const type = given ?? (source as { readonly type?: unknown } | null | undefined)?.type ?? PLAIN
  if (typeof type !== 'string' || !/^[\x20-\x7e]*$/.test(type) || type.length > TYPE_BYTES_MAX)
    throw invalid('put: type must be a media type such as image/jpeg')
  return type === '' ? PLAIN : type
}

function badName(message: string) {
  return invalid(message, 'bad-name')
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
