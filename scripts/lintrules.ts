/** The import table as lint rules, so that an editor shows a mistake where it is made. The test is the judge. */
import { ROOMS, type Room } from '../spec/layers.ts';

type Pattern = { readonly regex: string; readonly message: string; readonly allowTypeImports?: true };
type Override = { readonly files: readonly string[]; readonly rules: Readonly<Record<string, unknown>> };
type LintFile = { readonly overrides?: readonly Override[]; readonly [key: string]: unknown };

const RULE = 'no-restricted-imports';

/** The lint configuration with its generated part renewed; what is written by hand stays. */
export function renewLintFile(text: string): string {
  const config = JSON.parse(text) as LintFile;
  const byHand = (config.overrides ?? []).filter(({ rules }) => !(RULE in rules));
  return `${JSON.stringify({ ...config, overrides: [...byHand, ...layerOverrides()] }, null, 2)}\n`;
}

export function layerOverrides(rooms: readonly Room[] = ROOMS): readonly Override[] {
  const rows = rooms.map((room) => override(room, rooms)).filter((row) => row !== null);
  // Tests inside `src` may reach into any room of `src`; the walls between the big folders hold for them too.
  const tests: Override = { files: ['src/**/*.test.ts', 'src/**/testing.ts', 'src/**/testing/**'], rules: { [RULE]: ['error', { patterns: [outsideOfSource(rooms)] }] } };
  return [...rows, tests];
}

function override(room: Room, rooms: readonly Room[]): Override | null {
  const forbidden = rooms.filter(({ name }) => name !== room.name && !room.imports.includes(name) && !room.types.includes(name));
  const typesOnly = rooms.filter(({ name }) => room.types.includes(name) && !room.imports.includes(name));
  const patterns: Pattern[] = [];
  if (forbidden.length > 0) patterns.push({ regex: reaching(room, forbidden), message: `${room.name} imports ${listed(room)} (spec/layers.ts)` });
  if (typesOnly.length > 0) {
    patterns.push({ regex: reaching(room, typesOnly), allowTypeImports: true, message: `${room.name} imports only types from there (spec/layers.ts)` });
  }
  if (!room.node) patterns.push({ regex: '^node:', message: `${room.name} imports no module of Node (spec/layers.ts)` });
  if (patterns.length === 0) return null;
  return { files: room.paths.map((place) => (place.endsWith('/') ? `${place}**` : place)), rules: { [RULE]: ['error', { patterns }] } };
}

/** A relative specifier that ends up in one of `targets`. A file straight under `src` names its neighbours with `./`. */
function reaching(room: Room, targets: readonly Room[]): string {
  const up = room.paths.some((place) => !place.endsWith('/')) ? String.raw`\.{1,2}/` : String.raw`\.\./`;
  const inSource = room.paths.every((place) => place.startsWith('src/'));
  const places = targets.flatMap(({ paths }) => paths.map((place) => (inSource ? place.replace(/^src\//, '') : place).replaceAll('.', String.raw`\.`)));
  // From outside, what lies in src is named with src; a folder's own files may be called like one of them.
  return String.raw`^${up}(?:\.\./)*${inSource ? '(?:src/)?' : ''}(?:${places.join('|')})`;
}

function outsideOfSource(rooms: readonly Room[]): Pattern {
  const places = rooms.flatMap(({ paths }) => paths.filter((place) => place.endsWith('/') && !place.startsWith('src/')));
  return { regex: String.raw`^\.\./(?:\.\./)*(?:${places.join('|')})`, message: 'tests of src stay inside src (spec/layers.ts)' };
}

function listed(room: Room): string {
  const names = [...room.imports, ...room.types.map((name) => `types of ${name}`)];
  return names.length === 0 ? 'no other room' : names.join(', ');
}
