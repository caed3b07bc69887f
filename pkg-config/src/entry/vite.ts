/** Where Vite 7's dev server leaves the package: it moves the JavaScript to a folder of its own, and nothing else. */

const DEPS = /^(.*)\/\.vite\/deps[^/]*\//

const folder = DEPS.exec(import.meta.url)?.[1]

/** The address of a file of the package for that server; undefined anywhere else. */
export function inVite(file: string): string | undefined {
  return folder === undefined ? undefined : `${folder}/tidewell/dist/${file}`
}
