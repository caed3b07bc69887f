/** Teeth: deliberate faults in the package's part of caches, streams and attachments, each of which makes a claim about the API fail. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Database, OpenOptions } from '../src/index.js'
import { attachments } from './api/attachments.js'
import { caches } from './api/caches.js'
import { streamFailures } from './api/stream_failures.js'
import { streams } from './api/streams.js'

const built = join(process.env['TIDEWELL_PACKAGE'] ?? '', 'dist')
const skip = existsSync(join(built, 'inline.js')) ? false : `${built} is not built: run cargo xtask build`

interface Fault {
  readonly what: string
  readonly file: string
  readonly right: string
  readonly wrong: string
}

const FAULTS: readonly Fault[] = [
  {
    what: 'ignoring expiry',
    file: 'cache/memory.ts',
    right: 'ttl === undefined ? Infinity : created + ttl',
    wrong: 'Infinity',
  },
  {
    what: 'ignoring that a use ends',
    file: 'cache/memory.ts',
    right: 'Math.min(absolute, touched + sliding)',
    wrong: 'absolute',
  },
  {
    what: 'keeping in memory what a commit removed',
    file: 'cache/memory.ts',
    right: 'ticket.touched = Math.max(ticket.touched, position)\n    return this.#remove(key)',
    wrong: 'ticket.touched = Math.max(ticket.touched, position)\n    return false',
  },
  {
    what: 'following the wall clock back',
    file: 'cache/clock.ts',
    right: 'return this.#source.monotonic() + this.#offset',
    wrong: 'return this.#source.wall()',
  },
  {
    what: 'taking a conflict for a stored value',
    file: 'cache/compute.ts',
    right: "known.reason === 'retry') return false",
    wrong: "known.reason === 'retry') return true",
  },
  {
    what: 'committing a batch that another run has done',
    file: 'streams/runner.ts',
    right: 'if (stored?.seq !== seq) throw new Outrun()',
    wrong: 'if (stored === null) throw new Outrun()',
  },
  {
    what: 'forgetting the states of a batch',
    file: 'streams/batch.ts',
    right: 'if (operator !== undefined) await store.save(tx, open, culprit)',
    wrong: '',
  },
  {
    what: 'keeping what was closed',
    file: 'streams/store.ts',
    right: 'if (gone.length > 0)',
    wrong: 'if (gone.length > 1e9)',
  },
  {
    what: 'adding what comes too late',
    file: 'streams/step.ts',
    right: 'if (operator?.isLate(record, watermark) === true)',
    wrong: 'if (operator === undefined)',
  },
  {
    what: 'leaving the session that became part of another',
    file: 'streams/window.ts',
    right: 'if (!there.has(start))',
    wrong: 'if (start === Infinity)',
  },
  {
    what: 'dropping a message that failed without a word',
    file: 'streams/batch.ts',
    right: 'await putDead(tx, plan.name, settings.deadLetter, dead, batch.giveUp ?? 0)',
    wrong: 'await putDead(tx, plan.name, settings.deadLetter, [], batch.giveUp ?? 0)',
  },
  {
    what: 'never closing while nothing comes',
    file: 'streams/runner.ts',
    right: 'if (idle >= 0 && lead + idle >= close) return lead + idle',
    wrong: '',
  },
  {
    what: 'leaving the bytes of an attachment that was replaced',
    file: 'attachments/store.ts',
    right: 'if (before !== undefined) await discard(at, before)',
    wrong: '',
  },
  {
    what: 'finishing a put that was taken for dead',
    file: 'attachments/store.ts',
    right: 'if ((await at.puts.get(head.generation)) === null) throw abandoned(head)',
    wrong: '',
  },
  {
    what: 'handing out an attachment that is not what was put',
    file: 'attachments/read.ts',
    right: '|| hash.hex() !== head.digest',
    wrong: '',
  },
  {
    what: 'mixing what was put with what took its place',
    file: 'attachments/names.ts',
    right: 'return `${generation}:${',
    wrong: 'return `${generation.slice(0, 0)}:${',
  },
  {
    what: 'clearing a put that is under way',
    file: 'attachments/alive.ts',
    right: 'if (here.has(id)) return false',
    wrong: '',
  },
  {
    what: "clearing what may be another device's",
    file: 'attachments/leftovers.ts',
    right: "if (record.state === 'put' && head === undefined && ids.length > 0) return false",
    wrong: '',
  },
  {
    what: 'forgetting what is still to arrive of what was removed',
    file: 'attachments/records.ts',
    right: 'if (left > 0) await puts.put',
    wrong: 'if (left < 0) await puts.put',
  },
]

/** The claims that a fault should break. */
function claimsFor({ file }: Fault) {
  if (file.startsWith('cache')) return caches
  return file.startsWith('attachments') ? attachments : [...streams, ...streamFailures]
}

interface BuildArguments {
  readonly path: string
}

interface Build {
  onResolve(options: { filter: RegExp }, resolve: (found: BuildArguments) => object | undefined): void
  onLoad(options: { filter: RegExp }, load: (found: BuildArguments) => object): void
}

/** Bundles the package's entry for Node with the fault in it; the WebAssembly and its glue are those of the built package. */
async function bundle(fault: Fault, out: string): Promise<string> {
  const { build } = createRequire(join(process.cwd(), 'package.json'))('esbuild') as {
    build(options: object): Promise<unknown>
  }
  let planted = false
  const setup = ({ onResolve, onLoad }: Build) => {
    onResolve({ filter: /^\.\.\/(glue|wasm)\.js$/ }, ({ path }) => ({
      path: pathToFileURL(join(built, path.slice(3))).href,
      external: true,
    }))
    onLoad({ filter: new RegExp(`src/${fault.file.replace('.', '\\.')}$`) }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      planted = source.includes(fault.right)
      return { contents: source.replace(fault.right, fault.wrong), loader: 'ts' }
    })
  }
  const outfile = join(out, 'faulty.mjs')
  await build({
    entryPoints: [join(process.cwd(), 'src/entry/inline.ts')],
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node20', outfile, logLevel: 'error' },
    plugins: [{ name: 'fault', setup }],
  })
  assert.ok(planted, `${fault.file} no longer has the line to be spoilt: ${fault.right}`)
  return outfile
}

for (const fault of FAULTS) {
  test(`${fault.what} is caught`, { skip, timeout: 60_000 }, async () => {
    const out = mkdtempSync(join(tmpdir(), 'tidewell-fault-'))
    try {
      const { open, deleteDatabase } = (await import(
        pathToFileURL(await bundle(fault, out)).href
      )) as typeof import('../src/index.js')
      let count = 0
      const context = {
        persistent: false,
        remove: deleteDatabase,
        open: (options?: OpenOptions) => open(`faulty-${++count}`, options),
        reopen: (db: Database, options?: OpenOptions) => open(db.name, options),
      }
      const complaints: string[] = []
      for (const { name, run } of claimsFor(fault)) {
        const late = new Promise((_, reject) => setTimeout(reject, 8000, new Error('it hangs')).unref())
        await Promise.race([run(context), late]).catch(() => complaints.push(name))
        if (complaints.length > 0) break
      }
      assert.notEqual(complaints.length, 0, 'it went unnoticed')
      console.log(`${fault.what} is caught: ${complaints[0]}`)
    } finally {
      rmSync(out, { recursive: true })
    }
  })
}
