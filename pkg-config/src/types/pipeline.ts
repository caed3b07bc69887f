/** The stages of an aggregation pipeline. Bodies of expression stages are open: the engine checks them. */
import type { AnyDocument } from './document.js'
import type { Filter } from './filter.js'

/** An expression: a constant, a field path such as `'$author.name'`, or an operator object. */
export type Expression = unknown

/** An order by fields: 1 ascending, -1 descending. */
export interface StageSort {
  readonly [path: string]: 1 | -1
}

/** One stage. `T` is the collection's document type, used by `$match` as the first stage. */
export type Stage<T = AnyDocument> =
  | { readonly $match: Filter<T> | Filter<AnyDocument> }
  | { readonly $project: { readonly [path: string]: Expression } }
  | { readonly $addFields: { readonly [path: string]: Expression } }
  | { readonly $set: { readonly [path: string]: Expression } }
  | { readonly $unset: string | readonly string[] }
  | { readonly $group: { readonly _id: Expression; readonly [field: string]: Expression } }
  | { readonly $sort: StageSort }
  | { readonly $skip: number }
  | { readonly $limit: number }
  | {
      readonly $unwind:
        | string
        | { readonly path: string; readonly includeArrayIndex?: string; readonly preserveNullAndEmptyArrays?: boolean }
    }
  | { readonly $lookup: Lookup }
  | { readonly $unionWith: string | { readonly coll: string; readonly pipeline?: readonly Stage[] } }
  | { readonly $count: string }
  | { readonly $sortByCount: Expression }
  | { readonly $replaceRoot: { readonly newRoot: Expression } }
  | { readonly $replaceWith: Expression }
  | { readonly $facet: { readonly [field: string]: readonly Stage[] } }
  | { readonly $bucket: Bucket }
  | {
      readonly $bucketAuto: {
        readonly groupBy: Expression
        readonly buckets: number
        readonly output?: { readonly [field: string]: Expression }
      }
    }
  | { readonly $sample: { readonly size: number } }

/** Joins documents of another collection of the same database. */
export interface Lookup {
  /** The other collection. */
  readonly from: string
  /** The path here. */
  readonly localField?: string
  /** The path there. */
  readonly foreignField?: string
  /** Constants for `pipeline`, read as `$$name`. */
  readonly let?: { readonly [name: string]: Expression }
  /** Stages to run there. */
  readonly pipeline?: readonly Stage[]
  /** The array field to put the matches in. */
  readonly as: string
}

/** Groups by ranges of an expression. */
export interface Bucket {
  /** What to sort into buckets. */
  readonly groupBy: Expression
  /** Ascending bounds: each bucket holds its lower bound and not its upper. */
  readonly boundaries: readonly unknown[]
  /** Where everything else goes; without it, anything else is an error. */
  readonly default?: unknown
  /** Accumulators per bucket; `{ count: { $sum: 1 } }` by default. */
  readonly output?: { readonly [field: string]: Expression }
}
