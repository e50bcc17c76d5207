/** What clients receive of CMAF segments and key frames, in bytes: manifests measure bit rates by it. */
import { CARRIES, carries } from '../manifest/common.ts';
import type { Sizes } from '../manifest/rates.ts';
import { createKept } from '../model/kept.ts';
import type { Presentation, Track } from '../model/presentation.ts';
import { segmentCount } from '../model/timeline.ts';
import { nextTurn } from '../time.ts';
import { fragmentBytes, keyFrameBytes, type FragmentForm } from './fmp4.ts';

export const CMAF_FORM: FragmentForm = { hns: false, cmaf: true, segmentBrand: 'cmfs', encryption: 'cenc', clock: 'tfdt', text: 'presentation' };

/** Sizes are looked up for every manifest and never change while an asset is open: each is reckoned once. */
export const CMAF_SIZES: Sizes = {
  segmentBytes: remembered((track, segment) => fragmentBytes(track, track.cuts[segment], track.cuts[segment + 1], CMAF_FORM)),
  keyFrameBytes: (track, keyFrame) => keyFrameBytes(track, keySample(track, keyFrame), keyFrame, CMAF_FORM),
};

/** Kept by protection or, in the clear, sample table, and by first sample: what filtered views share with the asset. */
function remembered(bytesOf: (track: Track, segment: number) => number): (track: Track, segment: number) => number {
  const known = createKept<number, number>();
  return (track, segment) => known([track.protection ?? track.samples], track.cuts[segment], () => bytesOf(track, segment));
}

export function keySample({ samples }: Track, keyFrame: number): number {
  return samples.sync === null ? keyFrame : samples.sync[keyFrame];
}

/** Segments whose sizes are reckoned in one turn of the event loop: a few milliseconds in code that is not compiled yet. */
const PER_TURN = 128;
const prepared = new WeakSet<Track>();

/** Reckons the sizes of all segments, in turns: an asset of two hours has ten thousand, and others wait meanwhile. */
export async function prepareSizes({ switchingSets }: Presentation): Promise<void> {
  let left = PER_TURN;
  for (const set of switchingSets.filter((one) => carries(CARRIES.fragments, one))) {
    for (const track of set.tracks) {
      if (prepared.has(track)) continue;
      for (let segment = 0; segment < segmentCount(set.timeline); segment++) {
        CMAF_SIZES.segmentBytes(track, segment);
        if (--left > 0) continue;
        await nextTurn();
        left = PER_TURN;
      }
      prepared.add(track);
    }
  }
}
