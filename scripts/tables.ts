/** Tables for documents, made from data. */
import { flagName, SETTINGS } from '../src/config.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Features, FORMAT_IDS, type Feature, type Status } from '../spec/features.ts';
import { ROOMS } from '../spec/layers.ts';
import { ROOT } from './files.ts';

export function readFeatures(): readonly Feature[] {
  return Features.parse(JSON.parse(readFileSync(join(ROOT, 'spec/features.json'), 'utf8')));
}

const WORDS: Readonly<Record<Status['status'], string>> = { supported: 'yes', planned: 'planned', 'not-applicable': '–', refused: 'refused' };

function matrix(rows: readonly Feature[], first: string): string {
  const cell = (status: Status | undefined): string => (status === undefined ? '–' : status.status === 'supported' && status.proof === 'signalling' ? 'yes (signalling)' : status.status === 'refused' ? `refused (\`${status.code}\`)` : WORDS[status.status]);
  const lines = rows.map(({ feature, formats }) => `| ${feature} | ${FORMAT_IDS.map((id) => cell(formats[id])).join(' | ')} |`);
  return [`| ${first} | ${FORMAT_IDS.join(' | ')} |`, `|---|${FORMAT_IDS.map(() => '---|').join('')}`, ...lines].join('\n');
}

export function supportMatrix(): string {
  return matrix(readFeatures().filter(({ kind }) => kind !== 'protection'), 'what');
}

export function protectionTable(): string {
  return matrix(readFeatures().filter(({ kind }) => kind === 'protection'), 'protection');
}

export function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([key, { about, fallback }]) => `| \`${flagName(key)}\` | \`${JSON.stringify(fallback)}\` | ${about} |`);
  return ['| flag | default | what |', '|---|---|---|', ...rows].join('\n');
}

export function importTable(): string {
  const source = ROOMS.filter(({ paths }) => paths[0].startsWith('src/') && paths[0] !== 'src/cli.ts').map(({ name }) => name);
  const list = (names: readonly string[]): string => {
    const whole = source.every((name) => names.includes(name));
    return [...(whole ? ['all of src'] : []), ...names.filter((name) => !whole || !source.includes(name))].join(', ') || '–';
  };
  const rows = ROOMS.map(({ name, imports, types, node }) => `| ${name} | ${list(imports)} | ${list(types)} | ${node ? 'yes' : '–'} |`);
  return ['| room | may import | types only | Node |', '|---|---|---|---|', ...rows].join('\n');
}
