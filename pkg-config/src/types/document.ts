/** Documents, and the dotted paths into them. Not the encoding: that is `codec/`. */

/** A document of a collection without a declared type: a string `id`, and anything else. */
export interface AnyDocument {
  /** Unique within the collection: 1 to 512 bytes of UTF-8. */
  id: string
  [field: string]: unknown
}

/** The document type with its `id`, whether the declaration names it or not. */
export type WithId<T> = T extends { id: string } ? T : T & { id: string }

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** What `insert` and `put` take: the document, whose `id` may be left out (a UUIDv7 is made). */
export type Insertable<T> = string extends keyof T
  ? T | (DistributiveOmit<T, 'id'> & { id?: string })
  : DistributiveOmit<T, 'id'> & { id?: string }

/** Values without fields of their own. */
export type Scalar = string | number | bigint | boolean | null | undefined | Date | Uint8Array | RegExp

/** How deep paths are spelled out by the type system; deeper fields are reached by casting the filter. */
type Deeper = [never, 0, 1, 2, 3, 4]
type MaxDepth = 4

type IsAny<T> = 0 extends 1 & T ? true : false
type IsOpen<T> = IsAny<T> extends true ? true : unknown extends T ? true : false

/** Every dotted path into a document: `title`, `author.name`, `tags.0`, `items.sku`. */
export type Path<T> = PathOf<T, MaxDepth>

type PathOf<T, Depth extends number> = Depth extends never
  ? never
  : T extends Scalar
    ? never
    : T extends readonly (infer Element)[]
      ? `${number}` | PathOf<Element, Deeper[Depth]> | `${number}.${PathOf<Element, Deeper[Depth]>}`
      : T extends object
        ? string extends keyof T
          ? string
          : { [K in keyof T & string]-?: K | Below<K, T[K], Depth> }[keyof T & string]
        : never

type Below<K extends string, V, Depth extends number> =
  IsOpen<V> extends true ? `${K}.${string}` : `${K}.${PathOf<NonNullable<V>, Deeper[Depth]>}`

/** The type of the value at a dotted path; through an array, that of its elements' field. */
export type PathValue<T, P extends string> = T extends unknown ? ValueAt<T, P> : never

type ValueAt<T, P extends string> =
  IsOpen<T> extends true
    ? unknown
    : T extends null | undefined
      ? undefined
      : T extends Scalar
        ? never
        : P extends keyof T
          ? T[P]
          : T extends readonly (infer Element)[]
            ? P extends `${number}`
              ? Element
              : P extends `${number}.${infer Rest}`
                ? PathValue<Element, Rest>
                : PathValue<Element, P>
            : P extends `${infer Key}.${infer Rest}`
              ? Key extends keyof T
                ? PathValue<T[Key], Rest>
                : string extends keyof T
                  ? unknown
                  : never
              : string extends keyof T
                ? T[keyof T]
                : never

/** The paths whose value may be a `V`. */
export type PathTo<T, V> =
  string extends Path<T> ? string : { [P in Path<T>]: Fits<PathValue<T, P>, V> extends true ? P : never }[Path<T>]

type Fits<Value, V> =
  IsOpen<Value> extends true ? true : [Extract<NonNullable<Value>, V>] extends [never] ? false : true

/** The element type of an array, or the type itself. */
export type ElementOf<V> = V extends readonly (infer Element)[] ? Element : never
