import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { toHns, toHnsRelative, floorDivide, secondsText } from '../time.ts';
import { cutAudio, cutVideo, framesPerFragment } from './cuts.ts';
import { editShift, resolveTimes, type EditedTrack } from './edits.ts';
import { decodeTime, decodeTimes, heldBytes, isSync, presentationTime, presentationTimes, samplePosition, samplePositions, storedRuns, withoutLeading } from './samples.ts';
import { measuredBitrate, uniqueNames } from './sets.ts';
import { constantTable, tableOf } from './testing.ts';
import { durationRuns, findSegment } from './timeline.ts';
import { sampleTimes } from './timing.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof IsomerError) return error.code;
    throw error;
  }
  return 'none';
};

const video = (samples = constantTable(10, 1001, 5), edits: EditedTrack['edits'] = []): EditedTrack => ({ kind: 'video', file: 'v.mp4', timescale: 30000, movieTimescale: 1000, edits, samples });
const audio = (samples = tableOf({ durations: Array.from({ length: 10 }, () => 1024) }), edits: EditedTrack['edits'] = []): EditedTrack => ({ kind: 'audio', file: 'a.mp4', timescale: 48000, movieTimescale: 1000, edits, samples });

describe('time', () => {
  it('floors to 10 MHz, the seed’s last fragment ends included', () => {
    expect(toHns(2107n * 1001n, 30000)).toBe(703035666n);
    expect(toHns(3296n * 1024n, 48000)).toBe(703146666n);
    expect(toHns(-1n, 3)).toBe(-3333334n);
  });

  it('agrees between bigint and number arithmetic', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 47 }), fc.integer({ min: 1, max: 900_000_000 }), (time, timescale) => {
        fc.pre(time / timescale < 900_000_000);
        expect(BigInt(toHnsRelative(time, timescale))).toBe(toHns(BigInt(time), timescale));
      }),
    );
  });

  it('floors like mathematics', () => {
    fc.assert(fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.bigInt({ min: 1n, max: 10n ** 9n }), (a, b) => {
      const q = floorDivide(a, b);
      expect(q * b <= a && a < (q + 1n) * b).toBe(true);
    }));
  });

  it('writes seconds from integers', () => {
    expect(secondsText(703146666n, 10_000_000, 3)).toBe('70.315');
    expect(secondsText(180180n, 30000, 6)).toBe('6.006000');
    expect(secondsText(5n, 2, 0)).toBe('3');
  });
});

describe('sample tables', () => {
  const durations = fc.array(fc.constantFrom(1, 1, 1, 2, 512, 1024), { minLength: 1, maxLength: 60 });

  it('finds the decode time of every sample', () => {
    fc.assert(
      fc.property(durations, (list) => {
        const table = tableOf({ durations: list });
        let sum = 0;
        list.forEach((duration, i) => {
          expect(decodeTime(table, i)).toBe(sum);
          sum += duration;
        });
        expect(decodeTime(table, list.length)).toBe(sum);
        expect([...decodeTimes(table, 0, list.length)]).toEqual(list.map((_, i) => decodeTime(table, i)));
      }),
    );
  });

  it('keeps times when leading samples are dropped', () => {
    fc.assert(
      fc.property(durations, fc.nat(), (list, n) => {
        const drop = n % list.length;
        const table = tableOf({ durations: list, compositions: list.map((_, i) => i % 3), sync: list.map((_, i) => i).filter((i) => i % 4 === 0) });
        const rest = withoutLeading(table, drop);
        expect(rest.count).toBe(list.length - drop);
        for (let i = 0; i < rest.count; i++) {
          expect(presentationTime(rest, i)).toBe(presentationTime(table, i + drop));
          expect(isSync(rest, i)).toBe(isSync(table, i + drop));
          expect(samplePosition(rest, i)).toBe(samplePosition(table, i + drop));
        }
        expect([...presentationTimes(rest, 0, rest.count)]).toEqual([...presentationTimes(table, drop, table.count)]);
      }),
    );
  });
});

describe('where samples lie', () => {
  /** Chunks of the given lengths, with gaps between them or none. */
  const chunked = fc.array(fc.record({ sizes: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }), gap: fc.nat(2) }), { minLength: 1, maxLength: 8 });
  it('runs and positions are those of a walk through all chunks', () => {
    fc.assert(
      fc.property(chunked, fc.nat(), fc.nat(), (list, a, b) => {
        const [first, offset, sizes, positions]: number[][] = [[], [], [], []];
        let at = 0;
        for (const chunk of list) {
          at += chunk.gap;
          first.push(sizes.length);
          offset.push(at);
          for (const size of chunk.sizes) {
            sizes.push(size);
            positions.push(at);
            at += size;
          }
        }
        const table = { ...tableOf({ durations: sizes.map(() => 1), sizes }), chunks: { first: Uint32Array.from(first), offset: Float64Array.from(offset) } };
        expect([...samplePositions(table, 0, sizes.length)]).toEqual(positions);
        expect(sizes.map((_, i) => samplePosition(table, i))).toEqual(positions);
        const [from, to] = [a % (sizes.length + 1), b % (sizes.length + 1)].toSorted((x, y) => x - y);
        expect([...samplePositions(table, from, to)]).toEqual(positions.slice(from, to));
        const bytes = (list: readonly { readonly offset: number; readonly length: number }[]): number[] => list.flatMap(({ offset: start, length }) => Array.from({ length }, (_, i) => start + i));
        const runs = storedRuns(table, from, to);
        expect(bytes(runs)).toEqual(bytes(positions.slice(from, to).map((position, i) => ({ offset: position, length: sizes[from + i] }))));
        for (let i = 1; i < runs.length; i++) expect(runs[i].offset).not.toBe(runs[i - 1].offset + runs[i - 1].length);
        const rest = from < sizes.length ? withoutLeading(table, from) : table;
        if (from < sizes.length) expect([...samplePositions(rest, 0, rest.count)]).toEqual(positions.slice(from));
      }),
    );
  });

  it('a table holds as much as its arrays do', () => {
    expect(heldBytes(tableOf({ durations: [1, 1, 1], compositions: [0, 1, 2], sync: [0] }))).toBe(3 * 4 + 12 + 16 + 3 * 4 + 4);
  });
});

describe('edit lists', () => {
  it('subtracts the media time and adds leading empty edits', () => {
    expect(editShift(video(undefined, [{ segmentDuration: 334n, mediaTime: 2002n, rate: 1 }]))).toBe(-2002);
    expect(editShift(audio(undefined, [{ segmentDuration: 750n, mediaTime: -1n, rate: 1 }, { segmentDuration: 9000n, mediaTime: 1024n, rate: 1 }]))).toBe(36000 - 1024);
    expect(editShift(video())).toBe(0);
  });

  it.each([
    ['two media edits', [{ segmentDuration: 1n, mediaTime: 0n, rate: 1 }, { segmentDuration: 1n, mediaTime: 5n, rate: 1 }]],
    ['a rate of 2', [{ segmentDuration: 1n, mediaTime: 0n, rate: 2 }]],
    ['a trailing empty edit', [{ segmentDuration: 1n, mediaTime: 0n, rate: 1 }, { segmentDuration: 1n, mediaTime: -1n, rate: 1 }]],
    ['empty edits only', [{ segmentDuration: 1n, mediaTime: -1n, rate: 1 }]],
  ])('refuses %s', (_, edits) => {
    expect(codeOf(() => editShift(video(undefined, edits)))).toBe('ISOMER_EDIT_LIST_UNSUPPORTED');
  });

  it('drops encoder priming and presents a straddling frame at 0', () => {
    const { tables, editedOut } = resolveTimes([audio(undefined, [{ segmentDuration: 0n, mediaTime: 2112n, rate: 1 }])]);
    expect(editedOut).toEqual([2]);
    expect([0, 1].map((i) => presentationTime(tables[0], i))).toEqual([0, 960]);
    expect([...sampleTimes(tables[0], 48000, 0, 3, false).durations]).toEqual([960, 1024, 1024]);
  });

  it('moves a start inside a GOP back to its key frame, for all tracks', () => {
    const table = constantTable(20, 1000, 10);
    const { tables, editedOut, notes } = resolveTimes([
      { ...video(table), edits: [{ segmentDuration: 0n, mediaTime: 13000n, rate: 1 }] },
      { ...audio(), timescale: 30000, edits: [{ segmentDuration: 0n, mediaTime: 4096n, rate: 1 }] },
    ]);
    expect(editedOut).toEqual([10, 1]);
    expect(presentationTime(tables[0], 0)).toBe(0);
    expect(presentationTime(tables[1], 0)).toBe(0);
    expect(presentationTime(tables[1], 1)).toBe(2 * 1024 - 4096 + 3000);
    expect(notes).toHaveLength(1);
  });

  it('refuses a video that does not start with a key frame', () => {
    expect(codeOf(() => resolveTimes([video(tableOf({ durations: [1, 1, 1], sync: [1] }))]))).toBe('ISOMER_NO_KEY_FRAME');
    expect(codeOf(() => resolveTimes([video(tableOf({ durations: [1, 1, 1], sync: [] }))]))).toBe('ISOMER_NO_KEY_FRAME');
  });
});

describe('cuts', () => {
  it('cuts the seed’s video into 11 fragments of 6.006 s and one of 127 frames', () => {
    const { timeline, cuts } = cutVideo([{ file: 'v', timescale: 30000, samples: constantTable(2107, 1001, 60) }], 6);
    expect(durationRuns(timeline.names)).toEqual([
      { start: 0n, duration: 60060000n, count: 11 },
      { start: 660660000n, duration: 42375666n, count: 1 },
    ]);
    expect(cuts[0][11]).toBe(1980);
    expect(findSegment(timeline, 60060000n)).toBe(1);
    expect(findSegment(timeline, 60060001n)).toBe(-1);
  });

  it('cuts the seed’s audio every 282 frames', () => {
    const samples = tableOf({ durations: Array.from({ length: 3296 }, () => 1024) });
    const { timeline } = cutVideo([{ file: 'v', timescale: 30000, samples: constantTable(2107, 1001, 60) }], 6);
    const frames = framesPerFragment({ file: 'a', timescale: 48000, samples }, timeline, 6);
    expect(frames).toBe(282);
    expect(framesPerFragment({ file: 'a', timescale: 48000, samples }, null, 6)).toBe(282);
    const cut = cutAudio([{ file: 'a', timescale: 48000, samples }], frames);
    expect(durationRuns(cut.timeline.names)).toEqual([
      { start: 0n, duration: 60160000n, count: 11 },
      { start: 661760000n, duration: 41386666n, count: 1 },
    ]);
  });

  it('takes the nearer key frame and, on a tie, the shorter fragment', () => {
    const keys = [0, 50, 70, 120];
    const samples = tableOf({ durations: Array.from({ length: 180 }, () => 1), sync: keys });
    expect([...cutVideo([{ file: 'v', timescale: 10, samples }], 6).cuts[0]]).toEqual([0, 50, 120, 180]);
  });

  it('covers every sample once, at key frames only, whatever the key frames are', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 399 }), { maxLength: 80 }), fc.integer({ min: 1, max: 9 }), (more, target) => {
        const sync = [0, ...more.toSorted((a, b) => a - b)];
        const samples = tableOf({ durations: Array.from({ length: 400 }, () => 1), sync });
        fc.pre(sync.every((key, i) => (sync[i + 1] ?? 400) - key <= 100));
        const { timeline, cuts } = cutVideo([{ file: 'v', timescale: 20, samples }], target);
        const list = [...cuts[0]];
        expect(list[0]).toBe(0);
        expect(list[list.length - 1]).toBe(400);
        list.slice(0, -1).forEach((cut, i) => {
          expect(sync).toContain(cut);
          expect(cut < list[i + 1]).toBe(true);
          expect(timeline.boundaries[i]).toBe(BigInt(cut));
        });
      }),
    );
  });

  it('refuses unaligned key frames, naming both files and the time', () => {
    const a = { file: 'a.mp4', timescale: 30000, samples: constantTable(120, 1000, 30) };
    const b = { file: 'b.mp4', timescale: 90000, samples: constantTable(120, 3000, 40) };
    expect(() => cutVideo([a, b], 1)).toThrow(/a\.mp4 and b\.mp4.*1\.000000 s and 1\.333333 s/s);
    expect(codeOf(() => cutVideo([a, { ...b, samples: constantTable(120, 3000, 30) }], 1))).toBe('none');
    expect(codeOf(() => cutVideo([a, { ...b, samples: constantTable(120, 3000, 60) }], 1))).toBe('ISOMER_KEY_FRAMES_UNALIGNED');
  });

  it('refuses a fragment above 20 s', () => {
    expect(codeOf(() => cutVideo([{ file: 'v', timescale: 10, samples: constantTable(401, 1, 201) }], 6))).toBe('MPE_KEY_FRAME_INTERVAL_TOO_LARGE');
  });
});

describe('fragment times', () => {
  // Decoding order I P b b: presented 0 3 1 2, stored two frames late as encoders do.
  const compositions = Array.from({ length: 16 }, (_, i) => 1001 * [2, 4, 1, 1][i % 4]);
  const table = { ...tableOf({ durations: Array.from({ length: 16 }, () => 1001), compositions, sync: [0, 8] }), shift: -2002 };

  it('starts at the first presented sample’s time with signed composition offsets', () => {
    const times = sampleTimes(table, 30000, 8, 16, false);
    expect(times.start).toBe(8008n);
    expect([...(times.compositions ?? [])].slice(0, 4)).toEqual([0, 2002, -1001, -1001]);
  });

  it('keeps presentation times and adds up to the next segment, in both timescales', () => {
    fc.assert(
      fc.property(fc.constantFrom(30000, 24000, 90000, 12800, 10_000_000, 44100), fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 16, maxLength: 16 }), fc.boolean(), (timescale, durations, hns) => {
        const samples = tableOf({ durations, compositions: durations.map((_, i) => (i % 8 === 0 ? 0 : (i * 37) % 500)), sync: [0, 8] });
        const convert = (time: number): number => (hns ? toHnsRelative(time, timescale) : time);
        for (const [first, end] of [[0, 8], [8, 16]]) {
          const times = sampleTimes(samples, timescale, first, end, hns);
          const least = Math.min(...presentationTimes(samples, first, end));
          expect(times.start).toBe(BigInt(convert(least)));
          let decode = Number(times.start);
          for (let i = first; i < end; i++) {
            expect(decode + (times.compositions?.[i - first] ?? 0)).toBe(convert(presentationTime(samples, i)));
            decode += times.durations[i - first];
          }
          if (end < samples.count) expect(decode).toBe(convert(presentationTime(samples, end)));
        }
      }),
    );
  });

  it('keeps 10 MHz times of live archives exact beyond 2^53', () => {
    const base = 16_000_000_000n * 90000n + 1n;
    const times = sampleTimes(tableOf({ durations: [3000, 3000, 3000], base }), 90000, 1, 3, true);
    expect(times.start + BigInt(times.durations[0])).toBe(toHns(base + 6000n, 90000));
  });
});

describe('sets', () => {
  it('makes names unique', () => {
    expect(uniqueNames(['audio', 'audio', 'audio_2', 'audio'])).toEqual(['audio', 'audio_2', 'audio_2_2', 'audio_3']);
  });

  it('measures a missing bitrate by floor', () => {
    expect(measuredBitrate({ samples: tableOf({ durations: [1000, 1000], sizes: [100, 33] }), timescale: 3000 })).toBe(1596);
  });
});
