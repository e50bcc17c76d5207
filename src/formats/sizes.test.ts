import { describe, expect, it } from 'vitest';
import { openAsset, type Asset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { mp4File, videoTrack } from '../isobmff/testing.ts';
import type { Presentation, Track } from '../model/presentation.ts';
import type { Scheme, TrackProtection } from '../model/protection.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import { fragmentBytes } from './fmp4.ts';
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
