import fc from 'fast-check';
import { createFile, MP4BoxBuffer, type ISOFile } from 'mp4box';
import { describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { decodeTime, samplePosition } from '../model/samples.ts';
import { writeFragmentHead, fragmentHeadSize, type FragmentHead } from './fragment.ts';
import { writeInit } from './init.ts';
import { readMovie, type Movie } from './movie.ts';
import { readSampleEntry } from './sampleentry.ts';
import { audioTrack, avcEntry, mp4File, videoTrack } from './testing.ts';
import { u32 } from './write.ts';

const open = (file: Uint8Array): Promise<Movie> =>
  readMovie((offset, length) => {
    if (offset + length > file.length) throw new Error('the reader asks beyond the file');
    return Promise.resolve(file.slice(offset, offset + length));
  }, file.length);
const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'none';
  } catch (error) {
    if (error instanceof IsomerError) return error.code;
    throw error;
  }
};

describe('readMovie', () => {
  it('finds every sample’s bytes, whatever the order of boxes, offset widths and chunking', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 160 }), async (moovLast, wide, samplesPerChunk, pictures, frames) => {
        const tracks = [videoTrack(pictures, 7), audioTrack(frames)];
        const file = mp4File({ tracks, moovLast, wide, samplesPerChunk });
        const movie = await open(file);
        expect(movie.tracks.map(({ id, handler, language }) => [id, handler, language])).toEqual([[1, 'vide', 'und'], [2, 'soun', 'eng']]);
        movie.tracks.forEach(({ samples }, t) => {
          expect(samples.count).toBe(tracks[t].samples.length);
          tracks[t].samples.forEach((bytes, i) => {
            expect(Buffer.compare(file.subarray(samplePosition(samples, i), samplePosition(samples, i) + samples.sizes[i]), bytes)).toBe(0);
            expect(decodeTime(samples, i)).toBe(i * tracks[t].durations[0]);
          });
        });
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['2 bytes', 3003, Int16Array],
    ['4 bytes', 40_000, Int32Array],
  ])('reads tables that are too long to be held twice, offsets in %s', async (_, last, Kind) => {
    const count = 20_000;
    const compositions = Array.from({ length: count }, (_unused, i) => (i === count - 1 ? last : 1001 * (i % 3) - 1001));
    const track = videoTrack(count, 30, { compositions, compositionVersion: 1 });
    const file = mp4File({ tracks: [track] });
    const reads: number[] = [];
    const movie = await readMovie((offset, length, target = new Uint8Array(length)) => {
      reads.push(length);
      target.set(file.subarray(offset, offset + length));
      return Promise.resolve(target);
    }, file.length);
    const { samples } = movie.tracks[0];
    expect(Buffer.compare(Buffer.from(samples.sizes.buffer), Buffer.from(Uint32Array.from(track.samples, ({ length }) => length).buffer))).toBe(0);
    expect(samples.composition).toBeInstanceOf(Kind);
    expect(Array.from(samples.composition ?? []).every((offset, i) => offset === compositions[i])).toBe(true);
    // No part of a long table is read for nothing.
    expect(reads.reduce((sum, length) => sum + length, 0)).toBeLessThan(file.length - track.samples.reduce((sum, { length }) => sum + length, 0) + 2 ** 16);
  });

  it('reads composition offsets of both versions as signed', async () => {
    const compositions = [0, 2002, -1001, -1001];
    for (const compositionVersion of [0, 1] as const) {
      const { tracks } = await open(mp4File({ tracks: [videoTrack(4, 4, { compositions, compositionVersion })] }));
      expect([...(tracks[0].samples.composition ?? [])]).toEqual(compositions);
    }
  });

  it('reads edit lists', async () => {
    const { tracks } = await open(mp4File({ tracks: [audioTrack(4, { edits: [[500, -1], [1000, 1024]] })] }));
    expect(tracks[0].edits).toEqual([{ segmentDuration: 500n, mediaTime: -1n, rate: 1 }, { segmentDuration: 1000n, mediaTime: 1024n, rate: 1 }]);
  });

  it('asks for headers and the moov only', async () => {
    const file = mp4File({ tracks: [videoTrack(50, 10)], moovLast: true });
    let read = 0;
    await readMovie((offset, length) => {
      read += length;
      return Promise.resolve(file.slice(offset, offset + length));
    }, file.length);
    expect(read).toBeLessThan(file.length - 50 * 24 + 200);
  });

  const good = mp4File({ tracks: [videoTrack(20, 5, { compositions: Array.from({ length: 20 }, (_, i) => (i % 3) * 1001) }), audioTrack(20)] });
  const find = (type: string): number => Buffer.from(good).indexOf(type, 0, 'latin1');
  const mutant = (at: number, ...values: number[]): Uint8Array => {
    const bytes = good.slice();
    bytes.set(values, at);
    return bytes;
  };

  it.each([
    ['no moov', mutant(find('moov'), 0x66), /movie box/],
    ['a box longer than the file', mutant(find('moov') - 4, 0x7f), /size of box moov/],
    ['a box shorter than its header', mutant(find('trak') - 4, 0, 0, 0, 3), /size of box trak.*moov/],
    ['a timescale of 0', mutant(find('mdhd') + 16, 0, 0, 0, 0), /timescale.*mdhd/],
    ['more stsz entries than bytes', mutant(find('stsz') + 12, 0x00, 0xff, 0xff, 0xff), /entries of stsz|samples/],
    ['an absurd sample count', mutant(find('stsz') + 8, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff), /sample_count/],
    ['more stts entries than bytes', mutant(find('stts') + 8, 0x7f, 0xff, 0xff, 0xff), /entries of stts/],
    ['stts that ends early', mutant(find('stts') + 12, 0, 0, 0, 19), /samples in stts/],
    ['ctts that runs over', mutant(find('ctts') + 12, 0, 1, 0, 0), /samples in ctts/],
    ['descending sync samples', mutant(find('stss') + 16, 0, 0, 0, 1), /sample_number/],
    ['a sync sample beyond the end', mutant(find('stss') + 12, 0, 0, 1, 0), /sample_number/],
    ['a first chunk of 2', mutant(find('stsc') + 12, 0, 0, 0, 2), /first_chunk/],
    ['a chunk outside the file', mutant(find('stco') + 12, 0x7f, 0, 0, 0), /end of the chunk of sample 1 .*stco/],
    ['a second sample description', mutant(find('stsc') + 20, 0, 0, 0, 2), /sample_description_index/],
  ])('refuses %s, naming the box', async (_, file, message) => {
    await expect(open(file)).rejects.toThrow(message);
    expect(await codeOf(open(file))).toBe('ISOMER_MP4_MALFORMED');
  });

  it('refuses a moov that exceeds the limit before reading it', async () => {
    const size = 2 ** 40;
    const header = new Uint8Array(16);
    new DataView(header.buffer).setUint32(0, 1);
    header.set(Buffer.from('moov'), 4);
    new DataView(header.buffer).setBigUint64(8, BigInt(size));
    expect(await codeOf(readMovie((_, length) => Promise.resolve(header.slice(0, length)), size))).toBe('ISOMER_MP4_LIMIT');
  });

  it('gives typed errors for every truncation', async () => {
    for (let length = 0; length < good.length; length += 13) expect(await codeOf(open(good.slice(0, length)))).toMatch(/^ISOMER_MP4|none/);
  });

  it('gives typed errors for 2000 seeded corruptions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const started = performance.now();
        const code = await codeOf(open(bytes).then(({ tracks }) => tracks.forEach(({ sampleEntries }) => readSampleEntry(sampleEntries[0]))));
        expect(code).toMatch(/^(?:ISOMER|MPE)_|none/);
        expect(performance.now() - started).toBeLessThan(1000);
      }),
      { numRuns: 2000 },
    );
  });
});

type Moof = ISOFile['moofs'][number];

describe('written boxes, read by mp4box', () => {
  const parse = (bytes: Uint8Array): ReturnType<typeof createFile> => {
    const file = createFile(false);
    file.checkBuffer(MP4BoxBuffer.fromArrayBuffer(Uint8Array.from(bytes).buffer, 0));
    file.parse();
    return file;
  };

  it('initialization segments of both brands', () => {
    for (const brand of ['ccff', 'cmfc'] as const) {
      const file = parse(writeInit({ brand, kind: 'video', timescale: 30000, language: 'fra', sampleEntry: avcEntry(), width: 320, height: 180 }));
      const [trak] = file.moov.traks;
      expect(file.ftyp.major_brand).toBe(brand);
      expect([trak.mdia.mdhd.timescale, trak.mdia.mdhd.languageString, trak.tkhd.width / 65536, trak.mdia.minf.stbl.stsd.entries[0].type]).toEqual([30000, 'fra', 320, 'avc1']);
      expect(file.moov.mvex?.trexs[0].default_sample_description_index).toBe(1);
    }
  });

  it('fragment heads, whatever the columns', () => {
    const column = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(column, column, fc.integer({ min: -3000, max: 3000 }), fc.boolean()), { minLength: 1, maxLength: 20 }), fc.bigInt({ min: 0n, max: 2n ** 62n }), fc.constantFrom(null, 'cmfs'), fc.integer({ min: 0, max: 7 }), (rows, time, styp, constant) => {
        const head: FragmentHead = {
          sequence: 7,
          trackId: 1,
          baseMediaDecodeTime: time,
          durations: Uint32Array.from(rows, ([duration]) => ((constant & 1) !== 0 ? 1001 : duration)),
          sizes: Uint32Array.from(rows, ([, size]) => ((constant & 2) !== 0 ? 77 : size)),
          compositions: (constant & 4) !== 0 ? null : Int32Array.from(rows, ([, , offset]) => offset),
          sync: rows.every(([, , , sync]) => sync) ? null : (i) => i === 0 || rows[i][3],
          styp,
        };
        const bytes = writeFragmentHead(head);
        expect(bytes.length).toBe(fragmentHeadSize(head));
        const payload = head.sizes.reduce((sum, size) => sum + size, 0);
        const file = parse(Buffer.concat([bytes, new Uint8Array(payload)]));
        const [traf] = (file.boxes.find(({ type }) => type === 'moof') as Moof).trafs;
        const [trun] = traf.truns;
        expect(BigInt(traf.tfdt.baseMediaDecodeTime)).toBe(BigInt(Number(time)));
        expect(trun.sample_count).toBe(rows.length);
        const durations = trun.sample_duration.length > 0 ? trun.sample_duration : rows.map(() => traf.tfhd.default_sample_duration);
        const sizes = trun.sample_size.length > 0 ? trun.sample_size : rows.map(() => traf.tfhd.default_sample_size);
        expect([...durations]).toEqual([...head.durations]);
        expect([...sizes]).toEqual([...head.sizes]);
        if (head.compositions !== null) expect([...trun.sample_composition_time_offset]).toEqual([...head.compositions]);
        rows.forEach((_, i) => {
          const own = trun.sample_flags.length > 0 ? trun.sample_flags[i] : i === 0 && (trun.flags & 4) !== 0 ? trun.first_sample_flags : traf.tfhd.default_sample_flags;
          expect(((own >>> 16) & 1) === 0).toBe(head.sync === null || head.sync(i));
        });
        expect(trun.data_offset).toBe(bytes.length - (styp === null ? 0 : 24));
      }),
      { numRuns: 200 },
    );
  });

  it('a media data box above 4 GiB', () => {
    const head: FragmentHead = { sequence: 1, trackId: 1, baseMediaDecodeTime: 0n, durations: Uint32Array.of(1, 1), sizes: Uint32Array.of(0xf0000000, 0xf0000000), compositions: null, sync: null, styp: null };
    const bytes = Buffer.from(writeFragmentHead(head));
    expect(bytes.readUInt32BE(bytes.length - 16)).toBe(1);
    expect(bytes.readBigUInt64BE(bytes.length - 8)).toBe(2n * 0xf0000000n + 16n);
    expect(u32(1)).toHaveLength(4);
  });
});
