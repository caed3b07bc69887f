// The README and the CHANGELOG as the package ships them: links to files of the repository that are not in the package lead to the
// repository, where one is configured, and are text where none is.
import { posix } from 'node:path'

/** Code, which holds no links. */
const CODE = /```[\s\S]*?```|`[^`\n]*`/g
const LINK = /(!?)\[([^\]]*)\]\(([^)\s]+)\)/g
/** Hosts whose addresses of files are known, and how they are written. */
const HOSTS = /^https:\/\/(github|gitlab)\.com\/[^/]+\/[^/]+$/

/**
 * The text with its relative links made right. `ships(path)` says whether the package has that file; `repository` is an address, or undefined,
 * `version` the tag there.
 */
export function shipped(text, { ships, repository, version }) {
  const home = repository?.replace(/^git\+/, '').replace(/\.git$/, '')
  const codes = text.match(CODE) ?? []
  return text
    .split(CODE)
    .map((prose, at) => prose.replace(LINK, rewritten) + (codes[at] ?? ''))
    .join('')

  function rewritten(link, image, words, target) {
    if (!isRelative(target)) return link
    const [path, anchor] = target.split('#')
    const file = posix.normalize(path)
    if (ships(file)) return link
    if (home === undefined || !HOSTS.test(home)) return words
    const kind = posix.extname(file) === '' ? 'tree' : 'blob'
    return `${image}[${words}](${home}/${kind}/v${version}/${file}${anchor === undefined ? '' : `#${anchor}`})`
  }
}

/** Links to files beside the text: neither an address nor a heading of its own. */
export function relativeLinks(text) {
  return [...text.replace(CODE, '').matchAll(LINK)].map(([, , , target]) => target).filter(isRelative)
}

function isRelative(target) {
  return !/^([a-z][a-z+.-]*:|#|\/\/)/i.test(target)
}
