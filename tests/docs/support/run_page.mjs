// Runs the module of one page, in a process of its own: `node run_page.mjs MODULE [LINE …]`. Every line named must print what it says.
import { formatWithOptions } from 'node:util'
import { pathToFileURL } from 'node:url'

const [module, ...lines] = process.argv.slice(2)
/** The server's address on the pages. */
const SYNC = 'https://sync.example.com'
const missing = new Set(lines.map(Number))
const failures = []

globalThis.said = (line, text, ...values) => {
  const printed = formatWithOptions({ breakLength: Infinity, compact: true, depth: 8 }, ...values)
  if (printed === text) missing.delete(line)
  // Of a line that runs more than once, one time is enough: live results begin with what there was.
  else failures.push({ line, printed, text })
}
console.log = () => undefined
// Pages speak of a server of their reader's; it is the one that was started for them, and that signs its users in.
const { SYNC_SERVER: server, SYNC_TOKEN: token } = process.env
const { fetch } = globalThis
globalThis.fetch = (address, options) => {
  if (token !== undefined && address === '/token') return Promise.resolve(new Response(token))
  return fetch(server === undefined ? address : String(address).replace(SYNC, server), options)
}

await import(pathToFileURL(module).href)
const end = Date.now() + 10_000
while (missing.size > 0 && Date.now() < end) await new Promise((resume) => setTimeout(resume, 20))
for (const line of missing) {
  const printed = failures.filter((one) => one.line === line).map((one) => one.printed)
  console.error(`line ${line}: printed ${printed.length === 0 ? 'nothing' : printed.join(' | ')}`)
}
// Consumers, jobs and live queries may still be at work.
process.exit(missing.size === 0 ? 0 : 1)
