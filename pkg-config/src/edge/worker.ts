/**
 * The worker in front of the tenants: HTTP, tokens, limits, CORS. It finds the tenant's object by the token, and hands it what it has
 * verified. It keeps nothing.
 */
import { administered } from './admin.js'
import { answer } from './answer.js'
import { bodyOf, Refused } from './body.js'
import { CLAIMS, EXPIRES } from './tenant.js'
import { keyOf, type Session, sessionOf } from './token.js'

/** A binding to the namespace of tenants. */
interface Tenants {
  idFromName(name: string): unknown
  get(id: unknown): { fetch(request: Request): Promise<Response> }
}

/** Which names of the environment the worker uses. */
export interface SyncWorkerOptions {
  /** The binding of the Durable Objects. Default `TENANTS`. */
  readonly tenants?: string | undefined
  /** The secret that tokens are signed with (HS256), at least 32 bytes. Default `TIDEWELL_SECRET`. */
  readonly secret?: string | undefined
  /** The variable with the origins whose pages may call, separated by commas; `*` for all. Default `TIDEWELL_CORS`. */
  readonly cors?: string | undefined
  /** The secret of operators, at least 32 bytes, by which tenants are backed up and restored. Default `TIDEWELL_ADMIN_SECRET`. */
  readonly admin?: string | undefined
}

/** A worker's handlers. */
export interface SyncWorker {
  /** Answers a request. */
  fetch(request: object, env: object): Promise<never>
}

const METHODS: Readonly<Record<string, string>> = { push: 'POST', pull: 'POST', live: 'GET' }
const AUTH = '{"v":1,"kind":"auth"}'
/** How browsers, which cannot set headers of WebSockets, bring their token along: `['tidewell', 'bearer.' + token]`. */
const PROTOCOL = 'bearer.'
/** What this isolate has counted. */
const counters = { pushes: 0, pulls: 0, live_connections: 0, tokens_refused: 0, bad_requests: 0, failures: 0 }

/** The handlers of a worker that serves `docs/SYNC.md` from its tenants: `export default syncWorker()`. */
export function syncWorker(options: SyncWorkerOptions = {}): SyncWorker {
  const { tenants = 'TENANTS', secret = 'TIDEWELL_SECRET', cors = 'TIDEWELL_CORS' } = options
  const { admin = 'TIDEWELL_ADMIN_SECRET' } = options
  let known: { readonly text: unknown; readonly key: Promise<CryptoKey> } | undefined
  const handle = async (request: Request, env: Readonly<Record<string, unknown>>): Promise<Response> => {
    const space = env[tenants] as Tenants
    const call = await administered(request, env[admin])
    if (call !== undefined) return space.get(space.idFromName(call.tenant)).fetch(call.request)
    const route = routeOf(request)
    if (typeof route !== 'string') return route
    if (known?.text !== env[secret]) known = { text: env[secret], key: keyOf(env[secret]) }
    const session = await sessionOf(tokenOf(request), await (known as { key: Promise<CryptoKey> }).key)
    if (session === undefined) {
      counters.tokens_refused++
      return answer(401, AUTH)
    }
    return space.get(space.idFromName(session.tenant)).fetch(await handedOn(request, route, session))
  }
  const fetch = async (given: object, env: object) => {
    const request = given as Request
    const allowed = allowedBy((env as Record<string, unknown>)[cors], request.headers.get('origin'))
    if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: allowed })
    const response = await handle(request, env as Record<string, unknown>).catch(failed)
    // A WebSocket's answer cannot be changed.
    if (response.status === 101 || Object.keys(allowed).length === 0) return response
    const headers = new Headers(response.headers)
    for (const [name, value] of Object.entries(allowed)) headers.set(name, value)
    return new Response(response.body, { status: response.status, headers })
  }
  return { fetch: fetch as unknown as SyncWorker['fetch'] }
}

/** The route of a request for a tenant; anything else is answered here. */
function routeOf(request: Request): string | Response {
  const { pathname } = new URL(request.url)
  if (pathname === '/health') return new Response('ok')
  if (pathname === '/ready') return new Response('ready')
  if (pathname === '/metrics') return new Response(metrics())
  const route = /^\/v1\/(push|pull|live)$/.exec(pathname)?.[1]
  if (route === undefined) return refusal(404, 'not-found', 'there is no such route')
  if (request.method !== METHODS[route]) return refusal(405, 'method', `${pathname} takes ${METHODS[route]}`)
  return route
}

function tokenOf(request: Request): string | undefined {
  const given = request.headers.get('authorization')
  if (given !== null) return given.startsWith('Bearer ') ? given.slice('Bearer '.length) : undefined
  const offered = request.headers.get('sec-websocket-protocol')?.split(',') ?? []
  return offered
    .map((one) => one.trim())
    .find((one) => one.startsWith(PROTOCOL))
    ?.slice(PROTOCOL.length)
}

/** The request as the tenant gets it: unpacked, with the claims in the place of the token. */
async function handedOn(request: Request, route: string, session: Session): Promise<Request> {
  counters[route === 'push' ? 'pushes' : route === 'pull' ? 'pulls' : 'live_connections']++
  const headers = new Headers({ [CLAIMS]: encodeURIComponent(session.claims), [EXPIRES]: String(session.expires) })
  if (route !== 'live') return new Request(request.url, { method: 'POST', headers, body: await bodyOf(request) })
  if (request.headers.get('upgrade') === 'websocket') headers.set('upgrade', 'websocket')
  return new Request(request.url, { headers })
}

function failed(error: unknown): Response {
  if (error instanceof Refused) {
    counters.bad_requests++
    return refusal(error.status, error.code, error.message)
  }
  counters.failures++
  // Messages name no document's content.
  console.error(JSON.stringify({ level: 'error', message: error instanceof Error ? error.message : String(error) }))
  return refusal(503, 'unavailable', 'the server could not do it: try again')
}

function allowedBy(cors: unknown, origin: string | null): Record<string, string> {
  const origins = typeof cors === 'string' ? cors.split(',').map((one) => one.trim()) : []
  if (origin === null || !(origins.includes('*') || origins.includes(origin))) return {}
  return {
    'access-control-allow-origin': origins.includes('*') ? '*' : origin,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-type, content-encoding',
    'access-control-max-age': '3600',
    vary: 'origin',
  }
}

function refusal(status: number, code: string, message: string): Response {
  return answer(status, JSON.stringify({ error: { code, message } }))
}

function metrics(): string {
  return Object.entries(counters)
    .map(([name, value]) => `# TYPE tidewell_${name}_total counter\ntidewell_${name}_total ${value}\n`)
    .join('')
}
