// What TypeScript says about the adapters beside what they adapt to. It is compiled, never run.
import { QueryClient } from '@tanstack/query-core'
import {
  experimental_createQueryPersister,
  persistQueryClient,
  type AsyncStorage,
  type Persister,
} from '@tanstack/query-persist-client-core'
import Keyv, { type KeyvStoreAdapter } from 'keyv'
import { open } from 'tidewell'
import { KeyvTidewell } from 'tidewell/keyv'
import { createPersister, createQueryStorage, type KeptQuery } from 'tidewell/tanstack-query'

const db = await open('types')
const cache = db.cache('queries')

export const persister: Persister = createPersister(cache, { prefix: 'p/' })
persistQueryClient({
  queryClient: new QueryClient(),
  persister: createPersister(open('later').then((late) => late.cache('queries'))),
  buster: 'v1',
})
export const storage: AsyncStorage<KeptQuery> = createQueryStorage(cache).storage
experimental_createQueryPersister({ ...createQueryStorage(cache), buster: 'v1', maxAge: 1000 })

export const store: KeyvStoreAdapter = new KeyvTidewell(cache)
export const keyv = new Keyv<number>({ store: new KeyvTidewell(db.cache<string>('keyv')), namespace: 'n' })
