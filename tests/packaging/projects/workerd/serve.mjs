// Serves a script on workerd with the modules in the folders it is given, and prints what its requests answer.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Miniflare } from 'miniflare'

const [script, ...folders] = process.argv.slice(2)
const beside = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
// All modules by name: miniflare finds them itself only where no code loads a module that the application names.
const modules = [script, ...beside.filter((path) => path !== script)].flatMap((path) => {
  if (path.endsWith('.wasm')) return [{ type: 'CompiledWasm', path }]
  return path.endsWith('.js') && !path.endsWith('wasm_source.js') ? [{ type: 'ESModule', path }] : []
})
const miniflare = new Miniflare({ modules, compatibilityDate: '2026-04-01' })
const ask = async (path) => {
  const response = await miniflare.dispatchFetch(`http://localhost/${path}`)
  if (!response.ok) throw new Error(await response.text())
  return response.json()
}
const answers = []
for (const path of ['scenario', 'kept', 'kept', 'kept']) answers.push(await ask(path))
answers.push(Math.max(...(await Promise.all(Array.from({ length: 20 }, () => ask('kept'))))))
await miniflare.dispose()
console.log(JSON.stringify(answers))
