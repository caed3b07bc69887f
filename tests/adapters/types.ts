// What TypeScript says about the adapters beside what they adapt to. It is compiled, never run.
import { QueryClient } from '@tanstack/query-core'
import {
  experimental_createQueryPersister,
  persistQueryClient,
  type AsyncStorage,
  type Persister,
} from '@tanstack/query-persist-client-core'
import Keyv, { type KeyvStoreAdapter } from 'keyv'
import { createCollection } from '@tanstack/db'
import { open } from 'tidewell'
import { TidewellLevel } from 'tidewell/abstract-level'
import { KeyvTidewell } from 'tidewell/keyv'
import { tidewellCollectionOptions } from 'tidewell/tanstack-db'
import { createPersister, createQueryStorage, type KeptQuery } from 'tidewell/tanstack-query'
import { tidewellDriver } from 'tidewell/unstorage'
import { createStorage } from 'unstorage'

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

interface Todo {
  id: string
  text: string
}
const todos = db.collection<Todo>('todos')
export const rows = createCollection(tidewellCollectionOptions({ collection: todos }))
export const row: Todo | undefined = rows.get('a')
export const items = createStorage({ driver: tidewellDriver({ collection: db.collection('items') }) })
export const bytes = new TidewellLevel<Uint8Array, { x: number }>(db, { keyEncoding: 'view', valueEncoding: 'json' })
export const value: Promise<{ x: number } | undefined> = bytes.get(new Uint8Array())
