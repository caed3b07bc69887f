// Tidewell's answers: a native process that takes a case a line.

import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { tag, untag } from './tagged.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The process that answers. */
export class Subject {
  #process
  #waiting = []

  static start() {
    execFileSync('cargo', ['build', '--locked', '--quiet', '--profile', 'sim', '-p', 'tidewell-oracle'], { cwd: ROOT, stdio: 'inherit' })
    return new Subject(join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'sim', 'tidewell-oracle'))
  }

  constructor(binary) {
    this.#process = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(line))
    this.#process.on('exit', (code) => {
      for (const { reject } of this.#waiting) reject(new Error(`the oracle's process ended with ${code}`))
      this.#waiting = []
    })
  }

  /** The answers to some cases, in their order. */
  async answer(cases) {
    const lines = cases.map(() => new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })))
    this.#process.stdin.write(cases.map((case_) => `${JSON.stringify(tag(case_))}\n`).join(''))
    return (await Promise.all(lines)).map((line) => {
      const answer = JSON.parse(line)
      return 'error' in answer ? answer : { result: untag(answer.result) }
    })
  }

  stop() {
    this.#process.stdin.end()
  }
}
