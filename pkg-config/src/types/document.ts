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
export type Path<T> = PathOf<T, MaxDepth, `${number}`>

/** Every dotted path an update may change: as {@link Path}, and elements as `tags.$[]`, `items.$[x].sku`, `items.$.sku`. */
export type ChangePath<T> = PathOf<T, MaxDepth, ElementStep>

type ElementStep = `${number}` | '$' | `$[${string}]`

type PathOf<T, Depth extends number, Step extends string> = Depth extends never
  ? never
  : T extends Scalar
    ? never
    : T extends readonly (infer Element)[]
      ? Step | PathOf<Element, Deeper[Depth], Step> | `${Step}.${PathOf<Element, Deeper[Depth], Step>}`
      : T extends object
        ? string extends keyof T
          ? string
          : { [K in keyof T & string]-?: K | Below<K, T[K], Depth, Step> }[keyof T & string]
        : never

type Below<K extends string, V, Depth extends number, Step extends string> =
  IsOpen<V> extends true ? `${K}.${string}` : `${K}.${PathOf<NonNullable<V>, Deeper[Depth], Step>}`

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
            ? P extends `${infer Head}.${infer Rest}`
              ? Head extends ElementStep
                ? PathValue<Element, Rest>
                : PathValue<Element, P>
              : P extends ElementStep
                ? Element
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

/** The paths to change whose value may be a `V`. */
export type ChangePathTo<T, V> =
  string extends ChangePath<T>
    ? string
    : { [P in ChangePath<T>]: Fits<PathValue<T, P>, V> extends true ? P : never }[ChangePath<T>]

type Fits<Value, V> =
  IsOpen<Value> extends true ? true : [Extract<NonNullable<Value>, V>] extends [never] ? false : true

/** The element type of an array, or the type itself. */
export type ElementOf<V> = V extends readonly (infer Element)[] ? Element : never
