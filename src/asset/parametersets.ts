/** What the samples of a video track tell: parameter sets where they really are, and whether its GOPs are open. */
import { equalBytes } from '../bytes.ts';
import { accessPointOf, holdsSets, nalType, parameterSetsIn } from '../codec/nal.ts';
import { IsomerError } from '../errors.ts';
import type { MovieTrack } from '../isobmff/movie.ts';
import { withParameterSets } from '../isobmff/sampleentry.ts';
import type { VideoCodec } from '../model/codec.ts';
import { earliestTime, presentationTime, type SampleTable } from '../model/samples.ts';
import type { Source } from '../storage/storage.ts';

/** Of the first key frame, read to see whether samples hold parameter sets. */
const PROBE_BYTES = 4 * 1024 * 1024;

export type ResolvedVideo = {
  readonly codec: VideoCodec;
  /** Samples hold parameter sets or delimiters. */
  readonly inBandSets: boolean;
  /** Of key frames with leading pictures. */
  readonly accessPoint?: 2 | 3;
};

/**
 * avc3 and hev1 samples may hold parameter sets anywhere, and only there: those of the first key frame complete the
 * codec. For avc1 and hvc1 the sample entry decides, and the first key frame shows the encoder's habit.
 */
export async function resolveVideo(codec: VideoCodec, track: MovieTrack, source: Source | undefined): Promise<ResolvedVideo> {
  const [resolved, accessPoint] = [await resolveSets(codec, track, source), await findAccessPoint(codec, track.samples, source)];
  return accessPoint === null ? resolved : { ...resolved, accessPoint };
}

/** Bytes of a key frame in which its first slice begins, behind parameter sets and messages. */
const SLICE_BYTES = 64 * 1024;

/** Of the first key frame with leading pictures; null when there is none. */
async function findAccessPoint({ nalLengthSize, family }: VideoCodec, samples: SampleTable, source: Source | undefined): Promise<2 | 3 | null> {
  const leading = samples.sync?.find((key) => earliestTime(samples, key) < presentationTime(samples, key));
  if (leading === undefined) return null;
  const head = new Uint8Array(Math.min(SLICE_BYTES, samples.sizes[leading]));
  await source?.read(samples.offsets[leading], head);
  return accessPointOf(head, nalLengthSize, family);
}

async function resolveSets(codec: VideoCodec, { samples }: MovieTrack, source: Source | undefined): Promise<ResolvedVideo> {
  const mayHoldSets = codec.sampleEntry === 'avc3' || codec.sampleEntry === 'hev1';
  const size = samples.sizes[0];
  if (size > PROBE_BYTES) {
    if (codec.parameterSets.length > 0) return { codec, inBandSets: true };
    throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'first sample', expected: `at most ${PROBE_BYTES} bytes where parameter sets are looked for`, found: String(size) });
  }
  const sample = new Uint8Array(size);
  await source?.read(samples.offsets[0], sample);
  if (!mayHoldSets) return { codec, inBandSets: holdsSets(sample, codec.nalLengthSize, codec.family) };
  const merged = mergeSets(codec, parameterSetsIn(sample, codec.nalLengthSize, codec.family));
  return { codec: merged === codec.parameterSets ? codec : withParameterSets(codec, merged), inBandSets: true };
}

/** The stored sets, less those that the key frame replaces: of the types that it holds, its own count. */
function mergeSets({ parameterSets, family }: VideoCodec, inBand: readonly Uint8Array[]): readonly Uint8Array[] {
  const unique = inBand.filter((set, i) => inBand.findIndex((other) => equalBytes(other, set)) === i);
  if (unique.every((set) => parameterSets.some((other) => equalBytes(other, set)))) return parameterSets;
  const types = new Set(unique.map((set) => nalType(family, set[0])));
  // Copies: the sample need not stay in memory for them.
  return [...parameterSets.filter((set) => !types.has(nalType(family, set[0]))), ...unique.map((set) => set.slice())].toSorted((a, b) => nalType(family, a[0]) - nalType(family, b[0]));
}
