/** What the size of a fragment's head depends on, without writing it: manifests of long assets ask for thousands of sizes. */
import { earliestTime, endOf, lowerBound, presentationTime, runOf, type SampleTable } from '../model/samples.ts';

/**
 * One number for samples [first, end) in the media timescale: heads of one shape are of one size. Null where a sample's
 * duration may differ from the others': then the columns must be made (model/timing.ts) to know which of them are written.
 */
export function headShape(samples: SampleTable, first: number, end: number): number | null {
  const { decode, sizes, composition, shift } = samples;
  const run = runOf(decode, first);
  const delta = decode.delta[run];
  if (delta === 0 || (run + 1 < decode.first.length && decode.first[run + 1] < end)) return null;
  const count = end - first;
  const begin = decode.time[run] + (first - decode.first[run]) * delta + shift;
  let least = composition === null ? 0 : composition[first];
  let isReordered = false;
  if (composition !== null) {
    const own = composition[first];
    for (let i = 1; i < count; i++) {
      const offset = composition[first + i];
      if (offset !== own) isReordered = true;
      if (i * delta + offset < least) least = i * delta + offset;
    }
  }
  const start = begin + least;
  // Times before 0 are presented at 0 (media-rules 1.2), which changes the distances.
  if (start < 0) return null;
  const next = end === samples.count ? endOf(samples) : composition === null ? presentationTime(samples, end) : earliestTime(samples, end);
  if (next !== start + count * delta) return null;
  return ((3 * count + syncShape(samples, first, end)) * 2 + (isConstant(sizes, first, end) ? 1 : 0)) * 2 + (isReordered ? 1 : 0);
}

/** 0: all are sync samples; 1: the first one alone; 2: flags for each. */
function syncShape({ sync }: SampleTable, first: number, end: number): number {
  if (sync === null) return 0;
  const at = lowerBound(sync, first);
  const syncs = lowerBound(sync, end) - at;
  if (syncs === end - first) return 0;
  return syncs === 1 && sync[at] === first ? 1 : 2;
}

function isConstant(values: Uint32Array, first: number, end: number): boolean {
  for (let i = first + 1; i < end; i++) if (values[i] !== values[first]) return false;
  return true;
}
