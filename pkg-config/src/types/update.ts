/** MongoDB's update operators, typed by the document. `id` cannot be changed. */
import type { ChangePath, ChangePathTo, ElementOf, PathValue } from './document.js'
import type { Filter, Operators } from './filter.js'

type Changeable<T> = Exclude<ChangePath<T>, 'id'>
type Values<T> = { readonly [P in Changeable<T>]?: PathValue<T, P> }
type Numbers<T> = { readonly [P in ChangePathTo<T, number | bigint>]?: number | bigint }
type ArrayPath<T> = ChangePathTo<T, readonly unknown[]>
type Item<T, P extends string> = unknown extends PathValue<T, P> ? unknown : ElementOf<NonNullable<PathValue<T, P>>>

/** What `$push` can do with several elements at once. */
export interface PushMany<E> {
  /** The elements to add. */
  readonly $each: readonly E[]
  /** Where to put them; from the end if negative. At the end by default. */
  readonly $position?: number
  /** Keep only the first n (or, negative, the last n) afterwards. */
  readonly $slice?: number
  /** Sort the array afterwards: 1 or -1, or by fields of its elements. */
  readonly $sort?: 1 | -1 | { readonly [path: string]: 1 | -1 }
}

/**
 * What an update does to a document. At least one operator; no path twice. In paths `$[]` is every element of an array,
 * `$[x]` those that meet the condition about `x` in {@link UpdateOptions.arrayFilters}, and `$` the first one that the
 * filter of `updateMany` found.
 */
export interface Update<T> {
  /** Sets fields, making objects on the way. */
  readonly $set?: Values<T>
  /** Sets fields only when `upsert` inserts. */
  readonly $setOnInsert?: Values<T>
  /** Removes fields. */
  readonly $unset?: { readonly [P in Changeable<T>]?: true | 1 | '' }
  /** Adds to numbers; a missing field counts as 0. */
  readonly $inc?: Numbers<T>
  /** Multiplies numbers; a missing field becomes 0. */
  readonly $mul?: Numbers<T>
  /** Sets fields where the value is less than what is there. */
  readonly $min?: Values<T>
  /** Sets fields where the value is greater than what is there. */
  readonly $max?: Values<T>
  /** Sets fields to the time of the commit, as a Date. */
  readonly $currentDate?: { readonly [P in ChangePathTo<T, Date>]?: true | { readonly $type: 'date' } }
  /** Combines whole numbers bit by bit. */
  readonly $bit?: {
    readonly [P in ChangePathTo<T, number | bigint>]?: { readonly [op in 'and' | 'or' | 'xor']?: number | bigint }
  }
  /** Renames fields: from the key to the value. */
  readonly $rename?: { readonly [P in Changeable<T>]?: string }
  /** Appends to arrays. */
  readonly $push?: { readonly [P in ArrayPath<T>]?: Item<T, P> | PushMany<Item<T, P>> }
  /** Appends to arrays what they do not hold yet. */
  readonly $addToSet?: { readonly [P in ArrayPath<T>]?: Item<T, P> | { readonly $each: readonly Item<T, P>[] } }
  /** Removes the elements that equal the value or meet the condition. */
  readonly $pull?: { readonly [P in ArrayPath<T>]?: Item<T, P> | Operators<Item<T, P>> | Filter<Item<T, P>> }
  /** Removes every element that equals one of these. */
  readonly $pullAll?: { readonly [P in ArrayPath<T>]?: readonly Item<T, P>[] }
  /** Removes the last (1) or the first (-1) element. */
  readonly $pop?: { readonly [P in ArrayPath<T>]?: 1 | -1 }
}
