/** Analyzers of the application: how text becomes the terms of a search index. */

/** One occurrence of a term in a text. */
export interface AnalyzerToken {
  /** What is stored and looked up: at most 128 bytes of UTF-8 count. */
  readonly term: string
  /** Where it stands in the text, as JavaScript counts. Starts never descend. */
  readonly start: number
  readonly end: number
  /** Its place among the words, for phrases: by default one more than the token before. Never descends; equal ones are synonyms. */
  readonly position?: number | undefined
}

/**
 * Turns a text into tokens, at once and always the same way. `purpose` says whether the text is a document's or a query's. It may
 * not use the database.
 */
export type AnalyzeFunction = (text: string, purpose: 'document' | 'query') => Iterable<AnalyzerToken>

interface Named {
  /** What the index is declared with: 1 to 64 bytes. Not the name of a built-in analyzer. */
  readonly name: string
  /** A whole number from 0, another one whenever the same text may give other tokens: the index is then made anew. */
  readonly version: number
}

/** A function of the page. Not for databases in a worker, where functions cannot go. */
export interface FunctionAnalyzer extends Named {
  readonly analyze: AnalyzeFunction
}

/** A function that a module exports, loaded where the engine runs: on the calling thread and in a worker. */
export interface ModuleAnalyzer extends Named {
  /** The module's whole address, such as `new URL('./thai.js', import.meta.url)`. */
  readonly module: string | { readonly href: string }
  /** What the module calls it. Default `default`. */
  readonly export?: string | undefined
}

/**
 * Words as the host's `Intl.Segmenter` finds them, case and accents folded: for languages without spaces between words. Hosts differ;
 * an index that was made with other words is made anew.
 */
export interface SegmenterAnalyzer {
  /** A language, such as `th` or `ja`. */
  readonly segmenter: string
}

/** An analyzer of the application. */
export type Analyzer = FunctionAnalyzer | ModuleAnalyzer | SegmenterAnalyzer
