/**
 * The tagged objects that carry what JSON lacks. A tag is an object with exactly one key, one of {@link TAGS}; a user's object of
 * that shape is wrapped in `$escape`.
 */

/** `{"$date": milliseconds | null}`; null is an invalid Date. */
export const DATE = '$date'
/** `{"$bytes": "base64"}`. */
export const BYTES = '$bytes'
/** `{"$bigint": "-12"}`. */
export const BIGINT = '$bigint'
/** `{"$undefined": true}`. */
export const UNDEFINED = '$undefined'
/** `{"$number": "NaN" | "Infinity" | "-Infinity" | "-0"}`. */
export const NUMBER = '$number'
/** `{"$regexp": ["pattern", "flags"]}`, in queries only. */
export const REGEXP = '$regexp'
/** `{"$escape": {…}}` around a user's object whose only key is a tag. */
export const ESCAPE = '$escape'

const TAGS: ReadonlySet<string> = new Set([DATE, BYTES, BIGINT, UNDEFINED, NUMBER, REGEXP, ESCAPE])

/** Whether `key`, as an object's only key, would be read as a tag. */
export function isTag(key: string): boolean {
  return key.charCodeAt(0) === 0x24 && TAGS.has(key)
}
