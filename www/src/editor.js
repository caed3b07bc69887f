// A text area with colours: the text lies transparent over a coloured copy of itself. Tab still moves the focus.

const TOKENS =
  /(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|`[^`]*`?)(\s*:)?|(\/(?:[^/\\\n[*]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*)|([\p{L}_$][\p{L}\p{N}_$.]*)(\s*:)?|([+-]?\d[\d.eExn]*)/gu
const KEYWORDS = new Set(['true', 'false', 'null', 'undefined', 'new', 'Date', 'ISODate', 'Bytes', 'NaN', 'Infinity'])

/** The kind of a token, as a class name of the style sheet; `''` for plain text. */
const kindOf = ([, comment, string, stringKey, regexp, word, wordKey, number]) => {
  if (comment !== undefined) return 'comment'
  if (string !== undefined) return stringKey === undefined ? 'string' : keyKind(string.slice(1))
  if (regexp !== undefined) return 'regexp'
  if (number !== undefined) return 'number'
  if (wordKey !== undefined) return keyKind(word)
  return KEYWORDS.has(word) ? 'keyword' : ''
}

const keyKind = (key) => (key.startsWith('$') ? 'operator' : 'key')

const coloured = (text) => {
  const nodes = []
  let at = 0
  for (const match of text.matchAll(TOKENS)) {
    const kind = kindOf(match)
    if (kind === '') continue
    nodes.push(text.slice(at, match.index))
    const span = document.createElement('span')
    span.className = `t-${kind}`
    span.textContent = match[0]
    nodes.push(span)
    at = match.index + match[0].length
  }
  // A last line without characters has no height of its own.
  nodes.push(`${text.slice(at)}\n`)
  return nodes
}

/** Makes a coloured editor of a `<textarea>` that has a `.editor` to itself; returns how to set its text. */
export const makeEditor = (area, { onInput, onSubmit }) => {
  const copy = document.createElement('pre')
  copy.setAttribute('aria-hidden', 'true')
  area.before(copy)
  area.spellcheck = false
  area.setAttribute('autocapitalize', 'off')
  area.setAttribute('autocomplete', 'off')

  const paint = () => copy.replaceChildren(...coloured(area.value))
  const follow = () => {
    copy.scrollTop = area.scrollTop
    copy.scrollLeft = area.scrollLeft
  }
  area.addEventListener('input', () => {
    paint()
    follow()
    onInput?.(area.value)
  })
  area.addEventListener('scroll', follow, { passive: true })
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      onSubmit?.(area.value)
    } else if (event.key === 'Enter' && !event.isComposing) {
      indent(event, area)
    }
  })
  paint()
  return {
    get text() {
      return area.value
    },
    set text(text) {
      area.value = text
      paint()
      follow()
    },
    focus: () => area.focus(),
  }
}

/** A new line begins where the one before began, one step deeper after an opening bracket. */
const indent = (event, area) => {
  const before = area.value.slice(0, area.selectionStart)
  const line = before.slice(before.lastIndexOf('\n') + 1)
  const spaces = /^ */.exec(line)[0] + (/[[{]\s*$/.test(line) ? '  ' : '')
  if (spaces === '') return
  event.preventDefault()
  area.setRangeText(`\n${spaces}`, area.selectionStart, area.selectionEnd, 'end')
  area.dispatchEvent(new Event('input'))
}
