// Links of the documents to files of the repository, and to headings in them.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { root } from './pages.mjs'

const slug = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-')

/** Links that lead nowhere, as `PAGE: LINK`. */
export function brokenLinks(paths) {
  const broken = []
  for (const path of paths) {
    const text = readFileSync(join(root, path), 'utf8').replace(/```.*?```/gs, '')
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [file, anchor] = link.split('#')
      const target = file === '' ? path : normalize(join(dirname(path), file))
      if (!existsSync(join(root, target))) broken.push(`${path}: ${link}`)
      else if (anchor !== undefined && !headings(target).has(anchor)) broken.push(`${path}: ${link}: no such heading`)
    }
  }
  return broken
}

/** Pages of the guide that do not end with a link to the next one. */
export function brokenOrder(paths) {
  const guide = paths.filter((path) => /guide\/\d/.test(path)).sort()
  return guide.slice(0, -1).filter((path, at) => {
    const last = readFileSync(join(root, path), 'utf8').trim().split('\n').at(-1)
    return !/^Next: \[[^\]]+\]\(([^)]+)\)\.$/.exec(last)?.[1].endsWith(guide[at + 1].split('/').at(-1))
  })
}

function headings(path) {
  const text = readFileSync(join(root, path), 'utf8')
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slug(heading)))
}
