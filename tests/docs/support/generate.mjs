// The modules that a page's snippets become: one of all in order, sharing one scope, and one of each that exports something.
// Every line of a module knows the line of the page it came from.

const IMPORT = /^import\s+(type\s+)?([^'"]*?)\s*from\s+(['"])([^'"]+)\3;?\s*(?:\/\/.*)?$/
const SAID = /^(\s*)console\.log\((.*)\);?\s*\/\/ → (.*?)\s*$/

/** The modules of a page: `{ name, lines, from, running }`, `from` being the page's line of each line, 0 where it has none; `running` what of it runs. */
export function generate(name, snippets) {
  const whole = new Module(name, true)
  const modules = [whole]
  const problems = []
  for (const snippet of snippets) {
    if (snippet.lines.some((line) => /^export /.test(line))) {
      if (snippet.kind === 'run') problems.push({ line: snippet.line, message: 'a snippet that exports is a module of its own: mark it no-run' })
      const own = new Module(`${name}.${snippet.line}`, false)
      snippet.lines.forEach((line, at) => own.add(line, snippet.line + at))
      modules.push(own)
    } else if (snippet.kind === 'run') whole.addSnippet(snippet)
    else {
      // Compiled in the scope of what is above it, and never called.
      whole.add(`async function compiled${snippet.line}() {`, 0, false)
      whole.addSnippet(snippet)
      whole.add('}', 0, false)
    }
  }
  return { modules: modules.map((one) => one.finished()), problems, expected: whole.expected }
}

class Module {
  /** @type {Map<string, { from: number, runs: boolean }>} */
  imports = new Map()
  lines = []
  from = []
  runs = []
  expected = []

  constructor(name, run) {
    this.name = name
    this.run = run
  }

  add(line, from, runs = true) {
    this.lines.push(line)
    this.from.push(from)
    this.runs.push(runs)
  }

  addSnippet({ lines, line: first, kind }) {
    const runs = kind === 'run'
    for (let at = 0; at < lines.length; at++) {
      let line = lines[at]
      const start = first + at
      if (/^import\s/.test(line)) {
        while (!IMPORT.test(line) && at + 1 < lines.length) line += ` ${lines[++at].trim()}`
        this.addImport(line, start, runs)
      } else this.add(runs ? this.#asserted(line, start) : line, start, runs)
    }
  }

  /** `console.log(x) // → text` says what it must print. */
  #asserted(line, from) {
    const [, indent, values, text] = SAID.exec(line) ?? []
    if (text === undefined) return line
    this.expected.push(from)
    return `${indent}said(${from}, ${JSON.stringify(text)}, ${values})`
  }

  /** Imports go to the top, and two of the same are one. */
  addImport(line, from, runs) {
    const [, type = '', what, , module] = IMPORT.exec(line) ?? []
    if (module === undefined) return this.add(line, from, runs)
    const braces = /\{(.*)\}/.exec(what)?.[1]
    const outside = what.replace(/\{.*\}/, '').split(',')
    const parts = [...outside, ...(braces?.split(',').map((name) => `{ ${type}${name.trim()} }`) ?? [])]
    for (const part of parts.map((one) => one.trim()).filter((one) => one !== '' && one !== '{ }' && one !== `{ ${type} }`)) {
      const text = `import ${part} from '${module}'`
      const known = this.imports.get(text)
      this.imports.set(text, { from: known?.from ?? from, runs: runs || known?.runs === true })
    }
  }

  finished() {
    const imports = [...this.imports]
    const running = [...imports.filter(([, { runs }]) => runs).map(([text]) => text), ...this.lines.filter((_, at) => this.runs[at])]
    return {
      name: this.name,
      lines: [...imports.map(([text]) => text), ...this.lines, 'export {}'],
      from: [...imports.map(([, { from }]) => from), ...this.from, 0],
      running: this.run ? running : undefined,
    }
  }
}
