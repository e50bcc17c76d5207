/**
 * Protected and filtered outputs in real players: the short run over the layout, with keys from the real key delivery, which wants a token.
 * What a player cannot do is a row with its reason; no key and no token is in what is written.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReplayRow } from '../../spec/replay.ts';
import { accessSchema } from '../../spec/subjects.ts';
import { DEFAULT_LIMITS } from '../capture/request.ts';
import { replaySubject, replayStage, type ReplayCommandOptions } from '../cli/replay.ts';
import { readReport } from '../report/read.ts';
import { BROWSERS } from './drivers/launch.ts';
import { ORIGIN_ENTRY } from './testing.ts';

const LAYOUT = join(import.meta.dirname, '../../corpus/layout.ts');
const PROTECTED = ['aes-128', 'sample-aes', 'cenc', 'cbcs', 'clear-lead'];

let work: string;
let root: string;
const options = (more: Partial<ReplayCommandOptions>): ReplayCommandOptions => ({ root, serve: ORIGIN_ENTRY, out: join(work, 'out'), tier: 'ci', concurrency: 8, maxBody: DEFAULT_LIMITS.maxBytes, timeout: DEFAULT_LIMITS.timeoutMs, quiet: true, browsers: BROWSERS, players: ['hls.js', 'dash.js', 'shaka'], ...more });

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'isomer-protected-'));
  root = join(work, 'root');
  await promisify(execFile)(process.execPath, [LAYOUT, root]);
});
afterAll(() => rm(work, { recursive: true, force: true }));

describe('the short run over protected and filtered content', () => {
  let rows: readonly ReplayRow[];
  beforeAll(async () => {
    await replaySubject(options({}));
    rows = readReport(join(work, 'out')).replay?.rows ?? [];
    // Some twenty replays; a busy machine tries what it spoilt again.
  }, 420_000);

  test('fails nowhere', () => {
    expect(rows.filter(({ outcome }) => ['fail', 'warn', 'untested'].includes(outcome)).map(({ id, messages }) => [id, messages])).toEqual([]);
  });

  test.each(BROWSERS.flatMap((browser) => [...(browser === 'chromium' ? ['filtered'] : []), ...PROTECTED].map((template) => [browser, template] as const)))('in %s something plays of %s', (browser, template) => {
    expect(rows.filter((row) => row.browser === browser && row.template === template && row.outcome === 'pass')).not.toEqual([]);
  });

  test('plays what a filter leaves in each protocol, but where the machine is too busy', () => {
    const played = rows.filter(({ template, outcome }) => template === 'filtered' && ['pass', 'cantTell'].includes(outcome));
    expect([...new Set(played.map(({ format }) => format))].toSorted()).toEqual(['dash-cmaf', 'hls-cmaf', 'smooth']);
  });

  test('says what no player can do, and why', () => {
    const reasons = rows.filter(({ outcome }) => outcome === 'inapplicable').map(({ template, format, player, messages }) => `${template} ${format} ${player}: ${messages.join()}`);
    expect(reasons).toContain('aes-128 dash-cmaf dash.js: outside HLS no player knows encryption of whole segments');
    expect(reasons).toContain('sample-aes hls-v4 shaka: the player refuses samples that are encrypted in transport streams (its error 4040)');
    expect(reasons).toContain('piff smooth dash.js: its keys are given out by PlayReady, Widevine or FairPlay alone, which none of these browsers has');
  });

  test('leaves no key and no token behind', async () => {
    const { headers } = accessSchema.parse(JSON.parse(await readFile(join(root, 'access.json'), 'utf8')));
    const keys = Object.values(JSON.parse(await readFile(join(root, 'keys.json'), 'utf8')) as Record<string, string>);
    const secrets = [...Object.values(headers).map((value) => value.replace('Bearer ', '')), ...keys.flatMap((key) => [key, Buffer.from(key, 'base64').toString('hex'), Buffer.from(key, 'base64').toString('base64url')])];
    const files = await readdir(join(work, 'out'), { recursive: true, withFileTypes: true });
    for (const file of files.filter((each) => each.isFile())) {
      const text = await readFile(join(file.parentPath, file.name), 'latin1');
      for (const secret of secrets) expect(text.includes(secret), `${file.name} holds a secret`).toBe(false);
    }
  });
});

test('a token for others gets no key, and nothing is shown', async () => {
  await writeFile(join(root, 'access.json'), JSON.stringify({ headers: { Authorization: 'Bearer e30.e30.e30' } }));
  const { replays } = await replayStage(options({ players: ['shaka'], templates: ['cenc'], formats: ['dash-cmaf'], browsers: ['chromium'] }));
  expect(replays.section.rows.map(({ outcome }) => outcome)).toEqual(['fail']);
  expect(replays.details[0]).toMatchObject({ observation: { framesSeen: 0 } });
  expect(replays.details[0].evidence?.requests.map(({ status }) => status)).toContain(401);
});
