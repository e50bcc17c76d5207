import { describe, expect, it } from 'vitest';
import { openAsset, type Asset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { mp4File, nalSample, videoTrack, type TrackFixture } from '../isobmff/testing.ts';
import type { Presentation, Track } from '../model/presentation.ts';
import type { Scheme, TrackProtection } from '../model/protection.ts';
import { segmentCount } from '../model/timeline.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import { fragmentBytes, planFragment } from './fmp4.ts';
import { CMAF_FORM, CMAF_SIZES, keySample, prepareSizes } from './sizes.ts';

const open = (count: number, gop: number): Promise<Asset> =>
  openAsset(createMemoryStorage({ 'a/x.mp4': mp4File({ tracks: [videoTrack(count, gop, { compositions: Array.from({ length: count }, (_, i) => 1001 * [1, 3, 0][i % 3]) })] }) }), 'a', 'x', { segmentSeconds: 2, readMovie: createMovieReader(null) });

const protectedBy = (scheme: Scheme, clearSamples: number): TrackProtection => ({
  scheme,
  keyId: new Uint8Array(16),
  key: { reveal: () => new Uint8Array(16) },
  iv: new Uint8Array(16),
  ivPrefixes: { stored: 1, cmaf: 2 },
  systems: {} as TrackProtection['systems'],
  clearSamples,
});

describe('sizes', () => {
  it.each([['clear', null], ['cenc behind a clear lead', protectedBy('cenc', 120)], ['cbcs', protectedBy('cbcs', 0)], ['an envelope', protectedBy('cbc', 0)]] as const)('of key frames are those of their fragments: %s', async (_, protection) => {
    const asset = await open(300, 30);
    const [stored] = asset.presentation.switchingSets[0].tracks;
    const track: Track = protection === null ? stored : { ...stored, protection };
    const keyFrames = Array.from({ length: 10 }, (_unused, i) => i);
    expect(keyFrames.map((i) => CMAF_SIZES.keyFrameBytes(track, i))).toEqual(keyFrames.map((i) => fragmentBytes(track, keySample(track, i), keySample(track, i) + 1, CMAF_FORM)));
    await asset.close();
  });

  /** Durations, composition offsets and key frames of every kind that decides which columns a fragment has. */
  const count = 400;
  const one = (value: number): number[] => Array.from({ length: count }, () => value);
  const reordered = one(0).map((_, i) => 1001 * [1, 3, 0][i % 3]);
  const payloads = (bytes: (i: number) => number): Uint8Array[] => one(0).map((_, i) => nalSample(i % 20 === 0 ? 0x65 : 0x41, bytes(i), i));
  const tracks: readonly (readonly [string, Partial<TrackFixture>])[] = [
    ['one rate', {}],
    ['pictures out of order', { compositions: reordered }],
    ['one composition offset', { compositions: one(2002) }],
    ['open groups of pictures', { compositions: one(0).map((_, i) => 1001 * (i % 20 === 0 ? 2 : i % 20 === 1 ? 0 : 1)) }],
    ['a rate that changes', { durations: one(1001).map((duration, i) => (i > 150 ? 2 * duration : duration)), compositions: reordered }],
    ['durations that differ', { durations: one(1001).map((duration, i) => duration + (i % 7)), compositions: reordered }],
    ['a last picture that stands', { durations: one(1001).map((duration, i) => (i === count - 1 ? 5 * duration : duration)) }],
    ['an edit into the middle', { compositions: reordered, edits: [[0, 1500]] }],
    ['an edit behind the first picture', { edits: [[0, 700]] }],
    ['samples of one size', { samples: payloads(() => 30) }],
    ['one size for some segments', { samples: payloads((i) => (i < 200 ? 30 : 20 + (i % 5))) }],
    ['key frames at any time', { sync: one(0).flatMap((_, i) => (i % 20 === 0 || i % 33 === 0 ? [i] : [])) }],
    ['key frames alone', { sync: one(0).map((_, i) => i) }],
  ];

  it.each(tracks)('of segments are those of what is sent: %s', async (_, more) => {
    const asset = await openAsset(createMemoryStorage({ 'a/x.mp4': mp4File({ tracks: [videoTrack(count, 20, more)] }) }), 'a', 'x', { segmentSeconds: 2, readMovie: createMovieReader(null) });
    const [{ tracks: [track], timeline }] = asset.presentation.switchingSets;
    const segments = Array.from({ length: segmentCount(timeline) }, (_unused, i) => i);
    const sent = segments.map((segment) => {
      const plan = planFragment(track, segment, CMAF_FORM);
      if (plan.kind !== 'copy') throw new Error('samples are sent as they are stored');
      return plan.ranges.reduce((sum, { length }) => sum + length, plan.head.length);
    });
    expect(segments.length).toBeGreaterThan(3);
    expect(segments.map((segment) => CMAF_SIZES.segmentBytes(track, segment))).toEqual(sent);
    await asset.close();
  });

  it('are reckoned in turns: others run meanwhile, and nothing is left to reckon', async () => {
    const asset = await open(6000, 10);
    const [set] = asset.presentation.switchingSets;
    // A segment for each GOP.
    const presentation: Presentation = { ...asset.presentation, switchingSets: Array.from({ length: 20 }, () => ({ ...set, tracks: set.tracks.map((track) => ({ ...track, samples: { ...track.samples } })) })) };
    let turns = 0;
    let over = false;
    const other = (): void => void (over || (turns++, setImmediate(other)));
    other();
    await prepareSizes(presentation);
    over = true;
    expect(turns).toBeGreaterThan(5);
    const [{ tracks: [track] }] = presentation.switchingSets;
    expect(CMAF_SIZES.segmentBytes(track, 3)).toBe(fragmentBytes(track, track.cuts[3], track.cuts[4], CMAF_FORM));
    await asset.close();
  });
});
