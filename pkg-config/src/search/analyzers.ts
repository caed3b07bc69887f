/**
 * Analyzers of the application where the engine runs: found or loaded, and held to what they promise. What a token is, is
 * `types/analyzer.ts`'s.
 */
import { invalid, TidewellError } from '../errors.js'
import type { AnalyzeFunction, AnalyzerToken } from '../types/analyzer.js'
import type { WireAnalyzer } from './declaration.js'

/** Tokens as the engine takes them: terms separated by U+0000, and for each its position, start and end. */
export interface Tokens {
  readonly terms: string
  readonly places: Uint32Array
}

/** An analyzer, ready to be called by the engine. */
export interface Ready {
  readonly name: string
  readonly version: number
  readonly analyze: (text: string, isQuery: boolean) => Tokens
}

/** Finds or loads the function of an analyzer. */
export async function prepare(analyzer: WireAnalyzer): Promise<Ready> {
  const { name } = analyzer
  if ('segmenter' in analyzer) {
    const analyze = segmenter(analyzer.segmenter)
    return { name, version: versionOf(analyze), analyze: packed(analyze) }
  }
  const { version } = analyzer
  const analyze = 'module' in analyzer ? await load(analyzer) : (analyzer.analyze as AnalyzeFunction)
  return { name, version, analyze: packed(analyze) }
}

async function load(analyzer: { name: string; module: string; export: string }): Promise<AnalyzeFunction> {
  const failed = (problem: string, cause?: unknown) =>
    new TidewellError('invalid', `the analyzer '${analyzer.name}': ${problem}`, { reason: 'analyzer-module', cause })
  let exported: Record<string, unknown>
  try {
    exported = (await import(/* @vite-ignore */ /* webpackIgnore: true */ analyzer.module)) as Record<string, unknown>
  } catch (cause) {
    throw failed(
      `${analyzer.module} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    )
  }
  const found = exported[analyzer.export]
  if (typeof found !== 'function') throw failed(`${analyzer.module} exports no function '${analyzer.export}'`)
  return found as AnalyzeFunction
}

/** The function with its answers packed for the crossing. */
function packed(analyze: AnalyzeFunction): Ready['analyze'] {
  return (text, isQuery) => {
    const tokens = analyze(text, isQuery ? 'query' : 'document') as Iterable<AnalyzerToken> | undefined
    if (typeof tokens?.[Symbol.iterator] !== 'function')
      throw invalid('it must return its tokens at once, as an array or another iterable')
    const terms: string[] = []
    const places: number[] = []
    let position = -1
    for (const token of tokens) {
      const { term, start, end } = token
      if (typeof term !== 'string' || !(start >= 0) || !(end >= start))
        throw invalid('a token is { term, start, end }, with 0 <= start <= end')
      position = Math.max(position, token.position ?? position + 1)
      if (term === '') continue
      terms.push(term.includes('\0') ? term.replaceAll('\0', ' ') : term)
      places.push(position, start, end)
    }
    return { terms: terms.join('\0'), places: Uint32Array.from(places) }
  }
}

/** Accents of Latin, Greek and Cyrillic; the marks of other scripts are letters. */
const ACCENTS = /[\u0300-\u036f]/g

/** What is no space or punctuation. (Firefox 153 denies `isWordLike` to the last word of a text without spaces.) */
const WORD = /[\p{L}\p{N}]/u

function segmenter(language: string): AnalyzeFunction {
  if (typeof Intl.Segmenter !== 'function') {
    const message = 'this host has no Intl.Segmenter: use the standard analyzer, or one of your own'
    throw new TidewellError('unavailable', message, { reason: 'segmenter' })
  }
  let words: Intl.Segmenter
  try {
    words = new Intl.Segmenter(language, { granularity: 'word' })
  } catch {
    throw invalid(`segmenter: ${JSON.stringify(language)} is no language: write one like 'th'`)
  }
  return function* (text) {
    let position = 0
    for (const { segment, index } of words.segment(text)) {
      if (!WORD.test(segment)) continue
      const term = segment.normalize('NFKD').replace(ACCENTS, '').normalize('NFC').toLowerCase()
      yield { term, start: index, end: index + segment.length, position: position++ }
    }
  }
}

/** Texts by whose words hosts are told apart. */
const PROBE =
  'การประชุมจะจัดขึ้นที่กรุงเทพมหานครในวันพรุ่งนี้ 東京都に住んでいる友達と昨日映画を見ました。我们昨天在北京大学学习中文和计算机科学。' +
  'ខ្ញុំរៀនភាសាខ្មែរ ພາສາລາວ မြန်မာစာ 대한민국의 수도는 서울이다 It’s 3.14 e-mail café'

/** A number that is another one where the same text has other words. FNV-1a. */
function versionOf(analyze: AnalyzeFunction): number {
  let hash = 0x811c9dc5
  for (const { term } of analyze(PROBE, 'document'))
    for (const character of `${term} `) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return hash >>> 0
}
