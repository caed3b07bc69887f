// The worker's end: an FTS5 table that keeps no text of its own (contentless with deletion), ids beside it.
import sqlite3InitModule from '@sqlite.org/sqlite-wasm'
import { serveCalls } from '../calls.js'

let db
let fields
const one = (sql, bind) => db.exec({ sql, bind, rowMode: 'array', returnValue: 'resultRows' })[0]?.[0]
const quoted = (word) => `"${word.replaceAll('"', '""')}"`
const write = (document, row) => {
  const marks = fields.map(() => '?').join()
  db.exec({ sql: `INSERT INTO words (rowid, ${fields.join()}) VALUES (?, ${marks})`, bind: [row, ...fields.map((field) => document[field] ?? '')] })
}
const drop = (id) => {
  const row = one('SELECT row FROM docs WHERE id = ?', [id])
  if (row !== undefined) db.exec({ sql: 'DELETE FROM words WHERE rowid = ?', bind: [row] })
  return row
}

const methods = {
  async open(name, options) {
    fields = options.fields
    const sqlite3 = await sqlite3InitModule({ print: () => {}, printErr: () => {}, locateFile: (file) => `/bench/${file}` })
    const pool = await sqlite3.installOpfsSAHPoolVfs({ name: `pool-${name}`, directory: `/pool-${name}` })
    db = new pool.OpfsSAHPoolDb(`/${name}.db`)
    db.exec('PRAGMA synchronous=OFF; PRAGMA cache_size=-65536')
    const tokenize = options.english ? 'porter unicode61' : 'unicode61'
    db.exec('CREATE TABLE IF NOT EXISTS docs (row INTEGER PRIMARY KEY, id TEXT UNIQUE)')
    db.exec(`CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(${fields.join()}, content='', contentless_delete=1, tokenize='${tokenize}')`)
  },
  build: (documents) =>
    db.transaction(() => {
      for (const document of documents) {
        db.exec({ sql: 'INSERT INTO docs (id) VALUES (?)', bind: [document.id] })
        write(document, one('SELECT last_insert_rowid()'))
      }
    }),
  bytes: () => one("SELECT SUM(pgsize) FROM dbstat WHERE name LIKE 'words%'") ?? one('SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()'),
  query: (words, kind) => {
    const match = words.split(/\s+/).filter(Boolean).map((word) => quoted(word) + (kind === 'prefix' ? ' *' : '')).join(' OR ')
    return db.exec({ sql: 'SELECT docs.id FROM words JOIN docs ON docs.row = words.rowid WHERE words MATCH ? ORDER BY words.rank LIMIT 10', bind: [match], rowMode: 'array', returnValue: 'resultRows' }).flat()
  },
  update: (document) => db.transaction(() => write(document, drop(document.id))),
  remove: (id) => void drop(id),
  close: () => db.close(),
}

serveCalls(methods)
