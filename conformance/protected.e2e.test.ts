/** The suite over protected and filtered content of the reference packager: opened with the keys, every check holds; no key leaves the suite. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, describe } from 'vitest';
import { reportSchema, runSchema, type Report, type Run } from '../spec/report.ts';
import type { PageData } from './report/pagedata.ts';

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
    const assets = ['begin', 'german', 'late', 'late-delay', 'late-small', 'late-text'];
    const wanted = [...assets.flatMap((asset) => ['dash-cmaf', 'dash-csf', 'hls-cmaf', 'hls-v3', 'hls-v4', 'smooth'].map((format) => `${asset}/${format}`)), ...['dash-cmaf', 'dash-csf', 'hls-cmaf', 'hls-v4', 'smooth'].map((format) => `cenc-late/${format}`)];
    expect(selected.toSorted()).toEqual(wanted.toSorted());
    expect(wanted.filter((subject) => !compared.has(subject))).toEqual([]);
  });

  it('has its text in the envelope, and in the clear under every other encryption', () => {
    const cues = report.results.filter(({ check, outcome, subject }) => check === 'text/cues' && outcome === 'pass' && /^(aes|cenc)-text$/.test(subject.asset)).map(({ subject }) => `${subject.protection} ${subject.format}`);
    expect(cues.toSorted()).toEqual(['aes128 dash-cmaf', 'aes128 dash-csf', 'aes128 hls-cmaf', 'aes128 hls-v3', 'aes128 hls-v4', 'aes128 smooth', 'cbcs hls-cmaf', 'cenc dash-cmaf', 'cenc dash-csf', 'piff smooth', 'sample-aes hls-v4']);
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

  it('shows what is inside an envelope: where a finding points, and the times of its media; a report that is written again is the same', async () => {
    // Keys are copied, too: the test below knows where they may lie.
    const other = `${root}-other`;
    cpSync(root, other, { recursive: true, filter: (path) => /(root|fps25|\.json)$/.test(path) });
    const file = join(other, 'fps25/truth.json');
    const truth = JSON.parse(readFileSync(file, 'utf8')) as { tracks: { samples: { raw: string[]; normalised?: string[] } }[] };
    for (const { samples } of truth.tracks) for (const hashes of [samples.raw, samples.normalised ?? []]) hashes[3] = '0'.repeat(16);
    writeFileSync(file, JSON.stringify(truth));
    const page = (): PageData => JSON.parse(/id="data">([^]*?)<\/script>/.exec(readFileSync(join(work, 'opened/report.html'), 'utf8'))?.[1] ?? '') as PageData;
    await suite('judge', join(out, 'trace'), '--truth', other, '--out', join(work, 'opened'), '--no-java', '--no-players', '--quiet', '--only', 'media/', '--assets', 'aes');
    const first = page();
    const shown = first.excerpts.flatMap((excerpt) => (excerpt.kind === 'bytes' && excerpt.opened === true && excerpt.mark !== null ? [excerpt.what.split(' ')[0]] : []));
    expect(new Set(shown)).toEqual(new Set(['sample', 'packet']));
    const times = Object.values(first.timelines).flat().flatMap(({ segments }) => segments);
    expect(times.length).toBeGreaterThan(40);
    expect(times.filter(([, , start]) => start === null)).toEqual([]);
    expect((await suite('report', join(work, 'opened'))).code).toBe(0);
    expect(page()).toEqual(first);
  });

  it('keeps its keys to itself: nothing that a run writes or prints holds one', () => {
    const values = Object.values(JSON.parse(readFileSync(join(root, 'keys.json'), 'utf8')) as Record<string, string>).map((text) => Buffer.from(text, 'base64'));
    const files = readdirSync(work, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.parentPath.startsWith(root) && entry.parentPath !== work);
    expect(files.length).toBeGreaterThan(100);
    const texts = [Buffer.from(ended.stdout + ended.stderr), ...files.map(({ parentPath, name }) => readFileSync(join(parentPath, name)))];
    for (const value of values) for (const secret of [value, value.toString('hex'), value.toString('hex').toUpperCase(), value.toString('base64'), value.toString('base64url')]) expect(texts.some((text) => text.includes(secret))).toBe(false);
  });
});
