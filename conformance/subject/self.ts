/** The reference packager as a subject: a child process behind its command line, like any other origin. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SuiteFault } from '../fault.ts';
import { masterUrls } from '../outputs.ts';
import { loadTruth, type TruthView } from '../oracle/truth.ts';
import type { ManifestTarget } from '../trace.ts';

export type RunningOrigin = { readonly url: string; stop(): Promise<void> };

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

/** Starts `isomer serve` and waits for the line that says where it listens. */
export async function startOrigin(root: string, entry: string): Promise<RunningOrigin> {
  const child = spawn(process.execPath, [entry, 'serve', '--root', root, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
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
