#!/usr/bin/env node
import { createReadStream } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { open, TidewellError } from 'tidewell'

const USAGE = `journal add TEXT        remember something; #words are tags
journal list [TAG]      what there is, newest first
journal search TEXT     typos are forgiven
journal tags            all tags, and how often
journal backup          everything as JSON lines
journal restore FILE    entries of a backup`

const [command = 'help', ...words] = process.argv.slice(2)
const text = words.join(' ')

async function run(db) {
  const entries = db.collection('entries', {
    indexes: ['tags', 'at'],
    search: { text: { analyzer: 'english' } },
  })
  switch (command) {
    case 'add': {
      if (text === '') throw new TidewellError('invalid', 'add what? Give a text')
      const tags = [...new Set(text.match(/(?<=#)\p{L}[\p{L}\p{N}-]*/gu) ?? [])]
      return print(await entries.insert({ at: new Date(), text, tags }))
    }
    case 'list':
      for await (const entry of entries.find(text === '' ? {} : { tags: text }).sort({ at: -1 })) print(entry)
      return
    case 'search': {
      const { hits } = await entries.search(text, { fuzzy: 'auto', highlight: true, limit: 20 })
      for (const { doc, highlights } of hits) print(doc, highlights?.text?.[0])
      return
    }
    case 'tags': {
      const tags = await entries.aggregate([{ $unwind: '$tags' }, { $sortByCount: '$tags' }])
      for (const { _id, count } of tags) console.log(`${String(count).padStart(5)} #${_id}`)
      return
    }
    case 'backup':
      for await (const chunk of db.export()) process.stdout.write(chunk)
      return
    case 'restore':
      return console.log(`${(await db.import(createReadStream(text))).documents} entries`)
    default:
      console.log(USAGE)
  }
}

/** An entry on a line, what was found underlined. */
function print({ at, text }, ranges = []) {
  let shown = ''
  let from = 0
  for (const [start, end] of ranges) {
    shown += text.slice(from, start) + styleText('underline', text.slice(start, end))
    from = end
  }
  console.log(`${styleText('dim', at.toISOString().slice(0, 16).replace('T', ' '))}  ${shown}${text.slice(from)}`)
}

let db
try {
  db = await open('journal', { directory: process.env.JOURNAL ?? join(homedir(), '.journal'), durability: 'strict' })
  await run(db)
} catch (error) {
  if (!(error instanceof TidewellError)) throw error
  console.error(`journal: ${error.message}`)
  process.exitCode = 1
} finally {
  await db?.close()
}
