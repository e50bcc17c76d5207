/**
 * The times that a movie fragment carries (media-rules 1.4): tfdt is the presentation time of the segment's first
 * presented sample, and composition offsets are shifted to match, so no edit list is needed.
 */
import { IsomerError } from '../errors.ts';
import { HNS_PER_SECOND, toHns, toHnsRelative, type Ticks } from '../time.ts';
import { decodeTimes, earliestTime, endOf, presentationTime, presentationTimes, type SampleTable } from './samples.ts';

export type FragmentTimes = {
  /** baseMediaDecodeTime, ticks of the output timescale. */
  readonly start: Ticks;
  /** Per sample in decoding order. Their sum is the distance to the next segment's start. */
  readonly durations: Uint32Array;
  /** Per sample; null when all are 0. */
  readonly compositions: Int32Array | null;
};

/** Times of a run of samples that starts with a sync sample, in the media timescale or, with `hns`, in 10 MHz as differences of floors; `until` is where it ends when that is not the next sample's time. */
export function sampleTimes(samples: SampleTable, timescale: number, first: number, end: number, hns: boolean, until?: number): FragmentTimes {
  const presented = presentationTimes(samples, first, end);
  const decoded = outputDecodeTimes(samples, first, end, presented);
  if (until !== undefined) decoded[end - first] = until;
  const convert = converter(samples.base, timescale, hns);
  const count = end - first;
  const durations = new Uint32Array(count);
  const compositions = samples.composition === null ? null : new Int32Array(count);
  let current = convert(decoded[0]);
  for (let i = 0; i < count; i++) {
    const next = convert(decoded[i + 1]);
    durations[i] = checked(next - current, 0, 0xffff_ffff, 'sample duration', first + i);
    if (compositions !== null) compositions[i] = checked(convert(presented[i]) - current, -0x8000_0000, 0x7fff_ffff, 'composition offset', first + i);
    current = next;
  }
  const base = hns ? toHns(samples.base, timescale) : samples.base;
  return { start: base + BigInt(convert(decoded[0])), durations, compositions: compositions?.some((offset) => offset !== 0) === true ? compositions : null };
}

/** Fields of 32 bits: what does not fit, or runs backwards, cannot be told in a fragment. */
function checked(ticks: number, least: number, most: number, what: string, sample: number): number {
  if (ticks >= least && ticks <= most) return ticks;
  throw new IsomerError('ISOMER_MP4_MALFORMED', { what, where: `sample ${sample + 1}`, expected: `${least} to ${most}`, found: String(ticks) });
}

/** Media time relative to the base to output ticks relative to the output base. */
function converter(base: Ticks, timescale: number, hns: boolean): (time: number) => number {
  if (!hns || timescale === HNS_PER_SECOND) return (time) => time;
  if (base === 0n) return (time) => toHnsRelative(time, timescale);
  const floorOfBase = toHns(base, timescale);
  return (time) => Number(toHns(base + BigInt(time), timescale) - floorOfBase);
}

/**
 * Decode times of the fragment, count + 1 of them. They start at the first presented sample's time, keep the stored
 * spacing and end where the next segment starts; where the reordering delay varies (variable frame rate), the last
 * samples give way.
 */
function outputDecodeTimes(samples: SampleTable, first: number, end: number, presented: Float64Array): Float64Array {
  const count = end - first;
  const times = new Float64Array(count + 1);
  if (samples.composition === null) {
    times.set(presented);
    times[count] = end < samples.count ? presentationTime(samples, end) : endOf(samples);
    return times;
  }
  const stored = decodeTimes(samples, first, end);
  const start = presented.reduce((least, time) => Math.min(least, time));
  for (let i = 0; i < count; i++) times[i] = start + stored[i] - stored[0];
  times[count] = end < samples.count ? earliestTime(samples, end) : endOf(samples);
  for (let i = count - 1; i > 0 && times[i] >= times[i + 1]; i--) times[i] = times[i + 1] - 1;
  return times;
}
