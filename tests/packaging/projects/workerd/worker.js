// A worker on workerd: each request of a path runs the scenario, or uses a database that is kept in the isolate.
import * as tidewell from 'tidewell'
import { scenario } from './scenario.js'

let kept

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/scenario') return Response.json(await scenario(tidewell))
    kept ??= tidewell.open('kept')
    const hits = (await kept).collection('hits')
    await hits.insert({ at: new Date() })
    return Response.json(await hits.count())
  },
}
