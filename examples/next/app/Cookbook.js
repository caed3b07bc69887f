'use client'
import { useEffect, useState } from 'react'
import { open } from 'tidewell'
import { useLiveQuery, useSearch } from 'tidewell/react'

/** The browser's database: what the server sent, and what is a favourite here. */
async function openCookbook(served) {
  const db = await open('cookbook')
  const recipes = db.collection('recipes', { search: { title: 3, text: { analyzer: 'english' } } })
  const favourites = db.collection('favourites')
  await recipes.putMany(served)
  return { recipes, favourites }
}

export function Cookbook({ served }) {
  const [book, setBook] = useState()
  const [text, setText] = useState('')
  useEffect(() => {
    openCookbook(served).then(setBook, (error) => console.error(error.message))
  }, [served])

  const all = useLiveQuery(book?.recipes.find().sort({ title: 1 }))
  const found = useSearch(book?.recipes, text.trim() || null, { fuzzy: 'auto', prefix: 'last' })
  const favourites = useLiveQuery(book?.favourites.find())
  const marked = new Set(favourites.data?.map(({ id }) => id))
  const shown = text.trim() === '' ? (all.data ?? served) : (found.data?.hits.map(({ doc }) => doc) ?? [])

  const toggle = (id) => (marked.has(id) ? book.favourites.delete(id) : book.favourites.put({ id }))
  return (
    <>
      <input
        type="search"
        placeholder="Search, offline too"
        aria-label="Search"
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      {shown.map(({ id, title, kind, text }) => (
        <article key={id}>
          <button disabled={book === undefined} aria-pressed={marked.has(id)} aria-label={`Favourite ${title}`} onClick={() => toggle(id)}>
            {marked.has(id) ? '★' : '☆'}
          </button>
          <div>
            <h2>
              {title} <small>{kind}</small>
            </h2>
            <p>{text}</p>
          </div>
        </article>
      ))}
      {shown.length === 0 && <p>Nothing like that.</p>}
    </>
  )
}
