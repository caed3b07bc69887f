// Runs the module of one page, in a process of its own: `node run_page.mjs MODULE [LINE …]`. Every line named must print what it says.
import { formatWithOptions } from 'node:util'
import { pathToFileURL } from 'node:url'

const [module, ...lines] = process.argv.slice(2)
const missing = new Set(lines.map(Number))
const failures = []

globalThis.said = (line, text, ...values) => {
  const printed = formatWithOptions({ breakLength: Infinity, compact: true, depth: 8 }, ...values)
  if (printed === text) missing.delete(line)
  // Of a line that runs more than once, one time is enough: live results begin with what there was.
  else failures.push({ line, printed, text })
}
console.log = () => undefined

await import(pathToFileURL(module).href)
const end = Date.now() + 10_000
while (missing.size > 0 && Date.now() < end) await new Promise((resume) => setTimeout(resume, 20))
for (const line of missing) {
  const printed = failures.filter((one) => one.line === line).map((one) => one.printed)
  console.error(`line ${line}: printed ${printed.length === 0 ? 'nothing' : printed.join(' | ')}`)
}
// Consumers, jobs and live queries may still be at work.
process.exit(missing.size === 0 ? 0 : 1)
