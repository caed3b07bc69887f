// Writes the playground as files that any static host can serve, below any path: `node www/build.mjs --package target/npm/tidewell
// --out target/www`. It needs no server of ours: the one that the devices on the notes page sync with runs in the page.
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { madeFiles, packageFiles, pageFiles, pages, POLICY } from './site.mjs'

const { values } = parseArgs({ options: { package: { type: 'string', default: 'target/npm/tidewell' }, out: { type: 'string', default: 'target/www' } } })
const [pack, out] = [resolve(values.package), resolve(values.out)]

rmSync(out, { recursive: true, force: true })
let [count, size] = [0, 0]
const place = (name) => {
  const target = join(out, name)
  mkdirSync(dirname(target), { recursive: true })
  return target
}
const done = (target) => {
  count += 1
  size += statSync(target).size
}
const copy = (from, name) => {
  const target = place(name)
  cpSync(from, target)
  done(target)
}
const write = (name, text) => {
  const target = place(name)
  writeFileSync(target, text)
  done(target)
}

for (const name of pageFiles()) {
  const file = join(pages, name)
  if (!name.endsWith('.html')) copy(file, name)
  // A static host sends no policy by itself.
  else write(name, readFileSync(file, 'utf8').replace('<meta charset="utf-8" />', `$&\n    <meta http-equiv="Content-Security-Policy" content="${POLICY}" />`))
}
for (const name of packageFiles(pack)) copy(join(pack, name), `tidewell/${name}`)
for (const [name, text] of Object.entries(madeFiles(pack))) write(name, text)
console.log(`${count} files, ${(size / 1e6).toFixed(1)} MB in ${values.out}: put them on any static host, below any path`)
