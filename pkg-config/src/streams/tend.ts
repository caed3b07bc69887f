/**
 * Delayed messages of a topic that only a stream reads: they are published by consumers of the topic, so the stream is one while there
 * are any. It takes nothing for itself: what it is handed, it acknowledges unseen. Its group goes with the last of them, or it would lag
 * behind ever more.
 */
import { toError } from '../errors.js'
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
    const settings = { from: 'end', maxInFlight: 100, filter: () => false }
    this.#consumer = await this.#topic.consume(this.#group, settings)
    this.#ask(this.#consumer).catch(() => undefined)
  }

  /** Asks until it ends, as nothing passes the filter. Another tab that was through may drop the group when something is scheduled anew. */
  async #ask(consumer: ConsumerCore): Promise<void> {
    try {
      // A run that was killed left the group behind.
      await this.#topic.seek(this.#group, 'end')
      await consumer.messages().next()
    } catch (error) {
      await consumer.stop()
      if (this.#consumer !== consumer) return
      this.#consumer = undefined
      if (toError(error).reason === 'unknown-group') await this.look()
    }
  }

  async stop(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = undefined
    if (consumer === undefined) return
    await consumer.stop()
    await this.#topic.write({ op: 'topicDropGroup', topic: consumer.topic, name: this.#group })
  }
}
