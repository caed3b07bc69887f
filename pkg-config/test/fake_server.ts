/** A server that answers requests of syncing as a test says, on a free port. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** A request as it came. */
export interface Heard {
  readonly path: string
  readonly token: string
  readonly encoding: string | undefined
  readonly body: string
}

/** Answers a request: a status and a body, with headers; undefined leaves it without an answer. */
export type Answering = (
  heard: Heard,
) => { status?: number; body?: unknown; headers?: Record<string, string>; late?: number } | undefined

export interface FakeServer {
  readonly url: string
  readonly heard: Heard[]
  /** Open live streams; to write to. */
  readonly streams: Set<ServerResponse>
  close(): Promise<void>
}

export async function fakeServer(answering: Answering): Promise<FakeServer> {
  const heard: Heard[] = []
  const streams = new Set<ServerResponse>()
  const server = createServer((request, response) => void handle(request, response))
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const encoding = request.headers['content-encoding']
    const bytes = Buffer.concat(chunks)
    const body = (encoding === 'gzip' ? gunzipSync(bytes) : bytes).toString()
    const token = (request.headers.authorization ?? '').replace('Bearer ', '')
    const one = { path: request.url ?? '', token, encoding, body }
    heard.push(one)
    const answer = answering(one)
    if (one.path === '/v1/live' && answer?.status === undefined) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(':\n\n')
      streams.add(response)
      response.on('close', () => streams.delete(response))
      return
    }
    if (answer === undefined) return
    if (answer.late !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.late))
    response.writeHead(answer.status ?? 200, answer.headers)
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    heard,
    streams,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
