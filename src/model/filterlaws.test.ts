/** What holds of filters whatever the presentation: laws, over seeded random presentations and filters. */
import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { aacCodec, avcCodec } from '../manifest/testing.ts';
import type { Codec } from './codec.ts';
import { cutAudio, cutVideo, framesPerFragment } from './cuts.ts';
import { applyFilters, type Filter } from './filter.ts';
import type { PresentationTimeRange } from './filterrange.ts';
import type { Presentation, SwitchingSet, Track } from './presentation.ts';
import { presentationTime, type SampleTable } from './samples.ts';
import { tableOf } from './testing.ts';

const RUNS = 300;

/** A linear congruential generator (Numerical Recipes): small, and the same on every machine. */
type Chance = { below(n: number): number; of<T>(values: readonly T[]): T };
function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return { below, of: (values) => values[below(values.length)] };
}

function trackOf(codec: Codec, bitrate: number, timescale: number, samples: SampleTable, cuts: Uint32Array): Track {
  return { bitrate, codec, timescale, sampleEntry: new Uint8Array(), samples, cuts, frameRate: null, inBandSets: false, source: `${bitrate}.mp4` };
}

const NO_ROLES = { label: null, roles: [], accessibility: [] } as const;

/** Video with uneven GOPs (sometimes none), audio beside it, from 0 or from a live archive's clock. */
function randomPresentation(chance: Chance): Presentation {
  const epoch = BigInt(chance.of([0, 0, 0, 1_700_000_000]));
  const sets: SwitchingSet[] = [];
  let video: SwitchingSet | null = null;
  if (chance.below(5) > 0) {
    const [timescale, delta] = chance.of([[30_000, 1001], [25, 1], [90_000, 3750], [10_000_000, 416_667]] as const);
    const sync: number[] = [];
    let count = 0;
    for (let gops = 2 + chance.below(20); gops > 0; gops--) {
      sync.push(count);
      count += 10 + chance.below(80);
    }
    const samples = tableOf({ durations: Array.from({ length: count }, () => delta), sync, base: epoch * BigInt(timescale) });
    const { timeline, cuts } = cutVideo([{ file: 'v', timescale, samples }], chance.of([2, 6]));
    const bitrates = [4_000_000, 2_000_000, 500_000].slice(chance.below(3));
    video = { ...NO_ROLES, name: 'video', kind: 'video', language: '', timeline, tracks: bitrates.map((bitrate) => trackOf(avcCodec('64001f', 640, 360), bitrate, timescale, samples, cuts[0])) };
  }
  for (let i = chance.below(3) + (video === null ? 1 : 0); i > 0; i--) {
    const timescale = chance.of([48_000, 44_100]);
    const samples = tableOf({ durations: Array.from({ length: 200 + chance.below(1500) }, () => 1024), start: chance.of([0, 0, 24_000]), base: epoch * BigInt(timescale) });
    const input = { file: 'a', timescale, samples };
    const { timeline, cuts } = cutAudio([input], framesPerFragment(input, video?.timeline ?? null, 6));
    sets.push({ ...NO_ROLES, name: `audio_${i}`, kind: 'audio', language: chance.of(['eng', 'fra', '']), timeline, tracks: [trackOf(aacCodec(), 128_000 + i, timescale, samples, cuts[0])] });
  }
  if (video !== null) sets.splice(chance.below(sets.length + 1), 0, video);
  return { asset: 'random', version: '1', switchingSets: sets };
}

function randomRange(chance: Chance, presentation: Presentation): PresentationTimeRange {
  const timescale = BigInt(chance.of([1, 1000, 90_000, 10_000_000]));
  const base = presentation.switchingSets[0].timeline.names[0] / 10_000_000n;
  const at = (): bigint => (base + BigInt(chance.below(60))) * timescale + BigInt(chance.below(Number(timescale)));
  const [a, b] = [at(), at()].toSorted((x, y) => (x < y ? -1 : 1));
  const which = chance.below(3);
  const nothing = { presentationWindowDuration: null, liveBackoffDuration: null, forceEndTimestamp: false };
  return { ...nothing, timescale, startTimestamp: which === 1 ? null : a, endTimestamp: which === 2 ? null : b + 1n };
}

function randomFilter(chance: Chance, presentation: Presentation, name: string): Filter {
  const condition = (): Filter['tracks'][number]['trackSelections'][number] => {
    const [property, value] = chance.of([['Type', 'video'], ['Type', 'audio'], ['Language', 'en'], ['Language', 'und'], ['FourCC', 'mp4a'], ['Bitrate', '0-2000000'], ['Name', 'audio_1']] as const);
    return { property, value, operation: chance.of(['Equal', 'NotEqual']) };
  };
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: 1 + chance.below(most) }, make);
  return {
    name,
    presentationTimeRange: chance.below(4) > 0 ? randomRange(chance, presentation) : null,
    firstQuality: null,
    tracks: chance.below(2) > 0 ? several(3, () => ({ trackSelections: several(2, condition) })) : [],
  };
}

/** The filtered presentation; null where nothing is left. */
function filtered(presentation: Presentation, filters: readonly Filter[]): Presentation | null {
  try {
    return applyFilters(presentation, filters, { live: false });
  } catch (error) {
    if (error instanceof IsomerError && error.code === 'MPE_FILTER_REMOVED_ALL_STREAMS') return null;
    throw error;
  }
}

/** `name bitrate time` of every segment that a presentation lists. */
function listed(presentation: Presentation | null): ReadonlySet<string> {
  const sets = presentation?.switchingSets ?? [];
  return new Set(sets.flatMap(({ name, tracks, timeline }) => tracks.flatMap(({ bitrate }) => [...timeline.names.slice(0, -1)].map((time) => `${name} ${bitrate} ${time}`))));
}

/** Runs a law over many worlds; says in how many of them something was left. */
function overWorlds(seed: number, law: (chance: Chance, presentation: Presentation) => boolean): void {
  let left = 0;
  for (let run = 0; run < RUNS; run++) {
    const chance = chanceOf(seed * 10_000 + run);
    if (law(chance, randomPresentation(chance))) left++;
  }
  expect(left, 'the worlds must not all be empty').toBeGreaterThan(RUNS / 4);
}

describe('laws of filters', () => {
  test('what is left is a part of what was there, with the same samples, in the same order', () => {
    overWorlds(1, (chance, presentation) => {
      const view = filtered(presentation, [randomFilter(chance, presentation, 'a'), randomFilter(chance, presentation, 'b')]);
      if (view === null) return false;
      const names = presentation.switchingSets.map(({ name }) => name);
      expect(names.filter((name) => view.switchingSets.some((set) => set.name === name))).toEqual(view.switchingSets.map(({ name }) => name));
      for (const set of view.switchingSets) {
        const whole = presentation.switchingSets.find(({ name }) => name === set.name);
        const { first, names: times, boundaries } = set.timeline;
        expect(whole?.timeline.names.slice(first, first + times.length)).toEqual(times.slice());
        expect(whole?.timeline.boundaries.slice(first, first + times.length)).toEqual(boundaries.slice());
        for (const track of set.tracks) {
          const stored = whole?.tracks.find(({ bitrate }) => bitrate === track.bitrate);
          expect(track.samples).toBe(stored?.samples);
          expect(stored?.cuts.slice(first, first + times.length)).toEqual(track.cuts.slice());
        }
      }
      return true;
    });
  });

  test('a filter twice is the filter once', () => {
    overWorlds(2, (chance, presentation) => {
      const filters = [randomFilter(chance, presentation, 'a'), randomFilter(chance, presentation, 'b')];
      const once = filtered(presentation, filters);
      expect(filtered(presentation, [...filters, ...filters])).toEqual(once);
      if (once !== null) expect(filtered(once, filters)).toEqual(once);
      return once !== null;
    });
  });

  test('the order of filters does not matter', () => {
    overWorlds(3, (chance, presentation) => {
      const [a, b, c] = ['a', 'b', 'c'].map((name) => randomFilter(chance, presentation, name));
      const first = filtered(presentation, [a, b, c]);
      for (const order of [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]]) expect(filtered(presentation, order)).toEqual(first);
      return first !== null;
    });
  });

  /** Beside video a set keeps one segment even if its middle lies outside: that one need not be in a wider view. */
  const beyond = (narrow: Presentation | null, wider: ReadonlySet<string>): readonly string[] => {
    const single = new Set(narrow?.switchingSets.flatMap(({ name, kind, timeline }) => (kind === 'audio' && timeline.names.length === 2 ? [name] : [])));
    return [...listed(narrow)].filter((segment) => !wider.has(segment) && !single.has(segment.split(' ')[0]));
  };

  test('a narrower range never lists more, and one more filter never lists more', () => {
    overWorlds(4, (chance, presentation) => {
      const wide = { ...randomFilter(chance, presentation, 'wide'), presentationTimeRange: randomRange(chance, presentation) };
      const { startTimestamp, endTimestamp, timescale } = wide.presentationTimeRange;
      const narrow = { ...wide, presentationTimeRange: { ...wide.presentationTimeRange, startTimestamp: (startTimestamp ?? 0n) + BigInt(chance.below(5)) * timescale, endTimestamp: endTimestamp ?? 2n ** 62n } };
      const wider = listed(filtered(presentation, [wide]));
      if (narrow.presentationTimeRange.startTimestamp < narrow.presentationTimeRange.endTimestamp) expect(beyond(filtered(presentation, [narrow]), wider)).toEqual([]);
      expect(beyond(filtered(presentation, [wide, randomFilter(chance, presentation, 'more')]), wider)).toEqual([]);
      return wider.size > 0;
    });
  });

  test('video is what overlaps the rounded range, found by looking at every key frame and segment; the rest lies beside it', () => {
    overWorlds(5, (chance, presentation) => {
      const range = randomRange(chance, presentation);
      const view = filtered(presentation, [{ name: 'f', presentationTimeRange: range, firstQuality: null, tracks: [] }]);
      const video = presentation.switchingSets.find(({ kind }) => kind === 'video');
      if (video === undefined) return view !== null;
      const [{ samples, timescale }] = video.tracks;
      const end = video.timeline.boundaries[video.timeline.boundaries.length - 1];
      const keys = [...(samples.sync ?? [])].map((sample) => samples.base + BigInt(presentationTime(samples, sample)));
      const rounded = (time: bigint): bigint => [...keys, end].find((key) => key * range.timescale >= time * BigInt(timescale)) ?? end + 1n;
      const from = range.startTimestamp === null ? 0n : rounded(range.startTimestamp);
      const to = range.endTimestamp === null ? end + 1n : rounded(range.endTimestamp);
      const { boundaries, names } = video.timeline;
      const expected = from >= to ? [] : [...names.slice(0, -1)].filter((_, i) => boundaries[i + 1] > from && boundaries[i] < to);
      const kept = view?.switchingSets.find(({ kind }) => kind === 'video');
      expect(kept === undefined ? [] : [...kept.timeline.names.slice(0, -1)]).toEqual(expected);
      if (view === null || kept === undefined) return false;
      const [start, stop] = [kept.timeline.names[0], kept.timeline.names[kept.timeline.names.length - 1]];
      const [cutAtStart, cutAtEnd] = [start > video.timeline.names[0], stop < video.timeline.names[video.timeline.names.length - 1]];
      for (const set of presentation.switchingSets.filter(({ kind }) => kind === 'audio')) {
        const left = view.switchingSets.find(({ name }) => name === set.name)?.timeline.names.slice(0, -1) ?? new BigInt64Array();
        const edges = set.timeline.names;
        // In 10 MHz the middle is known to a tick or so.
        const sure = [...edges.slice(0, -1)].filter((time, i) => (!cutAtStart || time + edges[i + 1] > 2n * start + 4n) && (!cutAtEnd || time + edges[i + 1] < 2n * stop - 4n));
        const unsure = [...edges.slice(0, -1)].filter((time, i) => (!cutAtStart || time + edges[i + 1] > 2n * start - 4n) && (!cutAtEnd || time + edges[i + 1] < 2n * stop + 4n));
        expect(sure.filter((time) => !left.includes(time))).toEqual([]);
        if (unsure.length > 0) expect([...left].filter((time) => !unsure.includes(time))).toEqual([]);
        else {
          expect(left.length).toBeLessThanOrEqual(1);
          expect(left.length).toBe(edges[edges.length - 1] > start + 1n && edges[0] + 1n < stop ? 1 : 0);
        }
      }
      return true;
    });
  });
});
