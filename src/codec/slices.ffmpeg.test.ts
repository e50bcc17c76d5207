/** Slice headers of real encoders, measured beside ffmpeg's `trace_headers`, which prints each syntax element with its bit position. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { unescapeNal, type NalFamily } from './nal.ts';
import { nalSpans } from './slices.ts';

const SOURCE = ['-f', 'lavfi', '-i', 'testsrc2=size=416x240:rate=25,noise=alls=20:allf=t', '-frames:v', '14', '-threads', '1'];

/** The elementary stream of an encoder. */
function encode(args: readonly string[], format: string): Buffer {
  const { stdout, stderr, status } = spawnSync('ffmpeg', ['-v', 'error', ...SOURCE, ...args, '-f', format, '-'], { maxBuffer: 1 << 26 });
  expect(status, stderr.toString()).toBe(0);
  return stdout;
}

/** NAL units between start codes. */
function split(stream: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let at = stream.indexOf('000001', 0, 'hex'); at >= 0; at = stream.indexOf('000001', at + 3, 'hex')) starts.push(at + 3);
  return starts.map((start, i) => {
    let end = i + 1 < starts.length ? starts[i + 1] - 3 : stream.length;
    while (end > start && stream[end - 1] === 0) end--;
    return stream.subarray(start, end);
  });
}

/** Bits of each slice header in the unescaped NAL unit, as ffmpeg's parser sees them. */
function tracedBits(stream: Buffer, format: string): number[] {
  const { stderr } = spawnSync('ffmpeg', ['-v', 'trace', '-f', format, '-i', '-', '-c', 'copy', '-bsf:v', 'trace_headers', '-f', 'null', '-'], { input: stream, maxBuffer: 1 << 28 });
  // Progress may stand on the same line before the tag.
  const lines = Array.from(stderr.toString().matchAll(/\[trace_headers[^\]]*\] (.*)/g), ([, text]) => text);
  const found: number[] = [];
  let isSlice = false;
  let last = 0;
  const flush = (): void => {
    if (isSlice) found.push(last);
  };
  for (const text of lines) {
    const title = /^(Slice Header|Slice Segment Header)\s*$/.test(text);
    if (title || !/^\d+\s/.test(text)) {
      flush();
      isSlice = title;
      last = 0;
      continue;
    }
    // "position  name  bits = value"
    const [, position, name, bits] = /^(\d+)\s+(\S+)\s+([01]+) =/.exec(text) ?? [];
    // In 14496-10 the alignment belongs to the slice data.
    if (position !== undefined && name !== 'cabac_alignment_one_bit') last = Number(position) + bits.length;
  }
  flush();
  return found;
}

/** Stored bytes that hold the first `bits` bits of the unescaped NAL unit. */
function storedBytes(nal: Uint8Array, bits: number): number {
  const wanted = Math.ceil(bits / 8);
  for (let end = wanted; ; end++) if (unescapeNal(nal.subarray(0, end)).length >= wanted) return end;
}

const x264 = (options: string): readonly string[] => ['-c:v', 'libx264', '-x264-params', options];
const x265 = (options: string): readonly string[] => ['-c:v', 'libx265', '-x265-params', `log-level=none:pools=1:frame-threads=1:${options}`];

const CASES: readonly (readonly [name: string, family: NalFamily, args: readonly string[], slices: number])[] = [
  ['high with B pyramids and weights', 'avc', x264('keyint=8:bframes=3:b-pyramid=normal:weightp=2:ref=4'), 14],
  ['baseline', 'avc', [...x264('keyint=8'), '-profile:v', 'baseline'], 14],
  ['four slices', 'avc', x264('keyint=8:slices=4:bframes=2'), 56],
  ['interlaced', 'avc', x264('keyint=8:tff=1:bframes=2'), 14],
  ['4:4:4', 'avc', [...x264('keyint=8:bframes=2:weightp=2'), '-pix_fmt', 'yuv444p'], 14],
  ['main with B frames', 'hevc', x265('keyint=8:bframes=4:b-adapt=0:ref=4'), 14],
  ['main with wavefronts and weights', 'hevc', x265('keyint=8:wpp=1:weightp=1:weightb=1:ctu=16'), 14],
  ['main with three slices, open GOP', 'hevc', x265('keyint=6:min-keyint=6:slices=3:open-gop=1:bframes=3'), 42],
  ['main without offsets and deblocking', 'hevc', x265('keyint=8:sao=0:deblock=false:temporal-mvp=0:wpp=0'), 14],
];

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
if (!hasFfmpeg) console.warn('skipped: slice headers of real encoders, because ffmpeg is not installed');

describe.skipIf(!hasFfmpeg)('slice headers', () => {
  it.each(CASES)('%s (%s)', (_, family, args, slices) => {
    const format = family === 'avc' ? 'h264' : 'hevc';
    const stream = encode(args, format);
    const nals = split(stream);
    const payload = Buffer.concat(nals.flatMap((nal) => [Buffer.from([nal.length >>> 24, nal.length >>> 16, nal.length >>> 8, nal.length]), nal]));
    const spans = nalSpans(payload, Uint32Array.of(payload.length), { family, parameterSets: [], nalLengthSize: 4 });
    expect(spans.counts[0]).toBe(nals.length);
    const measured = nals.map((nal, i) => ({ nal, lead: spans.leads[i] - 4 })).filter(({ nal, lead }) => lead < nal.length);
    const traced = tracedBits(stream, format);
    expect(measured.length).toBe(slices);
    expect(measured.map(({ lead }) => lead)).toEqual(measured.map(({ nal }, i) => storedBytes(nal, traced[i])));
  });
});
