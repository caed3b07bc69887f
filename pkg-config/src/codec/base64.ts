/** Standard base64 with padding, by the engine's own method where it has one. Not for URLs. */

interface NativeBase64 {
  toBase64?: () => string
}
interface NativeFromBase64 {
  fromBase64?: (text: string) => Uint8Array
}

/** Chunks keep the argument list of `fromCharCode` short. */
const CHUNK = 0x2000

/** The base64 text of `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  const native = (Uint8Array.prototype as NativeBase64).toBase64
  if (native !== undefined) return native.call(bytes)
  let binary = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  }
  return btoa(binary)
}

/** The bytes of base64 `text`. */
export function fromBase64(text: string): Uint8Array {
  const native = (Uint8Array as NativeFromBase64).fromBase64
  if (native !== undefined) return native(text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}
