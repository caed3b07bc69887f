// An operator of the sync server at the edge, devices that sync with it, and backups that are not what was read.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { SECRET, token } from './device.mjs'
import { FRESH, packageFolder, serve } from './host.mjs'

export const { open } = await import(pathToFileURL(join(packageFolder, 'dist/inline.js')).href)
export const ADMIN = 'thirty-two bytes for operators only'
const file = fileURLToPath(new URL('../../../examples/edge-sync/src/worker.js', import.meta.url))

/** A server with an operator at it. */
export async function start(data, bindings = {}, object = 'edge-sync') {
  const all = { TIDEWELL_SECRET: SECRET, TIDEWELL_ADMIN_SECRET: ADMIN, ...bindings }
  const set = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  const host = await serve(
    object,
    data,
    { TENANTS: 'Tenant' },
    { file: object === 'edge-sync' ? file : undefined, bindings: set },
  )
  const ask = (method, route, init = {}) =>
    fetch(`${host.origin}/admin/${route}`, {
      method,
      ...init,
      headers: { authorization: `Bearer ${ADMIN}`, ...FRESH, ...init.headers },
    })
  const backup = async (tenant = 't') => {
    const response = await ask('GET', `backup?tenant=${tenant}`)
    assert.equal(response.status, 200)
    return Buffer.from(await response.arrayBuffer())
  }
  const restore = async (body, query = 'tenant=t', headers = {}, init = {}) => {
    const response = await ask('PUT', `restore?${query}`, { body, headers, ...init })
    return { status: response.status, ...(await response.json()) }
  }
  return { ...host, host, ask, backup, restore }
}

/** Databases of the package that sync their notes, for the time of `work`. */
export async function withDevices(server, users, work) {
  const devices = []
  const start = (db, sub) =>
    db.sync({
      url: server.origin,
      token: token({ sub }),
      collections: ['notes'],
      timing: { backoff: 20, backoffMax: 200, poll: 500 },
    })
  try {
    for (const user of users) {
      const db = await open(user)
      const device = { db, notes: db.collection('notes'), sync: start(db, user) }
      device.again = () => (device.sync = start(db, user))
      devices.push(device)
    }
    await work(...devices)
  } finally {
    for (const { sync } of devices) await sync.stop()
    for (const { db } of devices) await db.close()
  }
}

/** A backup with its lines changed, and an end that fits them. */
export function edited(backup, change) {
  const lines = change(
    backup
      .toString()
      .trimEnd()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  )
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  const count = (kind) => lines.filter((line) => kind in line).length
  const checksum = createHash('sha256').update(text).digest('hex')
  return `${text}${JSON.stringify({ end: true, images: count('image'), records: count('record'), checksum })}\n`
}
