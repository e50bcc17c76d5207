/**
 * The format table. Each of the six outputs is one row; shared code reads a row's properties and never
 * compares tags.
 */
import { IsomerError } from './errors.ts';
import { protectedFormat, type FormatSchemes } from './formats/envelope.ts';
import { planFragment, planKeyFrameFragment, writeCmafInit, writeCsfInit, type FragmentForm } from './formats/fmp4.ts';
import { CMAF_FORM, CMAF_SIZES, keySample, prepareSizes } from './formats/sizes.ts';
import { muxedAudio, planTransport, planTransportKeyFrame } from './formats/transport.ts';
import { planWebVtt } from './formats/webvtt.ts';
import { CARRIES, carries, type ManifestParameters } from './manifest/common.ts';
import { writeMpdCmaf, writeMpdCsf } from './manifest/dash.ts';
import { CMAF_WEBVTT, writeKeyFramePlaylist, writeMaster, writeMediaPlaylist } from './manifest/hls.ts';
import { writeSmooth } from './manifest/smooth.ts';
import type { Presentation, SwitchingSet, Track } from './model/presentation.ts';
import { presentationTime } from './model/samples.ts';
import { toHns } from './time.ts';

/** A run of stored bytes in a track's source. */
export type ByteRange = { readonly source: string; readonly offset: number; readonly length: number };

/** Bytes that are made together: the reads land in one buffer of `capacity` bytes, `make` returns a view of it to send. */
export type SegmentWindow = {
  readonly capacity: number;
  /** `at` is the position in the buffer. */
  readonly reads: readonly (ByteRange & { readonly at: number })[];
  make(buffer: Uint8Array): Uint8Array;
};

/** Stored bytes, seen through one buffer of at least 128 KiB. */
export type StoredBytes = { readonly buffer: Uint8Array; read(reads: SegmentWindow['reads']): Promise<void> };

/**
 * How a segment is made. `copy`: `head`, then the ranges as stored. `windows`: the body in pieces, each made from a few
 * reads, strictly in order; `length` is the sum, `held` about the memory that the plan takes (absent: it is not worth keeping). `look`: stored
 * bytes must be looked at before it is known. A plan may be used again.
 */
export type SegmentPlan =
  | { readonly kind: 'copy'; readonly head: Uint8Array; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'look'; look(stored: StoredBytes): Promise<SegmentPlan> }
  | { readonly kind: 'windows'; readonly length: number; readonly held?: number; windows(): Iterable<SegmentWindow> };

/** The request's part in manifests and their child URLs. */
export type ChildParameters = ManifestParameters;

export type FormatId = 'hls-v3' | 'hls-v4' | 'hls-cmaf' | 'dash-csf' | 'dash-cmaf' | 'smooth';

export type Format = {
  readonly id: FormatId;
  /** Values of `format=` that select this row; the first is the canonical one, '' means no parameter. */
  readonly tags: readonly string[];
  readonly title: string;
  readonly manifest: { readonly kind: 'ssm' | 'mpd' | 'm3u8'; readonly mime: string; readonly suffix: string };
  readonly container: 'fmp4' | 'ts';
  /** Samples as stored, in CMAF form or in TS form (media-rules 4). */
  readonly sampleForm: 'stored' | 'cmaf' | 'ts';
  /** Codec families that it carries; others are in no manifest of it. */
  readonly families: readonly Track['codec']['family'][];
  /** Audio travels inside the video segments. */
  readonly muxed: boolean;
  /** How its tracks may be encrypted; absent: not at all. */
  readonly schemes?: FormatSchemes;
  /** What the manifest of a presentation needs that takes long when it is asked for first, in turns of the event loop. */
  prepare?(presentation: Presentation): Promise<void>;
  /** `parameters.format` is the tag that the request gave. */
  writeManifest(presentation: Presentation, parameters: ChildParameters): string;
  /** HLS only. */
  writePlaylist?(presentation: Presentation, set: SwitchingSet, track: Track, parameters: ChildParameters): string;
  /** HLS from version 4: the I-frame playlist. */
  writeKeyFramePlaylist?(presentation: Presentation, set: SwitchingSet, track: Track, parameters: ChildParameters): string;
  /** Formats with initialization segments only. */
  writeInit?(set: SwitchingSet, track: Track): Uint8Array;
  /** `parameters` matter to muxed formats only: `audiotrack` chooses the audio. */
  planSegment(presentation: Presentation, set: SwitchingSet, track: Track, segment: number, parameters: ChildParameters): SegmentPlan;
  /** HLS from version 4: the I-frame segment whose key frame has exactly this time (10 MHz); null when there is none. */
  planKeyFrame?(set: SwitchingSet, track: Track, time: bigint): SegmentPlan | null;
  /** `tag` is the request's `format=`. */
  mimeOf(set: SwitchingSet, tag: string): { readonly init: string; readonly segment: string };
};

const HLS_MIME = 'application/vnd.apple.mpegurl';
const WEBVTT_MIME = 'text/vtt';
const TS_MIME = ({ kind }: SwitchingSet): { init: string; segment: string } => ({ init: '', segment: kind === 'text' ? WEBVTT_MIME : 'video/mp2t' });
const MP4_MIME = ({ kind }: SwitchingSet): { init: string; segment: string } => {
  const mime = kind === 'text' ? 'application/mp4' : `${kind}/mp4`;
  return { init: mime, segment: mime };
};
const CSF_FORM: FragmentForm = { hns: true, cmaf: false, segmentBrand: null, encryption: 'cenc', clock: 'tfdt', text: 'presentation' };
const SMOOTH_FORM: FragmentForm = { ...CSF_FORM, encryption: 'piff', clock: 'tfxd', text: 'fragment' };

const DASH_SCHEMES: FormatSchemes = { ams: ['cbc', 'cenc'], beyond: ['cbcs'], clearLead: true };

/** What CMAF outputs share: DASH and HLS give the same bytes under both URLs (media-rules 4.5). */
const CMAF = {
  container: 'fmp4',
  sampleForm: 'cmaf',
  families: CARRIES.fragments,
  muxed: false,
  prepare: prepareSizes,
  writeInit: (set, track) => writeCmafInit(set, track),
  planSegment: (_, __, track, segment) => planFragment(track, segment, CMAF_FORM),
  mimeOf: MP4_MIME,
} satisfies Partial<Format>;

/** Text of HLS CMAF is WebVTT where this tag asks for it; many players know no TTML there. */
function isWebVtt({ kind }: SwitchingSet, tag: string): boolean {
  return kind === 'text' && tag === CMAF_WEBVTT;
}

const TRANSPORT = { container: 'ts', sampleForm: 'ts', families: CARRIES.transport, mimeOf: TS_MIME } as const;

const ROWS: readonly Format[] = [
  {
    ...TRANSPORT,
    id: 'hls-v4',
    tags: ['m3u8-aapl', 'm3u8-aapl-v4'],
    title: 'HLS V4',
    schemes: { ams: ['cbc', 'cbcs'], beyond: [], clearLead: false },
    manifest: { kind: 'm3u8', mime: HLS_MIME, suffix: '.m3u8' },
    muxed: false,
    writeManifest: (presentation, parameters) => writeMaster(presentation, parameters, { version: 4 }),
    writePlaylist: (presentation, set, track, parameters) => writeMediaPlaylist(presentation, set, track, parameters, 4),
    writeKeyFramePlaylist: (presentation, set, track, parameters) => writeKeyFramePlaylist(presentation, set, track, parameters, 4),
    planSegment: (_, set, track, segment) => planTransport(set, track, segment, null),
    planKeyFrame: (set, track, time) => withKeyFrame(track, time, (sample, index) => planTransportKeyFrame(set, track, sample, index)),
  },
  {
    ...TRANSPORT,
    id: 'hls-v3',
    tags: ['m3u8-aapl-v3'],
    title: 'HLS V3',
    schemes: { ams: ['cbc'], beyond: ['cbcs'], clearLead: false },
    manifest: { kind: 'm3u8', mime: HLS_MIME, suffix: '.m3u8' },
    muxed: true,
    writeManifest: (presentation, parameters) => writeMaster(presentation, parameters, { version: 3 }),
    writePlaylist: (presentation, set, track, parameters) => writeMediaPlaylist(presentation, set, track, parameters, 3),
    planSegment: (presentation, set, track, segment, parameters) => planTransport(set, track, segment, muxedAudio(presentation, audioTrackOf(parameters))),
  },
  {
    ...CMAF,
    id: 'hls-cmaf',
    tags: ['m3u8-cmaf', CMAF_WEBVTT],
    title: 'HLS CMAF',
    mimeOf: (set, tag) => (isWebVtt(set, tag) ? { ...MP4_MIME(set), segment: WEBVTT_MIME } : MP4_MIME(set)),
    planSegment: (_, set, track, segment, { format }) => (isWebVtt(set, format) ? planWebVtt(set, track, segment, null) : planFragment(track, segment, CMAF_FORM)),
    schemes: { ams: ['cbc', 'cbcs'], beyond: ['cenc'], clearLead: true },
    manifest: { kind: 'm3u8', mime: HLS_MIME, suffix: '.m3u8' },
    writeManifest: (presentation, parameters) => writeMaster(presentation, parameters, { version: 7, sizes: CMAF_SIZES }),
    writePlaylist: (presentation, set, track, parameters) => writeMediaPlaylist(presentation, set, track, parameters, 7),
    writeKeyFramePlaylist: (presentation, set, track, parameters) => writeKeyFramePlaylist(presentation, set, track, parameters, 7),
    planKeyFrame: (_, track, time) => withKeyFrame(track, time, (sample, index) => planKeyFrameFragment(track, sample, index, CMAF_FORM)),
  },
  {
    id: 'dash-csf',
    families: CARRIES.fragments,
    tags: ['mpd-time-csf'],
    title: 'MPEG-DASH CSF',
    schemes: DASH_SCHEMES,
    manifest: { kind: 'mpd', mime: 'application/dash+xml', suffix: '.mpd' },
    container: 'fmp4',
    sampleForm: 'stored',
    muxed: false,
    writeManifest: writeMpdCsf,
    writeInit: writeCsfInit,
    planSegment: (_, __, track, segment) => planFragment(track, segment, CSF_FORM),
    mimeOf: MP4_MIME,
  },
  {
    ...CMAF,
    id: 'dash-cmaf',
    tags: ['mpd-time-cmaf'],
    title: 'MPEG-DASH CMAF',
    schemes: DASH_SCHEMES,
    manifest: { kind: 'mpd', mime: 'application/dash+xml', suffix: '.mpd' },
    writeManifest: (presentation, parameters) => writeMpdCmaf(presentation, parameters, CMAF_SIZES),
  },
  {
    id: 'smooth',
    families: CARRIES.smooth,
    tags: ['', 'fmp4', 'fmp4-v20'],
    title: 'Smooth Streaming',
    schemes: { ams: ['cbc', 'cenc', 'piff'], beyond: [], clearLead: false },
    manifest: { kind: 'ssm', mime: 'application/vnd.ms-sstr+xml', suffix: '' },
    container: 'fmp4',
    sampleForm: 'stored',
    muxed: false,
    writeManifest: (presentation, { format, extra }) => writeSmooth(presentation, { version: format === 'fmp4-v20' ? 0 : 2, extra }),
    planSegment: (_, __, track, segment) => planFragment(track, segment, SMOOTH_FORM),
    mimeOf: MP4_MIME,
  },
];

/** The rows, with what is the same in all of them: what is not carried is refused, and the envelope around every resource. */
export const FORMATS: readonly Format[] = ROWS.map(carryingFormat).map(protectedFormat);

/** The row for a value of `format=` in lower case; undefined for unknown ones. */
export function findFormat(tag: string): Format | undefined {
  return FORMATS.find(({ tags }) => tags.includes(tag));
}

/** A row that makes no media of codecs that it does not carry. */
function carryingFormat(format: Format): Format {
  const { planKeyFrame, writeInit } = format;
  const check = (set: SwitchingSet): void => {
    if (carries(format.families, set)) return;
    throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: `track ${set.name} in ${format.title}`, expected: format.families.join(', '), found: set.tracks[0].codec.rfc6381 });
  };
  return {
    ...format,
    planSegment(presentation, set, track, segment, parameters) {
      check(set);
      return format.planSegment(presentation, set, track, segment, parameters);
    },
    ...(planKeyFrame === undefined
      ? {}
      : {
          planKeyFrame(set, track, time) {
            check(set);
            return planKeyFrame(set, track, time);
          },
        }),
    ...(writeInit === undefined
      ? {}
      : {
          writeInit(set, track) {
            check(set);
            return writeInit(set, track);
          },
        }),
  };
}

function audioTrackOf({ extra }: ChildParameters): string | null {
  return extra.find(([name]) => name.toLowerCase() === 'audiotrack')?.[1] ?? null;
}

/** Runs `plan` for the key frame whose presentation time, floored to 10 MHz, is `time`. */
function withKeyFrame(track: Track, time: bigint, plan: (sample: number, index: number) => SegmentPlan): SegmentPlan | null {
  const { samples, timescale } = track;
  let low = 0;
  let high = (samples.sync?.length ?? samples.count) - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const sample = keySample(track, middle);
    const name = toHns(samples.base + BigInt(presentationTime(samples, sample)), timescale);
    if (name === time) return plan(sample, middle);
    if (name < time) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}
