/** The suite over protected and filtered content of the reference packager: opened with the keys, every check holds; no key leaves the suite. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, describe } from 'vitest';
import { reportSchema, runSchema, type Report, type Run } from '../spec/report.ts';

const run = promisify(execFile);
const CLI = join(import.meta.dirname, 'cli.ts');
const LAYOUT = join(import.meta.dirname, '../corpus/layout.ts');

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function suite(...args: readonly string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await run(process.execPath, [CLI, ...args], { maxBuffer: 64 * 1024 * 1024 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as Ended;
    return { code, stdout, stderr };
  }
}

function reportIn(folder: string): Report {
  return reportSchema.parse(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')));
}

describe('protected content', () => {
  const work = mkdtempSync(join(tmpdir(), 'isomer-protected-'));
  const root = join(work, 'root');
  const out = join(work, 'out');
  let ended: Ended;
  let report: Report;
  let details: Run['details'];
  beforeAll(async () => {
    await run(process.execPath, [LAYOUT, root]);
    ended = await suite('run', '--root', root, '--out', out, '--no-java', '--no-players', '--quiet');
    report = reportIn(out);
    ({ details } = runSchema.parse(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))));
  });
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  it('passes every MUST, or deviates as registered', () => {
    expect(details.filter(({ outcome }) => outcome === 'fail').map(({ result, path, message, wanted, actual }) => ({ result, path, message, wanted, actual }))).toEqual([]);
    expect(ended.code).toBe(0);
  });

  it('is enciphered in every way that is offered, and its samples are compared with the stored ones', () => {
    const compared = report.results.filter(({ check, outcome, subject }) => outcome === 'pass' && subject.protection !== 'clear' && ['media/samples-unchanged', 'media/transport-samples'].includes(check));
    expect([...new Set(compared.map(({ subject }) => `${subject.protection} ${subject.format}`))].toSorted()).toEqual([
      'aes128 dash-cmaf', 'aes128 dash-csf', 'aes128 hls-cmaf', 'aes128 hls-v3', 'aes128 hls-v4', 'aes128 smooth',
      'cbcs dash-cmaf', 'cbcs dash-csf', 'cbcs hls-cmaf',
      'cenc dash-cmaf', 'cenc dash-csf', 'cenc hls-cmaf',
      'piff smooth',
      'sample-aes hls-v3', 'sample-aes hls-v4',
    ]);
  });

  it('is judged under filters, too: the same tracks and times in all outputs', () => {
    const selected = report.results.filter(({ check, outcome }) => check === 'filtered/selection' && outcome === 'pass').map(({ subject }) => `${subject.asset}/${subject.format}`);
    const compared = new Set(report.results.filter(({ check, outcome }) => outcome === 'pass' && ['media/samples-unchanged', 'media/transport-samples'].includes(check)).map(({ subject }) => `${subject.asset}/${subject.format}`));
    const assets = ['begin', 'german', 'late', 'late-delay', 'late-small'];
    const wanted = [...assets.flatMap((asset) => ['dash-cmaf', 'dash-csf', 'hls-cmaf', 'hls-v3', 'hls-v4', 'smooth'].map((format) => `${asset}/${format}`)), ...['dash-cmaf', 'dash-csf', 'hls-cmaf', 'hls-v4', 'smooth'].map((format) => `cenc-late/${format}`)];
    expect(selected.toSorted()).toEqual(wanted.toSorted());
    expect(wanted.filter((subject) => !compared.has(subject))).toEqual([]);
  });

  it('gets no verdict without the keys, and a failing one with others', async () => {
    const keys = JSON.parse(readFileSync(join(root, 'keys.json'), 'utf8')) as Record<string, string>;
    const judged = async (name: string, content: object): Promise<ReadonlyMap<string, string>> => {
      writeFileSync(join(work, `${name}.json`), JSON.stringify(content));
      await suite('judge', join(out, 'trace'), '--truth', root, '--keys', join(work, `${name}.json`), '--out', join(work, name), '--no-java', '--no-players', '--quiet', '--only', 'media/', '--assets', 'aes', 'cenc', 'cbcs', 'piff');
      return new Map(reportIn(join(work, name)).results.map(({ id, outcome }) => [id, outcome]));
    };
    const none = await judged('none', {});
    const wrong = await judged('wrong', Object.fromEntries(Object.keys(keys).map((id) => [id, createHash('sha256').update(id).digest().toString('base64', 0, 16)])));
    for (const id of ['media/samples-unchanged cenc/dash-csf', 'media/samples-unchanged cbcs/hls-cmaf', 'media/samples-unchanged piff/smooth', 'media/transport-samples cbcs/hls-v4']) {
      expect([id, none.get(id), wrong.get(id)]).toEqual([id, 'cantTell', 'fail']);
    }
    expect(none.get('media/samples-unchanged aes/dash-csf')).toBe('cantTell');
  });

  it('keeps its keys to itself: nothing that a run writes or prints holds one', () => {
    const values = Object.values(JSON.parse(readFileSync(join(root, 'keys.json'), 'utf8')) as Record<string, string>).map((text) => Buffer.from(text, 'base64'));
    const files = readdirSync(work, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.parentPath.startsWith(root) && entry.parentPath !== work);
    expect(files.length).toBeGreaterThan(100);
    const texts = [Buffer.from(ended.stdout + ended.stderr), ...files.map(({ parentPath, name }) => readFileSync(join(parentPath, name)))];
    for (const value of values) for (const secret of [value, value.toString('hex'), value.toString('hex').toUpperCase(), value.toString('base64'), value.toString('base64url')]) expect(texts.some((text) => text.includes(secret))).toBe(false);
  });
});
