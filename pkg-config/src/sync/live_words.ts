/** What both ends of a live WebSocket say, besides versions. */

/** The client asks for a sign of life; the server answers `PONG` without being woken. */
export const PING = 'ping'
export const PONG = 'pong'
/** The server closes with it what is open when its token expires. */
export const EXPIRED = 4401
