/** Which fields a query returns, and the type that results. */
import type { Path } from './document.js'

/**
 * Either fields to include (1 or true) or fields to leave out (0 or false). `id` is included unless left out. `$slice` cuts an
 * array, `$elemMatch` keeps its first element that matches.
 */
export type Projection<T> = { readonly [P in Path<T>]?: 0 | 1 | boolean | ArrayPart }

/** A part of an array: the first n or (negative) last n elements, `[skip, take]`, or the first that meets a filter. */
export type ArrayPart =
  { readonly $slice: number | readonly [skip: number, take: number] } | { readonly $elemMatch: object }

/** Refuses the paths of `P` that `T` does not have. */
export type Unknown<P, T> = { readonly [K in Exclude<keyof P, Path<T>>]: never }

/** The document type after a projection. */
export type Projected<T, P> = string extends keyof T
  ? T
  : string extends keyof P
    ? Partial<T>
    : [Included<P>] extends [never]
      ? Without<T, Excluded<P>>
      : Simplify<IncludeAll<T, Included<P>> & ('id' extends Excluded<P> ? unknown : Pick<T, 'id' & keyof T>)>

type Simplify<T> = { [K in keyof T]: T[K] }
type Included<P> = {
  [K in keyof P & string]: P[K] extends 1 | true | { readonly $elemMatch: object } ? K : never
}[keyof P & string]
type Excluded<P> = { [K in keyof P & string]: P[K] extends 0 | false ? K : never }[keyof P & string]

/** A dotted path cannot be taken out of a type without losing what else is there: its parent stays, partially. */
type Without<T, X extends string> = Simplify<Omit<T, X & keyof T>>

type IncludeAll<T, P extends string> = Intersection<P extends unknown ? Include<T, P> : never>
type Include<T, P extends string> = P extends keyof T
  ? Pick<T, P>
  : P extends `${infer Key}.${infer Rest}`
    ? Key extends keyof T
      ? { [K in keyof Pick<T, Key>]: Part<T[K], Rest> }
      : object
    : object
type Part<V, Rest extends string> = V extends readonly (infer Element)[]
  ? Part<Element, Rest>[]
  : V extends null | undefined
    ? V
    : V extends object
      ? Simplify<Include<V, Rest>>
      : never
type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never
