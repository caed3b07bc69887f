// What can be found. A real application would fetch it from a bucket or an API.
export const catalogue = [
  ['The Sea Around Us', 'Rachel Carson', 'sea', 1951],
  ['Tides: The Science and Spirit of the Ocean', 'Jonathan White', 'sea', 2017],
  ['The Log from the Sea of Cortez', 'John Steinbeck', 'sea', 1951],
  ['Communicating Sequential Processes', 'C. A. R. Hoare', 'computing', 1985],
  ['Synchronous Machines', 'Unknown', 'computing', 1929],
  ['The Art of Computer Programming', 'Donald E. Knuth', 'computing', 1968],
  ['A Pattern Language', 'Christopher Alexander', 'building', 1977],
  ['The Timeless Way of Building', 'Christopher Alexander', 'building', 1979],
].map(([title, author, shelf, year], n) => ({ id: `b${n + 1}`, title, author, shelf, year }))
