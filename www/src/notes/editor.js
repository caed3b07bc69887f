// The note that is open on a device: saved as it is typed, field by field, so that two devices that change different fields do not meet.

import { debounce, duration, sentence } from '../dom.js'

const SAVE_MILLISECONDS = 300

/** Wires the fields. `show` opens a note, `create` begins one, `follow` takes in what others wrote. */
export const makeEditor = (device, parts) => {
  const fields = { title: parts.title, tags: parts.labels, body: parts.body }
  const editor = { id: undefined, onChoose: () => {} }
  /** The note as it is stored. */
  let stored
  const read = { title: () => parts.title.value, body: () => parts.body.value, tags: () => tagsOf(parts.labels.value) }
  const write = (name, note) => {
    fields[name].value = name === 'tags' ? (note.tags ?? []).join(', ') : (note[name] ?? '')
  }

  const enable = () => {
    for (const field of Object.values(fields)) field.disabled = stored === undefined
    parts.delete.disabled = stored === undefined
  }
  editor.show = (note) => {
    save()
    editor.id = note?.id
    stored = note
    for (const name of Object.keys(fields)) write(name, note ?? {})
    parts.saved.textContent = '\u00a0'
    enable()
    editor.onChoose()
  }
  /** What another tab or device changed shows, except in the field that is being written. */
  editor.follow = (docs) => {
    const note = docs.find(({ id }) => id === editor.id)
    if (note === undefined || stored === undefined) return
    for (const [name, field] of Object.entries(fields)) {
      const isOurs = document.activeElement === field || !same(read[name](), stored[name])
      if (!isOurs && !same(note[name], stored[name])) write(name, note)
    }
    stored = note
  }
  editor.create = async (tag) => {
    try {
      const note = { title: '', body: '', tags: tag === undefined ? [] : [tag], changed: new Date() }
      editor.show(await device.notes.insert(note))
      parts.title.focus()
    } catch (error) {
      parts.saved.textContent = sentence(error)
    }
  }

  const save = async () => {
    const { id } = editor
    if (id === undefined || stored === undefined) return
    const changed = Object.fromEntries(Object.keys(fields).filter((name) => !same(read[name](), stored[name])).map((name) => [name, read[name]()]))
    if (Object.keys(changed).length === 0) return
    const begun = performance.now()
    const before = stored
    stored = { ...stored, ...changed }
    try {
      await device.notes.update(id, { $set: { ...changed, changed: new Date() } })
      if (editor.id === id) parts.saved.textContent = `Saved in ${duration(performance.now() - begun)}: note, indexes and search in one commit`
    } catch (error) {
      stored = before
      parts.saved.textContent = `Not saved: ${sentence(error)}`
    }
  }
  const later = debounce(SAVE_MILLISECONDS, save)
  for (const field of Object.values(fields)) field.addEventListener('input', later)
  parts.form.addEventListener('submit', (event) => event.preventDefault())
  parts.delete.addEventListener('click', async () => {
    const { id } = editor
    stored = undefined
    editor.show(undefined)
    try {
      await device.notes.delete(id)
      parts.saved.textContent = 'Deleted'
    } catch (error) {
      parts.saved.textContent = sentence(error)
    }
  })
  enable()
  return editor
}

const tagsOf = (text) => [...new Set(text.split(',').map((one) => one.trim()).filter((one) => one !== ''))]

const same = (a, b) => (Array.isArray(a) || Array.isArray(b) ? (a ?? []).join('\n') === (b ?? []).join('\n') : (a ?? '') === (b ?? ''))
