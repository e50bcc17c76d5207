/** Stored forms that cameras, editors and packagers leave behind: every picture and every audio frame arrives in all six outputs. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { concatBytes, viewOf } from '../bytes.ts';
import { nalType, parameterSetsIn } from '../codec/nal.ts';
import { readMovie } from '../isobmff/movie.ts';
import { mp4File, type TrackFixture } from '../isobmff/testing.ts';
import { presentationTimes, sampleDuration, samplePosition } from '../model/samples.ts';
import { emptyFolder, exportAll, ffmpeg, framesOf, picturesOf, type Exported, type Unit } from './testing/decode.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-inputs-'));
  const coded = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '25', '-sc_threshold', '0', '-threads', '1', '-c:a', 'aac', '-b:a', '64k'];
  const video = (seconds: number, size = '320x180'): readonly string[] => ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=25:d=${seconds}`];
  const audio = (seconds: number): readonly string[] => ['-f', 'lavfi', '-i', `sine=r=48000:d=${seconds}`];
  await ffmpeg(...video(6), ...audio(6), ...coded, at('both.mp4'));
  await ffmpeg(...video(3), ...audio(6), ...coded, at('long-audio.mp4'));
  await ffmpeg(...video(6), ...audio(3), ...coded, at('long-video.mp4'));
  await ffmpeg(...video(9, '160x90'), ...coded, '-an', at('longer.mp4'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

/** An asset of the given files; with more than one there is a server manifest. */
async function asset(name: string, files: Readonly<Record<string, string | Uint8Array>>, manifest = ''): Promise<readonly Exported[]> {
  const root = await emptyFolder(at(`root-${name}`));
  const own = await emptyFolder(join(root, name));
  for (const [file, content] of Object.entries(files)) await writeFile(join(own, file), typeof content === 'string' ? await readFile(content) : content);
  if (manifest !== '') await writeFile(join(own, `${name}.ism`), `<smil><head/><body><switch>${manifest}</switch></body></smil>`);
  return exportAll(root, name, await emptyFolder(at(`out-${name}`)), 2);
}

type Expected = { readonly video: readonly string[]; readonly audio: string | null };

/** All pictures and frames of the sources, in order, and the distance between the first picture and the first frame kept. Returns how many outputs were looked at. */
async function checkAll(exported: readonly Exported[], { video, audio }: Expected): Promise<number> {
  const pictures = await Promise.all(video.map((file) => picturesOf(file)));
  const frames = audio === null ? [] : await framesOf(audio);
  // Priming ends at or before 0 and is dropped; ffmpeg gives its frames negative times.
  const kept = frames.filter(({ seconds }) => seconds > -0.0213);
  for (const output of exported) {
    const label = output.id;
    expect([label, output.video.length]).toEqual([label, video.length]);
    const [firstVideo, ...otherVideos] = await Promise.all(output.video.map((file) => picturesOf(file)));
    [firstVideo, ...otherVideos].slice(0, video.length).forEach((made, i) => {
      expect([label, made.map(({ hash }) => hash)]).toEqual([label, pictures[i].map(({ hash }) => hash)]);
    });
    if (audio === null) continue;
    const sounds = await framesOf(output.muxed && video.length > 0 ? output.video[0] : output.audio[0]);
    expect([label, sounds.map(({ hash }) => hash)]).toEqual([label, kept.map(({ hash }) => hash)]);
    if (video.length === 0) continue;
    // ffmpeg passes over tfxd, where Smooth fragments tell their time, and begins at 0.
    const soundStart = label === 'smooth' ? await firstTime(output.audio[0], sounds) : sounds[0].seconds;
    const offset = (await firstTime(output.video[0], firstVideo)) - soundStart;
    const wanted = pictures[0][0].seconds - Math.max(0, kept[0].seconds);
    expect(Math.abs(offset - wanted), `${label}: picture ${offset + soundStart}, sound ${soundStart}; stored ${pictures[0][0].seconds}, ${kept[0].seconds}`).toBeLessThan(0.0214);
  }
  return exported.length;
}

/** ffmpeg presents all pictures of a fragmented file later by the most negative composition offset (dts_shift in its mov.c), so those files are read here. */
async function firstTime(file: string, pictures: readonly Unit[]): Promise<number> {
  if (file.endsWith('.ts')) return pictures[0].seconds;
  const bytes = await readFile(file);
  const { tracks } = await readMovie((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length);
  const [{ samples, timescale }] = tracks;
  return (Number(samples.base) + Math.min(...presentationTimes(samples, 0, Math.min(10, samples.count)))) / timescale;
}

/** A file of ours with the samples of one of ffmpeg's: what no muxer at hand writes. */
async function remuxed(file: string, change: (track: TrackFixture) => TrackFixture): Promise<Uint8Array> {
  const bytes = await readFile(file);
  const movie = await readMovie((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length);
  const tracks = movie.tracks.map(({ handler, timescale, samples, sampleEntries, edits }): TrackFixture => {
    const all = Array.from({ length: samples.count }, (_, i) => i);
    return {
      kind: handler === 'vide' ? 'video' : 'audio',
      timescale,
      durations: all.map((i) => sampleDuration(samples, i)),
      ...(samples.composition === null ? {} : { compositions: [...samples.composition] }),
      ...(samples.sync === null ? {} : { sync: [...samples.sync] }),
      samples: all.map((i) => bytes.subarray(samplePosition(samples, i), samplePosition(samples, i) + samples.sizes[i])),
      edits: edits.map(({ segmentDuration, mediaTime }) => [Number(segmentDuration), Number(mediaTime)] as const),
      entry: sampleEntries[0],
    };
  });
  return mp4File({ tracks: tracks.map((track) => (track.kind === 'video' ? change(track) : track)) });
}

const AVCC = Buffer.from('avcC');
const recordAt = (entry: Uint8Array): number => Buffer.from(entry).indexOf(AVCC) + 4;

function shortLengths(track: TrackFixture): TrackFixture {
  const entry = Buffer.from(track.entry ?? []);
  entry[recordAt(entry) + 4] = 0xfc | 1;
  const samples = track.samples.map((sample) => {
    const parts: Uint8Array[] = [];
    for (let from = 0; from < sample.length; ) {
      const end = from + 4 + viewOf(sample).getUint32(from);
      parts.push(sample.subarray(from + 2, end));
      from = end;
    }
    return concatBytes(parts);
  });
  return { ...track, entry, samples };
}

/** avc3 with an empty record: SPS and PPS in front of each key frame alone. */
function setsInSamples(track: TrackFixture): TrackFixture {
  const stored = Buffer.from(track.entry ?? []);
  const start = recordAt(stored);
  const length = stored.readUInt32BE(start - 8) - 8;
  const record = stored.subarray(start, start + length);
  const sps = record.subarray(8, 8 + record.readUInt16BE(6));
  const pps = record.subarray(8 + sps.length + 3, 8 + sps.length + 3 + record.readUInt16BE(8 + sps.length + 1));
  const sets = concatBytes([sps, pps].map((set) => concatBytes([Uint8Array.of(0, 0, 0, set.length), set])));
  const empty = Buffer.concat([stored.subarray(0, start - 8), Uint8Array.of(0, 0, 0, 8 + 7), AVCC, record.subarray(0, 5), Uint8Array.of(0xe0, 0)]);
  empty.writeUInt32BE(empty.length, 0);
  empty.write('avc3', 4, 'latin1');
  const samples = track.samples.map((sample, i) => (track.sync?.includes(i) === true ? concatBytes([sets, sample]) : sample));
  expect(parameterSetsIn(samples[0], 4, 'avc').map((set) => nalType('avc', set[0]))).toEqual([7, 8]);
  return { ...track, entry: empty, samples };
}

describe('stored forms', () => {
  test('QuickTime, brand qt', async () => {
    await ffmpeg('-i', at('both.mp4'), '-c', 'copy', '-f', 'mov', at('clip.mov'));
    expect((await readFile(at('clip.mov'))).toString('latin1', 8, 12)).toBe('qt  ');
    expect(await checkAll(await asset('clip', { 'clip.mov': at('clip.mov') }), { video: [at('both.mp4')], audio: at('both.mp4') })).toBe(6);
  });

  test.each(['long-audio', 'long-video'])('%s: tracks of unequal length', async (name) => {
    expect(await checkAll(await asset(name, { [`${name}.mp4`]: at(`${name}.mp4`) }), { video: [at(`${name}.mp4`)], audio: at(`${name}.mp4`) })).toBe(6);
  });

  test('qualities of unequal length', async () => {
    const manifest = '<video src="both.mp4"/><video src="longer.mp4" systemBitrate="1000"/><audio src="both.mp4"/>';
    const exported = await asset('ladder', { 'both.mp4': at('both.mp4'), 'longer.mp4': at('longer.mp4') }, manifest);
    expect(await checkAll(exported, { video: [at('both.mp4'), at('longer.mp4')], audio: at('both.mp4') })).toBe(6);
  });

  test('a first presentation time above 0, by empty edits and by the time of the first fragment', async () => {
    await ffmpeg('-itsoffset', '1.5', '-i', at('both.mp4'), '-c', 'copy', at('late.mp4'));
    expect(await checkAll(await asset('late', { 'late.mp4': at('late.mp4') }), { video: [at('late.mp4')], audio: at('late.mp4') })).toBe(6);
    await ffmpeg('-i', at('both.mp4'), '-c', 'copy', '-output_ts_offset', '7', '-avoid_negative_ts', 'disabled', '-movflags', '+frag_keyframe+empty_moov+default_base_moof+frag_discont', at('recorded.mp4'));
    const exported = await asset('recorded', { 'recorded.mp4': at('recorded.mp4') });
    expect(await checkAll(exported, { video: [at('recorded.mp4')], audio: at('recorded.mp4') })).toBe(6);
    expect(Math.abs((await firstTime(exported.find(({ id }) => id === 'dash-cmaf')?.video[0] ?? '', [])) - 7)).toBeLessThan(0.1);
  });

  test('video alone and audio alone', async () => {
    await ffmpeg('-i', at('both.mp4'), '-c', 'copy', '-an', at('silent.mp4'));
    expect(await checkAll(await asset('silent', { 'silent.mp4': at('silent.mp4') }), { video: [at('silent.mp4')], audio: null })).toBe(6);
    await ffmpeg('-i', at('both.mp4'), '-c', 'copy', '-vn', at('blind.m4a'));
    expect(await checkAll(await asset('blind', { 'blind.m4a': at('blind.m4a') }), { video: [], audio: at('blind.m4a') })).toBe(6);
  });

  test('NAL unit length fields of two bytes', async () => {
    const exported = await asset('short', { 'short.mp4': await remuxed(at('both.mp4'), shortLengths) });
    expect(await checkAll(exported, { video: [at('both.mp4')], audio: at('both.mp4') })).toBe(6);
  });

  test('avc3 with parameter sets in the samples alone', async () => {
    const exported = await asset('inband', { 'inband.mp4': await remuxed(at('both.mp4'), setsInSamples) });
    expect(await checkAll(exported, { video: [at('both.mp4')], audio: at('both.mp4') })).toBe(6);
  });

  test('hev1 with parameter sets in the samples', async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=4', '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'keyint=25:scenecut=0:repeat-headers=1:log-level=none', '-tag:v', 'hev1', at('hevc.mp4'));
    const root = await emptyFolder(at('root-hevc'));
    const own = await emptyFolder(join(root, 'hevc'));
    await writeFile(join(own, 'hevc.mp4'), await readFile(at('hevc.mp4')));
    const error = await exportAll(root, 'hevc', await emptyFolder(at('out-hevc')), 2).catch((caught: unknown) => caught);
    // Transport streams do not carry HEVC here: the first format says so.
    expect(error).toMatchObject({ code: 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED' });
    const outputs = await exportAll(root, 'hevc', await emptyFolder(at('out-hevc')), 2, ['hls-cmaf', 'dash-csf', 'dash-cmaf']);
    expect(await checkAll(outputs, { video: [at('hevc.mp4')], audio: null })).toBe(3);
  });
});
