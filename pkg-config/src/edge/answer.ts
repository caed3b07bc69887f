/** An answer of the sync server, which nobody keeps. */
export const answer = (status: number, body: string): Response =>
  new Response(body, { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
