/** Elements in one line, and figures in words. Nothing is ever made from markup, so it works under any policy. */

type Child = Node | string
type Attributes = Readonly<Record<string, string | number | boolean | ((event: Event) => void) | undefined>>

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children)
  return element
}

/** An HTML element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(name), attributes, children)
}

/** An SVG element. */
export function svg(name: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children)
}

const NUMBER = new Intl.NumberFormat('en')
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** A number with separators. */
export function integer(value: number): string {
  return NUMBER.format(value)
}

/** Bytes in the unit that fits. */
export function bytes(value: number | null): string {
  if (value === null) return 'unknown'
  const step = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), UNITS.length - 1)
  return `${(value / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${UNITS[step] ?? ''}`
}

/** Milliseconds in the unit that fits. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${(ms * 1000).toFixed(0)} µs`
}

/** A table with a row for each: the first cell is its heading. */
export function table(heads: readonly string[], rows: readonly (readonly Child[])[]): HTMLTableElement {
  const title = (text: string) => (text === '' ? h('td') : h('th', { scope: 'col' }, text))
  const head = h('thead', {}, h('tr', {}, ...heads.map(title)))
  const body = rows.map(([first = '', ...rest]) =>
    h('tr', {}, h('th', { scope: 'row' }, first), ...rest.map((cell) => h('td', {}, cell))),
  )
  return h('table', {}, ...(heads.length === 0 ? [] : [head]), h('tbody', {}, ...body))
}
