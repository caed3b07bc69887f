/** Full-text search: declarations, queries and results. The engine decides what is valid. */
import type { Analyzer } from './analyzer.js'
import type { AnyDocument, Path } from './document.js'
import type { Filter } from './filter.js'
import type { Projection } from './projection.js'
import type { Sort } from './options.js'
import type { Signal } from './signal.js'

/** How one field is searched. */
export interface SearchField {
  /** How much a word in this field counts beside the others. Default 1. */
  readonly weight?: number | undefined
  /**
   * `standard` (any language), `english` (stemmed, without stop words), `keyword` (the whole text is one word), or one of the
   * application.
   */
  readonly analyzer?: string | Analyzer | undefined
  /** How much the field's length counts, 0 to 1. */
  readonly b?: number | undefined
}

/** The fields of a search index: a path, paths, or paths with weights. `$analyzer`, `$k1` and `$b` hold for all fields. */
export type SearchSpec<T = AnyDocument> =
  | Path<T>
  | readonly Path<T>[]
  | ({ readonly [P in Path<T>]?: number | string | true | SearchField } & {
      readonly $analyzer?: string | Analyzer
      readonly $k1?: number
      readonly $b?: number
    })

/** How words match. */
export interface SearchMatching {
  /** How many words of the query a document needs. Default `any`. */
  readonly match?: 'any' | 'all' | number | undefined
  /** Words that stand for all that begin with them: all words, or the last one, as somebody types. */
  readonly prefix?: boolean | 'last' | undefined
  /** How many letters a word may be off; `auto` goes by its length. */
  readonly fuzzy?: boolean | 'auto' | 0 | 1 | 2 | undefined
  /** How many letters at the beginning are never off. */
  readonly prefixLength?: number | undefined
  /** The fields to search, or a boost for each. */
  readonly fields?: string | readonly string[] | { readonly [field: string]: number } | undefined
}

/** A query as programs write it; a string is read as people type it. */
export type SearchQuery =
  | string
  | ({ readonly text: string; readonly boost?: number } & SearchMatching)
  | ({ readonly query: string; readonly boost?: number } & SearchMatching)
  | {
      readonly phrase: string
      readonly slop?: number
      readonly fields?: SearchMatching['fields']
      readonly boost?: number
    }
  | {
      readonly must?: SearchQuery | readonly SearchQuery[]
      readonly should?: SearchQuery | readonly SearchQuery[]
      readonly not?: SearchQuery | readonly SearchQuery[]
      readonly minimum?: number
      readonly boost?: number
    }

/** Options of {@link Collection.search}. */
export interface SearchOptions<T = AnyDocument> extends SearchMatching {
  /** Only documents that meet this filter. */
  readonly filter?: Filter<T> | undefined
  /** Counts of values among all matches: paths, or paths with how many values (default 10). */
  readonly facets?: readonly Path<T>[] | { readonly [P in Path<T>]?: number } | undefined
  /** `score` (default), or fields. */
  readonly sort?: 'score' | Sort<T> | undefined
  /** How many hits. Default 10. */
  readonly limit?: number | undefined
  readonly skip?: number | undefined
  /** The `next` of a page: hits behind it. */
  readonly after?: string | undefined
  /** Whether to tell the total number of matches. Facets and a sort by fields tell it anyway. */
  readonly total?: boolean | undefined
  /** Whether each hit explains its score. */
  readonly explain?: boolean | undefined
  /** Whether hits tell where they match: in all fields, or in these. */
  readonly highlight?: boolean | readonly Path<T>[] | undefined
  /** What of the documents is given. With `{ id: 1 }` none of them is read. */
  readonly projection?: Projection<T> | undefined
  readonly signal?: Signal | undefined
}

/** Why a hit has its score. */
export interface ScoreExplanation {
  readonly value: number
  readonly what: string
  readonly parts?: readonly ScoreExplanation[]
}

/** A document that was found. */
export interface SearchHit<T> {
  readonly id: string
  readonly score: number
  readonly doc: T
  /** For each field that matches, for each of its texts, the matching ranges: start and end as JavaScript counts. */
  readonly highlights?: { readonly [field: string]: readonly (readonly (readonly [start: number, end: number])[])[] }
  readonly explain?: ScoreExplanation | null
}

/** A term of the index. */
export interface SearchTerm {
  readonly term: string
  /** How many documents have it. */
  readonly docs: number
  /** How many letters it is off; 0 for completions. */
  readonly edits: number
}

/** How a text may go on, and what may have been meant. */
export interface SearchSuggestions {
  /** The most frequent terms that begin like the last word. */
  readonly completions: readonly SearchTerm[]
  /** Words that no document has. */
  readonly corrections: readonly {
    readonly start: number
    readonly end: number
    readonly suggestions: readonly SearchTerm[]
  }[]
  /** The text with the best corrections, or null. */
  readonly didYouMean: string | null
}

/** What a search found. */
export interface SearchResult<T> {
  readonly hits: readonly SearchHit<T>[]
  /** How many documents match. */
  readonly total?: number
  /** For each facet its most frequent values. */
  readonly facets?: { readonly [path: string]: readonly { readonly value: unknown; readonly count: number }[] }
  /** The token of the next page, or null. */
  readonly next: string | null
}
