/** Presentation to transport stream segments (media-rules 2.3, 4.3 and 5). */
import { IsomerError } from '../errors.ts';
import type { SegmentPlan, StoredBytes } from '../formats.ts';
import type { VideoCodec } from '../model/codec.ts';
import { movieLanguage } from '../model/languages.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { CARRIES, carries } from '../manifest/common.ts';
import { defaultMuxedAudio } from '../manifest/hlsaudio.ts';
import { checkMuxedKey } from '../manifest/protection.ts';
import { decodeTimes, isSync, presentationTime, presentationTimes, samplePositions, type SampleTable } from '../model/samples.ts';
import { audioStream } from '../mpegts/audio.ts';
import { openNalForm, type NalForm } from '../mpegts/nalform.ts';
import { encryptAudioFrames } from '../mpegts/protect.ts';
import { planTsSegment, type TsAudio, type TsInput, type TsSamples, type TsVideo } from '../mpegts/segment.ts';
import { CLOCK_RATE, toClockRelative, type Ticks } from '../time.ts';
import { audioSetup, openSampleAes, sampleProtection } from './encrypt.ts';
import { layoutOf, payloadReads, remember, type Sizes } from './look.ts';
import { keptPlan } from './plans.ts';
import { planWebVtt } from './webvtt.ts';

/** 10 s: added to every time stamp, so that decode times before 0 stay positive (media-rules 1.5). */
const CLOCK_OFFSET = 900_000;

export type MuxedAudio = { readonly set: SwitchingSet; readonly track: Track };

/** A whole segment; `audio` is muxed into video segments of HLS v3. */
export function planTransport(set: SwitchingSet, track: Track, segment: number, audio: MuxedAudio | null): SegmentPlan {
  const [first, end] = [track.cuts[segment], track.cuts[segment + 1]];
  if (track.codec.kind === 'text') return planWebVtt(set, track, first, CLOCK_OFFSET);
  return keptPlan(track, audio === null ? [set] : [set, audio.set, audio.track], `ts ${segment}`, () => {
    if (track.codec.kind === 'audio') return plan({ video: null, audio: audioOf(set, track, first, end), segment }, null);
    if (audio !== null) checkMuxedKey(track, audio);
    const muxed = audio === null ? null : audioWithin(audio, set, segment);
    return plan({ video: videoOf(set, track, first, end), audio: muxed, segment, last: segment === track.cuts.length - 2 }, { track, first, end });
  });
}

/** One key frame alone (media-rules 6). `index` is its position among the key frames: the tables' continuity counter. */
export function planTransportKeyFrame(set: SwitchingSet, track: Track, sample: number, index: number): SegmentPlan {
  return plan({ video: videoOf(set, track, sample, sample + 1), audio: null, segment: index }, { track, first: sample, end: sample + 1 });
}

/** The audio frames of a muxed segment: those presented in [start, end); the outermost segments take what lies outside. */
function audioWithin({ set, track }: MuxedAudio, video: SwitchingSet, segment: number): TsAudio {
  const { boundaries, timescale } = video.timeline;
  const last = boundaries.length - 2;
  const first = segment === 0 ? 0 : firstFrameFrom(track, boundaries[segment], timescale);
  const end = segment === last ? track.samples.count : firstFrameFrom(track, boundaries[segment + 1], timescale);
  return audioOf(set, track, first, end);
}

/** Index of the first frame presented at or after a time. */
function firstFrameFrom({ samples, timescale: own }: Track, time: Ticks, timescale: number): number {
  const exact = time * BigInt(own);
  const wanted = Number((exact + BigInt(timescale) - 1n) / BigInt(timescale) - samples.base);
  let low = 0;
  let high = samples.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (presentationTime(samples, middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function videoOf(set: SwitchingSet, track: Track, first: number, end: number): TsVideo {
  const { codec, samples } = track;
  if (codec.kind !== 'video' || codec.family !== 'avc') {
    throw new IsomerError('MPE_VIDEO_ENCODING_NOT_SUPPORTED', { what: 'transport stream', expected: 'H.264', found: codec.rfc6381 });
  }
  const stamps = stampsOf(track, first, end);
  const earlier = Math.max(...set.tracks.map(reorderingDelay)) - reorderingDelay(track);
  for (let i = 0; i < stamps.dts.length; i++) stamps.dts[i] -= earlier;
  return { ...stamps, sync: (i) => isSync(samples, first + i), parameterSets: codec.parameterSets, encrypted: sampleProtection(track) !== null };
}

/**
 * From the first decoding to the first picture, at 90 kHz. All tracks of a set take the longest (media-rules 5): a client that joins
 * segments by their decoding stamps would else find a gap or an overlap where it changes between tracks that reorder differently.
 */
function reorderingDelay({ samples, timescale }: Track): number {
  return samples.composition === null || samples.count === 0 ? 0 : toClockRelative(samples.composition[0] - leastComposition(samples), timescale);
}

function audioOf(set: SwitchingSet, track: Track, first: number, end: number): TsAudio {
  const { codec } = track;
  if (codec.kind !== 'audio') throw new Error('only audio is framed as audio');
  const stream = { ...withoutEmpty(stampsOf(track, first, end)), stream: audioStream(codec), language: set.language === '' ? '' : movieLanguage(set.language).code };
  const cipher = openSampleAes(track);
  if (cipher === null) return stream;
  // SAMPLE-AES counts its clear bytes from the ADTS header: nothing may stand between it and the stored frame.
  if ((stream.stream.adts?.layout.length ?? 0) > 0) throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: `SAMPLE-AES of track ${set.name}`, expected: 'a channel configuration of 1 to 7', found: '0' });
  const family = codec.family === 'eac3' ? 'eac3' : 'aac';
  return {
    ...stream,
    encryption: {
      setup: audioSetup(codec),
      open() {
        const opened = cipher();
        return (payload, sizes) => encryptAudioFrames(payload, sizes, family, opened);
      },
    },
  };
}

function stampsOf({ samples, timescale, source }: Track, first: number, end: number): TsSamples {
  const pts = presentationTimes(samples, first, end);
  const dts = samples.composition === null ? pts.slice() : decodeTimes(samples, first, end);
  const shift = samples.composition === null ? 0 : samples.shift + leastComposition(samples);
  const base = Number((samples.base * BigInt(CLOCK_RATE)) / BigInt(timescale));
  for (let i = 0; i < pts.length; i++) {
    pts[i] = CLOCK_OFFSET + base + toClockRelative(pts[i], timescale);
    dts[i] = CLOCK_OFFSET + base + toClockRelative(dts[i] + shift, timescale);
  }
  return { source, sizes: samples.sizes.subarray(first, end), offsets: samplePositions(samples, first, end), pts, dts };
}

/** A frame has a payload: stored frames of no bytes are left out. */
function withoutEmpty(samples: TsSamples): TsSamples {
  if (!samples.sizes.includes(0)) return samples;
  const kept = (_: number, i: number): boolean => samples.sizes[i] > 0;
  return { source: samples.source, sizes: samples.sizes.filter(kept), offsets: samples.offsets.filter(kept), pts: samples.pts.filter(kept), dts: samples.dts.filter(kept) };
}

/** At most 0: negative composition offsets (ctts version 1) would put a decode time after its presentation. */
const leastCompositions = new WeakMap<NonNullable<SampleTable['composition']>, number>();

function leastComposition({ composition }: SampleTable): number {
  if (composition === null) return 0;
  let least = leastCompositions.get(composition);
  if (least === undefined) {
    least = 0;
    for (const offset of composition) if (offset < least) least = offset;
    leastCompositions.set(composition, least);
  }
  return least;
}

/** `dropped` hears of bytes that are left out. */
type OpenForm = (dropped?: (bytes: number) => void) => NalForm;

type VideoRun = { readonly track: Track; readonly first: number; readonly end: number };

/** Parameter sets, delimiters and short length fields are brought into form; SAMPLE-AES makes slices longer: a look tells by how much. */
function plan(input: TsInput, video: VideoRun | null): SegmentPlan {
  const { codec } = video?.track ?? {};
  if (video === null || codec?.kind !== 'video' || input.video === null) return { kind: 'windows', ...planTsSegment(input) };
  const isDirect = !video.track.inBandSets && codec.nalLengthSize === 4 && sampleProtection(video.track) === null;
  if (isDirect) return { kind: 'windows', ...planTsSegment(input) };
  const { video: samples } = input;
  const cipher = openSampleAes(video.track);
  const open: OpenForm = (dropped) => openNalForm(codec.nalLengthSize, cipher?.() ?? null, dropped);
  return {
    kind: 'look',
    async look(stored) {
      const sizes = await sentSizes(video, codec, open, stored);
      return { kind: 'windows', ...planTsSegment({ ...input, video: { ...samples, form: { ...sizes, open } } }) };
    },
  };
}

/** Goes through all samples once as if they were sent: only that tells how many bytes emulation prevention adds to ciphertext. */
async function sentSizes({ track, first, end }: VideoRun, codec: VideoCodec, open: OpenForm, stored: StoredBytes): Promise<Sizes> {
  // Parameter sets other than those of the sample entry are refused here.
  if (track.inBandSets) await layoutOf(track, codec, first, end, { slices: false, cmaf: true }, stored);
  const own = track.samples.sizes.subarray(first, end);
  return remember(track.protection ?? track.samples, `ts ${first} ${end}`, async () => {
    const [sizes, growth] = [new Uint32Array(own.length), new Uint32Array(own.length)];
    let sample = 0;
    let used = 0;
    const form = open((bytes) => void (growth[sample] += bytes));
    const count = (_: Uint8Array, from: number, to: number): void => void (sizes[sample] += to - from);
    const reads = payloadReads(track, first, end);
    const total = own.reduce((sum, size) => sum + size, 0);
    for (let start = 0; start < total; start += stored.buffer.length) {
      const length = Math.min(stored.buffer.length, total - start);
      await stored.read(reads(start, length, 0));
      for (let at = 0; at < length; ) {
        for (; used === own[sample]; used = 0) sample++;
        const taken = Math.min(length - at, own[sample] - used);
        form(stored.buffer, at, at + taken, own[sample] - used - taken, count);
        at += taken;
        used += taken;
      }
    }
    // What is added, apart from what is left out: by so much may output get ahead of input.
    return { sizes, growth: growth.map((dropped, i) => sizes[i] + dropped - own[i]) };
  });
}

/** The audio that a muxed presentation carries, as its manifest says: the one asked for by name, else the default; null without audio that a transport stream can hold. */
export function muxedAudio(presentation: Presentation, name: string | null): MuxedAudio | null {
  const sets = presentation.switchingSets.filter((set) => set.kind === 'audio');
  const set = name === null ? defaultMuxedAudio(sets.filter((other) => carries(CARRIES.transport, other))) : sets.find((other) => other.name === name);
  if (name !== null && set === undefined) throw new IsomerError('MPE_EGRESS_TRACK_NOT_FOUND', { what: 'audioTrack', expected: sets.map((other) => other.name).join(', ') || 'no audioTrack: the asset has no audio', found: name });
  return set === undefined || set === null ? null : { set, track: set.tracks[0] };
}
