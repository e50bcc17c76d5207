/** Runs of stored bytes: one read per contiguous run. */
import type { ByteRange } from '../formats.ts';
import type { Track } from '../model/presentation.ts';
import { storedRuns } from '../model/samples.ts';

/** The bytes of samples [first, end) in decoding order, neighbours joined. */
export function sampleRanges({ samples, source }: Track, first: number, end: number): readonly ByteRange[] {
  return storedRuns(samples, first, end).map(({ offset, length }) => ({ source, offset, length }));
}
