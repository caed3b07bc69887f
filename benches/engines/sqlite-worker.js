// The worker's end: one table with a column for each field, prepared statements kept.
import sqlite3InitModule from '@sqlite.org/sqlite-wasm'
import { serveCalls } from '../calls.js'

let db
const statements = new Map()

const rows = (sql, values = []) => db.exec({ sql, bind: values.length > 0 ? values : undefined, rowMode: 'object', returnValue: 'resultRows' })
const prepared = (sql) => {
  if (!statements.has(sql)) statements.set(sql, db.prepare(sql))
  return statements.get(sql)
}
const row = ({ id, n, s, group, amount, flag, title, body }) => [id, n, s, group, amount, flag ? 1 : 0, title, body]
const FIELDS = 'id, n, s, grp AS "group", amount, flag, title, body'

const methods = {
  async open(name) {
    const sqlite3 = await sqlite3InitModule({ print: () => {}, printErr: () => {}, locateFile: (file) => `/bench/${file}` })
    const pool = await sqlite3.installOpfsSAHPoolVfs({ name: `pool-${name}`, directory: `/pool-${name}` })
    db = new pool.OpfsSAHPoolDb(`/${name}.db`)
    db.exec('PRAGMA synchronous=OFF; PRAGMA cache_size=-65536')
    db.exec('CREATE TABLE IF NOT EXISTS docs (id TEXT PRIMARY KEY, n INTEGER, s TEXT, grp TEXT, amount REAL, flag INTEGER, title TEXT, body TEXT) WITHOUT ROWID')
    db.exec('CREATE INDEX IF NOT EXISTS docs_n ON docs (n); CREATE INDEX IF NOT EXISTS docs_s ON docs (s)')
  },
  bulk: (documents) => db.transaction(() => documents.forEach((doc) => prepared('INSERT INTO docs VALUES (?,?,?,?,?,?,?,?)').bind(row(doc)).stepReset())),
  put: (doc) => void prepared('INSERT OR REPLACE INTO docs VALUES (?,?,?,?,?,?,?,?)').bind(row(doc)).stepReset(),
  get: (id) => {
    const statement = prepared(`SELECT ${FIELDS} FROM docs WHERE id = ?`).bind([id])
    const found = statement.step() ? statement.get({}) : null
    statement.reset()
    return found
  },
  range: (low, count) => rows(`SELECT ${FIELDS} FROM docs WHERE n >= ? ORDER BY n LIMIT ?`, [low, count]),
  filterSort: (groups, amount, count) =>
    rows(`SELECT ${FIELDS} FROM docs WHERE grp IN (${groups.map(() => '?').join()}) AND amount >= ? ORDER BY amount DESC LIMIT ?`, [...groups, amount, count]),
  groupBy: () => rows('SELECT grp AS _id, SUM(amount) AS sum FROM docs GROUP BY grp'),
  update: (low, high) => void rows("UPDATE docs SET flag = 1, title = 'changed' WHERE n >= ? AND n < ?", [low, high]),
  remove: (low, high) => void rows('DELETE FROM docs WHERE n >= ? AND n < ?', [low, high]),
  count: () => rows('SELECT COUNT(*) AS n FROM docs')[0].n,
  close: () => {
    for (const statement of statements.values()) statement.finalize()
    db.close()
  },
}

serveCalls(methods)
