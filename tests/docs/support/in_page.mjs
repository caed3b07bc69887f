// The snippets that need a page: frameworks, the inspector, workers, files, other databases. Each is put where its page of the documents has it,
// with what that page supposes, and used.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { eventually } from '../../browser/support/browser.mjs'
import { packageFolder } from '../../browser/support/server.mjs'
import { dispatchSync } from '../../browser/support/service_worker.mjs'
import { startSyncServer } from '../../browser/support/sync_server.mjs'
import { inPage } from './site.mjs'
import { filesOf, partsOf } from './snippet.mjs'

const TODOS = `
  { id: 'a', title: 'Tide tables', tag: 'sea', done: false, due: 2 },
  { id: 'b', title: 'Ebb', tag: 'sea', done: false, due: 1 },
  { id: 'c', title: 'Tide clock', tag: 'sea', done: true, due: 3 },`

/** A component named Open, mounted; `text` of the list's items follows what is stored. */
const component = (props, before, after) => async (snippet, name) => {
  const { imports, body } = partsOf(snippet)
  const code = `${imports}
    import { createRoot } from 'react-dom/client'
    import { open } from 'tidewell'
    const db = await open('react')
    const notes = window.notes = db.collection('notes', { indexes: ['tag'], search: { title: 1 } })
    await notes.insertMany([${TODOS}])
    ${body}
    createRoot(document.querySelector('main')).render(<Open ${props} />)`
  await inPage(name, { 'page.tsx': code }, async ({ page, load }) => {
    const items = () => page.locator('li').allTextContents()
    await load('page.js')
    await eventually('the component shows what there is', async () => assert.deepEqual((await items()).sort(), before) ?? true)
    await page.evaluate(() => window.notes.insert({ id: 'd', title: 'High tide', tag: 'sea', done: false, due: 4 }))
    await eventually('and what comes', async () => assert.deepEqual((await items()).sort(), after) ?? true)
  })
}

export const list = component('', ['Ebb', 'Tide tables'], ['Ebb', 'High tide', 'Tide tables'])
export const listAndSearch = component('tag="sea" text="tide"', ['Ebb', 'Tide tables ★'], ['Ebb', 'High tide ★', 'Tide tables ★'])

/** The inspector is there where the address asks for it. */
export async function inspector(snippet, name) {
  const { imports, body } = partsOf(snippet)
  await inPage(name, { 'page.ts': `${imports}\n${body}\nwindow.db = db` }, async ({ page, load, origin }) => {
    const isThere = () => page.evaluate(() => document.querySelector('tidewell-inspector')?.shadowRoot.textContent.includes('Tidewell') ?? false)
    await load('page.js')
    assert.equal(await isThere(), false)
    await page.goto(`${origin}/#inspect`)
    await page.reload()
    await load('page.js')
    await eventually('the inspector is there', isThere)
    await page.getByRole('tab', { name: 'Faults' }).click()
    await page.getByRole('switch', { name: 'Slow disk' }).waitFor()
  })
}

/** A switch of the application does what it says. */
export async function inspectorSwitch(snippet, name) {
  const code = `
    import { open } from 'tidewell'
    import { mountInspector } from 'tidewell/inspector'
    const db = await open('app')
    const element = document.querySelector('main')
    const network = window.network = { isOn: true, set(on) { this.isOn = on } }
    ${partsOf(snippet).body}`
  await inPage(name, { 'page.ts': code }, async ({ page, load }) => {
    await load('page.js')
    await page.getByRole('tab', { name: 'Faults' }).click()
    await page.getByRole('switch', { name: 'Network' }).uncheck()
    assert.equal(await page.evaluate(() => window.network.isOn), false)
    assert.equal(await page.locator('main tidewell-inspector').count(), 1)
  })
}

/** Page and worker count words together. */
export async function jobWithWorker(snippet, name) {
  const [jobs, worker, page] = filesOf(snippet, ['jobs.ts', 'worker.ts', 'the page'])
  const both = "import { wordsOf } from './jobs.ts'\n"
  const before = "{ const db = await openDatabase('app'); await db.collection('notes').insertMany(Array.from({ length: 500 }, (_, n) => ({ id: String(n), text: 'ebb and flood' }))); await db.close() }\n"
  const after = "\nwindow.counted = await (await openDatabase('app')).collection('counts').find({}).toArray()"
  const imports = partsOf(snippet).imports
  const rest = (text) => text.replace(imports, '')
  const modules = { 'jobs.ts': jobs, 'worker.ts': imports + '\n' + both + rest(worker), 'page.ts': imports + '\n' + both + before + rest(page) + after }
  await inPage(name, modules, async ({ page, load }) => {
    const workers = []
    page.on('worker', (one) => workers.push(one.url()))
    await load('page.js')
    const counts = await page.evaluate(() => window.counted.map(({ id, value }) => `${id} ${value}`).sort())
    assert.deepEqual(counts, ['and 500', 'ebb 500', 'flood 500'])
    assert.ok(workers.some((url) => url.endsWith('/worker.js')), 'a worker ran')
  })
}

/** The service worker sends what a page wrote without a network. */
export async function serviceWorker(snippet, name) {
  const server = await startSyncServer({ rules: { notes: { read: {}, write: {} } } })
  const { open } = await import(pathToFileURL(`${packageFolder}/dist/inline.js`).href)
  const other = await open(`other-${Math.random()}`)
  const given = `const url = ${JSON.stringify(server.url)}, getToken = async () => ${JSON.stringify(await server.token())}\n`
  const { imports, body } = partsOf(snippet)
  const page = `import { open } from 'tidewell'\n${given}
    await navigator.serviceWorker.register('/sw.js', { type: 'module' })
    await navigator.serviceWorker.ready
    window.db = await open('notes-of-ann')
    window.sync = window.db.sync({ url, getToken, collections: ['notes'], background: 'notes' })
    await window.sync.ready`
  try {
    await inPage(name, { 'sw.ts': `${imports}\n${given}self.addEventListener('install', () => self.skipWaiting())\n${body}`, 'page.ts': page }, async (site) => {
      const { context, origin } = site
      await site.load('page.js')
      await eventually('it is live', () => site.page.evaluate(() => window.sync.status.state === 'live'))
      const staying = await context.newPage()
      await staying.goto(`${origin}/`)
      await context.setOffline(true)
      await eventually('it is offline', () => site.page.evaluate(() => window.sync.status.state === 'offline'))
      await site.page.evaluate(() => window.db.collection('notes').insert({ id: 'n', text: 'written offline' }))
      await eventually('the tag is registered', () => site.page.evaluate(async () => (await (await navigator.serviceWorker.ready).sync.getTags()).includes('notes')))
      await site.page.close()
      await context.setOffline(false)
      await dispatchSync(staying, 'notes')
      const sync = other.sync({ url: server.url, token: await server.token(), collections: ['notes'], live: false })
      await eventually('the server has it', async () => {
        await sync.now()
        return (await other.collection('notes').count()) === 1
      })
    })
  } finally {
    await other.close()
    await server.close()
  }
}

/** A backup is offered as a file, and what the reader chooses is imported. */
export async function backupFiles(snippet, name) {
  const code = `
    import { open } from 'tidewell'
    const db = window.db = await open('app')
    await db.collection('notes').insert({ id: 'here', n: 1 })
    HTMLAnchorElement.prototype.click = function () { window.offered = this }
    ${partsOf(snippet).body}`
  const { open } = await import(pathToFileURL(`${packageFolder}/dist/inline.js`).href)
  const other = await open(`backup-${Math.random()}`)
  await other.collection('others').insertMany([{ id: 'x' }, { id: 'y' }])
  const buffer = Buffer.from(await new Response(other.export().stream()).arrayBuffer())
  await other.close()
  await inPage(name, { 'page.ts': code }, async ({ page, load }) => {
    await page.setInputFiles('input', { name: 'chosen.jsonl', mimeType: 'application/jsonl', buffer })
    await load('page.js')
    const [file, text] = await page.evaluate(async () => [window.offered.download, await (await fetch(window.offered.href)).text()])
    assert.equal(file, 'backup.jsonl')
    assert.match(text, /"here"/)
    assert.deepEqual(await page.evaluate(() => Promise.all([window.db.collection('others').count(), window.db.collection('notes').count()])), [2, 1])
  })
}

const migrated = (fill, counts) => async (snippet, name) => {
  const { imports, body } = partsOf(snippet)
  const code = `${imports}
    import { open } from 'tidewell'
    import { fillRx, fillPouch } from '${new URL('../../browser/support/migrate_page.mjs', import.meta.url).pathname}'
    const db = window.db = await open('migrated')
    ${fill}
    ${body}`
  await inPage(name, { 'page.ts': code }, async ({ page, load }) => {
    await load('page.js')
    const found = await page.evaluate((names) => Promise.all(names.map((one) => window.db.collection(one).count())), Object.keys(counts))
    assert.deepEqual(found, Object.values(counts))
  })
}

// One document of each is removed before it is imported.
export const fromRx = migrated("const rx = await fillRx('rx', 10)", { todos: 9 })
export const fromPouch = migrated("const pouch = await fillPouch('pouch', 10)", { note: 5, task: 4, others: 1 })

/** The WebAssembly is where the bundler put it. */
export async function slimInPage(snippet, name) {
  const { imports, body } = partsOf(snippet)
  await inPage(name, { 'page.ts': `${imports}\n${body}\nconst notes = slim.collection('notes')\nawait notes.insert({ id: 'a' })\nwindow.count = await notes.count()` }, async ({ page, load }) => {
    await load('page.js')
    assert.equal(await page.evaluate(() => window.count), 1)
  })
}
