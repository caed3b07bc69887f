#!/usr/bin/env node
// The example of a sync server as a program like the native one, as far as tests call that: it serves, or does one command.
//
//   sync_server.mjs [--config FILE] --listen 127.0.0.1:PORT [--cors ORIGIN]
//   sync_server.mjs [--config FILE] token --tenant T --user U [--claims JSON] | backup FILE | restore FILE
//
// Data and secrets are in the current folder. workerd dies with this process, however that ends.
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { token } from './support/token.mjs'

const text = { type: 'string' }
const options = { listen: text, config: text, cors: text, tenant: text, user: text, claims: text }
const { values, positionals } = parseArgs({ options, allowPositionals: true })
const data = process.cwd()
/** Who has been given a token: an operator knows the tenants, the server does not. */
const tenants = join(data, 'tenants')
/** Where it listens, for commands beside it. */
const address = join(data, 'address')
const secret = secretOf('tidewell.secret')
const admin = secretOf('operator.secret')
const [command, file] = positionals

if (command === undefined) await listen()
else if (command === 'token') give()
else if (command === 'backup') await backup()
else if (command === 'restore') await restore()
else throw new Error(`there is no command '${command}' here`)

async function listen() {
  const [, port = '0'] = (values.listen ?? '').split(':')
  const { origin } = await start(Number(port))
  writeFileSync(address, origin)
  console.log(`the edge's server listens on ${origin}, data in ${data}`)
}

function give() {
  appendFileSync(tenants, `${values.tenant}\n`)
  console.log(token({ tenant: values.tenant, sub: values.user, ...JSON.parse(values.claims ?? '{}') }, { secret }))
}

/** One file for each tenant, of a server that runs. */
async function backup() {
  mkdirSync(file)
  for (const tenant of new Set(readFileSync(tenants, 'utf8').trim().split('\n'))) {
    const response = await operate('GET', readFileSync(address, 'utf8'), 'backup', tenant)
    writeFileSync(join(file, tenant), Buffer.from(await response.arrayBuffer()))
  }
}

/** Into a server that does not run: one that runs meanwhile. */
async function restore() {
  const host = await start(0)
  for (const tenant of readdirSync(file))
    await operate('PUT', host.origin, 'restore', tenant, { body: readFileSync(join(file, tenant)) })
  await host.stop()
}

async function operate(method, origin, route, tenant, init = {}) {
  const headers = { authorization: `Bearer ${admin}` }
  const response = await fetch(`${origin}/admin/${route}?tenant=${tenant}`, { method, headers, ...init })
  if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`)
  return response
}

async function start(port) {
  // A child is told when its parent dies; workerd would go on.
  const { default: workerd } = await import('workerd')
  const launcher = join(data, `workerd-${process.pid}.sh`)
  writeFileSync(launcher, `#!/bin/sh\nexec setpriv --pdeathsig KILL '${workerd.default ?? workerd}' "$@"\n`)
  chmodSync(launcher, 0o755)
  process.env.MINIFLARE_WORKERD_PATH = launcher
  const { serve } = await import('./support/host.mjs')
  mkdirSync(join(data, 'objects'), { recursive: true })
  const bindings = { TIDEWELL_SECRET: secret, TIDEWELL_ADMIN_SECRET: admin, TIDEWELL_CORS: values.cors ?? '*' }
  if (values.config !== undefined) Object.assign(bindings, settingsOf(readFileSync(values.config, 'utf8')))
  const worker = fileURLToPath(new URL('../../examples/edge-sync/src/worker.js', import.meta.url))
  return serve('edge-sync', join(data, 'objects'), { TENANTS: 'Tenant' }, { file: worker, bindings, port })
}

/** The native server's file of settings, as variables: filters are JSON. */
function settingsOf(toml) {
  const [bindings, rules] = [{}, {}]
  let rule
  for (const line of toml.split('\n').map((one) => one.trim())) {
    const [, name] = /^\[rules\."?([^"\]]+)"?\]$/.exec(line) ?? []
    const [, what, filter] = /^(read|write)\s*=\s*'(.*)'$/.exec(line) ?? []
    const [, end, schema] = /^schema_(min|max)\s*=\s*(\d+)$/.exec(line) ?? []
    if (name !== undefined) rules[name] = rule = {}
    if (what !== undefined) rule[what] = JSON.parse(filter)
    if (end !== undefined) bindings[`TIDEWELL_SCHEMA_${end.toUpperCase()}`] = Number(schema)
  }
  if (Object.keys(rules).length > 0) bindings.TIDEWELL_RULES = rules
  return bindings
}

/** The secret in a file, which is made by whoever comes first. */
function secretOf(name) {
  const path = join(data, name)
  if (!existsSync(path)) {
    const own = `${path}.${process.pid}`
    writeFileSync(own, randomBytes(32).toString('hex'))
    // Whoever comes first has made it.
    try {
      linkSync(own, path)
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    unlinkSync(own)
  }
  return readFileSync(path, 'utf8')
}
