/** Files that ffmpeg makes, its own reading of them as the second opinion. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../bytes.ts';
import { withoutSets } from '../codec/testing.ts';
import { IsomerError } from '../errors.ts';
import type { AudioCodec, Codec, VideoCodec } from '../model/codec.ts';
import { decodeTime, isSync, samplePositions } from '../model/samples.ts';
import { dumpText } from './dump.ts';
import { writeFragmentHead } from './fragment.ts';
import { writeInit } from './init.ts';
import { readMovie, type Movie, type MovieTrack } from './movie.ts';
import { cmafSampleEntry, readSampleEntry } from './sampleentry.ts';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
if (!hasFfmpeg) console.warn('skipped: files made by ffmpeg, because ffmpeg is not installed');

const folder = hasFfmpeg ? mkdtempSync(join(tmpdir(), 'isomer-isobmff-')) : '';
const at = (name: string): string => join(folder, name);
const ffmpeg = (...args: string[]): void => {
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-fflags', '+bitexact', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
};
const open = (file: Uint8Array): Promise<Movie> => readMovie((offset, length) => Promise.resolve(file.subarray(offset, offset + length)), file.length);

type Packet = { readonly dts: number; readonly pts: number; readonly size: number; readonly position: number; readonly isKey: boolean };

/** Packets in file order of decoding, as ffprobe sees them without the edit list. */
function packetsOf(name: string, stream: number): readonly Packet[] {
  const entries = 'packet=pts,dts,size,pos,flags';
  const text = execFileSync('ffprobe', ['-v', 'error', '-ignore_editlist', '1', '-select_streams', String(stream), '-show_entries', entries, '-of', 'json', at(name)], { encoding: 'utf8' });
  const { packets } = JSON.parse(text) as { packets: { pts: number; dts: number; size: string; pos: string; flags: string }[] };
  return packets.map(({ pts, dts, size, pos, flags }) => ({ pts, dts, size: Number(size), position: Number(pos), isKey: flags.startsWith('K') }));
}

const VARIANTS: readonly (readonly [name: string, options: readonly string[], fragmented: boolean])[] = [
  ['end.mp4', [], false],
  ['start.mp4', ['-movflags', '+faststart'], false],
  ['negative.mp4', ['-movflags', '+negative_cts_offsets'], false],
  ['quicktime.mov', [], false],
  ['fragments.mp4', ['-movflags', '+frag_keyframe+empty_moov+default_base_moof'], true],
  ['implicit.mp4', ['-movflags', '+frag_keyframe+empty_moov+omit_tfhd_offset'], true],
  ['offsets.mp4', ['-movflags', '+frag_keyframe+empty_moov'], true],
  ['hybrid.mp4', ['-movflags', '+frag_keyframe'], true],
  ['cmaf.mp4', ['-movflags', '+cmaf+frag_keyframe'], true],
  ['smooth.ismv', ['-f', 'ismv'], true],
];

describe.skipIf(!hasFfmpeg)('files made by ffmpeg', () => {
  beforeAll(() => {
    const sources = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=2', '-f', 'lavfi', '-i', 'sine=r=48000:d=2'];
    ffmpeg(...sources, '-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '25', '-threads', '1', '-c:a', 'aac', '-b:a', '64k', '-metadata:s:a:0', 'language=fra', at('end.mp4'));
    for (const [name, options] of VARIANTS.slice(1)) ffmpeg('-i', at('end.mp4'), '-c', 'copy', ...options, at(name));
    ffmpeg('-i', at('end.mp4'), '-c', 'copy', '-an', '-bsf:v', 'h264_mp4toannexb', '-tag:v', 'avc3', at('avc3.mp4'));
    ffmpeg('-i', at('end.mp4'), '-map', '0:a', '-c', 'copy', '-encryption_scheme', 'cenc-aes-ctr', '-encryption_key', '00112233445566778899aabbccddeeff', '-encryption_kid', '112233445566778899aabbccddeeff00', at('cenc.mp4'));
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(VARIANTS)('%s: every sample where ffprobe finds it', async (name, _, fragmented) => {
    const movie = await open(readFileSync(at(name)));
    expect(movie.fragmented).toBe(fragmented);
    expect(movie.tracks.map(({ handler }) => handler)).toEqual(['vide', 'soun']);
    movie.tracks.forEach(({ samples }, stream) => {
      const packets = packetsOf(name, stream);
      expect(samples.count).toBe(packets.length);
      expect(Array.from(samplePositions(samples, 0, samples.count))).toEqual(packets.map(({ position }) => position));
      expect(Array.from(samples.sizes)).toEqual(packets.map(({ size }) => size));
      expect(packets.map((_packet, i) => isSync(samples, i))).toEqual(packets.map(({ isKey }) => isKey));
      expect(packets.map((_packet, i) => decodeTime(samples, i) - decodeTime(samples, 0))).toEqual(packets.map(({ dts }) => dts - packets[0].dts));
      // ffprobe moves the whole track when offsets are negative; the distances stay.
      const compositions = packets.map((_packet, i) => samples.composition?.[i] ?? 0);
      expect(compositions.map((offset) => offset - compositions[0])).toEqual(packets.map(({ pts, dts }) => pts - dts - (packets[0].pts - packets[0].dts)));
    });
  });

  it('codecs and languages', async () => {
    for (const name of ['end.mp4', 'quicktime.mov', 'smooth.ismv']) {
      const { tracks } = await open(readFileSync(at(name)));
      const [video, audio] = tracks.map(({ sampleEntries }) => readSampleEntry(sampleEntries[0]).codec) as [VideoCodec, AudioCodec];
      expect(video).toMatchObject({ rfc6381: 'avc1.64000c', width: 320, height: 180 });
      expect(audio).toMatchObject({ rfc6381: 'mp4a.40.2', sampleRate: 48000, channels: 1 });
      expect(tracks.map(({ language }) => language)).toEqual(['und', name.endsWith('mov') ? expect.any(String) : 'fra']);
    }
  });

  it('an encrypted track opens, its sample entry is refused', async () => {
    const { tracks } = await open(readFileSync(at('cenc.mp4')));
    expect(tracks[0].samples.count).toBeGreaterThan(90);
    expect(() => readSampleEntry(tracks[0].sampleEntries[0])).toThrow(/already encrypted/);
  });

  /** One segment with everything in it. */
  function fragmentOf(file: Uint8Array, track: MovieTrack, codec: Codec): Uint8Array {
    const { samples } = track;
    const stored = concatBytes(Array.from(samplePositions(samples, 0, samples.count), (offset, i) => file.subarray(offset, offset + samples.sizes[i])));
    const { payload, sizes } = codec.kind === 'video' ? withoutSets(stored, samples.sizes, codec.nalLengthSize, codec.family, codec.parameterSets) : { payload: stored, sizes: samples.sizes };
    const durations = Uint32Array.from(samples.sizes, (_size, i) => decodeTime(samples, i + 1) - decodeTime(samples, i));
    const head = writeFragmentHead({ sequence: 1, trackId: 1, baseMediaDecodeTime: 0n, durations, sizes, compositions: samples.composition === null ? null : Int32Array.from(samples.composition), sync: (i) => isSync(samples, i), styp: 'cmfs' });
    const { width, height } = codec.kind === 'video' ? codec : { width: 0, height: 0 };
    const init = writeInit({ brand: 'cmfc', kind: codec.kind, timescale: track.timescale, language: track.language, sampleEntry: cmafSampleEntry(track.sampleEntries[0], codec), width, height });
    return concatBytes([init, head, payload]);
  }

  it.each(['end.mp4', 'quicktime.mov', 'avc3.mp4'])('%s, written as CMAF, decodes to the same pictures and tones', async (name) => {
    const file = readFileSync(at(name));
    for (const [i, track] of (await open(file)).tracks.entries()) {
      const { codec } = readSampleEntry(track.sampleEntries[0]);
      const written = at(`written-${name}-${i}.mp4`);
      writeFileSync(written, fragmentOf(file, track, codec));
      const hashes = (input: string, stream: number): string[] => {
        const text = execFileSync('ffmpeg', ['-v', 'error', '-ignore_editlist', '1', '-i', input, '-map', `0:${stream}`, '-f', 'framehash', '-hash', 'crc32', '-'], { encoding: 'utf8' });
        return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1) ?? '');
      };
      const expected = hashes(at(name), i);
      expect(expected.length).toBeGreaterThan(40);
      expect(hashes(written, 0)).toEqual(expected);
    }
  });

  const attempt = async (bytes: Uint8Array): Promise<string> => {
    const started = performance.now();
    let outcome = 'read';
    try {
      const { tracks } = await open(bytes);
      for (const { sampleEntries } of tracks) readSampleEntry(sampleEntries[0]);
    } catch (error) {
      outcome = error instanceof IsomerError ? error.code : `not typed: ${String(error)}`;
    }
    await dumpText(bytes).catch((error: unknown) => {
      if (!(error instanceof IsomerError)) outcome = `dump not typed: ${String(error)}`;
    });
    const spent = performance.now() - started;
    return spent < 1000 ? outcome : `${outcome} after ${spent} ms`;
  };

  it.each(['start.mp4', 'smooth.ismv'])('%s, cut at every 97th byte, is refused or read, never worse', async (name) => {
    const file = readFileSync(at(name));
    const outcomes = new Set<string>();
    for (let length = 0; length < file.length; length += 97) outcomes.add(await attempt(file.subarray(0, length)));
    for (const outcome of outcomes) expect(outcome).toMatch(/^(?:read|ISOMER_MP4_MALFORMED|ISOMER_MP4_UNSUPPORTED)$/);
  });

  it.each(['start.mp4', 'fragments.mp4'])('%s with one byte of its boxes changed, a thousand times', async (name) => {
    const file = readFileSync(at(name));
    const end = name === 'start.mp4' ? file.indexOf('mdat') : file.indexOf('mdat', file.indexOf('moof'));
    await fc.assert(
      fc.asyncProperty(fc.nat(end), fc.nat(255), async (position, value) => {
        const bytes = Uint8Array.from(file);
        bytes[position] = value;
        expect(await attempt(bytes)).toMatch(/^(?:read|ISOMER_\w+|MPE_\w+)$/);
      }),
      { numRuns: 1000 },
    );
  }, 60_000);
});
