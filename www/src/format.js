// Writes values in the console's notation, so that what is shown can be edited and read back.

const PLAIN_KEY = /^[\p{L}_$][\p{L}\p{N}_$]*$/u
const DECIMAL = new Intl.NumberFormat('en', { maximumSignificantDigits: 6, useGrouping: false })
/** A value that fits into so many characters stays on one line. */
const LINE_WIDTH = 76

/** A value on one line. */
export const inline = (value) => {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Date(NaN)' : `Date("${isoDate(value)}")`
  if (value instanceof RegExp) return String(value)
  if (value instanceof Uint8Array) return `Bytes("${base64(value)}")`
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, field]) => `${keyText(key)}: ${inline(field)}`)
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
  }
  return Object.is(value, -0) ? '-0' : String(value)
}

/** A value over as many lines as it takes to read it well. */
export const pretty = (value, indent = '') => {
  const short = inline(value)
  if (indent.length + short.length <= LINE_WIDTH && (indent !== '' || short.length < 40)) return short
  const deeper = `${indent}  `
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => deeper + pretty(item, deeper)).join(',\n')}\n${indent}]`
  }
  if (Object.prototype.toString.call(value) === '[object Object]') {
    const fields = Object.entries(value).map(([key, field]) => `${deeper}${keyText(key)}: ${pretty(field, deeper)}`)
    return `{\n${fields.join(',\n')}\n${indent}}`
  }
  return short
}

/** A value as a table shows it: text without quotes, lists without brackets. */
export const cell = (value) => {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number' && !Number.isInteger(value)) return DECIMAL.format(value)
  if (value instanceof Date) return isoDate(value)
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' || typeof item === 'number')) return value.join(', ')
  return inline(value)
}

const keyText = (key) => (PLAIN_KEY.test(key) ? key : JSON.stringify(key))

const isoDate = (date) => {
  const text = date.toISOString()
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text
}

const base64 = (bytes) => {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}
