/** Tokens: JWT, signed with HS256, that name a tenant and a user. The algorithm is ours to name, never the token's. */

/** Clocks may differ by so much, in seconds. */
const LEEWAY = 5
const NAME_MAX = 128
/** The least bytes of a secret. */
export const SECRET_MIN = 32
const utf8 = new TextEncoder()

/** Who asks, for whose data, until when. */
export interface Session {
  readonly tenant: string
  /** All claims, as JSON. */
  readonly claims: string
  /** Seconds since 1970. */
  readonly expires: number
}

/** The key of a secret. */
export async function keyOf(secret: unknown): Promise<CryptoKey> {
  const bytes = typeof secret === 'string' ? utf8.encode(secret.trim()) : undefined
  if (bytes === undefined || bytes.length < SECRET_MIN)
    throw new Error(`the secret of tokens must be a text of at least ${SECRET_MIN} random bytes`)
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

/** The session of a token; undefined if it does not hold. */
export async function sessionOf(token: string | undefined, key: CryptoKey): Promise<Session | undefined> {
  const [head, body, signature, more] = token?.split('.') ?? []
  if (head === undefined || body === undefined || signature === undefined || more !== undefined) return undefined
  const [header, signed, claims] = [objectOf(head), decoded(signature), objectOf(body)]
  if (header?.['alg'] !== 'HS256' || signed === undefined || claims === undefined) return undefined
  if (!(await crypto.subtle.verify('HMAC', key, signed, utf8.encode(`${head}.${body}`)))) return undefined
  const { tenant, sub, exp, nbf } = claims
  const now = Date.now() / 1000
  if (!isName(tenant) || !isName(sub) || typeof exp !== 'number' || exp < now - LEEWAY) return undefined
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= now + LEEWAY)) return undefined
  return { tenant, claims: JSON.stringify(claims), expires: exp }
}

/** Whether a tenant or a user may be called so. */
export function isName(value: unknown): value is string {
  // Printable, as the native server wants them: they stand in names of objects and in logs.
  return typeof value === 'string' && value !== '' && !/\p{Cc}/u.test(value) && utf8.encode(value).length <= NAME_MAX
}

function objectOf(part: string): Record<string, unknown> | undefined {
  const bytes = decoded(part)
  if (bytes === undefined) return undefined
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function decoded(part: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[\w-]*$/.test(part)) return undefined
  try {
    return Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (sign) => sign.charCodeAt(0))
  } catch {
    return undefined
  }
}
