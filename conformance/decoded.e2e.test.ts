/**
 * Which sound was decoded, in which output and by which client: the suite's decode checks over every asset whose sound is more than plain AAC, in
 * one run. Each client's samples equal those that it decodes from the stored file. What is not compared stands here, with its reason.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FORMAT_IDS } from '../spec/features.ts';
import { reportSchema, runSchema, type Report, type Run } from '../spec/report.ts';

const exec = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');

/** ffmpeg has no client for Smooth Streaming. */
const NO_CLIENT = 'not asked';
/** Smooth refuses all sound of the asset. */
const REFUSED = '0 inapplicable';
const six = (each: string): readonly string[] => FORMAT_IDS.map(() => each);
const AACH = '2 pass; decode/audio: the client knows no FourCC AACH';
const DTS_V4 = '2 pass; decode/audio: the client takes DTS in transport streams for no sound';
const DTS_V3 = '2 inapplicable; decode/video: the client waits for the DTS beside the pictures; decode/audio: the client takes DTS in transport streams for no sound';
const EIGHT = '2 pass; decode/audio: the client decodes six channels of eight';

/**
 * By asset and client, in the order of FORMAT_IDS: streams that were compared. ffmpeg takes every track; in version 3 pictures with their sound, and
 * the sound alone. GStreamer takes pictures and the sound of its choice.
 */
const TABLE: Readonly<Record<string, readonly [ffmpeg: readonly string[], gstreamer: readonly string[]]>> = {
  'he-aac': [['3 pass', '4 pass', '4 pass', '4 pass', '4 pass', NO_CLIENT], ['2 pass', '2 pass', '2 pass', '2 pass', '2 pass', AACH]],
  'he-aac-v2': [['3 pass', '4 pass', '4 pass', '4 pass', '4 pass', NO_CLIENT], ['2 pass', '2 pass', '2 pass', '2 pass', '2 pass', AACH]],
  'eac3-51': [['3 pass', '3 pass', '3 pass', '3 pass', '3 pass', NO_CLIENT], six('2 pass')],
  'eac3-71': [['3 pass', '3 pass', '3 pass', '3 pass', '3 pass', NO_CLIENT], [EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, REFUSED]],
  'eac3-joc': [['3 pass', '3 pass', '3 pass', '3 pass', '3 pass', NO_CLIENT], six('2 pass')],
  'dts-core': [['3 pass', '3 pass', '3 pass', '3 pass', '3 pass', NO_CLIENT], six('2 pass')],
  'dts-null': [['3 pass', '3 pass', '3 pass', '3 pass', '3 pass', NO_CLIENT], [DTS_V3, DTS_V4, '2 pass', '2 pass', '2 pass', REFUSED]],
  'dts-lossless': [['3 pass', '3 pass', '3 pass', '3 pass', '3 pass', NO_CLIENT], [DTS_V3, DTS_V4, '2 pass', '2 pass', '2 pass', REFUSED]],
  'multi-codec': [['3 pass', '8 pass', '8 pass', '8 pass', '8 pass', NO_CLIENT], six('2 pass')],
};
const ASSETS = Object.keys(TABLE);

let out: string;
let report: Report;
let run: Run;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'isomer-decoded-'));
  const args = ['run', '--root', join(ROOT, 'corpus/.assets'), '--asset', ...ASSETS, '--out', out, '--decode', '--no-players', '--only', 'decode/', '--quiet'];
  // Exit code 1 is a failed check: the table tells which.
  await exec(process.execPath, [join(ROOT, 'conformance/cli.ts'), ...args], { maxBuffer: 64 * 1024 * 1024 }).catch((error: { readonly code?: number }) => {
    if (error.code !== 1) throw error;
  });
  report = reportSchema.parse(JSON.parse(await readFile(join(out, 'report.json'), 'utf8')));
  run = runSchema.parse(JSON.parse(await readFile(join(out, 'run.json'), 'utf8')));
}, 900_000);
afterAll(() => rm(out, { recursive: true, force: true }));

function said(asset: string, format: string, client: string): string {
  const id = `decode/${client} ${asset}/${format}`;
  const result = report.results.find((each) => each.id === id);
  if (result === undefined) return NO_CLIENT;
  const notes = run.details.filter((detail) => detail.result === id && detail.outcome !== 'pass').map(({ path, message }) => `${path}: ${message}`);
  return [`${run.examined[id] ?? 0} ${result.outcome}`, ...notes].join('; ');
}

test.each(ASSETS)('%s', (asset) => {
  expect(['ffmpeg', 'gstreamer'].map((client) => FORMAT_IDS.map((format) => said(asset, format, client)))).toEqual(TABLE[asset]);
});
