/** Every limit of the readers, from both sides: what just fits is read, one more is refused before anything is allocated for it. */
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { readBox } from './box.ts';
import { MEHD } from './boxes.ts';
import { writeFragmentHead } from './fragment.ts';
import { writeInit } from './init.ts';
import { readMovie, type Movie } from './movie.ts';
import { audioTrack, avcEntry, mp4File, videoTrack } from './testing.ts';
import { childBoxes, findBox, needBox, type RawBox } from './walk.ts';
import { box, fullBox, u16, u32 } from './write.ts';

const open = (file: Uint8Array): Promise<Movie> => readMovie((offset, length) => Promise.resolve(file.slice(offset, offset + length)), file.length);
const refusal = async (file: Uint8Array): Promise<string> =>
  open(file).then(
    () => 'none',
    (error: unknown) => (error instanceof IsomerError ? error.message : `not typed: ${String(error)}`),
  );
const within = (boxes: readonly RawBox[], ...types: readonly string[]): readonly RawBox[] =>
  types.reduce((inside, type) => {
    const { body, path, bodyPosition } = needBox(inside, type, 'file');
    return childBoxes(body, path, bodyPosition);
  }, boxes);

/** A file whose moov holds `more` beside its own boxes; the media offsets go with it. */
function withMoovBoxes(file: Uint8Array, ...more: readonly Uint8Array[]): Uint8Array {
  const [ftyp, moov, mdat] = childBoxes(file, '', 0);
  return concatBytes([ftyp.whole, mdat.whole, box('moov', moov.body, concatBytes(more))]);
}

const trak = (id: number): Uint8Array =>
  box(
    'trak',
    fullBox('tkhd', 0, 7, u32(0, 0, id, 0, 0, 0, 0), new Uint8Array(52)),
    box('mdia', fullBox('mdhd', 0, 0, u32(0, 0, 1000, 0), u16(0, 0)), fullBox('hdlr', 0, 0, u32(0), Buffer.from('meta'), u32(0, 0, 0)), box('minf', box('stbl', fullBox('stsd', 0, 0, u32(0)), fullBox('stts', 0, 0, u32(0)), fullBox('stsc', 0, 0, u32(0)), fullBox('stsz', 0, 0, u32(0, 0)), fullBox('stco', 0, 0, u32(0))))),
  );
const traks = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => trak(i + 2));
const SMALL = mp4File({ tracks: [audioTrack(4)] });

const INIT = writeInit({ brand: 'cmfc', kind: 'video', timescale: 1000, language: 'und', sampleEntry: avcEntry(), width: 320, height: 180 });
/** Samples of no bytes, of which a run tells nothing but the count. */
const freeRun = (count: number): Uint8Array => box('moof', fullBox('mfhd', 0, 0, u32(1)), box('traf', fullBox('tfhd', 0, 0x20008, u32(1, 40)), fullBox('trun', 0, 0, u32(count))));
const bytesEach = (count: number, size: number): Uint8Array => box('moof', fullBox('mfhd', 0, 0, u32(1)), box('traf', fullBox('tfhd', 0, 0x20018, u32(1, 40, size)), fullBox('trun', 0, 0, u32(count))));

describe('limits', () => {
  it.each([
    ['tracks', withMoovBoxes(SMALL, ...traks(255)), withMoovBoxes(SMALL, ...traks(256)), /tracks.*at most 256/],
    ['edits', mp4File({ tracks: [audioTrack(4, { edits: Array.from({ length: 1024 }, () => [1, 0] as const) })] }), mp4File({ tracks: [audioTrack(4, { edits: Array.from({ length: 1025 }, () => [1, 0] as const) })] }), /entries of elst.*at most 1024/],
    ['boxes of one parent', withMoovBoxes(SMALL, ...Array.from({ length: 99_998 }, () => box('free'))), withMoovBoxes(SMALL, ...Array.from({ length: 99_999 }, () => box('free'))), /child boxes.*at most 100000/],
    ['boxes before the moov', concatBytes([...Array.from({ length: 9999 }, () => box('free')), needBox(childBoxes(INIT, '', 0), 'moov', '').whole]), concatBytes([...Array.from({ length: 10_000 }, () => box('free')), needBox(childBoxes(INIT, '', 0), 'moov', '').whole]), /among the first 10000/],
    ['samples of a run that cost nothing', concatBytes([INIT, freeRun(1024)]), concatBytes([INIT, freeRun(1025)]), /at most 1024 that take no bytes/],
    ['a run of more bytes than the file', concatBytes([INIT, bytesEach(1, 8), new Uint8Array(8)]), concatBytes([INIT, bytesEach(100_000_000, 8)]), /sample_count/],
  ])('%s', async (_, fits, over, message) => {
    expect(await refusal(fits)).toBe('none');
    expect(await refusal(over)).toMatch(message);
  });

  it('sample entries', async () => {
    const entries = (count: number): Uint8Array => {
      const [stored] = within(childBoxes(SMALL, '', 0), 'moov', 'trak', 'mdia', 'minf', 'stbl').filter(({ type }) => type === 'stsd');
      const stsd = fullBox('stsd', 0, 0, u32(count), ...Array.from({ length: count }, () => stored.body.subarray(8)));
      return rebuilt(SMALL, 'stsd', stsd);
    };
    expect((await open(entries(64))).tracks[0].sampleEntries).toHaveLength(64);
    expect(await refusal(entries(65))).toMatch(/entries of stsd.*at most 64/);
  });

  it('samples of all tracks together, told by counts that cost no bytes', async () => {
    const claim = Buffer.from(mp4File({ tracks: [videoTrack(2, 2), audioTrack(4)] }));
    const second = claim.indexOf('stsz', claim.indexOf('stsz') + 4);
    claim.writeUInt32BE(1, second + 8);
    claim.writeUInt32BE(19_999_999, second + 12);
    // The file is said to be large enough; only the sum of both tracks is too much.
    const huge = readMovie((offset, length) => Promise.resolve(offset < claim.length ? new Uint8Array([...claim.subarray(offset, offset + length), ...new Uint8Array(Math.max(0, offset + length - claim.length))]) : new Uint8Array(length)), 2 ** 40);
    await expect(huge).rejects.toThrow(/sample_count.*at most 19999998, of 20000000 in all tracks/);
  });

  it('samples of all fragments together', async () => {
    // Runs of a hundred thousand that point at the same bytes: 200 fit, and 1 more does not.
    const media = box('mdat', new Uint8Array(100_000));
    const moofs = (count: number): Uint8Array[] => Array.from({ length: count }, () => box('moof', fullBox('mfhd', 0, 0, u32(1)), box('traf', fullBox('tfhd', 0, 0x19, u32(1), u32(0, 0), u32(40, 1)), fullBox('trun', 0, 0, u32(100_000)))));
    expect(await refusal(concatBytes([INIT, ...moofs(201), media, media]))).toMatch(/samples.*at most 20000000 in all tracks/);
  }, 60_000);

  it('a moof is limited alone and with the others, before it is read', async () => {
    const header = box('moof');
    new DataView(header.buffer).setUint32(0, 16 * 2 ** 20 + 1);
    const reads: number[] = [];
    const size = INIT.length + 2 ** 30;
    const bytes = concatBytes([INIT, header]);
    const found = await readMovie((offset, length) => {
      reads.push(length);
      const out = new Uint8Array(length);
      out.set(bytes.subarray(Math.min(offset, bytes.length), Math.min(bytes.length, offset + length)));
      return Promise.resolve(out);
    }, size).catch((error: unknown) => error);
    expect(found).toMatchObject({ code: 'ISOMER_MP4_LIMIT' });
    expect(Math.max(...reads)).toBeLessThanOrEqual(64 * 1024);
  });
});

/** The movie box with one box of its first track's sample table replaced, media in front so that no offset moves. */
function rebuilt(file: Uint8Array, type: string, replacement: Uint8Array): Uint8Array {
  const rebuild = ({ type: own, whole, body, path, bodyPosition }: RawBox): Uint8Array => {
    if (own === type) return replacement;
    return ['moov', 'trak', 'mdia', 'minf', 'stbl'].includes(own) ? box(own, ...childBoxes(body, path, bodyPosition).map(rebuild)) : whole;
  };
  const [ftyp, moov, mdat] = childBoxes(file, '', 0);
  // Offsets count from the start of the file: a free box stands where the moov was.
  return concatBytes([ftyp.whole, box('free', new Uint8Array(moov.whole.length - 8)), mdat.whole, rebuild(moov)]);
}

describe('mehd', () => {
  it.each([undefined, 0n, 703_035_666n, 2n ** 40n])('is written for a duration of %s, and nothing of a file is read from it', async (duration) => {
    const init = writeInit({ brand: 'cmfc', kind: 'video', timescale: 1000, language: 'und', sampleEntry: avcEntry(), width: 320, height: 180, ...(duration === undefined ? {} : { duration }) });
    const mehd = findBox(within(childBoxes(init, '', 0), 'moov', 'mvex'), 'mehd');
    expect(mehd === undefined ? undefined : readBox(MEHD, mehd).fields.fragment_duration).toBe(duration);
    const samples = [Uint8Array.of(0, 0, 0, 1, 0x65)];
    const head = writeFragmentHead({ sequence: 1, trackId: 1, baseMediaDecodeTime: 0n, durations: Uint32Array.of(40), sizes: Uint32Array.of(5), compositions: null, sync: null, styp: null });
    const [track] = (await open(concatBytes([init, head, ...samples]))).tracks;
    expect([track.samples.count, track.samples.decode.delta[0]]).toEqual([1, 40]);
  });

  it('is read in both versions', () => {
    const read = (bytes: Uint8Array): bigint => readBox(MEHD, childBoxes(bytes, '', 0)[0]).fields.fragment_duration;
    expect(read(fullBox('mehd', 0, 0, u32(7)))).toBe(7n);
    expect(read(fullBox('mehd', 1, 0, u32(1, 7)))).toBe(2n ** 32n + 7n);
  });
});
