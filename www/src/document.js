// The document panel: one document as text, to change, duplicate or delete; and an update of everything the filter matches.

import { byId, integer, say, sentence } from './dom.js'
import { makeEditor } from './editor.js'
import { pretty } from './format.js'
import { parse } from './literal.js'
import { change, collection, onChange, state } from './store.js'

/** Wires the panel. */
export const makeDocument = () => {
  const problem = byId('document-problem')
  const editor = makeEditor(byId('document'), { onInput: () => (problem.textContent = ''), onSubmit: () => save() })

  const attempt = async (work) => {
    problem.textContent = ''
    try {
      await work()
    } catch (error) {
      problem.textContent = sentence(error)
    }
  }
  const show = (document) => {
    editor.text = document === undefined ? '' : pretty(document)
    problem.textContent = ''
    byId('delete').disabled = document?.id === undefined
    byId('copy').disabled = document === undefined
  }
  const save = () =>
    attempt(async () => {
      const document = parse(editor.text)
      const isNew = document.id === undefined || document.id !== state.chosen?.id
      const saved = isNew ? await collection().insert(document) : await collection().put(document)
      change({ chosen: saved })
      say(isNew ? `Inserted ${saved.id}` : `Saved ${saved.id}`)
    })
  const remove = () =>
    attempt(async () => {
      const { id } = state.chosen
      await collection().delete(id)
      change({ chosen: undefined })
      say(`Deleted ${id}`)
    })
  const duplicate = () => {
    const { id: _, ...rest } = state.chosen
    change({ chosen: rest })
    say('A copy without its id: save it to insert it')
  }
  const updateAll = () =>
    attempt(async () => {
      const { matched, modified } = await collection().updateMany(state.query.filter, parse(byId('update-text').value))
      say(`${integer(matched)} matched, ${integer(modified)} changed, in one commit`)
    })

  byId('save').addEventListener('click', save)
  byId('delete').addEventListener('click', remove)
  byId('copy').addEventListener('click', duplicate)
  byId('new').addEventListener('click', () => {
    change({ chosen: undefined, panel: 'document' })
    editor.text = '{\n  title: "A new document",\n  date: "2020-01-01",\n  categories: ["cs.DB"]\n}'
    editor.focus()
  })
  byId('update').addEventListener('submit', (event) => {
    event.preventDefault()
    if (state.query?.kind === 'find') updateAll()
    else problem.textContent = 'an update follows the filter of a find query: choose Find'
  })
  onChange((fields) => 'chosen' in fields && show(state.chosen))
  onChange((fields) => 'name' in fields && change({ chosen: undefined }))
  show(undefined)
}
