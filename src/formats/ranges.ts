/** Runs of stored bytes: one read per contiguous run. */
import type { ByteRange } from '../formats.ts';
import type { Track } from '../model/presentation.ts';

/** The bytes of samples [first, end) in decoding order, neighbours joined. */
export function sampleRanges({ samples, source }: Track, first: number, end: number): readonly ByteRange[] {
  const ranges: { source: string; offset: number; length: number }[] = [];
  for (let i = first; i < end; i++) {
    const last = ranges[ranges.length - 1];
    const [offset, length] = [samples.offsets[i], samples.sizes[i]];
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else ranges.push({ source, offset, length });
  }
  return ranges;
}
