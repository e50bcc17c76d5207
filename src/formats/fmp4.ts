/** Presentation to movie fragments (media-rules 1.4 and 4). */
import type { NalLayout } from '../codec/slices.ts';
import { fragmentHeadSize, writeFragmentHead, type FragmentHead } from '../isobmff/fragment.ts';
import { writeInit, type Init } from '../isobmff/init.ts';
import { cmafSampleEntry } from '../isobmff/sampleentry.ts';
import type { SegmentPlan } from '../formats.ts';
import { createKept } from '../model/kept.ts';
import { movieLanguage } from '../model/languages.ts';
import type { SwitchingSet, Track } from '../model/presentation.ts';
import { endOf, isSync, payloadBytes, presentationTime } from '../model/samples.ts';
import { extent } from '../model/timeline.ts';
import { sampleTimes } from '../model/timing.ts';
import { envelopeBytes } from '../protection/envelope.ts';
import { protectionSystemBoxes } from '../protection/signalling.ts';
import { HNS_PER_SECOND } from '../time.ts';
import { expectedEncryption, planEncryption, protectionFrom, sampleProtection, trackEncryption } from './encrypt.ts';
import { headShape } from './headshape.ts';
import { layoutOf } from './look.ts';
import { planPayload } from './payload.ts';
import { keptPlan } from './plans.ts';
import { sampleRanges } from './ranges.ts';

/** How one format writes its fragments. */
export type FragmentForm = {
  /** Times in 10 MHz (CSF, Smooth) instead of the media timescale (CMAF). */
  readonly hns: boolean;
  /** Parameter sets out of the samples, NAL unit lengths of 4 bytes. */
  readonly cmaf: boolean;
  /** Brand of a styp box before the fragment, or null for none. */
  readonly segmentBrand: string | null;
  /** Names of the boxes that describe encrypted samples. */
  readonly encryption: 'cenc' | 'piff';
  /** The box that tells the fragment's time. */
  readonly clock: 'tfdt' | 'tfxd';
  /** What times inside TTML count from. */
  readonly text: 'presentation' | 'fragment';
};

/** One segment of the track. */
export function planFragment(stored: Track, segment: number, form: FragmentForm): SegmentPlan {
  return keptPlan(stored, [form], `${segment}`, () => {
    const track = form.text === 'fragment' ? withRelativeText(stored) : stored;
    return planSamples(track, track.cuts[segment], track.cuts[segment + 1], segment + 1, form);
  });
}

/** Text in its other form has other bytes at the same times. */
function withRelativeText(track: Track): Track {
  if (track.relative === undefined) return track;
  const { source, sizes, offsets } = track.relative;
  return { ...track, source, samples: { ...track.samples, sizes, chunks: { first: track.samples.chunks.first, offset: offsets } } };
}

/** The samples [first, end) as one fragment; `sequence` is the mfhd's. */
export function planSamples(track: Track, first: number, end: number, sequence: number, form: FragmentForm, until?: number): SegmentPlan {
  const { codec } = track;
  const head = headOf(track, first, end, sequence, form, until);
  const isRewritten = codec.kind === 'video' && rewritesSamples(track, form);
  const protection = protectionFrom(track, first);
  if (!isRewritten && protection === null) return { kind: 'copy', head: writeFragmentHead(head), ranges: sampleRanges(track, first, end) };
  const planned = (layout: NalLayout | null): SegmentPlan => {
    const sizes = layout === null || !isRewritten ? head.sizes : sampleSizes(layout);
    const encryption = protection === null ? null : planEncryption(track, protection, { first, sizes, layout }, form);
    const written = writeFragmentHead({ ...head, sizes, ...(encryption === null ? {} : { encryption: encryption.boxes }) });
    return planPayload(track, first, end, written, isRewritten ? layout : null, encryption);
  };
  if (codec.kind !== 'video') return planned(null);
  return { kind: 'look', look: async (stored) => planned(await layoutOf(track, codec, first, end, { slices: protection !== null, cmaf: isRewritten }, stored)) };
}

function sampleSizes({ counts, sizes }: NalLayout): Uint32Array {
  let next = 0;
  return counts.map((count) => {
    let bytes = 0;
    for (const end = next + count; next < end; next++) bytes += sizes[next];
    return bytes;
  });
}

function headOf(track: Track, first: number, end: number, sequence: number, form: FragmentForm, until?: number): FragmentHead {
  const { samples } = track;
  const times = sampleTimes(samples, track.timescale, first, end, form.hns, until);
  return {
    sequence,
    trackId: 1,
    baseMediaDecodeTime: times.start,
    durations: times.durations,
    compositions: times.compositions,
    sizes: samples.sizes.subarray(first, end),
    sync: samples.sync === null ? null : (i) => isSync(samples, first + i),
    styp: form.segmentBrand,
    sampleDescription: sampleProtection(track) !== null && protectionFrom(track, first) === null ? CLEAR_ENTRY : null,
    ...(form.clock === 'tfxd' ? { tfxd: { fragment_absolute_time: times.start, fragment_duration: sumOf(times.durations) } } : {}),
  };
}

/** No sum of 32-bit values reaches 2^53. */
function sumOf(durations: Uint32Array): bigint {
  let sum = 0;
  for (let i = 0; i < durations.length; i++) sum += durations[i];
  return BigInt(sum);
}

/** The entries of a header with a clear lead: encrypted, then as stored, as Shaka Packager writes them. */
const CLEAR_ENTRY = 2;

/** CMAF wants other sample bytes than the stored ones: sets in the sample entry, length fields of 4 bytes (media-rules 4.2). */
function rewritesSamples({ codec, inBandSets }: Track, form: FragmentForm): boolean {
  return form.cmaf && codec.kind === 'video' && (inBandSets || codec.nalLengthSize !== 4);
}

/** NAL units of a sample, for whom short length fields grow: more slices than encoders write that use such fields. */
const NAL_UNITS = 16;

/**
 * Bytes of samples [first, end) as they are sent; with in-band sets an upper bound, with short length fields an estimate from above,
 * encrypted with one slice in each picture.
 */
export function fragmentBytes(track: Track, first: number, end: number, form: FragmentForm): number {
  const payload = payloadBytes(track.samples, first, end);
  const shape = form.hns || payload > MAX_NARROW ? null : headShape(track.samples, first, end);
  const head = shape === null ? headBytes(track, first, end, form) : keptHead(track, first, form, `${shape}`, () => headBytes(track, first, end, form));
  return sentBytes(track, payload, end - first, form, head);
}

/** Above, the header of an mdat is longer. */
const MAX_NARROW = 2 ** 32 - 16;

function headBytes(track: Track, first: number, end: number, form: FragmentForm, until?: number): number {
  const head = headOf(track, first, end, 1, form, until);
  const protection = protectionFrom(track, first);
  return fragmentHeadSize(protection === null ? head : { ...head, encryption: expectedEncryption(track, protection, end - first, form) });
}

function sentBytes({ codec, protection }: Track, payload: number, count: number, form: FragmentForm, headBytes: number): number {
  const growth = form.cmaf && codec.kind === 'video' ? (4 - codec.nalLengthSize) * NAL_UNITS * count : 0;
  const bytes = payload + headBytes + growth;
  return protection?.scheme === 'cbc' ? envelopeBytes(bytes) : bytes;
}

const heads = createKept<string, number>();

/** By form, by protection or, in the clear, sample table: a clear lead has other heads than what follows it. */
function keptHead(track: Track, first: number, form: FragmentForm, shape: string, make: () => number): number {
  return heads([form, track.protection ?? track.samples], protectionFrom(track, first) === null ? `clear ${shape}` : shape, make);
}

/** One key frame alone, shown until the next one (media-rules 6). `index` counts the key frames. */
export function planKeyFrameFragment(track: Track, sample: number, index: number, form: FragmentForm): SegmentPlan {
  return planSamples(track, sample, sample + 1, index + 1, form, keyFrameEnd(track, sample, index));
}

/** The head of one key frame alone is as large as that of any other of the track: one duration, one size, presented when it is decoded. */
export function keyFrameBytes(track: Track, sample: number, index: number, form: FragmentForm): number {
  const head = keptHead(track, sample, form, 'key frame', () => headBytes(track, sample, sample + 1, form, keyFrameEnd(track, sample, index)));
  return sentBytes(track, track.samples.sizes[sample], 1, form, head);
}

/** Not the time of the next sample: in an open GOP that one is presented before the key frame. */
function keyFrameEnd({ samples }: Track, sample: number, index: number): number {
  const next = samples.sync === null ? sample + 1 : samples.sync[index + 1];
  return next !== undefined && next < samples.count ? presentationTime(samples, next) : endOf(samples);
}

/** CSF: the stored sample entry, times in 10 MHz, and the whole duration, as the old service told it. */
export function writeCsfInit(set: SwitchingSet, track: Track): Uint8Array {
  const { start, end } = extent(set.timeline);
  return writeInit({ brand: 'ccff', timescale: HNS_PER_SECOND, sampleEntry: track.sampleEntry, duration: end - start, ...common(set, track) });
}

/** CMAF: parameter sets in the sample entry, the media's own timescale. */
export function writeCmafInit(set: SwitchingSet, track: Track): Uint8Array {
  return writeInit({ brand: 'cmfc', timescale: track.timescale, sampleEntry: cmafSampleEntry(track.sampleEntry, track.codec), ...common(set, track) });
}

function common({ kind, language }: SwitchingSet, track: Track): Pick<Init, 'kind' | 'language' | 'extendedLanguage' | 'width' | 'height' | 'encryption' | 'clearLead' | 'systems'> {
  const { codec } = track;
  const { width, height } = codec.kind === 'video' ? codec : { width: 0, height: 0 };
  const protection = sampleProtection(track);
  const encrypted = protection === null ? {} : { encryption: trackEncryption(protection, codec.kind), clearLead: protection.clearSamples > 0, systems: protectionSystemBoxes(protection) };
  const { code, extended } = movieLanguage(language);
  return { kind, language: code, ...(extended === null ? {} : { extendedLanguage: extended }), width, height, ...encrypted };
}
