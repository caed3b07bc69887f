// Compares Tidewell with mingo on random cases: node run.mjs [--seed 7 | --seed any] [--cases 1000] [--kind update]
//
// The same seed makes the same cases. The default is fixed, so that a change is judged by what it changes; `any` explores.

import { inspect, parseArgs } from 'node:util'
import { explain } from './differences.mjs'
import { document, documents } from './documents.mjs'
import { expression } from './expressions.mjs'
import { pipeline } from './pipelines.mjs'
import { find } from './queries.mjs'
import { Random } from './random.mjs'
import { reference } from './reference.mjs'
import { shrink } from './shrink.mjs'
import { Subject } from './subject.mjs'
import { same } from './tagged.mjs'
import { update } from './updates.mjs'

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '24000' },
    kind: { type: 'string' },
    show: { type: 'string', default: '10' },
  },
})

const KINDS = {
  find: (r) => find(r, documents(r)),
  update: (r) => update(r, document(r, 'd0')),
  expression: (r) => expression(r, document(r, 'd0')),
  pipeline: (r) => pipeline(r, documents(r)),
}
const BATCH = 200

/** Whether two answers agree: the same result, or both refuse. */
const agree = (ours, theirs) => ('error' in ours || 'error' in theirs ? 'error' in ours && 'error' in theirs : same(ours.result, theirs.result))

const show = (value) => inspect(value, { depth: 20, breakLength: 160, compact: 10 })

/** Which of two answers are errors. */
const outcome = (ours, theirs) => `${'error' in ours} ${'error' in theirs}`

async function report(subject, case_, seed, expected) {
  const fails = async (smaller) => {
    const [ours] = await subject.answer([smaller])
    const theirs = reference(smaller)
    return outcome(ours, theirs) === expected && !agree(ours, theirs) && !explain(smaller, ours, theirs)
  }
  const smallest = await shrink(case_, fails)
  const [ours] = await subject.answer([smallest])
  console.log(`\ndiffers (seed ${seed}): ${show(smallest)}\n  tidewell: ${show(ours)}\n  mingo:    ${show(reference(smallest))}`)
}

async function main() {
  const seed = options.seed === 'any' ? Date.now() % 1_000_000 : Number(options.seed)
  const r = new Random(seed)
  const kinds = options.kind ? [options.kind] : Object.keys(KINDS)
  console.log(`comparing with mingo: ${options.cases} cases from seed ${seed}`)
  const subject = Subject.start()
  const counts = { passed: 0, failed: 0, refused: 0 }
  const explained = new Map()
  for (let done = 0; done < Number(options.cases); done += BATCH) {
    const cases = Array.from({ length: BATCH }, (_, at) => KINDS[kinds[(done + at) % kinds.length]](r))
    const answers = await subject.answer(cases)
    for (const [at, case_] of cases.entries()) {
      const [ours, theirs] = [answers[at], reference(case_)]
      const difference = agree(ours, theirs) ? null : explain(case_, ours, theirs)
      if (difference === null) {
        counts.passed++
        counts.refused += 'error' in ours ? 1 : 0
      } else if (difference) {
        explained.set(difference.name, (explained.get(difference.name) ?? 0) + 1)
        counts.passed++
      } else {
        if (counts.failed < Number(options.show)) await report(subject, case_, seed, outcome(ours, theirs))
        counts.failed++
      }
    }
  }
  subject.stop()
  for (const [name, count] of explained) console.log(`  deliberately different: ${name} (${count})`)
  console.log(`counted: ${counts.passed + counts.failed} cases against mingo, ${counts.refused} of them refused by both`)
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  console.log(`# pass ${counts.passed}\n# fail ${counts.failed}`)
  process.exitCode = counts.failed > 0 ? 1 : 0
}

await main()
