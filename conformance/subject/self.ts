/** The reference packager as a subject: a child process behind its command line, like any other origin. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { accessSchema, SUBJECTS_FILE, subjectsSchema, type Subjects } from '../../spec/subjects.ts';
import { messageOf, SuiteFault } from '../fault.ts';
import { FORMATS, masterUrls } from '../outputs.ts';
import { NO_KEYS, readKeys, type KeyRing } from '../oracle/keys.ts';
import { loadTruth, type TruthView } from '../oracle/truth.ts';
import type { Access } from '../player/protection.ts';
import type { ManifestTarget } from '../trace.ts';

export type RunningOrigin = { readonly url: string; /** Of its key delivery; null where none was asked for. */ readonly keys: string | null; stop(): Promise<void> };

export type AssetFolder = { readonly id: string; readonly ism: string; readonly truth: TruthView | null };

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 5_000;

/** Folders below `root` that hold an asset; a truth file names the server manifest where none is stored. */
export function assetsIn(root: string, only: readonly string[] = []): readonly AssetFolder[] {
  if (!existsSync(root)) throw new SuiteFault('usage', `${root}: no such folder`);
  const ids = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && (only.length === 0 || only.includes(entry.name)))
    .map(({ name }) => name)
    .toSorted();
  const assets = ids.flatMap((id): AssetFolder[] => {
    const folder = join(root, id);
    const truth = loadTruth(folder);
    const stored = readdirSync(folder).find((name) => name.toLowerCase().endsWith('.ism'));
    const ism = truth?.manifest ?? stored;
    return ism === undefined ? [] : [{ id, ism, truth }];
  });
  const missing = only.filter((id) => !assets.some((asset) => asset.id === id));
  if (missing.length > 0) throw new SuiteFault('usage', `no asset ${missing.join(', ')} in ${root}`);
  if (assets.length === 0) throw new SuiteFault('usage', `${root} holds no assets`);
  return assets;
}

export function targetsOf(origin: string, assets: readonly AssetFolder[]): readonly ManifestTarget[] {
  return assets.flatMap(({ id, ism }) => masterUrls(`${origin}/${encodeURIComponent(id)}/${encodeURIComponent(basename(ism))}`).map(({ format, url }) => ({ asset: id, format, url })));
}

/** What `subjects.json` in this folder says; null when there is none. */
export function subjectsIn(folder: string): Subjects | null {
  const file = join(folder, SUBJECTS_FILE);
  if (!existsSync(file)) return null;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SuiteFault('usage', `${file}: ${messageOf(error)}`);
  }
  const parsed = subjectsSchema.safeParse(content);
  if (!parsed.success) throw new SuiteFault('usage', `${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** How players get keys, as a layout says it; undefined where none of its subjects has keys to give. */
export function accessFor(folder: string, keys: string | null): Access | undefined {
  const named = subjectsIn(folder)?.access;
  if (named === undefined) return undefined;
  const file = join(folder, named);
  try {
    const { licence = keys === null ? undefined : `${keys}/ClearKey/`, headers } = accessSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    if (licence === undefined) throw new Error('licence: an address is expected, since no key delivery was started');
    return { licence, headers };
  } catch (error) {
    throw new SuiteFault('usage', `${file}: ${error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error)}`);
  }
}

/** Outputs of the subjects in the order of the formats. */
export function targetsOfSubjects(origin: string, { subjects }: Subjects): readonly ManifestTarget[] {
  return subjects.flatMap(({ id, path, outputs }) => FORMATS.flatMap(({ id: format }) => (outputs[format] === undefined ? [] : [{ asset: id, format, url: `${origin}/${path}/${outputs[format]}` }])));
}

/** Seconds that a layout leaves in the clear at the beginning of encrypted tracks, by subject. */
export function clearLeadsIn(folder: string | undefined): ReadonlyMap<string, number> {
  const listed = folder === undefined ? null : subjectsIn(folder);
  return new Map(listed?.subjects.flatMap(({ id, protection }) => (protection === undefined ? [] : [[id, protection.clearLead ?? 0] as const])));
}

/** The keys that a layout names, or those of a file that was given. */
export function keysFor(folder: string | undefined, file: string | undefined): KeyRing {
  if (file !== undefined) return readKeys(file);
  const named = folder === undefined ? undefined : subjectsIn(folder)?.keys;
  return folder === undefined || named === undefined ? NO_KEYS : readKeys(join(folder, named));
}

/** Starts `isomer serve`, with key delivery where keys will be asked for, and waits for the line that says where it listens. */
export async function startOrigin(root: string, entry: string, { keys = false }: { readonly keys?: boolean } = {}): Promise<RunningOrigin> {
  const child = spawn(process.execPath, [entry, 'serve', '--root', root, '--port', '0', ...(keys ? ['--key-delivery', 'true', '--key-port', '0'] : [])], { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new SuiteFault('target', `the origin did not say "listening on" within ${START_LIMIT_MS} ms: ${output.slice(-500)}`)), START_LIMIT_MS);
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-10_000);
      const match = /listening on (http:\/\/[^\s"]+)/.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1].replace(/\/$/, ''));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => {
      clearTimeout(timer);
      reject(new SuiteFault('target', `the origin ended with code ${code} before it listened: ${output.slice(-500)}`));
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new SuiteFault('target', `the origin cannot be started: ${error.message}`));
    });
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  return {
    url,
    keys: /keys at (http:\/\/\S+)/.exec(output)?.[1] ?? null,
    async stop() {
      if (child.exitCode !== null) return;
      const ended = new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
      });
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
