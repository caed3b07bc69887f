// What the package says about itself: its entry points, by path and condition, and its package.json.

const MAIN = './dist/types/index.d.ts'
const file = (name) => `./dist/${name}.js`
const typesOf = (name) => `./dist/types/entry/${name}.d.ts`

/** Conditions of the main entry. A host takes the first it knows: types, then hosts that also know `browser` or `node`. */
const HOSTS = {
  workerd: 'workerd',
  'edge-light': 'edge-light',
  deno: 'deno',
  bun: 'bun',
  browser: 'browser',
  node: 'node',
  default: 'browser',
}

/** Further entries that provide an engine: what they are, and where their types are. */
const ENGINES = {
  inline: MAIN,
  single: MAIN,
  slim: typesOf('slim'),
  edge: typesOf('edge'),
  'edge-sync': typesOf('edge-sync'),
}

/** Entries that work on what an application opened by another one: for frameworks and other libraries. */
const BESIDES = [
  'keyv',
  'tanstack-query',
  'tanstack-db',
  'unstorage',
  'abstract-level',
  'migrate',
  'react',
  'vue',
  'svelte',
  'solid',
  'inspector',
]

/** What the entries in {@link BESIDES} import: each is optional. */
const PEERS = { 'abstract-level': '>=2', react: '>=18', 'solid-js': '>=1.6', vue: '>=3.3' }

/** Entries that share their code in chunks. */
export const SPLIT_ENTRIES = [...new Set([...Object.values(HOSTS), ...Object.keys(ENGINES), ...BESIDES])].filter(
  (name) => name !== 'single',
)

/** Entries that are one file each: service workers may not load code later, and bundlers make one file of a worker. */
export const WHOLE_ENTRIES = ['worker', 'single']

/** Entries with types of their own. */
export const TYPED_ENTRIES = ['slim', 'edge', 'edge-sync', ...BESIDES]

/** Modules of the program, each an entry for those who bring the WebAssembly themselves. */
export const MODULES = ['tidewell_bg.wasm', 'tidewell_page.wasm', 'tidewell_rest.wasm']

/** The module of the sync server, which is a program of its own. */
export const SYNC_MODULE = 'tidewell_sync.wasm'

/** The package.json of the package. */
export function manifestOf(version, repository) {
  const main = Object.entries(HOSTS).map(([host, name]) => [host, file(name)])
  const engines = Object.entries(ENGINES).map(([name, types]) => [`./${name}`, { types, default: file(name) }])
  const besides = BESIDES.map((name) => [`./${name}`, { types: typesOf(name), default: file(name) }])
  const modules = [...MODULES, SYNC_MODULE].map((name) => [
    `./${name}`,
    { types: './dist/tidewell_bg.wasm.d.ts', default: `./dist/${name}` },
  ])
  const hosts = [...new Set(Object.values(HOSTS))]
  return {
    name: 'tidewell',
    version,
    description:
      'Documents with indexes and live queries, full-text search, caches, topics, batch jobs and sync, on one log in IndexedDB. Rust, compiled to WebAssembly.',
    keywords: [
      'database',
      'indexeddb',
      'documents',
      'offline',
      'local-first',
      'wasm',
      'live-queries',
      'full-text-search',
      'cache',
      'messaging',
      'jobs',
      'sync',
    ],
    license: '(MIT OR Apache-2.0)',
    ...(repository === undefined ? {} : { repository: { type: 'git', url: repository } }),
    type: 'module',
    engines: { node: '>=20.19' },
    sideEffects: [...hosts, ...Object.keys(ENGINES), 'worker', 'inspector'].map(file),
    exports: {
      '.': { types: MAIN, ...Object.fromEntries(main) },
      ...Object.fromEntries(engines),
      ...Object.fromEntries(besides),
      './worker': { types: './dist/worker.d.ts', default: file('worker') },
      ...Object.fromEntries(modules),
      './package.json': './package.json',
    },
    files: ['dist', 'CHANGELOG.md', 'LICENSE-MIT', 'LICENSE-APACHE'],
    ...(Object.keys(PEERS).length === 0
      ? {}
      : {
          peerDependencies: PEERS,
          peerDependenciesMeta: Object.fromEntries(Object.keys(PEERS).map((name) => [name, { optional: true }])),
        }),
  }
}
