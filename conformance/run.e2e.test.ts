import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportSchema, runSchema, type Report, type Run } from '../spec/report.ts';

const run = promisify(execFile);
const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../corpus/.assets', import.meta.url));

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function suite(...args: readonly string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await run(process.execPath, [CLI, ...args], { maxBuffer: 64 * 1024 * 1024 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as Ended;
    return { code, stdout, stderr };
  }
}

/** The whole corpus through the real origin: captured once, judged offline. */
describe('the reference packager', () => {
  const out = mkdtempSync(join(tmpdir(), 'isomer-conformance-'));
  let ended: Ended;
  let report: Report;
  let details: Run['details'];
  beforeAll(async () => {
    ended = await suite('run', '--root', ROOT, '--out', out, '--no-java', '--no-players', '--quiet');
    report = reportSchema.parse(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')));
    ({ details } = runSchema.parse(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it('fails nothing', () => {
    expect(details.filter(({ outcome }) => outcome === 'fail').map(({ result, path, message, wanted, actual }) => ({ result, path, message, wanted, actual }))).toEqual([]);
    expect(ended.code).toBe(0);
  });

  it('is judged on every asset, in every output', () => {
    const seen = new Set(report.results.filter(({ outcome }) => outcome === 'pass').map(({ subject }) => `${subject.asset}/${subject.format}`));
    const assets = [...new Set(report.results.map(({ subject }) => subject.asset))];
    expect(assets.length).toBeGreaterThanOrEqual(12);
    for (const asset of assets) for (const format of ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth', 'all']) expect(seen).toContain(`${asset}/${format}`);
  });

  it('gets the same report when the trace is judged again', async () => {
    const again = mkdtempSync(join(tmpdir(), 'isomer-conformance-'));
    try {
      await suite('judge', join(out, 'trace'), '--truth', ROOT, '--out', again, '--no-java', '--quiet');
      const { target, ...rest } = JSON.parse(readFileSync(join(again, 'report.json'), 'utf8')) as Report;
      expect(target.kind).toBe('trace');
      expect(rest).toEqual(Object.fromEntries(Object.entries(report).filter(([name]) => name !== 'target')));
    } finally {
      rmSync(again, { recursive: true });
    }
  });

  it('gets the same report.html again from the files of the run', async () => {
    const again = mkdtempSync(join(tmpdir(), 'isomer-conformance-'));
    try {
      expect((await suite('report', out, '--out', again)).code).toBe(0);
      for (const name of ['report.html', 'summary.md', 'junit.xml', 'report.sarif', 'badge-must.svg']) expect(readFileSync(join(again, name), 'utf8')).toBe(readFileSync(join(out, name), 'utf8'));
      expect(statSync(join(out, 'report.html')).size).toBeLessThan(8_000_000);
    } finally {
      rmSync(again, { recursive: true });
    }
  });

  it('narrows to outputs, compares with itself, and asks for coverage', async () => {
    const part = mkdtempSync(join(tmpdir(), 'isomer-conformance-'));
    try {
      const narrow = ['judge', join(out, 'trace'), '--truth', ROOT, '--out', part, '--no-java', '--quiet', '--assets', 'muxed-mbr', '--formats', 'smooth', '--tier', 'full', '--no-players'];
      expect((await suite(...narrow)).code).toBe(0);
      const { results } = reportSchema.parse(JSON.parse(readFileSync(join(part, 'report.json'), 'utf8')));
      expect(new Set(results.map(({ subject }) => `${subject.asset}/${subject.format}`))).toEqual(new Set(['muxed-mbr/smooth', 'muxed-mbr/all']));
      expect((await suite(...narrow, '--min-coverage', '99.9')).code).toBe(1);
      const same = await suite('diff', out, part);
      expect(same.code).toBe(0);
      expect(same.stdout).toMatch(/^Gone: \d+$/m);
    } finally {
      rmSync(part, { recursive: true });
    }
  });

  it('decodes to the stored frames in ffmpeg and GStreamer', async () => {
    const decoded = mkdtempSync(join(tmpdir(), 'isomer-conformance-'));
    try {
      const part = await suite('run', '--root', ROOT, '--asset', 'muxed-mbr', '--out', decoded, '--decode', '--only', 'decode/', '--quiet');
      const { results } = reportSchema.parse(JSON.parse(readFileSync(join(decoded, 'report.json'), 'utf8')));
      // cantTell is for machines without the clients; it is printed, and never counts as a pass.
      const noted = results.map(({ id, outcome, messages }) => `${outcome} ${id} ${messages.join('; ')}`);
      expect(noted.filter((line) => !/^(pass|cantTell .* the client is not installed)/.test(line))).toEqual([]);
      expect(results).toHaveLength(11);
      expect(part.code).toBe(0);
    } finally {
      rmSync(decoded, { recursive: true });
    }
  });
});

describe('the command line', () => {
  it.each([
    ['no command', [], 2],
    ['an unknown option', ['run', '--nonsense'], 2],
    ['no subject', ['run', '--out', '/tmp/x'], 2],
    ['a root that is not there', ['run', '--root', '/nowhere', '--out', '/tmp/x'], 2],
    ['a trace that is not there', ['judge', '/nowhere', '--out', '/tmp/x'], 2],
    ['an unknown check', ['explain', 'none/such'], 2],
    ['a foreign host', ['capture', '--origin', 'https://example.org/a.ism', '--out', '/tmp/x'], 2],
    ['an origin that is not there', ['run', '--origin', 'http://127.0.0.1:1/a/b.ism', '--out', join(tmpdir(), 'isomer-none')], 3],
    ['an unknown output', ['run', '--formats', 'hls', '--out', '/tmp/x'], 2],
    ['an unknown tier', ['judge', '/nowhere', '--tier', 'all', '--out', '/tmp/x'], 2],
    ['more than all coverage', ['judge', '/nowhere', '--min-coverage', '101', '--out', '/tmp/x'], 2],
    ['expectations that are not there', ['judge', '/nowhere', '--expectations', '/nowhere.json', '--out', '/tmp/x'], 2],
    ['a report that is not there', ['report', '/nowhere'], 2],
    ['a comparison with nothing', ['diff', '/nowhere', '/nowhere'], 2],
    ['a baseline without a file', ['baseline', 'update', '/nowhere'], 2],
    ['help', ['--help'], 0],
    ['help of a command', ['baseline', 'update', '--help'], 0],
    ['a list', ['list'], 0],
    ['a list of requirements', ['list', '--requirements'], 0],
  ] as const)('%s ends with the right code', async (_, args, code) => {
    expect((await suite(...args)).code).toBe(code);
  });

  it('explains a check with its requirements', async () => {
    const { stdout } = await suite('explain', 'mpd/timeline');
    expect(stdout).toContain('DASH-020 ISO/IEC 23009-1 (2022) 5.3.9.6');
  });

  it('leaves no report behind that was not finished', () => {
    expect(existsSync('/tmp/x/report.json')).toBe(false);
  });
});
