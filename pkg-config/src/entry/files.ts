/** Storage in files, loaded when a database asks for it. */
import type { Files } from '../open.js'

/** What Node, Deno and Bun provide. */
export const files = (): Promise<Files> => import('../files/store.js')
