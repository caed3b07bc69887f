// Where the sync server is: the demo's server says so; on a static host it is in the page.

import { answerBy } from './network.js'

/** The server's address, a token, and whether it is in this page; undefined where there can be none. */
export const findSyncServer = async () => (await readSyncServer()) ?? (await startOne())

const readSyncServer = async () => {
  try {
    const { url, token } = await (await fetch('sync.json', { cache: 'no-store' })).json()
    return url === undefined ? undefined : { url: new URL(url, document.baseURI).href, token, isHere: false }
  } catch {
    return undefined
  }
}

const startOne = async () => {
  try {
    const { startPracticeServer } = await import('./practice.js')
    answerBy(await startPracticeServer())
    return { url: new URL('sync', document.baseURI).href, token: 'none', isHere: true }
  } catch {
    return undefined
  }
}
