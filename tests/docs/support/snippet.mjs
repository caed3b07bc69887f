// One snippet, taken apart so that it can be put into a module of its own.

/** Its imports, and what comes after them. */
export function partsOf({ lines }) {
  const isImport = (line) => /^import\s/.test(line)
  return { imports: lines.filter(isImport).join('\n'), body: lines.filter((line) => !isImport(line)).join('\n') }
}

/** Its parts as modules, by the comments that name them: `// worker.ts`. */
export function filesOf(snippet, names) {
  const { imports, body } = partsOf(snippet)
  const starts = names.map((name) => body.indexOf(`// ${name}`))
  if (starts.includes(-1)) throw new Error(`the snippet has no parts ${names.join(', ')}`)
  return names.map((_, at) => `${imports}\n${body.slice(starts[at], starts[at + 1])}`)
}
