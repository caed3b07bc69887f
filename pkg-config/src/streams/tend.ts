/**
 * Delayed messages of a topic that only a stream reads: they are published by consumers of the topic, so the stream is one while there
 * are any. It takes nothing for itself: what it is handed, it acknowledges unseen.
 */
import type { ConsumerCore } from '../topics/consumer.js'
import type { TopicCore } from '../topics/core.js'

export class Tender {
  readonly #topic: TopicCore
  readonly #group: string
  #consumer: ConsumerCore | undefined

  constructor(topic: TopicCore, stream: string) {
    this.#topic = topic
    this.#group = `stream:${stream}`
  }

  /** Consumes while something is scheduled. */
  async look(): Promise<void> {
    const due = (await this.#topic.scheduled()).length > 0
    if (due === (this.#consumer !== undefined)) return
    if (!due) return this.stop()
    await this.#topic.group(this.#group, { from: 'end' }, true)
    await this.#topic.seek(this.#group, 'end')
    this.#consumer = await this.#topic.consume(this.#group, { maxInFlight: 100, filter: () => false })
    this.#consumer.done.catch(() => undefined)
  }

  async stop(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = undefined
    await consumer?.stop()
  }
}
