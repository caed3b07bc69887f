/** Search declarations with analyzers of the application, taken apart: what the engine is told, and what it must know before. */
import { invalid } from '../errors.js'
import type { Analyzer } from '../types/analyzer.js'

/** A declaration as the engine takes it, and the analyzers it names. */
export interface Declared {
  readonly spec: unknown
  readonly analyzers: readonly WireAnalyzer[]
}

/** An analyzer under its name. Only one with a function cannot cross to a worker. */
export type WireAnalyzer =
  | { readonly name: string; readonly version: number; readonly analyze: (...text: never[]) => unknown }
  | { readonly name: string; readonly version: number; readonly module: string; readonly export: string }
  | { readonly name: string; readonly segmenter: string }

/** Takes a declaration apart. */
export function takeApart(search: unknown): Declared {
  const analyzers: WireAnalyzer[] = []
  const nameOf = (analyzer: unknown, path: string): unknown => {
    if (typeof analyzer !== 'object' || analyzer === null) return analyzer
    const one = toWire(analyzer as Analyzer, path)
    if (!analyzers.some(({ name }) => name === one.name)) analyzers.push(one)
    return one.name
  }
  if (typeof search !== 'object' || search === null || Array.isArray(search)) return { spec: search, analyzers }
  const spec: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(search as Record<string, unknown>)) {
    if (field === '$analyzer') spec[field] = nameOf(value, 'search.$analyzer')
    else if (typeof value === 'object' && value !== null && 'analyzer' in value)
      spec[field] = { ...value, analyzer: nameOf(value.analyzer, `search.${field}.analyzer`) }
    else spec[field] = value
  }
  return { spec, analyzers }
}

function toWire(analyzer: Analyzer, path: string): WireAnalyzer {
  if ('segmenter' in analyzer) {
    if (typeof analyzer.segmenter !== 'string') throw invalid(`${path}: segmenter must be a language, like 'th'`)
    return { name: `segmenter:${analyzer.segmenter}`, segmenter: analyzer.segmenter }
  }
  const { name, version } = analyzer
  if (typeof name !== 'string' || name === '') throw invalid(`${path}: an analyzer of yours needs a name`)
  if (!Number.isInteger(version) || version < 0 || version > 0xffff_ffff)
    throw invalid(`${path}: version must be a whole number from 0, another one whenever its tokens change`)
  if ('module' in analyzer) {
    const module = typeof analyzer.module === 'string' ? analyzer.module : analyzer.module.href
    if (!URL.canParse(module))
      throw invalid(`${path}: module must be a whole address, like new URL('./mine.js', import.meta.url)`)
    return { name, version, module, export: analyzer.export ?? 'default' }
  }
  if (typeof analyzer.analyze !== 'function')
    throw invalid(`${path}: give a function 'analyze', a 'module', or a 'segmenter'`)
  return { name, version, analyze: analyzer.analyze }
}
