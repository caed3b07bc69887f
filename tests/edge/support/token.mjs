// Tokens for the sync server.
import { createHmac } from 'node:crypto'

export const SECRET = 'thirty-two bytes that nobody knows'

const coded = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A token; `header` and `secret` may be wrong on purpose. */
export function token(claims, { secret = SECRET, header = { alg: 'HS256', typ: 'JWT' }, hash = 'sha256' } = {}) {
  const whole = {
    tenant: 't',
    sub: 'ann',
    exp: Math.floor(Date.now() / 1000) + 3600,
    ...claims,
  }
  const signed = `${coded(header)}.${coded(whole)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}
