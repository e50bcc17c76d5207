/** What the samples of a video track tell: parameter sets where they really are, whether its GOPs are open, and closed captions. */
import { equalBytes } from '../bytes.ts';
import { addCaptionChannels, type CaptionChannel } from '../codec/captions.ts';
import { accessPointOf, holdsSets, nalType, parameterSetsIn } from '../codec/nal.ts';
import { IsomerError } from '../errors.ts';
import type { MovieTrack } from '../isobmff/movie.ts';
import { withParameterSets } from '../isobmff/sampleentry.ts';
import type { VideoCodec } from '../model/codec.ts';
import type { Captions } from '../model/presentation.ts';
import { presentationTime, samplePosition, type SampleTable } from '../model/samples.ts';
import type { Source } from '../storage/storage.ts';

/** Of the first key frame, read to see whether samples hold parameter sets. */
const PROBE_BYTES = 4 * 1024 * 1024;

export type ResolvedVideo = {
  readonly codec: VideoCodec;
  /** Samples hold parameter sets or delimiters. */
  readonly inBandSets: boolean;
  /** Of key frames with leading pictures. */
  readonly accessPoint?: 2 | 3;
  /** Channels of captions that speak. */
  readonly captions?: readonly Captions[];
};

/**
 * avc3 and hev1 samples may hold parameter sets anywhere, and only there: those of the first key frame complete the
 * codec. For avc1 and hvc1 the sample entry decides, and the first key frame shows the encoder's habit.
 */
export async function resolveVideo(codec: VideoCodec, track: MovieTrack, source: Source | undefined): Promise<ResolvedVideo> {
  const first = await firstSample(codec, track, source);
  const resolved = first === null ? { codec, inBandSets: true } : resolveSets(codec, first);
  const accessPoint = await findAccessPoint(codec, track.samples, source);
  const channels = first === null ? [] : await findCaptions(codec, track.samples, first, source);
  return { ...resolved, ...(accessPoint === null ? {} : { accessPoint }), ...(channels.length === 0 ? {} : { captions: channels.map((channel) => ({ channel, language: '' })) }) };
}

/** Places all over the track that are looked at, and how much at each of them. */
const CAPTION_PROBES = 8;
const CAPTION_BYTES = 256 * 1024;
const CAPTION_SAMPLES = 90;

/** Encoders put caption data, be it padding, into every picture or into none; who speaks is heard at some places. */
async function findCaptions({ nalLengthSize, family }: VideoCodec, samples: SampleTable, first: Uint8Array, source: Source | undefined): Promise<readonly CaptionChannel[]> {
  const channels = new Set<CaptionChannel>();
  if (!addCaptionChannels(first, nalLengthSize, family, channels)) return [];
  for (let probe = 0; probe < CAPTION_PROBES; probe++) {
    let left = CAPTION_BYTES;
    const start = Math.floor((samples.count * probe) / CAPTION_PROBES);
    for (let i = start; i < Math.min(samples.count, start + CAPTION_SAMPLES) && samples.sizes[i] <= left; i++) {
      left -= samples.sizes[i];
      const sample = new Uint8Array(samples.sizes[i]);
      await source?.read(samplePosition(samples, i), sample);
      try {
        addCaptionChannels(sample, nalLengthSize, family, channels);
      } catch (error) {
        // Damage inside the track is told by the segment that holds it.
        if (!(error instanceof IsomerError) || error.kind !== 'malformed') throw error;
        break;
      }
    }
  }
  return [...channels].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** Bytes of a key frame in which its first slice begins, behind parameter sets and messages. */
const SLICE_BYTES = 64 * 1024;

/** Of the first key frame with leading pictures; null when there is none. */
async function findAccessPoint({ nalLengthSize, family }: VideoCodec, samples: SampleTable, source: Source | undefined): Promise<2 | 3 | null> {
  const leading = firstLeading(samples);
  if (leading < 0) return null;
  const head = new Uint8Array(Math.min(SLICE_BYTES, samples.sizes[leading]));
  await source?.read(samplePosition(samples, leading), head);
  return accessPointOf(head, nalLengthSize, family);
}

/** The first key frame that a picture follows which is presented before it, or -1. */
function firstLeading(samples: SampleTable): number {
  const { composition, sync, count } = samples;
  if (composition === null || sync === null) return -1;
  for (let i = 0; i < sync.length; i++) {
    const key = sync[i];
    // Without a smaller offset it cannot be, and offsets cost less than times.
    if (key + 1 < count && composition[key + 1] < composition[key] && presentationTime(samples, key + 1) < presentationTime(samples, key)) return key;
  }
  return -1;
}

/** Null when it is too large to be looked at, and need not be. */
async function firstSample(codec: VideoCodec, { samples }: MovieTrack, source: Source | undefined): Promise<Uint8Array | null> {
  const size = samples.sizes[0];
  if (size > PROBE_BYTES) {
    if (codec.parameterSets.length > 0) return null;
    throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'first sample', expected: `at most ${PROBE_BYTES} bytes where parameter sets are looked for`, found: String(size) });
  }
  const sample = new Uint8Array(size);
  await source?.read(samplePosition(samples, 0), sample);
  return sample;
}

function resolveSets(codec: VideoCodec, sample: Uint8Array): ResolvedVideo {
  if (codec.sampleEntry !== 'avc3' && codec.sampleEntry !== 'hev1') return { codec, inBandSets: holdsSets(sample, codec.nalLengthSize, codec.family) };
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
