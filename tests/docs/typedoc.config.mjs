// How TypeDoc makes the reference: every entry of the package that has types of its own.
import { TYPED_ENTRIES } from '../../pkg-config/manifest.mjs'

const sources = '../../pkg-config/src'

export default {
  entryPoints: [`${sources}/index.ts`, ...TYPED_ENTRIES.map((name) => `${sources}/entry/${name}.ts`)],
  name: 'Tidewell',
  basePath: '../..',
  tsconfig: '../../pkg-config/tsconfig.json',
  out: '../../target/docs',
  readme: '../../README.md',
  projectDocuments: ['../../docs/guide/*.md'],
  highlightLanguages: ['bash', 'css', 'html', 'javascript', 'json', 'jsonc', 'toml', 'tsx', 'typescript'],
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  disableSources: true,
  hideGenerator: true,
  githubPages: false,
  // Properties whose names say it all need no more.
  requiredToBeDocumented: [
    'Enum',
    'EnumMember',
    'Variable',
    'Function',
    'Class',
    'Interface',
    'Method',
    'Accessor',
    'TypeAlias',
    'Constructor',
  ],
  // Shapes of other libraries and hosts.
  intentionallyNotDocumented: [
    'tidewell.CollectionRef.__type.findOne',
    'tidewell.ImportSource.__type.getReader',
    'tidewell.ImportSource.__type.getReader.__type.read',
    'tidewell.ImportSource.__type.getReader.__type.releaseLock',
    'tidewell.ImportSource.__type.stream',
    'tidewell/migrate.RxCollectionLike.find.__type.exec',
    'tidewell/migrate.RxCollectionLike.count.__type.exec',
    'tidewell.StandardSchema.~standard.__type.validate',
  ],
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  treatValidationWarningsAsErrors: true,
}
