// What TypeScript says about modules of snippets, as strictly as an application may be compiled, told by the lines of the pages.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import ts from 'typescript'

const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  lib: ['ES2022', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'].map((name) => `lib.${name.toLowerCase()}.d.ts`),
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  jsx: ts.JsxEmit.ReactJSX,
  types: ['node'],
  ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true, noEmit: true },
}
/** What snippets may use besides: `said`, and as little of hosts as they need whose types would be in each other's way. */
const GLOBALS = `/** Fails unless the values are printed as \`text\`. */
declare function said(line: number, text: string, ...values: unknown[]): void
interface DurableObjectState {
  readonly storage: {
    readonly sql: { exec(query: string, ...bindings: unknown[]): { raw(): Iterable<readonly unknown[]> } }
    transactionSync<R>(work: () => R): R
    sync(): Promise<void>
    getAlarm(): Promise<number | null>
    setAlarm(at: number): Promise<void>
  }
  blockConcurrencyWhile<R>(work: () => Promise<R>): Promise<R>
}
declare module 'cloudflare:workers' {
  export class DurableObject {
    constructor(ctx: DurableObjectState, env: unknown)
  }
}
`

/** Compiles modules into `folder`; answers what is wrong, as `{ name, line, message }`, and leaves `NAME.mjs` of those that run. */
export function compile(folder, modules) {
  mkdirSync(folder, { recursive: true })
  const globals = join(folder, 'globals.d.ts')
  writeFileSync(globals, GLOBALS)
  const byFile = new Map(modules.map((module) => [join(folder, `${module.name}.tsx`), module]))
  for (const [file, { lines }] of byFile) writeFileSync(file, `${lines.join('\n')}\n`)
  const program = ts.createProgram([globals, ...byFile.keys()], OPTIONS)
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const module = byFile.get(file?.fileName)
    const line = module?.from[ts.getLineAndCharacterOfPosition(file, start).line] ?? 0
    return { name: module?.name.split('.')[0] ?? 'globals', line, message: ts.flattenDiagnosticMessageText(messageText, '\n  ') }
  })
  // What cannot even be read has been told of above.
  const broken = new Set(problems.map(({ name }) => name))
  for (const { name, running } of modules)
    if (running && !broken.has(name)) writeFileSync(join(folder, `${name}.mjs`), transformSync(running.join('\n'), { loader: 'tsx', jsx: 'automatic', target: 'es2022' }).code)
  return problems
}
