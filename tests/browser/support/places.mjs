// Where something was run, what, and how it went: a row of the table that `cargo xtask test` ends with. Only what held says so, and
// what is declared in a folder's places.txt and says nothing has failed there.

/** Says that a scenario held in a place, both as places.txt names them, and what was seen. */
export function ran(place, scenario, seen) {
  console.log(`place: ${place} | ${scenario} | ${seen}`)
}
