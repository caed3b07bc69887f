/** MongoDB's filter language, typed by the document. The engine checks filters again at run time. */
import type { ElementOf, Path, PathValue } from './document.js'

/** The names `$type` knows. */
export type TypeName =
  | 'double'
  | 'string'
  | 'object'
  | 'array'
  | 'binData'
  | 'undefined'
  | 'bool'
  | 'date'
  | 'null'
  | 'regex'
  | 'int'
  | 'long'
  | 'bigint'
  | 'number'

/** A filter: every listed condition must hold. Paths may be dotted; through an array any element may match. */
export type Filter<T> = FieldConditions<T> & LogicalConditions<T>

type FieldConditions<T> = { readonly [P in Path<T>]?: Condition<PathValue<T, P>> }

/** Conditions on the whole document. */
export interface LogicalConditions<T> {
  /** All of these hold. */
  readonly $and?: readonly Filter<T>[]
  /** At least one of these holds. */
  readonly $or?: readonly Filter<T>[]
  /** None of these holds. */
  readonly $nor?: readonly Filter<T>[]
  /** This aggregation expression is true. */
  readonly $expr?: unknown
}

/** A condition on one path: a value to equal, a RegExp a string must match, or operators. */
export type Condition<V> = unknown extends V ? unknown : Equal<V> | Pattern<V> | Operators<V>

/** What a field of type `V` can be compared with for equality: itself, or for an array one of its elements. `null` also finds missing fields. */
type Equal<V> = V | ElementOf<V> | null

/** A field's own type and, for an array, its elements' type. */
type Member<V> = NonNullable<V> extends readonly (infer Element)[] ? Element | V : V

type Pattern<V> = [Extract<Member<V>, string>] extends [never] ? never : RegExp

/** The operators of one field. */
export interface Operators<V> {
  /** Equals. */
  readonly $eq?: Equal<V>
  /** Does not equal (also true for a missing field). */
  readonly $ne?: Equal<V>
  /** Greater than, among values of the same kind. */
  readonly $gt?: NonNullable<Member<V>>
  /** Greater than or equal. */
  readonly $gte?: NonNullable<Member<V>>
  /** Less than. */
  readonly $lt?: NonNullable<Member<V>>
  /** Less than or equal. */
  readonly $lte?: NonNullable<Member<V>>
  /** Equals one of these (a RegExp matches). */
  readonly $in?: readonly (Equal<V> | Pattern<V>)[]
  /** Equals none of these. */
  readonly $nin?: readonly (Equal<V> | Pattern<V>)[]
  /** Whether the field exists. */
  readonly $exists?: boolean
  /** The field is of this type, or one of these. */
  readonly $type?: TypeName | number | readonly (TypeName | number)[]
  /** Negates the operators inside. */
  readonly $not?: Operators<V> | Pattern<V>
  /** A string matches this pattern. It runs in linear time: no back-references, no look-around. */
  readonly $regex?: [Extract<Member<V>, string>] extends [never] ? never : string | RegExp
  /** Flags of `$regex`: `i`, `m`, `s`. */
  readonly $options?: string
  /** `[divisor, remainder]` of a number. */
  readonly $mod?: [Extract<Member<V>, number | bigint>] extends [never] ? never : readonly [number, number]
  /** An array holds all of these. */
  readonly $all?: [ElementOf<NonNullable<V>>] extends [never] ? never : readonly (ElementOf<NonNullable<V>> | RegExp)[]
  /** One element of an array meets all of these. */
  readonly $elemMatch?: [ElementOf<NonNullable<V>>] extends [never]
    ? never
    : Filter<ElementOf<NonNullable<V>>> | Operators<ElementOf<NonNullable<V>>>
  /** The length of an array. */
  readonly $size?: [ElementOf<NonNullable<V>>] extends [never] ? never : number
}
