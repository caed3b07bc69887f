// Objects with a database: one that runs the scenario, one that keeps notes, mails and a job.
import { DurableObject } from 'cloudflare:workers'
import { openDurable } from 'tidewell/edge'
import { scenario } from './scenario.js'

/** The memories of all engines of this isolate. */
const memories = []
const { instantiate } = WebAssembly
WebAssembly.instantiate = async (...values) => {
  const instance = await instantiate(...values)
  memories.push(instance.exports.memory)
  return instance
}

export class Scenario extends DurableObject {
  async fetch() {
    return Response.json(await scenario({ open: () => openDurable(this.ctx) }))
  }
}

export class Keeper extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    this.errors = []
    this.work = { pages: 0, alarms: 0 }
    ctx.blockConcurrencyWhile(async () => {
      this.db = await openDurable(ctx)
      this.db.on('error', (error) => this.errors.push(String(error)))
      this.notes = this.db.collection('notes', {
        indexes: ['tag'],
        search: { title: 1 },
      })
      this.done = this.db.collection('done')
      this.mails = this.db.topic('mails')
      await this.mails.consume(
        'sender',
        { transactional: true, ackDeadline: 1000, backoff: { min: 50 } },
        (message, tx) => this.handle(message, tx),
      )
      this.job = this.db.job('words', {
        version: 1,
        from: 'notes',
        into: 'words',
        sliceSize: 20,
        map: (note, emit) => {
          this.work.pages++
          for (const word of note.title.split(' ')) emit(word, 1)
        },
        reduce: (_, counts) => counts.reduce((sum, count) => sum + count, 0),
      })
      await this.db.resume(this.job, { slices: 3 })
    })
  }

  async handle(message, tx) {
    if (message.value.fails > message.deliveries - 1) throw new Error('as asked')
    await tx.collection('done').put({
      id: message.value.id,
      deliveries: message.deliveries,
      at: Date.now(),
    })
  }

  async alarm() {
    this.work.alarms++
    await this.db.onAlarm()
  }

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    const number = (name) => Number(searchParams.get(name))
    switch (pathname.split('/').at(-1)) {
      case 'put': {
        const [from, count] = [number('from'), number('count') || 1]
        const notes = Array.from({ length: count }, (_, at) => ({
          id: `n${from + at}`,
          tag: `t${(from + at) % 7}`,
          title: `note ${from + at} tide x${'x'.repeat(number('size'))}`,
          ...(number('noise') > 0 ? { noise: crypto.getRandomValues(new Uint8Array(number('noise'))) } : {}),
        }))
        await this.notes.putMany(notes, {
          durability: searchParams.get('durability') ?? 'relaxed',
        })
        return Response.json(count)
      }
      case 'state': {
        const tagged = await this.notes.find({ tag: 't3' }).count()
        const found = (await this.notes.search('tide', { limit: 5 })).hits.length
        return Response.json({
          kind: (await this.db.storage()).kind,
          count: await this.notes.count(),
          tagged,
          found,
        })
      }
      case 'ids':
        return Response.json((await this.notes.find({}).toArray()).map(({ id }) => id))
      case 'publish':
        await this.mails.publish(
          { id: searchParams.get('id'), fails: number('fails') },
          { delay: number('delay'), durability: 'strict' },
        )
        return Response.json(Date.now())
      case 'cron':
        await this.mails
          .schedule('often', '* * * * * *', { id: 'cron', fails: 0 })
          .catch((error) => this.errors.push(String(error)))
        return Response.json(this.errors)
      case 'done':
        return Response.json({
          done: await this.done.find({}).toArray(),
          errors: this.errors,
          ...this.work,
        })
      case 'begin':
        await this.db.begin(this.job, { slices: 3 })
        return Response.json(await this.job.status())
      case 'job':
        return Response.json({
          status: await this.job.status(),
          words: await this.db.collection('words').count(),
          ...this.work,
        })
      case 'twice':
        return Response.json(
          await openDurable(this.ctx).then(
            () => 'opened',
            ({ code }) => code,
          ),
        )
      case 'garbage': {
        // Enough of what nobody needs that memory is cleared again and again while work that gives the thread back goes on.
        const timer = setInterval(() => Array.from({ length: 100_000 }, (_, n) => ({ n })), 1)
        try {
          for (let round = 0; round < 12; round++) {
            const noise = () => crypto.getRandomValues(new Uint8Array(2000))
            const notes = Array.from({ length: 2000 }, (_, at) => ({ id: `n${at}`, tag: `t${round}`, title: 'tide', noise: noise() }))
            await this.notes.putMany(notes)
          }
        } finally {
          clearInterval(timer)
        }
        return Response.json(await this.notes.find({ tag: 't11' }).count())
      }
      case 'memory':
        return Response.json(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0))
      case 'emptied':
        await this.ctx.storage.deleteAll()
        return Response.json(
          await this.notes.put({ id: 'n', tag: 't', title: 'x' }).then(
            () => 'stored',
            ({ code }) => code,
          ),
        )
      case 'alarm':
        return Response.json(await this.ctx.storage.getAlarm())
    }
    return new Response('no such thing', { status: 404 })
  }
}

export default {
  fetch(request, env) {
    const [, kind, name] = new URL(request.url).pathname.split('/')
    const space = kind === 'scenario' ? env.SCENARIO : env.KEEPER
    return space.get(space.idFromName(name)).fetch(request)
  },
}
