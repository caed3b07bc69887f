/** Where each blob's bytes are in a journal: names in order, in memory. It reads no file. */

/** Where bytes are. */
export interface Place {
  readonly offset: number
  readonly length: number
}

/** A name: area, id, part. */
export type Name = readonly [area: number, id: number, part: number]

/** Blobs of one area with ids from `first` to `last`. */
export type Range = readonly [area: number, first: number, last: number]

/** The blobs of one area, by id and part. */
class Area {
  readonly #blobs = new Map<number, Map<number, Place>>()
  /** Ids in ascending order. */
  readonly #ids: number[] = []

  get(id: number, part: number): Place | undefined {
    return this.#blobs.get(id)?.get(part)
  }

  set(id: number, part: number, place: Place): Place | undefined {
    let parts = this.#blobs.get(id)
    if (parts === undefined) {
      parts = new Map()
      this.#blobs.set(id, parts)
      this.#ids.splice(this.#from(id), 0, id)
    }
    const before = parts.get(part)
    parts.set(part, place)
    return before
  }

  delete(first: number, last: number): Place[] {
    const start = this.#from(first)
    const gone = this.#ids.splice(start, this.#from(last + 1) - start)
    return gone.flatMap((id) => {
      const places = [...(this.#blobs.get(id)?.values() ?? [])]
      this.#blobs.delete(id)
      return places
    })
  }

  *within(first: number, last: number): Generator<readonly [id: number, part: number, place: Place]> {
    for (let at = this.#from(first); at < this.#ids.length; at++) {
      const id = this.#ids[at] as number
      if (id > last) return
      const parts = [...(this.#blobs.get(id) ?? [])].sort(([a], [b]) => a - b)
      for (const [part, place] of parts) yield [id, part, place]
    }
  }

  /** Where the first id is that is not below `id`. */
  #from(id: number): number {
    let [low, high] = [0, this.#ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ids[middle] as number) < id) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** All blobs. */
export class Index {
  readonly #areas = new Map<number, Area>()
  /** The sum of the lengths of all blobs. */
  live = 0

  get([area, id, part]: Name): Place | undefined {
    return this.#areas.get(area)?.get(id, part)
  }

  set([area, id, part]: Name, place: Place): void {
    const before = this.#area(area).set(id, part, place)
    this.live += place.length - (before?.length ?? 0)
  }

  delete([area, first, last]: Range): void {
    for (const { length } of this.#area(area).delete(first, last)) this.live -= length
  }

  /** In ascending order of name. */
  within([area, first, last]: Range) {
    return this.#area(area).within(first, last)
  }

  /** Every blob, area by area. */
  *all(): Generator<readonly [name: Name, place: Place]> {
    for (const [area, blobs] of this.#areas)
      for (const [id, part, place] of blobs.within(0, Number.MAX_SAFE_INTEGER)) yield [[area, id, part], place]
  }

  #area(number: number): Area {
    let area = this.#areas.get(number)
    if (area === undefined) this.#areas.set(number, (area = new Area()))
    return area
  }
}
