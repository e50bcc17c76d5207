/** Finds the imports of a source file and judges them by spec/layers.ts. */
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { isTestFile, roomOf, ROOMS, TEST_PACKAGES, type Room } from '../spec/layers.ts';

export type Import = {
  readonly specifier: string;
  readonly line: number;
  /** The statement brings in types alone, so nothing of it is left at run time. */
  readonly typeOnly: boolean;
};

/** Statements, side effects, calls and type queries, `require`. Only literals: the lint forbids computed specifiers in `src`. */
const FORMS: readonly RegExp[] = [
  /^[ \t]*(?<head>(?:import|export)\b[^'"`;]*?)\bfrom\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/gm,
  /^[ \t]*(?<head>import)\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/gm,
  /(?<head>\bimport\s*\()\s*(?<quote>['"`])(?<specifier>[^'"`\n$]+)\k<quote>/g,
  /(?<head>\brequire(?:\.resolve)?\s*\()\s*(?<quote>['"`])(?<specifier>[^'"`\n$]+)\k<quote>/g,
];

export function findImports(text: string): readonly Import[] {
  const found: Import[] = [];
  for (const form of FORMS) {
    for (const match of text.matchAll(form)) {
      const { head = '', specifier = '' } = match.groups ?? {};
      const start = match.index + match[0].length - match[0].trimStart().length;
      found.push({ specifier, line: text.slice(0, start).split('\n').length, typeOnly: isTypeOnly(head) });
    }
  }
  return found.toSorted((a, b) => a.line - b.line);
}

function isTypeOnly(head: string): boolean {
  if (/^(?:import|export)\s+type\b/.test(head)) return true;
  const names = /^(?:import|export)\s*\{([^}]*)\}\s*$/.exec(head)?.[1];
  if (names === undefined) return false;
  const listed = names.split(',').map((name) => name.trim()).filter((name) => name !== '');
  return listed.length > 0 && listed.every((name) => /^type\s/.test(name));
}

/** Why the import is forbidden, or null. `path` is the importing file from the root of the repository, with slashes. */
export function judgeImport(path: string, found: Import): string | null {
  const from = roomOf(path);
  if (from === null) return 'the file lies in no room of spec/layers.ts';
  const test = isTestFile(path);
  if (found.specifier.startsWith('.')) return judgeRelative(path, from, found, test);
  if (found.specifier.startsWith('/') || found.specifier.startsWith('file:')) return 'absolute path';
  if (isBuiltin(found.specifier)) {
    if (!found.specifier.startsWith('node:')) return `a module of Node is written node:${found.specifier}`;
    return from.node || test ? null : `${from.name} imports no module of Node`;
  }
  const name = packageOf(found.specifier);
  if (from.packages === 'any' || from.packages.includes(name)) return null;
  if (test && TEST_PACKAGES.includes(name)) return null;
  return `${from.name} does not import the package ${name}`;
}

function judgeRelative(path: string, from: Room, found: Import, test: boolean): string | null {
  const target = posix.join(posix.dirname(path), found.specifier);
  if (target === 'package.json') return null;
  const to = roomOf(target) ?? roomOf(`${target}/`);
  if (to === null) return `${target} lies in no room`;
  if (isTestFile(target) && !test) return 'a test is imported outside tests';
  if (to === from || from.imports.includes(to.name)) return null;
  if (from.types.includes(to.name)) return found.typeOnly || test ? null : `${from.name} imports only types of ${to.name} (import type)`;
  if (test && isSource(from) && isSource(to)) return null;
  return `${from.name} does not import ${to.name}`;
}

function isSource(room: Room): boolean {
  return room.paths.some((place) => place.startsWith('src/'));
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Every forbidden import of one file as `path:line: reason`. */
export function checkFile(path: string, text: string): readonly string[] {
  const complaints: string[] = [];
  for (const found of findImports(text)) {
    const reason = judgeImport(path, found);
    if (reason !== null) complaints.push(`${path}:${found.line}: ${reason} (${found.specifier})`);
  }
  return complaints;
}

/** Names in the table that name no room, and rows that import from rows below them or from themselves. */
export function checkTable(rooms: readonly Room[] = ROOMS): readonly string[] {
  const complaints: string[] = [];
  const above = new Set<string>();
  const all = new Set(rooms.map(({ name }) => name));
  if (all.size !== rooms.length) complaints.push('a room is listed twice');
  for (const { name, imports, types } of rooms) {
    for (const other of [...imports, ...types]) {
      if (!all.has(other)) complaints.push(`${name} names ${other}, which is no room`);
      else if (!above.has(other)) complaints.push(`${name} imports ${other}, which does not stand above it`);
    }
    above.add(name);
  }
  return complaints;
}
