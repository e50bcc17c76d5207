/**
 * Every damaged asset of the tables through a running packager: the status and the code that it must get, a message that names the
 * place, in bounded time and memory, without a word about this machine.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MalformedTable, type MalformedCase } from '../../spec/malformed.ts';
import { makeBases, MANIFEST } from './bases.ts';
import { damaged } from './damage.ts';

const CLI = join(import.meta.dirname, '../../src/cli.ts');
/** Of one answer; a good one takes a few milliseconds. */
const MAX_ANSWER_MS = 5000;
const MAX_RESIDENT_MIB = 500;

type Row = MalformedCase & { readonly table: string };

async function readTables(): Promise<readonly Row[]> {
  const names = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.json')).toSorted();
  const tables = await Promise.all(names.map(async (name) => MalformedTable.parse(JSON.parse(await readFile(join(import.meta.dirname, name), 'utf8'))).map((row) => ({ ...row, table: name }))));
  return tables.flat();
}

const ROWS = await readTables();

let root: string;
let child: ChildProcess;
let origin: string;

async function store(id: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  await mkdir(join(root, id));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(root, id, name), bytes);
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-malformed-'));
  const bases = await mkdtemp(join(tmpdir(), 'isomer-bases-'));
  const made = await makeBases(bases);
  await rm(bases, { recursive: true });
  for (const [name, files] of Object.entries(made)) await store(`good-${name}`, files);
  for (const { id, base, steps } of ROWS) await store(id, damaged(made[base], steps));
  child = spawn(process.execPath, [CLI, 'serve', '--root', root, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  origin = await new Promise((resolve, reject) => {
    let output = '';
    child.once('exit', (code) => reject(new Error(`the packager ended with ${code}: ${output}`)));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const [, url] = /listening on (http:\/\/[^\s"]+)/.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
});
afterAll(async () => {
  child.kill();
  await rm(root, { recursive: true, force: true });
});

async function get(id: string, path: string): Promise<{ readonly status: number; readonly body: string; readonly ms: number }> {
  const started = performance.now();
  const response = await fetch(`${origin}/${id}/${MANIFEST}/${path}`);
  const body = Buffer.from(await response.arrayBuffer()).toString('latin1');
  return { status: response.status, body, ms: performance.now() - started };
}

describe('the table', () => {
  test('holds at least sixty damaged assets, each under a name of its own', () => {
    expect(ROWS.length).toBeGreaterThanOrEqual(60);
    expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
  });
});

describe('what is damaged', () => {
  test.each(ROWS)('$table: $id', async ({ id, expect: expectations }) => {
    for (const { get: path, status, cause, says, lacks } of expectations) {
      const answer = await get(id, path);
      const found = answer.status === 200 ? {} : (JSON.parse(answer.body) as { cause?: string; message?: string });
      const message = answer.status === 200 ? answer.body : (found.message ?? '');
      expect({ path, status: answer.status, cause: found.cause, message: message.slice(0, 700) }).toMatchObject({ status, ...(cause === undefined ? {} : { cause }) });
      for (const part of says) expect(message).toContain(part);
      for (const part of lacks) expect(message).not.toContain(part);
      expect(answer.body).not.toContain(root);
      expect(answer.body).not.toMatch(/\bat .+\.ts:\d+/);
      expect(answer.ms).toBeLessThan(MAX_ANSWER_MS);
    }
  });
});

describe('afterwards', () => {
  test.each(['film', 'fragmented', 'delayed', 'unaligned', 'slow', 'hevc'])('the packager still serves, or refuses, %s as before', async (base) => {
    const { status } = await get(`good-${base}`, 'manifest(format=mpd-time-csf)');
    // Two of the bases carry their defect in how they were encoded.
    expect(status).toBe(base === 'unaligned' || base === 'slow' ? 415 : 200);
  });

  test('its memory is bounded', async () => {
    // Linux alone tells the peak.
    const text = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => 'VmHWM: 0 kB');
    expect(Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1]) / 1024).toBeLessThan(MAX_RESIDENT_MIB);
  });
});
