// Objects that say how large their rows are and how often they were made: a database, and a tenant of the sync server.
import { DurableObject } from 'cloudflare:workers'
import { openDurable } from 'tidewell/edge'
import { SyncTenant, syncWorker } from 'tidewell/edge-sync'

/** What waits, and how long all that fired had waited together, in milliseconds: an object with a timer stays in memory. */
const timers = { pending: new Set(), waited: 0 }
const { setTimeout: start, clearTimeout: clear } = globalThis
globalThis.setTimeout = (callback, ms, ...values) => {
  const fire = () => {
    timers.pending.delete(id)
    timers.waited += ms
    callback(...values)
  }
  const id = start(fire, ms)
  timers.pending.add(id)
  return id
}
globalThis.clearTimeout = (id) => {
  timers.pending.delete(id)
  clear(id)
}

/** By the object's name. It is the isolate's, which outlives its objects, so that nobody is woken to read it. */
const made = new Map()
const worker = syncWorker()

function count({ id }) {
  made.set(String(id), (made.get(String(id)) ?? 0) + 1)
}

/** Bytes of the largest row of all tables, and how many rows there are. */
function measured({ storage: { sql } }) {
  const sizeOf = (value) =>
    typeof value === 'string' ? new TextEncoder().encode(value).length : (value?.byteLength ?? 8)
  const found = { largest: 0, rows: 0 }
  const tables = [...sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'")]
  for (const { name } of tables)
    for (const row of sql.exec(`SELECT * FROM "${name}"`).raw()) {
      found.rows++
      found.largest = Math.max(
        found.largest,
        row.reduce((sum, value) => sum + sizeOf(value), 0),
      )
    }
  return found
}

export class Room extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env)
    count(ctx)
    this.errors = []
    this.alarms = 0
    ctx.blockConcurrencyWhile(async () => {
      this.db = await openDurable(ctx)
      this.db.on('error', (error) => this.errors.push(String(error)))
      this.notes = this.db.collection('notes')
      this.done = this.db.collection('done')
      this.mails = this.db.topic('mails')
      await this.mails.consume('sender', { transactional: true }, (_, tx) =>
        tx.collection('done').insert({ at: Date.now(), alarms: this.alarms }),
      )
      this.job = this.db.job('words', {
        version: 1,
        from: 'notes',
        into: 'words',
        map: (note, emit) => {
          for (const word of note.text.split(' ')) emit(word, 1)
        },
        reduce: (_, counts) => counts.reduce((sum, count) => sum + count, 0),
      })
      await this.db.resume(this.job)
      this.ticks = this.db.job('ticks', {
        version: 1,
        ...{ from: 'notes', into: 'ticks', schedule: { every: 13_500 } },
        map: (note, emit) => emit(note.id, 1),
        reduce: (_, counts) => counts.length,
      })
      if (ctx.id.name === 'scheduled') this.ticks.start()
    })
  }

  async alarm() {
    this.alarms++
    await this.db.onAlarm()
  }

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    const number = (name) => Number(searchParams.get(name))
    const answer = await this.asked(pathname.split('/').at(-1), number)
    return Response.json(answer ?? null)
  }

  async asked(what, number) {
    switch (what) {
      case 'noise':
        await this.notes.put({ id: 'a', text: 'x' })
        await this.notes.putMany(
          Array.from({ length: 6 }, (_, at) => ({ id: `b${at}`, text: 'x', bytes: noise(number('document')) })),
        )
        for (let at = 0; at < number('count'); at++)
          await this.db.attachments('notes').put('a', `big${at}`, noise(number('size')))
        return
      case 'words': {
        const from = number('from')
        const text = (at) => Array.from({ length: 150 }, (_, word) => `w${(at * 31 + word * 17) % 5000}`).join(' ')
        const notes = Array.from({ length: number('count') }, (_, at) => ({ id: `n${from + at}`, text: text(from + at) }))
        return this.notes.putMany(notes)
      }
      case 'rows':
        return measured(this.ctx)
      case 'count':
        return this.notes.count()
      case 'abort':
        await this.notes.put({ id: 'kept', text: 'x' }, { durability: 'strict' })
        this.notes.put({ id: 'perhaps', text: 'x' }).catch(() => undefined)
        return this.ctx.abort('as after an error of the engine')
      case 'delay':
        return this.mails.publish({}, { delay: number('ms') })
      case 'cron':
        return this.mails.schedule('often', '* * * * * *', {})
      case 'done':
        return { done: await this.done.find({}).toArray(), errors: this.errors, alarms: this.alarms }
      case 'begin':
        await this.db.begin(this.job)
        return this.job.status()
      case 'ticks':
        return { ticks: await this.db.collection('ticks').count(), errors: this.errors }
      case 'job':
        return { status: await this.job.status(), alarms: this.alarms }
    }
    throw new Error(`no such thing: ${what}`)
  }
}

/** Bytes that do not compress. */
function noise(size) {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536))
  return bytes
}

export class Tenant extends SyncTenant {
  fetch(request) {
    return new URL(request.url).pathname === '/rows' ? Response.json(measured(this.ctx)) : super.fetch(request)
  }
}

export default {
  fetch(request, env) {
    const [, kind, name] = new URL(request.url).pathname.split('/')
    if (kind === 'rows') return env.TENANTS.get(env.TENANTS.idFromName('t')).fetch(request)
    if (kind === 'timers') return Response.json({ pending: timers.pending.size, waited: timers.waited })
    if (kind === 'made') return Response.json(made.get(String(env.ROOMS.idFromName(name))) ?? 0)
    if (kind === 'room') return env.ROOMS.get(env.ROOMS.idFromName(name)).fetch(request)
    return worker.fetch(request, env)
  },
}
