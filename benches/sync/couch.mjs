// PouchDB's server as a process: `node couch.mjs FOLDER` keeps its databases there and prints its address.
import { mkdirSync } from 'node:fs'
import express from 'express'
import server from 'express-pouchdb'
import PouchDB from 'pouchdb'

const folder = process.argv[2]
mkdirSync(folder, { recursive: true })
const app = express()
app.use((request, response, next) => {
  // PouchDB sends credentials, so the origin must be named.
  response.set({
    'access-control-allow-origin': request.headers.origin ?? '*',
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': 'content-type, accept, if-match',
    'access-control-allow-methods': 'GET, POST, PUT, DELETE, HEAD',
    'access-control-max-age': '600',
    'cross-origin-resource-policy': 'cross-origin',
  })
  if (request.method === 'OPTIONS') response.status(204).end()
  else next()
})
app.use('/', server(PouchDB.defaults({ prefix: `${folder}/` }), { mode: 'minimumForPouchDB', inMemoryConfig: true }))
const listening = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${listening.address().port}`))
