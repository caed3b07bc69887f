// What a page of the documents holds: its fenced blocks, by what is to become of them. It runs nothing.

/** Languages whose blocks are snippets; blocks of the others are text. */
const SNIPPETS = new Set(['ts', 'tsx', 'js', 'jsx', 'mjs', 'typescript', 'javascript'])

/**
 * The snippets of a page: `{ line, kind, lines }` each, `line` being that of its first line. `kind` is `run`, or `compile` where the fence
 * says `no-run`. Blocks in comments, `<!-- ts … -->`, are what a reader need not see. `problems` are blocks that are neither.
 */
export function extract(text) {
  const [snippets, problems] = [[], []]
  let open
  text.split('\n').forEach((line, at) => {
    if (open !== undefined) {
      if (line.trim() === open.end) {
        if (open.kind !== 'text') snippets.push(open)
        open = undefined
      } else open.lines.push(line)
      return
    }
    const fence = /^\s*(```+)\s*(.*?)\s*$/.exec(line)
    const hidden = /^<!-- ts$/.test(line)
    if (fence === null && !hidden) return
    const [language, ...words] = hidden ? ['ts'] : fence[2].split(/\s+/)
    open = { line: at + 2, kind: kindOf(language, words), lines: [], end: hidden ? '-->' : fence[1] }
    if (open.kind === undefined) problems.push({ line: at + 1, message: `"${line.trim()}" is neither run nor compiled: say ts, ts no-run, or what else it is` })
  })
  if (open !== undefined) problems.push({ line: open.line, message: 'the block does not end' })
  return { snippets: snippets.filter(({ kind }) => kind !== undefined), problems }
}

function kindOf(language, words) {
  if (language === '') return undefined
  if (!SNIPPETS.has(language)) return 'text'
  if (words.length === 0) return 'run'
  return words.length === 1 && words[0] === 'no-run' ? 'compile' : undefined
}
