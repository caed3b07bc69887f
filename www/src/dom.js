// Small helpers around the DOM. Not a framework: elements are made once and changed in place.

/** The element with this id; a missing one is a mistake in the page. */
export const byId = (id) => {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  return element
}

/**
 * Makes an element: `h('button', { class: 'quiet', onclick: run }, 'Run')`. Properties that start with `on` are listeners,
 * `dataset` and `style` take objects, and everything else is an attribute; `false`, null and undefined leave it out.
 */
export const h = (name, properties = {}, ...children) => {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else if (key === 'dataset' || key === 'style') Object.assign(element[key], value)
    else element.setAttribute(key, value === true ? '' : String(value))
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false))
  return element
}

/** The same for SVG. */
export const svg = (name, attributes = {}, ...children) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  element.append(...children.flat())
  return element
}

/** Calls `run` once, `milliseconds` after the last call. */
export const debounce = (milliseconds, run) => {
  let timer
  return (...values) => {
    clearTimeout(timer)
    timer = setTimeout(() => run(...values), milliseconds)
  }
}

/** Says something to people who look and to people who listen. */
export const say = (text, kind = 'info') => {
  const line = byId('say')
  line.textContent = text
  line.dataset.kind = kind
  line.classList.remove('fresh')
  void line.offsetWidth // Starts the fade again.
  line.classList.add('fresh')
}

/** An error as one sentence, with its code where it has one. */
export const sentence = (error) => (error?.code ? `${error.code}: ${error.message}` : String(error?.message ?? error))

const INTEGER = new Intl.NumberFormat('en')
/** `12,345` */
export const integer = (value) => INTEGER.format(value)

/** `12.3 MB` */
export const bytes = (value) => {
  if (value === null || value === undefined) return '–'
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let rest = value
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000
    unit += 1
  }
  return `${rest < 10 && unit > 0 ? rest.toFixed(1) : Math.round(rest)} ${units[unit]}`
}

/** `0.42 ms`, `12 ms`, `1.3 s` */
export const duration = (milliseconds) => {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`
  if (milliseconds >= 10) return `${Math.round(milliseconds)} ms`
  if (milliseconds >= 0.01) return `${milliseconds.toFixed(2)} ms`
  return `${(milliseconds * 1000).toFixed(1)} µs`
}
