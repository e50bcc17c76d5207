/** The origin's settings: one schema for flags, environment and file. Order: flags, environment, file, defaults. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { IsomerError } from './errors.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** Values arrive as text from flags and the environment, as JSON from the file. */
const number = (least: number, most: number): z.ZodType<number> => z.coerce.number().int().min(least).max(most);
const flag = z.union([z.boolean(), z.enum(['true', 'false', '1', '0', '']).transform((text) => text === 'true' || text === '1' || text === '')]);

type Setting = { readonly schema: z.ZodType; readonly fallback: unknown; readonly about: string };

/** One row per setting: `--segment-seconds`, ISOMER_SEGMENT_SECONDS and `segmentSeconds` in the file are the same. */
export const SETTINGS = {
  root: { schema: z.string().min(1), fallback: '.', about: 'folder whose sub-folders are published' },
  host: { schema: z.string().min(1), fallback: '127.0.0.1', about: 'address to listen on' },
  port: { schema: number(0, 65_535), fallback: 8080, about: 'port to listen on; 0 picks a free one' },
  cacheDir: { schema: z.string(), fallback: '', about: 'folder for index files; empty: no index cache' },
  demo: { schema: flag, fallback: false, about: 'show the demo page also on other addresses than loopback' },
  segmentSeconds: { schema: z.coerce.number().min(0.5).max(20), fallback: 6, about: 'wanted length of segments' },
  segmentSuffix: { schema: flag, fallback: false, about: 'HLS child URLs end in .m3u8, .ts, .m4s or .mp4' },
  audioOnly: { schema: flag, fallback: true, about: 'HLS masters list the audio-only variant' },
  maxAge: { schema: number(0, 31_536_000), fallback: 259_200, about: 'seconds that caches may keep manifests and media' },
  maxAssets: { schema: number(1, 1_000_000), fallback: 1000, about: 'assets that are kept open' },
  maxIndexBytes: { schema: number(1, 2 ** 40), fallback: 512 * 1024 * 1024, about: 'memory for the indexes of open assets' },
  revalidateMs: { schema: number(0, 3_600_000), fallback: 2000, about: 'time between looks at the files of an open asset' },
  maxConnections: { schema: number(1, 1_000_000), fallback: 10_000, about: 'connections at the same time' },
  headersTimeout: { schema: number(100, 600_000), fallback: 10_000, about: 'milliseconds for a request to arrive' },
  keepAliveTimeout: { schema: number(0, 600_000), fallback: 30_000, about: 'milliseconds that an idle connection is kept' },
  stallTimeout: { schema: number(1000, 3_600_000), fallback: 120_000, about: 'milliseconds without progress after which a client is dropped' },
  graceTimeout: { schema: number(0, 600_000), fallback: 10_000, about: 'milliseconds that a stop waits for responses' },
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

export async function loadConfig({ flags, environment, file }: ConfigSources): Promise<Config> {
  const stored = file === null ? {} : await readConfigFile(file);
  const entries = KEYS.map((key): [Key, unknown] => {
    const fromEnvironment = environment[environmentName(key)];
    const [value, place] =
      flags[key] !== undefined ? [flags[key], flagName(key)] : fromEnvironment !== undefined ? [fromEnvironment, environmentName(key)] : key in stored ? [stored[key], `${file}: ${key}`] : [SETTINGS[key].fallback, 'default'];
    const parsed = SETTINGS[key].schema.safeParse(value);
    if (!parsed.success) throw new IsomerError('ISOMER_CONFIG', { what: parsed.error.issues[0].message, where: place, found: JSON.stringify(value) });
    return [key, parsed.data];
  });
  return Object.fromEntries(entries) as Config;
}

async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new IsomerError('ISOMER_CONFIG', { where: file, expected: 'a JSON file', found: error instanceof SyntaxError ? error.message : ((error as NodeJS.ErrnoException).code ?? 'error') });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new IsomerError('ISOMER_CONFIG', { where: file, expected: 'a JSON object' });
  for (const key of Object.keys(json)) {
    if (!(key in SETTINGS)) throw new IsomerError('ISOMER_CONFIG', { what: `unknown setting ${key}`, where: file, expected: `one of ${KEYS.join(', ')}` });
  }
  return json as Record<string, unknown>;
}
