/**
 * Attachments as the application holds them. The code behind them is a chunk of its own: pages without attachments do not download it. So
 * what may be called is declared in `types.ts`, and done in `store.ts`.
 */
import { notLoaded } from '../errors.js'
import type { StoreHost } from './store.js'
import type { Attachments } from './types.js'

/** The attachments of `collection`. */
export function attachmentsOf(host: StoreHost, collection: string): Attachments {
  let loading: Promise<Attachments> | undefined
  const load = () =>
    (loading ??= import('./store.js').catch(notLoaded).then(
      ({ Store }) => new Store(host, collection),
      (error: unknown) => {
        loading = undefined
        throw error
      },
    ))
  // `filesOf`, written out: with `names.ts` a page would load a file more.
  const handle: Record<string, unknown> = { collection, files: `${collection}.files` }
  for (const method of 'put get bytes stream info list delete deleteAll clean'.split(' ') as ('put' &
    keyof Attachments)[])
    handle[method] = async (...args: Parameters<Attachments['put']>) => (await load())[method](...args)
  return handle as unknown as Attachments
}
