import { describe, expect, it } from 'vitest';
import { concatBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { presentationTimes, samplePositions, type SampleTable } from '../model/samples.ts';
import { writeFragmentHead } from './fragment.ts';
import { writeInit } from './init.ts';
import { readMovie, type Movie } from './movie.ts';
import { avcEntry, nalSample } from './testing.ts';
import { box, fullBox, u32 } from './write.ts';

const open = (file: Uint8Array): Promise<Movie> => readMovie((offset, length) => Promise.resolve(file.slice(offset, offset + length)), file.length);
const INIT = writeInit({ brand: 'cmfc', kind: 'video', timescale: 30000, language: 'und', sampleEntry: avcEntry(), width: 320, height: 180 });
const samples = Array.from({ length: 12 }, (_, i) => nalSample(i % 6 === 0 ? 0x65 : 0x41, 10 + i, i));
const OFFSETS = [0, 2002, -1001, -1001, 0, 0];

const fragment = (first: number, time: bigint, styp: string | null = null): Uint8Array => {
  const own = samples.slice(first, first + 6);
  const head = writeFragmentHead({ sequence: 1 + first / 6, trackId: 1, baseMediaDecodeTime: time, durations: Uint32Array.from(own, () => 1001), sizes: Uint32Array.from(own, ({ length }) => length), compositions: Int32Array.from(OFFSETS), sync: (i) => i === 0, styp });
  return concatBytes([head, ...own]);
};
const payloads = (file: Uint8Array, { samples: table }: { samples: SampleTable }): Buffer[] => Array.from(samplePositions(table, 0, table.count), (offset, i) => Buffer.from(file.subarray(offset, offset + table.sizes[i])));

describe('fragmented files', () => {
  it('are read as one table', async () => {
    const file = concatBytes([INIT, fragment(0, 0n), box('free', new Uint8Array(9)), fragment(6, 6006n, 'cmfs')]);
    const movie = await open(file);
    const [track] = movie.tracks;
    expect(movie.fragmented).toBe(true);
    expect(payloads(file, track)).toEqual(samples.map((sample) => Buffer.from(sample)));
    expect([...(track.samples.sync ?? [])]).toEqual([0, 6]);
    expect(track.samples.decode.first).toHaveLength(1);
    expect([...presentationTimes(track.samples, 6, 9)]).toEqual([6006, 9009, 7007]);
  });

  it('keep gaps, and times beyond 2^53', async () => {
    const base = 2n ** 60n;
    const { samples: table } = (await open(concatBytes([INIT, fragment(0, base), fragment(6, base + 20_000n)]))).tracks[0];
    expect(table.base).toBe(base);
    expect([...table.decode.time]).toEqual([0, 20_000]);
  });

  it('take the time of a tfxd box as a presentation time', async () => {
    const bytes = fragment(0, 0n);
    const tfdt = Buffer.from(bytes).indexOf('tfdt', 0, 'latin1') - 4;
    const trun = Buffer.from(bytes).indexOf('trun', 0, 'latin1') - 4;
    const moofEnd = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    const uuid = box('uuid', Buffer.from('6d1d9b0542d544e680e2141daff757b2', 'hex'), u32(0x01000000, 0, 50_000, 0, 6006));
    const run = bytes.slice(trun, moofEnd);
    new DataView(run.buffer).setUint32(16, moofEnd - 20 + uuid.length + 8);
    const traf = box('traf', bytes.slice(32, tfdt), run, uuid);
    const moof = box('moof', bytes.slice(8, 24), traf);
    const { samples: table } = (await open(concatBytes([INIT, moof, bytes.slice(moofEnd)]))).tracks[0];
    expect(presentationTimes(table, 0, 1)[0]).toBe(50_000);
  });

  it('may break off inside a header; what is complete counts', async () => {
    const file = concatBytes([INIT, fragment(0, 0n), Uint8Array.of(0, 0, 1)]);
    expect((await open(file)).tracks[0].samples.count).toBe(6);
  });

  it.each([
    ['time that goes back', concatBytes([INIT, fragment(0, 9000n), fragment(6, 3000n)]), /decode time of a fragment/],
    ['samples outside the file', concatBytes([INIT, fragment(0, 0n).slice(0, -4)]), /size of box mdat|end of sample/],
    ['an absurd sample count', concatBytes([INIT, box('moof', fullBox('mfhd', 0, 0, u32(1)), box('traf', fullBox('tfhd', 0, 0x20000, u32(1)), fullBox('trun', 0, 0, u32(0xffffffff))))]), /samples/],
  ])('are refused for %s', async (_, file, message) => {
    const error = await open(file).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(IsomerError);
    expect((error as IsomerError).message).toMatch(message);
  });
});
