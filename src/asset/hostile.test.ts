/** Bad input by name: each line was once a crash, a flood of memory or a text without end, or is a classic attack. */
import { describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { audioTrack, mp4File, videoTrack, type TrackFixture } from '../isobmff/testing.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import { openAsset, type Asset } from './open.ts';
import { createMovieReader } from './reader.ts';
import { exercise } from './testing/exercise.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const smil = (body: string): string => `<smil><head/><body><switch>${body}</switch></body></smil>`;
const VIDEO = mp4File({ tracks: [videoTrack(120, 30)] });

const open = (files: Readonly<Record<string, Uint8Array>>): Promise<Asset> =>
  openAsset(createMemoryStorage(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`a/${name}`, bytes]))), 'a', 'x', { segmentSeconds: 2, readMovie: createMovieReader(null) });

async function refusal(files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const error = await open(files).then(
    () => null,
    (caught: unknown) => caught,
  );
  if (error instanceof IsomerError) return `${error.code} ${error.message}`;
  throw new Error(`not refused with a typed error: ${String(error)}`);
}

/** CPU milliseconds and the growth of the process's peak. */
async function costOf(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly mebibytes: number }> {
  const cpu = process.cpuUsage();
  const peak = process.resourceUsage().maxRSS;
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { ms: (user + system) / 1000, mebibytes: (process.resourceUsage().maxRSS - peak) / 1024 };
}

const ENTITIES = Array.from({ length: 30 }, (_, i) => `<!ENTITY a${i + 1} "&a${i};&a${i};">`).join('');

describe('hostile server manifests', () => {
  it.each([
    ['a billion laughs', `<!DOCTYPE smil [<!ENTITY a0 "ha">${ENTITIES}]>${smil('<video src="&a30;"/>')}`, /DOCTYPE/],
    ['an external entity', `<!DOCTYPE smil [<!ENTITY x SYSTEM "file:///etc/passwd">]>${smil('<video src="&x;"/>')}`, /DOCTYPE/],
    ['an external subset', `<!DOCTYPE smil SYSTEM "http://127.0.0.1/x.dtd">${smil('<video src="v.mp4"/>')}`, /DOCTYPE/],
    ['an entity that nobody declared', smil('<video src="&a;"/>'), /well-formed/],
    ['a hundred thousand levels', smil('<a>'.repeat(100_000)), /64 levels/],
    ['a million elements', smil('<a/>'.repeat(1_000_000)), /20000 elements/],
    ['a million attributes', smil(`<video ${Array.from({ length: 300_000 }, (_, i) => `a${i}=""`).join(' ')}/>`), /src/],
    ['an attribute of four megabytes', smil(`<video src="${'v'.repeat(4_000_000)}"/>`), /1 to 1024 characters/],
    ['a tag name of four megabytes', smil(`<${'v'.repeat(4_000_000)} src="v.mp4"/>`), /video, audio or textstream/],
    ['a closing tag of four megabytes', `<smil></${'v'.repeat(4_000_000)}>`, /well-formed/],
    ['a declared encoding of a megabyte', `<?xml version="1.0" encoding="${'u'.repeat(1_000_000)}"?>${smil('<video src="v.mp4"/>')}`, /declaration that fits/],
    ['more than four megabytes', smil('<video src="v.mp4"/>').padEnd(4 * 2 ** 20 + 1), /at most 4194304 bytes/],
    ['elements with the names of what every object has', smil('<toString src="v.mp4"/><constructor src="v.mp4"/><__proto__ src="v.mp4"/>'), /found none/],
    ['more tracks than an index may have', smil('<video src="v.mp4"/>'.repeat(300)), /at most 256 tracks/],
  ])('%s', async (_, text, message) => {
    let found = '';
    const { ms, mebibytes } = await costOf(async () => (found = await refusal({ 'x.ism': utf8(text), 'v.mp4': VIDEO })));
    expect(found).toMatch(message);
    expect(found.length).toBeLessThan(3000);
    expect(ms).toBeLessThan(6000);
    expect(mebibytes).toBeLessThan(400);
  });
});

/** The file with 32 bits written at some bytes behind the n-th box of a type. */
function overwritten(file: Uint8Array, type: string, at: number, ...values: readonly number[]): Uint8Array {
  const copy = Buffer.from(file);
  const start = copy.indexOf(type, 0, 'latin1');
  values.forEach((value, i) => copy.writeUInt32BE(value, start + at + 4 * i));
  return copy;
}

const only = (track: TrackFixture): Readonly<Record<string, Uint8Array>> => ({ 'x.mp4': mp4File({ tracks: [track] }) });
const BOTH = mp4File({ tracks: [videoTrack(120, 30, { compositions: Array.from({ length: 120 }, () => 1001) }), audioTrack(180)] });

describe('claims of a hundred million in small files', () => {
  it.each([
    ['stsz', 12],
    ['stts', 8],
    ['ctts', 8],
    ['stss', 8],
    ['stsc', 8],
    ['stco', 8],
    ['stsd', 8],
  ])('%s', async (type, at) => {
    let found = '';
    const { ms, mebibytes } = await costOf(async () => (found = await refusal({ 'x.mp4': overwritten(BOTH, type, at, 100_000_000) })));
    expect(found).toMatch(/^ISOMER_MP4_/);
    expect(ms).toBeLessThan(1000);
    expect(mebibytes).toBeLessThan(40);
  });

  it('of one size for all, which costs no bytes per sample', async () => {
    expect(await refusal({ 'x.mp4': overwritten(BOTH, 'stsz', 8, 1, 100_000_000) })).toMatch(/sample_count/);
    expect(await refusal({ 'x.mp4': overwritten(BOTH, 'stsz', 8, 0x80000000, 100_000_000) })).toMatch(/sample_count/);
  });
});

describe('times that lead nowhere', () => {
  it.each([
    ['video that takes no time', only(videoTrack(30, 30, { durations: Array.from({ length: 30 }, () => 0) })), /duration of a segment|presentation times of key frames/],
    ['audio that takes no time', only(audioTrack(30, { durations: Array.from({ length: 30 }, () => 0) })), /every sample is edited out/],
    ['audio in one frame of an hour', only(audioTrack(1, { durations: [48000 * 3600] })), /MPE_KEY_FRAME_INTERVAL_TOO_LARGE/],
    ['timescales without a common multiple', { 'x.ism': utf8(smil('<video src="v.mp4" systemBitrate="1"/><video src="w.mp4" systemBitrate="2"/><video src="u.mp4" systemBitrate="3"/>')), 'v.mp4': mp4File({ tracks: [videoTrack(1, 1, { timescale: 4294967291 })] }), 'w.mp4': mp4File({ tracks: [videoTrack(1, 1, { timescale: 4294967279 })] }), 'u.mp4': mp4File({ tracks: [videoTrack(1, 1, { timescale: 4294967231 })] }) }, /timescales/],
  ])('%s is refused', async (_, files, message) => {
    expect(await refusal(files)).toMatch(message);
  });

  it('a decode time that leaps by years while presentation goes on is refused where it would fill a stream with clocks', async () => {
    const durations = Array.from({ length: 60 }, (_, i) => (i === 29 ? 2_000_000_000 : 1));
    const compositions = durations.map((_, i) => (i < 30 ? 0 : -1_999_999_999));
    const asset = await open(only(videoTrack(60, 60, { timescale: 1000, durations, compositions, compositionVersion: 1 }))).catch((error: unknown) => error);
    if (asset instanceof IsomerError) return;
    const { ms, mebibytes } = await costOf(async () => expect(await exercise(asset as Asset, null)).toContain('ISOMER_MP4_MALFORMED'));
    expect(ms).toBeLessThan(2000);
    expect(mebibytes).toBeLessThan(100);
  });

  it('an audio frame of no bytes is left out of transport streams', async () => {
    const samples = audioTrack(180).samples.map((sample, i) => (i % 3 === 0 ? new Uint8Array(0) : sample));
    const asset = await open(only(audioTrack(180, { samples })));
    expect(await exercise(asset, null)).toEqual([]);
    await asset.close();
  });

  it('a first frame of audio without a duration does not make endless segments', async () => {
    const asset = await open(only(audioTrack(180, { durations: Array.from({ length: 180 }, (_, i) => (i === 0 ? 0 : 1024)) })));
    expect(asset.presentation.switchingSets[0].timeline.names.length).toBeGreaterThan(2);
    expect(await exercise(asset, null)).toEqual([]);
    await asset.close();
  });
});
