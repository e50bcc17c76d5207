import { describe, expect, test } from 'vitest';
import type { Truth, TruthTrack } from '../../spec/truth.ts';
import { replayTruth } from './truth.ts';

const SAMPLES = { size: [], raw: [], normalised: null, dts: [], duration: [], composition: [] };
const COMMON = { file: 'a.mp4', trackId: 1, bitrate: 1, label: null, roles: [], accessibility: [], sync: null, editedOut: 0 };

function video(pt: readonly number[], frameRate: [number, number] | null, more: Partial<TruthTrack> = {}): TruthTrack {
  return {
    ...COMMON,
    kind: 'video',
    name: 'video',
    language: '',
    codec: { sampleEntry: 'avc1', rfc6381: 'avc1.64000d', width: 320, height: 180, frameRate, sampleRate: null, channels: null, config: '', parameterSets: [] },
    timescale: 1000,
    samples: { ...SAMPLES, pt: [...pt] },
    pictures: { rendition: 1, first: 0, count: pt.length },
    pilot: null,
    ...more,
  };
}

function audio(first: number): TruthTrack {
  return {
    ...COMMON,
    kind: 'audio',
    name: 'audio',
    language: 'eng',
    codec: { sampleEntry: 'mp4a', rfc6381: 'mp4a.40.2', width: null, height: null, frameRate: null, sampleRate: 48_000, channels: 2, config: '1190', parameterSets: [] },
    timescale: 48_000,
    samples: { ...SAMPLES, pt: [first, first + 1024] },
    pictures: null,
    pilot: 5000,
  };
}

function truthOf(...tracks: TruthTrack[]): Truth {
  return { schema: 'isomer-truth/1', asset: 'a', title: 'a', class: 'encoded', manifest: 'a.ism', tracks };
}

describe('what a player is held to', () => {
  test('a constant rate is taken as it stands', () => {
    expect(replayTruth(truthOf(video([0, 120, 40, 80], [25, 1])))).toMatchObject({ frameRate: { num: 25, den: 1 }, frames: 4, videoStart: 0, renditions: [1], pilots: [] });
  });

  test('the highest rate of a set is the rate, and the others say how many of its pictures each of theirs stands for', () => {
    const slow = video([0, 40, 80], [25, 1], { pictures: { rendition: 1, first: 0, count: 3 } });
    const fast = video([0, 20, 40, 60, 80, 100], [50, 1], { pictures: { rendition: 2, first: 0, count: 6 } });
    expect(replayTruth(truthOf(slow, fast))).toMatchObject({ frameRate: { num: 50, den: 1 }, frames: 6, renditions: [1, 2], strides: { 1: 2 } });
    expect(replayTruth(truthOf(fast)).strides).toEqual({});
    const odd = video([0, 33, 67], [30, 1], { pictures: { rendition: 1, first: 0, count: 3 } });
    expect(() => replayTruth(truthOf(odd, fast))).toThrow('pictures of rendition 1 last 1.667 times those of another');
  });

  test('times that were rounded still give a rate, so that pictures are judged', () => {
    const { frameRate } = replayTruth(truthOf(video([0, 33, 67, 100, 133, 167, 200], null)));
    expect((frameRate?.num ?? 0) / (frameRate?.den ?? 1)).toBeCloseTo(30, 6);
  });

  test('a rate that varies is refused, not passed unjudged', () => {
    expect(() => replayTruth(truthOf(video([0, 33, 67, 200, 233], null)))).toThrow('the picture rate varies');
  });

  test('pictures that the timeline leaves out keep their numbers', () => {
    const cut = video([-80, -40, 0, 40], [25, 1], { editedOut: 2, pictures: { rendition: 2, first: 2, count: 2 } });
    expect(replayTruth(truthOf(cut))).toMatchObject({ first: 2, frames: 4, videoStart: -0.08 });
  });

  test('what a filter leaves begins at 0 with its first picture, and the sound keeps its distance', () => {
    const trimmed = replayTruth(truthOf(video([0, 40, 80, 120, 160], [25, 1]), audio(34_976)), { video: { from: 800_000, to: 1_600_000 }, audio: {} });
    expect(trimmed).toMatchObject({ first: 2, frames: 4, videoStart: -0.08 });
    expect(trimmed.pilots[0].start).toBeCloseTo(0.67, 9);
    expect(replayTruth(truthOf(video([0, 40, 80], [25, 1])), { video: {} })).toMatchObject({ first: 0, frames: 3, videoStart: 0 });
  });

  test('sound starts after the encoder’s priming, wherever that lies', () => {
    expect(replayTruth(truthOf(audio(-1024))).pilots).toEqual([{ language: 'eng', hertz: 5000, start: 0 }]);
    expect(replayTruth(truthOf(audio(34_976))).pilots[0].start).toBeCloseTo(0.75, 9);
  });
});
