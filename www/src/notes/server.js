// Where the sync server is: the demo's server says so, a static host has none.

/** The server's address and a token; undefined where there is none. */
export const readSyncServer = async () => {
  try {
    const { url, token } = await (await fetch('sync.json', { cache: 'no-store' })).json()
    return url === undefined ? undefined : { url: new URL(url, document.baseURI).href, token }
  } catch {
    return undefined
  }
}
