import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { aacCodec, audioSet, audioTrack, descriptionSet, eac3Codec, GOLDEN_AUDIO, goldenAudio, goldenPresentation, goldenVideo, presentationOf } from '../manifest/testing.ts';
import { applyFilters, checkFilter, filtersText, selectFilters, type Filter } from './filter.ts';
import type { PresentationTimeRange } from './filterrange.ts';
import type { TrackCondition } from './filtertracks.ts';
import type { Presentation } from './presentation.ts';
import { timelineOf } from './timeline.ts';

const VOD = { live: false };
const LIVE = { live: true };
const S = 10_000_000n;
const FOR_EVER = 9_223_372_036_854_775_807n;

function filterOf(more: Partial<Filter> = {}): Filter {
  return { name: 'f', presentationTimeRange: null, firstQuality: null, tracks: [], ...more };
}

function ranged(range: Partial<PresentationTimeRange>, name = 'f'): Filter {
  const nothing = { startTimestamp: null, endTimestamp: null, presentationWindowDuration: null, liveBackoffDuration: null, timescale: S, forceEndTimestamp: false };
  return filterOf({ name, presentationTimeRange: { ...nothing, ...range } });
}

/** `Type=video Bitrate!=1-2` is one alternative. */
function selecting(...alternatives: readonly string[]): Filter {
  const condition = (text: string): TrackCondition => {
    const [, property, not, value] = /^(\w+)(!?)=(.*)$/.exec(text) ?? ['', text, '', ''];
    return { property, operation: not === '' ? 'Equal' : 'NotEqual', value };
  };
  return filterOf({ tracks: alternatives.map((text) => ({ trackSelections: text.split(' ').map(condition) })) });
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof IsomerError) return error.code;
    throw error;
  }
  return 'none';
}

const segments = (presentation: Presentation): Record<string, readonly [first: number, count: number]> =>
  Object.fromEntries(presentation.switchingSets.map(({ name, timeline }) => [name, [timeline.first, timeline.names.length - 1]]));
const tracks = (presentation: Presentation): readonly string[] => presentation.switchingSets.flatMap(({ name, tracks: list }) => list.map(({ bitrate }) => `${name} ${bitrate}`));
const cut = (range: Partial<PresentationTimeRange>): Record<string, readonly [number, number]> => segments(applyFilters(goldenPresentation(), [ranged(range)], VOD));

describe('time ranges: GOPs of 2.002 s, video segments of 6.006 s, audio segments of 6.016 s', () => {
  test.each([
    // 4 s becomes the key frame at 4.004, 10 s the one at 10.010: both lie inside segments, which stay whole.
    ['the example of the service', { startTimestamp: 4n * S, endTimestamp: 10n * S }, [0, 2], [0, 2]],
    // 5 s becomes 6.006: the first segment is out, and so is the audio segment that ends at 6.016.
    ['a start that is rounded into the next segment', { startTimestamp: 5n * S }, [1, 11], [1, 11]],
    ['a start that a manifest names', { startTimestamp: 60_060_000n }, [1, 11], [1, 11]],
    ['one tick later', { startTimestamp: 60_060_001n }, [1, 11], [1, 11]],
    ['the same in the media’s timescale', { startTimestamp: 180_180n, timescale: 30_000n }, [1, 11], [1, 11]],
    ['an end that a manifest names', { endTimestamp: 60_060_000n }, [0, 1], [0, 1]],
    ['one tick later', { endTimestamp: 60_060_001n }, [0, 2], [0, 2]],
    ['an end in the last GOP', { endTimestamp: 700_000_000n }, [0, 12], [0, 12]],
    ['an end behind the end', { endTimestamp: FOR_EVER - 1n }, [0, 12], [0, 12]],
    ['values that say nothing', { startTimestamp: 0n, endTimestamp: FOR_EVER, presentationWindowDuration: FOR_EVER, liveBackoffDuration: 0n }, [0, 12], [0, 12]],
    ['what JavaScript makes of the greatest one', { endTimestamp: 9_223_372_036_854_776_000n }, [0, 12], [0, 12]],
    ['a middle part', { startTimestamp: 30n, endTimestamp: 31n, timescale: 1n }, [5, 1], [5, 1]],
  ])('%s', (_, range, video, audio) => {
    expect(cut(range)).toEqual({ video, [GOLDEN_AUDIO]: audio });
  });

  test('audio that slides against the video keeps what lies mostly beside it, and at least something', () => {
    const sliding = (step: number): readonly [number, number] => {
      const timeline = timelineOf(BigInt64Array.from({ length: Math.ceil(70 / step) + 1 }, (_, i) => BigInt(Math.round(i * step * 1000))), 1000);
      const set = audioSet('sliding', [{ ...audioTrack(1, aacCodec()), cuts: Uint32Array.from(timeline.names.keys()) }], { timeline });
      return segments(applyFilters(presentationOf(set, goldenVideo()), [ranged({ startTimestamp: 30n * S, endTimestamp: 31n * S })], VOD))['sliding'];
    };
    // The video is 30.030 to 36.036.
    expect(sliding(9)).toEqual([3, 1]);
    expect(sliding(4)).toEqual([8, 1]);
    expect(sliding(20)).toEqual([1, 1]);
    expect(sliding(0.5)).toEqual([60, 12]);
    expect(sliding(26)).toEqual([1, 1]);
  });

  test('the view starts with the first video segment where one was cut off', () => {
    expect(applyFilters(goldenPresentation(), [ranged({ startTimestamp: 60_060_000n })], VOD).view?.start).toBe(60_060_000n);
    expect(applyFilters(goldenPresentation(), [ranged({ startTimestamp: 1n, endTimestamp: 60_060_000n })], VOD).view?.start).toBe(null);
  });

  test.each([
    ['a range between two GOPs', { startTimestamp: 25n * S, endTimestamp: 251n * (S / 10n) }],
    ['a range behind the end', { startTimestamp: 71n * S }],
    ['a range before the start', { endTimestamp: 0n }],
  ])('%s leaves nothing', (_, range) => {
    expect(codeOf(() => cut(range))).toBe('MPE_FILTER_REMOVED_ALL_STREAMS');
  });

  test('without video the audio’s own frames and segments decide', () => {
    const view = applyFilters(presentationOf(goldenAudio()), [ranged({ startTimestamp: 5n * S, endTimestamp: 7n * S })], VOD);
    expect(segments(view)).toEqual({ [GOLDEN_AUDIO]: [0, 2] });
  });

  test.each([
    ['an end before the start', { startTimestamp: 2n, endTimestamp: 2n }, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
    ['a negative start', { startTimestamp: -1n }, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
    ['a start for ever', { startTimestamp: FOR_EVER }, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
    ['no timescale', { timescale: 0n, startTimestamp: 1n }, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
    ['a forced end that is not there', { forceEndTimestamp: true }, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
    ['a back-off of 301 s', { liveBackoffDuration: 301n * S }, 'MPE_FILTER_LIVE_BACKOFF_INVALID'],
    ['a negative back-off', { liveBackoffDuration: -1n }, 'MPE_FILTER_LIVE_BACKOFF_INVALID'],
    ['a window of 59 s', { presentationWindowDuration: 59n * S }, 'MPE_FILTER_PRESENTATION_WINDOW_INVALID'],
    ['a back-off of the whole window', { presentationWindowDuration: 120n, liveBackoffDuration: 120n, timescale: 1n }, 'MPE_FILTER_LIVE_BACKOFF_OVER_PRESENTATION_WINDOW'],
  ])('%s is wrong anywhere', (_, range, code) => {
    expect(codeOf(() => checkFilter(ranged(range)))).toBe(code);
    expect(codeOf(() => applyFilters(goldenPresentation(), [ranged(range)], LIVE))).toBe(code);
  });

  test.each([
    [{ liveBackoffDuration: 20n * S }, 'MPE_FILTER_LIVE_BACKOFF_INVALID'],
    [{ presentationWindowDuration: 60n * S }, 'MPE_FILTER_PRESENTATION_WINDOW_INVALID'],
    [{ endTimestamp: 60n * S, forceEndTimestamp: true }, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
  ])('a field of live events on demand: %s', (range, code) => {
    checkFilter(ranged(range));
    expect(codeOf(() => cut(range))).toBe(code);
  });
});

describe('live events: the timeline is the live window, here 0 to 70.3 s', () => {
  const live = (range: Partial<PresentationTimeRange>): readonly [number, number] => segments(applyFilters(goldenPresentation(), [ranged(range)], LIVE))['video'];

  test.each([
    ['an end is ignored', { endTimestamp: 10n * S }, [0, 12]],
    ['unless it is forced', { endTimestamp: 10n * S, forceEndTimestamp: true }, [0, 2]],
    ['a back-off cuts the edge', { liveBackoffDuration: 10n * S }, [0, 11]],
    ['a window keeps the last minute', { presentationWindowDuration: 60n * S }, [2, 10]],
    ['the window is measured from the edge', { presentationWindowDuration: 60n * S, liveBackoffDuration: 30n * S }, [2, 5]],
    ['a start is a start', { startTimestamp: 61n * S }, [10, 2]],
  ])('%s', (_, range, video) => {
    expect(live(range)).toEqual(video);
  });

  test('times that have left the window', () => {
    const later = presentationOf(applyFilters(goldenPresentation(), [ranged({ startTimestamp: 30n * S })], VOD).switchingSets[1]);
    const code = (range: Partial<PresentationTimeRange>): string => codeOf(() => applyFilters(later, [ranged(range)], LIVE));
    expect(code({ endTimestamp: 10n * S, forceEndTimestamp: true })).toBe('MPE_FILTER_FORCE_END_LEFT_EDGE_CROSSED_DVR_WINDOW');
    expect(code({ startTimestamp: 10n * S, endTimestamp: 60n * S, forceEndTimestamp: true })).toBe('MPE_FILTER_FORCE_END_LEFT_EDGE_CROSSED_DVR_WINDOW');
    expect(code({ startTimestamp: 32n * S, endTimestamp: 60n * S, forceEndTimestamp: true })).toBe('none');
    expect(code({ liveBackoffDuration: 41n * S })).toBe('MPE_FILTER_LIVE_BACKOFF_OVER_DVRWINDOW');
    expect(code({ liveBackoffDuration: 39n * S })).toBe('none');
  });
});

describe('track selections', () => {
  const presentation = presentationOf(
    goldenAudio(),
    audioSet('surround', [audioTrack(384000, eac3Codec())], { language: 'fre' }),
    audioSet('nobody', [audioTrack(96000, aacCodec()), audioTrack(48000, aacCodec())], { language: '' }),
    descriptionSet(),
    goldenVideo(),
  );
  const VIDEO = [3579827, 2217354, 1154816, 721495, 381048].map((bitrate) => `video ${bitrate}`);
  const AUDIO = [`${GOLDEN_AUDIO} 128041`, 'surround 384000', 'nobody 96000', 'nobody 48000', 'aac_eng_audio_description 128000'];

  test.each([
    ['Type=Video', VIDEO],
    ['type=VIDEO', VIDEO],
    ['Type!=video', AUDIO],
    ['Name=surround', ['surround 384000']],
    ['Language=fr', ['surround 384000']],
    ['Language=FRA', ['surround 384000']],
    ['Language=und', ['nobody 96000', 'nobody 48000', ...VIDEO]],
    ['Language=en', [AUDIO[0], AUDIO[4]]],
    ['Type=audio Language!=en FourCC!=EC-3', ['nobody 96000', 'nobody 48000']],
    ['FourCC=EC-3', ['surround 384000']],
    ['FourCC=avc1 Bitrate=0-1154816', VIDEO.slice(2)],
    ['Bitrate=721495-1154816', VIDEO.slice(2, 4)],
    ['Bitrate=96000', ['nobody 96000']],
    ['Type=video Bitrate!=0-1000000 Bitrate!=3579827', VIDEO.slice(1, 3)],
  ])('%s', (text, expected) => {
    expect(tracks(applyFilters(presentation, [selecting(text)], VOD))).toEqual(expected);
  });

  test('alternatives add up, filters intersect', () => {
    const alternatives = selecting('Type=audio Language=fr', 'Type=video Bitrate=3000000-5000000');
    expect(tracks(applyFilters(presentation, [alternatives], VOD))).toEqual(['surround 384000', VIDEO[0]]);
    expect(tracks(applyFilters(presentation, [alternatives, selecting('Type=video')], VOD))).toEqual([VIDEO[0]]);
    expect(codeOf(() => applyFilters(presentation, [selecting('Type=video'), selecting('Type=audio')], VOD))).toBe('MPE_FILTER_REMOVED_ALL_STREAMS');
  });

  test('sets that lose nothing are the same values', () => {
    expect(applyFilters(presentation, [selecting('Type=audio')], VOD).switchingSets[1]).toBe(presentation.switchingSets[1]);
  });

  test.each(['Height=720', 'Type=picture', 'Language=not_a_tag', 'FourCC=h264x', 'Bitrate=', 'Bitrate=5-1', 'Bitrate=1e6', 'Bitrate=-5', 'Name='])('%s is wrong', (text) => {
    expect(codeOf(() => checkFilter(selecting(text)))).toBe('MPE_FILTER_TRACK_ATTRIBUTE_INVALID');
  });

  test('an unknown operation and an alternative without conditions are wrong', () => {
    const operation = filterOf({ tracks: [{ trackSelections: [{ property: 'Type', operation: 'Like', value: 'video' }] }] });
    expect(() => checkFilter(operation)).toThrow('filter f at tracks[0].trackSelections[0].operation; expected Equal or NotEqual; found "Like"');
    expect(codeOf(() => checkFilter(filterOf({ tracks: [{ trackSelections: [] }] })))).toBe('MPE_FILTER_TRACK_ATTRIBUTE_INVALID');
  });
});

describe('composition', () => {
  const known: readonly Filter[] = ['a', 'b', 'c'].map((name) => filterOf({ name }));
  const find = (name: string): Filter | null => known.find((filter) => filter.name === name) ?? null;

  test('the locator’s filters come first, each filter once', () => {
    expect(selectFilters(['b'], ['a', 'b'], find).map(({ name }) => name)).toEqual(['b', 'a']);
  });

  test('unknown names, and too many filters of the locator', () => {
    expect(codeOf(() => selectFilters([], ['d'], find))).toBe('MPE_EGRESS_FILTER_NOT_FOUND');
    expect(codeOf(() => selectFilters(['d'], [], find))).toBe('MPE_EGRESS_FILTER_NOT_FOUND');
    expect(codeOf(() => selectFilters(Array.from({ length: 11 }, (_, i) => `f${i}`), [], (name) => filterOf({ name })))).toBe('MPE_FILTER_COMPOSITION_FILTER_COUNT_OVER_LIMIT');
  });

  test('one filter may choose the first quality', () => {
    const first = (bitrate: bigint | null, name = 'f'): Filter => filterOf({ name, firstQuality: { bitrate } });
    expect(applyFilters(goldenPresentation(), [first(721495n), filterOf()], VOD).view?.firstQuality).toBe(721495);
    expect(codeOf(() => applyFilters(goldenPresentation(), [first(1n), first(1n, 'g')], VOD))).toBe('MPE_FILTER_COMPOSITION_MULTIPLE_FIRST_QUALITY_OPERATOR_NOT_ALLOWED');
    expect(codeOf(() => checkFilter(first(null)))).toBe('MPE_FILTER_FIRST_QUALITY_ATTRIBUTE_INVALID');
    expect(codeOf(() => checkFilter(first(0n)))).toBe('MPE_FILTER_FIRST_QUALITY_ATTRIBUTE_INVALID');
  });

  test('no filter is no change; the text says what is in a filter', () => {
    const presentation = goldenPresentation();
    expect(applyFilters(presentation, [], VOD)).toBe(presentation);
    expect(filtersText([ranged({ startTimestamp: FOR_EVER })])).toContain('"startTimestamp":"9223372036854775807"');
  });
});
