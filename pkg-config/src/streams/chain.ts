/** Functions of single records, one after another over a whole batch. Look-ups read in the transaction of the batch. */
import { invalid } from '../errors.js'
import type { Transaction } from '../transaction.js'
import type { StreamContext } from './options.js'
import { contextOf, FunctionError, guarded, type Rec } from './record.js'

type Work = (value: unknown, context: StreamContext) => unknown

/** A function of single records. */
export type Call =
  | { readonly kind: 'filter' | 'map' | 'flatMap' | 'keyBy'; readonly work: Work }
  | {
      readonly kind: 'lookup'
      readonly table: { readonly name: string }
      readonly id: Work
      readonly combine: (value: unknown, document: unknown, context: StreamContext) => unknown
    }

/** Runs records through; `fail` is told of those at which a function throws: it throws, or they are left out. */
export async function runCalls(
  tx: Transaction,
  calls: readonly Call[],
  records: Rec[],
  fail: (error: FunctionError) => void,
): Promise<Rec[]> {
  for (const call of calls) {
    if (records.length === 0) break
    const found = call.kind === 'lookup' ? await lookUp(tx, call, records, fail) : undefined
    const next: Rec[] = []
    for (const record of records) {
      try {
        if (call.kind !== 'lookup') run(call.kind, call.work, record, next)
        else if (found?.has(record) === true)
          next.push({
            ...record,
            value: guarded(record, () => call.combine(record.value, found.get(record) ?? null, contextOf(record))),
          })
      } catch (error) {
        if (!(error instanceof FunctionError)) throw error
        fail(error)
      }
    }
    records = next
  }
  return records
}

function run(kind: 'filter' | 'map' | 'flatMap' | 'keyBy', work: Work, record: Rec, next: Rec[]): void {
  const answer = guarded(record, () => work(record.value, contextOf(record)))
  switch (kind) {
    case 'filter':
      if (answer === true) next.push(record)
      return
    case 'map':
      next.push({ ...record, value: answer })
      return
    case 'keyBy':
      next.push({ ...record, key: guarded(record, () => keyOf(answer)) })
      return
    case 'flatMap': {
      const values = guarded(record, () => [...(answer as Iterable<unknown>)])
      values.forEach((value, at) => next.push({ ...record, value, id: `${record.id}.${at}` }))
    }
  }
}

/** The key as text. The state of a key is a document, so it has the length of an id. */
function keyOf(key: unknown): string {
  if (typeof key !== 'string' && typeof key !== 'number')
    throw invalid(`keyBy: a key must be a string or a number, got ${key === null ? 'null' : typeof key}`)
  const text = String(key)
  if (text === '' || text.length > 160) throw invalid('keyBy: a key must have 1 to 160 characters')
  return text
}

/** The documents of all records that can be looked up. */
async function lookUp(
  tx: Transaction,
  call: Extract<Call, { kind: 'lookup' }>,
  records: readonly Rec[],
  fail: (error: FunctionError) => void,
): Promise<Map<Rec, unknown>> {
  const ids = new Map<Rec, string | undefined>()
  for (const record of records) {
    try {
      const id = guarded(record, () => call.id(record.value, contextOf(record)))
      ids.set(record, typeof id === 'string' && id !== '' ? id : undefined)
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error
      fail(error)
    }
  }
  const wanted = [...new Set([...ids.values()].filter((id) => id !== undefined))]
  const documents = wanted.length === 0 ? [] : await tx.collection(call.table.name).getMany(wanted)
  const byId = new Map(wanted.map((id, at) => [id, documents[at] ?? null]))
  return new Map([...ids].map(([record, id]) => [record, id === undefined ? null : byId.get(id)]))
}
