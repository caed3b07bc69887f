// The example of a sync server as a program like the native one: `sync_server.mjs --listen 127.0.0.1:0 [--config FILE]`. Data and the
// secret are in the current folder. workerd dies with this process, however that ends.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import workerd from 'workerd'
import { serve } from './support/host.mjs'

const { values } = parseArgs({
  options: { listen: { type: 'string' }, config: { type: 'string' } },
})
const data = process.cwd()
const secretFile = join(data, 'tidewell.secret')
if (!existsSync(secretFile)) writeFileSync(secretFile, randomBytes(32).toString('hex'))
const file = resolve(dirname(fileURLToPath(import.meta.url)), '../../examples/edge-sync/src/worker.js')
// A child is told when its parent dies; workerd would go on.
const launcher = join(data, 'workerd.sh')
writeFileSync(launcher, `#!/bin/sh\nexec setpriv --pdeathsig KILL '${workerd.default ?? workerd}' "$@"\n`)
chmodSync(launcher, 0o755)
process.env.MINIFLARE_WORKERD_PATH = launcher
mkdirSync(join(data, 'objects'), { recursive: true })
const rules = values.config === undefined ? undefined : rulesOf(readFileSync(values.config, 'utf8'))
const bindings = {
  TIDEWELL_SECRET: readFileSync(secretFile, 'utf8'),
  TIDEWELL_CORS: '*',
}
if (rules !== undefined) bindings.TIDEWELL_RULES = rules
const [, port = '0'] = (values.listen ?? '').split(':')
const host = await serve(
  'edge-sync',
  join(data, 'objects'),
  { TENANTS: 'Tenant' },
  { file, bindings, port: Number(port) },
)
console.log(`the edge's server listens on ${host.origin}, data in ${data}`)

/** The rules of the native server's file of settings, as a variable: filters are JSON. */
function rulesOf(toml) {
  const rules = {}
  let rule
  for (const line of toml.split('\n').map((one) => one.trim())) {
    const [, name] = /^\[rules\."?([^"\]]+)"?\]$/.exec(line) ?? []
    const [, what, filter] = /^(read|write)\s*=\s*'(.*)'$/.exec(line) ?? []
    if (name !== undefined) rules[name] = rule = {}
    if (what !== undefined) rule[what] = JSON.parse(filter)
  }
  return rules
}
