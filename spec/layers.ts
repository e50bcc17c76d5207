/**
 * Who may import whom. One table, three readers: the test that walks every import (scripts/layers.test.ts), the lint rules
 * that show a mistake in the editor (.oxlintrc.json, written by `node scripts/docs.ts`) and ARCHITECTURE.md.
 *
 * A room's files may always import each other. Beyond that a room sees what its row names, and nothing else.
 */
export type Room = {
  readonly name: string;
  /** Files and folders (with a closing slash) from the root of the repository. The longest match decides. */
  readonly paths: readonly string[];
  /** Rooms that may be imported, values and types. */
  readonly imports: readonly string[];
  /** Rooms of which types alone may be imported. */
  readonly types: readonly string[];
  /** Whether Node's own modules may be imported. */
  readonly node: boolean;
  /** npm packages that may be imported; 'any' where the choice is free. */
  readonly packages: readonly string[] | 'any';
};

const room = (name: string, row: Partial<Omit<Room, 'name'>> = {}): Room => ({
  name,
  paths: row.paths ?? [`src/${name}/`],
  imports: row.imports ?? [],
  types: row.types ?? [],
  node: row.node ?? false,
  packages: row.packages ?? [],
});

const single = (name: string, row: Partial<Omit<Room, 'name'>> = {}): Room => room(name, { paths: [`src/${name}.ts`], ...row });

/** `src`, from the ground up: a row imports from rows above it only. */
const SOURCE_ROOMS: readonly Room[] = [
  single('errors', { node: true }),
  single('time', { node: true }),
  single('log', { node: true }),
  // A read past the end is a content error, so the cursors raise it themselves.
  single('bytes', { imports: ['errors'], node: true }),
  single('bits', { imports: ['errors'], types: ['bytes'] }),
  // Inner loops over bytes, assembled and in JavaScript.
  room('kernels'),
  single('config', { imports: ['errors', 'log'], node: true, packages: ['zod'] }),
  room('model', { imports: ['time', 'errors'] }),
  room('codec', { imports: ['bytes', 'bits', 'errors'], types: ['model'] }),
  room('text', { imports: ['bytes', 'time', 'errors'], types: ['model'], packages: ['saxes'] }),
  room('isobmff', { imports: ['bytes', 'time', 'errors', 'codec'], types: ['model'] }),
  room('mpegts', { imports: ['bytes', 'kernels', 'time', 'errors', 'codec'], types: ['model'] }),
  room('protection', { imports: ['bytes', 'kernels', 'errors'], types: ['model'], node: true }),
  room('manifest', { imports: ['model', 'time', 'errors', 'protection'] }),
  room('storage', { imports: ['errors'], node: true, packages: 'any' }),
  room('asset', {
    imports: ['storage', 'model', 'isobmff', 'codec', 'text', 'bytes', 'time', 'errors'],
    types: ['log'],
    node: true,
    packages: ['saxes', 'lru-cache', 'zod'],
  }),
  // Sample forms are made here, from the codecs' walkers and the model's samples.
  room('formats', {
    paths: ['src/formats/', 'src/formats.ts'],
    imports: ['manifest', 'isobmff', 'mpegts', 'text', 'model', 'protection', 'codec', 'time', 'errors'],
  }),
  room('live', { imports: ['storage', 'isobmff', 'model', 'bytes', 'time', 'errors'], types: ['log'], node: true }),
  // What is published, to whom it looks how: the resources of the control plane as values, and files that hold them.
  room('policy', { imports: ['model', 'time', 'errors'], types: ['storage'], packages: ['zod'] }),
  // Who may have a key: its own listener, and nothing of media.
  room('keydelivery', {
    imports: ['policy', 'protection', 'model', 'time', 'errors'],
    types: ['storage', 'log'],
    node: true,
    packages: ['fastify', 'jose', 'zod'],
  }),
  // The page's browser modules know the players' types alone.
  room('page', { imports: ['errors'], node: true, packages: ['dashjs', 'hls.js', 'shaka-player'] }),
  room('origin', {
    imports: ['formats', 'asset', 'model', 'policy', 'live', 'protection', 'page', 'kernels', 'time', 'errors'],
    types: ['storage', 'log', 'config'],
    node: true,
    packages: ['fastify', 'prom-client'],
  }),
  room('encode', { imports: ['storage', 'errors'], types: ['log'], node: true, packages: ['zod'] }),
  room('control', {
    imports: ['asset', 'policy', 'live', 'encode', 'protection', 'model', 'time', 'errors'],
    types: ['origin', 'storage', 'log'],
    node: true,
    packages: 'any',
  }),
];

export const ROOMS: readonly Room[] = [
  ...SOURCE_ROOMS,
  room('cli', { paths: ['src/cli.ts', 'src/cli/', 'src/index.ts'], imports: SOURCE_ROOMS.map(({ name }) => name), node: true, packages: 'any' }),
  room('spec', { paths: ['spec/'], node: true, packages: ['zod'] }),
  // The suite is a stranger: it knows what must hold, and nothing of how `src` does it.
  room('conformance', { paths: ['conformance/'], imports: ['spec'], node: true, packages: 'any' }),
  // The schemas of recipes and truth files, and the marks that observers look for, are shared data.
  room('corpus', { paths: ['corpus/'], imports: ['spec'], node: true }),
  room('scripts', {
    paths: ['scripts/', 'vitest.config.ts'],
    imports: ['spec', ...SOURCE_ROOMS.map(({ name }) => name)],
    node: true,
    packages: 'any',
  }),
];

/** What a test may import beyond its room's row: tools, Node's modules and, inside `src`, any room of `src`. */
export const TEST_PACKAGES: readonly string[] = ['vitest', 'fast-check', 'mp4box', 'hls-parser', 'saxes', 'libxml2-wasm', 'puppeteer'];

/** The room of a file; a test lies in the room of what it tests. */
export function roomOf(file: string): Room | null {
  const path = file.replace(/(?:\.e2e)?\.test\.ts$/, '.ts');
  let best: Room | null = null;
  let length = 0;
  for (const candidate of ROOMS) {
    for (const place of candidate.paths) {
      const matches = place.endsWith('/') ? path.startsWith(place) : path === place;
      if (matches && place.length > length) [best, length] = [candidate, place.length];
    }
  }
  return best;
}

/** Tests, and the helpers that only tests import. */
export function isTestFile(path: string): boolean {
  return /(\.test\.ts|(^|\/)testing(\.ts|\/.*))$/.test(path);
}
