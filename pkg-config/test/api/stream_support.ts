/** What claims about streams have in common: a topic of clicks, and looks at what came out. */
import type { Database, RunningStream, StreamOptions, Topic } from '../../src/index.js'
import { eventually } from './harness.js'

export interface Click {
  readonly page: string
  readonly at: number
  readonly ms: number
}

export const QUICK: StreamOptions = { backoff: { min: 1, max: 5 } }
/** One partition: the watermark is that of all. */
export const clicksOf = (db: Database) => db.topic<Click>('clicks', { partitions: 1 })
export const time = ({ at }: Click) => at

/** Publishes clicks: rows of page, time, milliseconds. */
export async function publish(
  topic: Topic<Click>,
  rows: readonly (readonly [page: string, at: number, ms?: number])[],
) {
  await topic.publishMany(rows.map(([page, at, ms = 1]) => ({ key: page, value: { page, at, ms } })))
}

/** Waits until a stream has read everything. */
export async function through(stream: RunningStream): Promise<void> {
  await eventually(async () => (await stream.stats()).lag === 0, 'the stream has read everything')
}

/** The documents of a collection, by id, as rows of these fields. */
export async function rows(db: Database, collection: string, ...fields: string[]): Promise<unknown[][]> {
  const documents = await db.collection(collection).find().sort({ id: 1 }).toArray()
  return documents.map((document) => fields.map((field) => (document as unknown as Record<string, unknown>)[field]))
}

export async function valuesOf(db: Database, topic: string): Promise<unknown[]> {
  const values = []
  for await (const { value } of db.topic(topic).read()) values.push(value)
  return values
}

/** Words are counted by a stream, over all of time. */
export const counting = (db: Database) =>
  db
    .stream('words')
    .from(db.topic<string>('texts'))
    .flatMap((text) => text.split(' '))
    .filter((word) => word !== '')
    .keyBy((word) => word)
    .count()
    .into('words')
