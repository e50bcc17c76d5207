/** The origin's settings: one schema for flags, environment and file. Order: flags, environment, file, defaults. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { IsomerError } from './errors.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** Values arrive as text from flags and the environment, as JSON from the file. Text is taken only when it is all number. */
const decimal = (range: z.ZodNumber): z.ZodType<number> => z.preprocess((value) => (typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : value), range);
const number = (least: number, most: number): z.ZodType<number> => decimal(z.number().int().min(least).max(most));
const WORDS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([['true', true], ['1', true], ['false', false], ['0', false]]);
const flag = z.preprocess((value) => WORDS.get(value) ?? value, z.boolean());

type Setting = { readonly schema: z.ZodType; readonly fallback: unknown; readonly about: string };

/** One row per setting: `--segment-seconds`, ISOMER_SEGMENT_SECONDS and `segmentSeconds` in the file are the same. */
export const SETTINGS = {
  root: { schema: z.string().min(1), fallback: '.', about: 'folder whose sub-folders are published, or where they are: an address of Azure Blob Storage or of a web folder, or s3://BUCKET/FOLDER' },
  host: { schema: z.string().min(1), fallback: '127.0.0.1', about: 'address to listen on' },
  port: { schema: number(0, 65_535), fallback: 8080, about: 'port to listen on; 0 picks a free one' },
  workers: { schema: number(1, 256), fallback: 1, about: 'processes that share the port' },
  tlsCert: { schema: z.string(), fallback: '', about: 'PEM file with the certificate chain; empty: no TLS' },
  tlsKey: { schema: z.string(), fallback: '', about: 'PEM file with its private key' },
  http2: { schema: flag, fallback: true, about: 'with TLS, HTTP/2 for clients that offer it' },
  cacheDir: { schema: z.string(), fallback: '', about: 'folder for index files; empty: no index cache' },
  demo: { schema: flag, fallback: false, about: 'show the demo page also on other addresses than loopback' },
  download: { schema: flag, fallback: false, about: 'files of assets can also be fetched as they are stored' },
  metrics: { schema: flag, fallback: false, about: 'show figures for Prometheus at /metrics' },
  segmentSeconds: { schema: decimal(z.number().min(0.5).max(20)), fallback: 6, about: 'wanted length of segments' },
  segmentSuffix: { schema: flag, fallback: false, about: 'HLS child URLs end in .m3u8, .ts, .m4s or .mp4' },
  audioOnly: { schema: flag, fallback: true, about: 'HLS masters list the audio-only variant' },
  maxAge: { schema: number(0, 31_536_000), fallback: 259_200, about: 'seconds that caches may keep manifests and media' },
  maxAssets: { schema: number(1, 1_000_000), fallback: 1000, about: 'assets that are kept open' },
  maxIndexBytes: { schema: number(1, 2 ** 40), fallback: 512 * 1024 * 1024, about: 'memory for the indexes of open assets' },
  maxTextBytes: { schema: number(0, 2 ** 40), fallback: 32 * 1024 * 1024, about: 'memory for manifests and playlists that were written; 0: each is written for its request' },
  warmUpMs: { schema: number(0, 10_000), fallback: 300, about: 'most milliseconds that a process practises before it listens, so that the first asset opens sooner; 0: none' },
  revalidateMs: { schema: number(0, 3_600_000), fallback: 2000, about: 'time between looks at the files of an open asset' },
  maxHeaderBytes: { schema: number(1024, 1024 * 1024), fallback: 16 * 1024, about: 'request line and headers together' },
  maxConnections: { schema: number(1, 1_000_000), fallback: 10_000, about: 'connections at the same time' },
  headersTimeout: { schema: number(100, 600_000), fallback: 10_000, about: 'milliseconds for a request to arrive' },
  keepAliveTimeout: { schema: number(0, 600_000), fallback: 30_000, about: 'milliseconds that an idle connection is kept' },
  stallTimeout: { schema: number(1000, 3_600_000), fallback: 120_000, about: 'milliseconds without progress after which a client is dropped' },
  keyDeliveryUrl: { schema: z.string().regex(/^(?:https?:\/\/[^\s?#]+\/)?$/, 'an http or https address with a closing slash'), fallback: '', about: 'address of key delivery that manifests name; empty: that of --key-host and --key-port' },
  graceTimeout: { schema: number(0, 600_000), fallback: 10_000, about: 'milliseconds that a stop waits for responses' },
  keyDelivery: { schema: flag, fallback: false, about: 'give out keys on a listener of its own' },
  keyHost: { schema: z.string().min(1), fallback: '127.0.0.1', about: 'address of key delivery' },
  keyPort: { schema: number(0, 65_535), fallback: 8081, about: 'port of key delivery; 0 picks a free one' },
  masterKey: { schema: z.string(), fallback: '', about: 'file with the key that seals content keys; empty: they are stored as they are' },
  openidHosts: { schema: z.string(), fallback: '', about: 'hosts, with commas between, whose OpenID discovery documents are trusted' },
  playreadyServer: { schema: z.string(), fallback: '', about: 'URL that PlayReady challenges are passed on to; may hold {ContentKeyId}' },
  widevineServer: { schema: z.string(), fallback: '', about: 'the same for Widevine' },
  fairplayServer: { schema: z.string(), fallback: '', about: 'the same for FairPlay' },
  logLevel: { schema: z.enum(LOG_LEVELS as [LogLevel, ...LogLevel[]]), fallback: 'warn', about: LOG_LEVELS.join(', ') },
} as const satisfies Record<string, Setting>;

export type Config = { readonly [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };
type Key = keyof typeof SETTINGS;
const KEYS = Object.keys(SETTINGS) as readonly Key[];

export function environmentName(key: string): string {
  return `ISOMER_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export type ConfigSources = { readonly flags: Readonly<Record<string, unknown>>; readonly environment: Readonly<Record<string, string | undefined>>; readonly file: string | null };

/** A root may be an address. */
const ADDRESS = /^[a-z+]+:\/\//i;
/** A relative path in the file means: from the file's folder. */
const PATHS: ReadonlySet<Key> = new Set<Key>(['root', 'cacheDir', 'tlsCert', 'tlsKey', 'masterKey']);

export async function loadConfig({ flags, environment, file }: ConfigSources): Promise<Config> {
  const stored = file === null ? {} : await readConfigFile(file);
  refuseMisspelt(environment);
  const entries = KEYS.map((key): [Key, unknown] => {
    const { value, place } = chosen(key, flags, environment, stored, file);
    const parsed = SETTINGS[key].schema.safeParse(value);
    if (!parsed.success) throw new IsomerError('ISOMER_CONFIG', { what: SETTINGS[key].about, where: place, expected: parsed.error.issues[0].message, found: JSON.stringify(value) });
    return [key, parsed.data];
  });
  return Object.fromEntries(entries) as Config;
}

function chosen(key: Key, flags: ConfigSources['flags'], environment: ConfigSources['environment'], stored: Readonly<Record<string, unknown>>, file: string | null): { readonly value: unknown; readonly place: string } {
  if (flags[key] !== undefined) return { value: flags[key], place: flagName(key) };
  const name = environmentName(key);
  if (environment[name] !== undefined) return { value: environment[name], place: name };
  if (file === null || !Object.hasOwn(stored, key)) return { value: SETTINGS[key].fallback, place: 'default' };
  const value = stored[key];
  return { value: PATHS.has(key) && typeof value === 'string' && value !== '' && !ADDRESS.test(value) ? resolve(dirname(file), value) : value, place: `${key} in ${file}` };
}

async function readConfigFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new IsomerError('ISOMER_CONFIG', { where: file, expected: 'a JSON file', found: error instanceof SyntaxError ? error.message : ((error as NodeJS.ErrnoException).code ?? 'error') });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new IsomerError('ISOMER_CONFIG', { where: file, expected: 'a JSON object' });
  for (const key of Object.keys(json)) {
    if (!Object.hasOwn(SETTINGS, key)) throw new IsomerError('ISOMER_CONFIG', { what: `unknown setting ${key}`, where: file, expected: nearest(key, KEYS) ?? `one of ${KEYS.join(', ')}` });
  }
  return json as Record<string, unknown>;
}

/** Other programs have variables of this prefix too, the suite for one: only what looks like a slip is refused. */
function refuseMisspelt(environment: ConfigSources['environment']): void {
  const names = KEYS.map(environmentName);
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('ISOMER_') || names.includes(name)) continue;
    const meant = nearest(name, names);
    if (meant !== null) throw new IsomerError('ISOMER_CONFIG', { what: 'unknown setting', where: 'environment', expected: meant, found: name });
  }
}

const MAX_SLIPS = 2;

function nearest<T extends string>(word: string, candidates: readonly T[]): T | null {
  const distances = candidates.map((candidate) => editDistance(word.toLowerCase(), candidate.toLowerCase()));
  const least = Math.min(...distances);
  return least <= MAX_SLIPS ? candidates[distances.indexOf(least)] : null;
}

/** Characters to insert, remove, replace or exchange with their neighbour (Damerau 1964, optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : Infinity;
      row.push(Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, replaced, exchanged));
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
