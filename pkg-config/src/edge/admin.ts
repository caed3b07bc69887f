/**
 * What operators do to one tenant, over HTTP: `GET /admin/backup`, `PUT /admin/restore`, `POST /admin/compact`, `POST /admin/renew`. Who has
 * the operators' secret may; where there is none, there are no such routes. It does none of it: the tenant's object does.
 */
import { TidewellError } from '../errors.js'
import { answer } from './answer.js'
import { Refused } from './body.js'
import { isName, SECRET_MIN } from './token.js'

/** Says which tenant it is about, and so that an operator asks: set by the worker, which has looked at the secret. */
const TENANT = 'x-tidewell-admin'
const METHODS: Readonly<Record<string, string>> = { backup: 'GET', restore: 'PUT', compact: 'POST', renew: 'POST' }
const STATUS: Readonly<Record<string, number>> = { conflict: 409, corrupt: 400, invalid: 400, quota: 507 }
const utf8 = new TextEncoder()

/** A call as the tenant's object gets it. */
export interface AdminCall {
  readonly route: string
  /** The tenant's name; of a restore, the one that the backup must bear. */
  readonly tenant: string
  /** Of a compaction. */
  readonly keep: number
  /** Of a restore. */
  readonly body: ReadableStream<Uint8Array>
}

/** The call of an operator, for the object of that tenant; undefined if the request is none. Throws {@link Refused}. */
export async function administered(
  request: Request,
  secret: unknown,
): Promise<{ readonly tenant: string; readonly request: Request } | undefined> {
  const { pathname, searchParams } = new URL(request.url)
  const route = /^\/admin\/(\w+)$/.exec(pathname)?.[1]
  const method = route === undefined ? undefined : METHODS[route]
  if (method === undefined || secret === undefined) return undefined
  if (!(await isSecret(request.headers.get('authorization'), secret)))
    throw new Refused(401, 'auth', 'that is not the secret of operators')
  if (request.method !== method) throw new Refused(405, 'method', `${pathname} takes ${method}`)
  const tenant = searchParams.get('tenant')
  const bears = (route === 'restore' ? searchParams.get('from') : null) ?? tenant
  if (!isName(tenant) || !isName(bears)) throw new Refused(400, 'invalid', 'name the tenant: ?tenant=NAME')
  if (route === 'compact' && !/^\d{1,15}$/.test(searchParams.get('keep') ?? ''))
    throw new Refused(400, 'invalid', 'say how many versions are kept: &keep=NUMBER')
  const headers = new Headers({ [TENANT]: encodeURIComponent(bears) })
  const encoding = request.headers.get('content-encoding') ?? 'identity'
  if (encoding !== 'identity' && encoding !== 'gzip')
    throw new Refused(415, 'encoding', `bodies are plain or gzip, not '${encoding}'`)
  headers.set('content-encoding', encoding)
  const body = route === 'restore' ? request.body : null
  return { tenant, request: new Request(request.url, { method: 'POST', headers, body }) }
}

/** In the tenant's object: the call that a request of the worker is; undefined if no operator asks. */
export function callOf(request: Request): AdminCall | undefined {
  const tenant = request.headers.get(TENANT)
  if (tenant === null) return undefined
  const { pathname, searchParams } = new URL(request.url)
  const isPacked = request.headers.get('content-encoding') === 'gzip'
  const body = isPacked ? request.body?.pipeThrough(new DecompressionStream('gzip')) : request.body
  return {
    route: pathname.split('/').at(-1) ?? '',
    tenant: decodeURIComponent(tenant),
    keep: Number(searchParams.get('keep')),
    body: body ?? new Blob([]).stream(),
  }
}

/** The answer to a call that was not done; anything that is nobody's doing is thrown on. */
export function refusalOf(error: unknown): Response {
  const status = error instanceof TidewellError ? STATUS[error.code] : undefined
  if (status === undefined) throw error
  const { code, message } = error as TidewellError
  return answer(status, JSON.stringify({ error: { code, message } }))
}

async function isSecret(given: string | null, secret: unknown): Promise<boolean> {
  const wanted = typeof secret === 'string' ? secret.trim() : ''
  if (utf8.encode(wanted).length < SECRET_MIN)
    throw new Error(`the secret of operators must be a text of at least ${SECRET_MIN} random bytes`)
  // Of digests nothing is learned by the time that comparing them takes.
  const digests = [`Bearer ${wanted}`, given ?? ''].map((text) => crypto.subtle.digest('SHA-256', utf8.encode(text)))
  const [one = [], other = []] = (await Promise.all(digests)).map((digest) => [...new Uint8Array(digest)])
  return one.every((byte, at) => byte === other[at])
}
