/** Media of a view, read once: initialization segments, segments, samples. Checks share what is read here. */
import { formatRow } from './outputs.ts';
import { findAll, readInit, type InitFacts, type SampleEntryFacts, type TrackFacts } from './oracle/boxes.ts';
import { nalCodecOf, parameterSets, type NalCodec } from './oracle/codecs.ts';
import { presentationTimes, readSegment, sampleBytes, type FragmentSample, type SegmentFacts, type TrackFragment } from './oracle/fragments.ts';
import { readTs, type TsSegment } from './oracle/ts.ts';
import { normalisedHash, shortHash } from './oracle/truth.ts';
import type { Exchange, TraceReader } from './trace.ts';
import type { SegmentView, TrackView, View } from './view.ts';

const inits = new WeakMap<Exchange, InitFacts>();
/** By the header too: its defaults complete the fragments. */
const segments = new WeakMap<object, WeakMap<Exchange, SegmentFacts>>();
const NO_HEADER = {};
const transports = new WeakMap<Exchange, TsSegment>();

export function delivered(exchange: Exchange | null): exchange is Exchange & { readonly body: NonNullable<Exchange['body']> } {
  return exchange !== null && exchange.status === (exchange.requestHeaders['range'] === undefined ? 200 : 206) && exchange.body !== null && exchange.body.size > 0;
}

export function remembered<K extends object, T>(cache: WeakMap<K, T>, exchange: K, read: () => T): T {
  const known = cache.get(exchange);
  if (known !== undefined) return known;
  const fresh = read();
  cache.set(exchange, fresh);
  return fresh;
}

/** Null when the track has no initialization segment, or it was not delivered. */
export function initOf(reader: TraceReader, track: TrackView): InitFacts | null {
  const exchange = track.init?.exchange ?? null;
  return delivered(exchange) ? remembered(inits, exchange, () => readInit(reader.body(exchange))) : null;
}

export function headerTrack(init: InitFacts | null): TrackFacts | null {
  return init?.tracks[0] ?? null;
}

export function sampleEntryOf(reader: TraceReader, track: TrackView): SampleEntryFacts | null {
  return headerTrack(initOf(reader, track))?.entries[0] ?? null;
}

export function segmentOf(reader: TraceReader, track: TrackView, segment: SegmentView): SegmentFacts | null {
  const { exchange } = segment;
  if (!delivered(exchange)) return null;
  const init = initOf(reader, track);
  const known = remembered(segments, init ?? NO_HEADER, () => new WeakMap<Exchange, SegmentFacts>());
  return remembered(known, exchange, () => ({ ...readSegment(reader.body(exchange), init?.defaults), locked: reader.isLocked?.(exchange) === true }));
}

/** Files of text stand beside transport streams (RFC 8216 3.5). */
function isWebVtt({ headers }: Exchange): boolean {
  return /^text\/vtt\b/i.test(headers['content-type'] ?? '');
}

export function transportOf(reader: TraceReader, segment: SegmentView): TsSegment | null {
  const { exchange } = segment;
  if (!delivered(exchange) || isWebVtt(exchange)) return null;
  return remembered(transports, exchange, () => {
    const sent = readTs(reader.body(exchange));
    return reader.openTransport?.(exchange, sent) ?? sent;
  });
}

export type MediaSegment = {
  readonly track: TrackView;
  readonly segment: SegmentView;
  readonly facts: SegmentFacts;
  readonly fragment: TrackFragment | null;
};

/**
 * A key-frame list may address the first bytes of a whole segment, as far as its key frame goes: boxes and sample tables then tell of
 * media that are not there (RFC 8216 4.3.3.6). Such an entry is judged by its picture alone.
 */
export function isPartOfSegment({ keyFrames }: Pick<TrackView, 'keyFrames'>, { range }: Pick<SegmentView, 'range'>): boolean {
  return keyFrames && range !== null;
}

/** Delivered fMP4 segments of a track in order. */
export function mediaSegments(reader: TraceReader, track: TrackView): readonly MediaSegment[] {
  return track.segments.flatMap((segment) => {
    if (isPartOfSegment(track, segment)) return [];
    const facts = segmentOf(reader, track, segment);
    return facts === null ? [] : [{ track, segment, facts, fragment: facts.fragments[0] ?? null }];
  });
}

export function allDelivered(track: TrackView): boolean {
  return track.segments.length > 0 && track.segments.every(({ exchange }) => delivered(exchange));
}

/** Ticks per second inside the media: from the header, or from the Smooth manifest, whose fragments have none. */
export function mediaTimescale(reader: TraceReader, track: TrackView): number | null {
  if (track.source.kind === 'smooth') return track.source.stream.timescale;
  const timescale = headerTrack(initOf(reader, track))?.timescale ?? 0;
  return timescale > 0 ? timescale : null;
}

/** How video samples of the track are framed; null for anything else. Smooth has no header: H.264 with 4 bytes unless it says so. */
export function framingOf(reader: TraceReader, track: TrackView): { readonly codec: NalCodec; readonly lengthSize: number } | null {
  if (track.kind !== 'video') return null;
  if (track.source.kind === 'smooth') {
    const { attributes } = track.source.quality.node;
    const codec = /^(H264|AVC1)$/i.test(attributes['FourCC'] ?? '') ? 'avc' : /^(HVC1|HEV1|HEVC|H265)$/i.test(attributes['FourCC'] ?? '') ? 'hevc' : null;
    return codec === null ? null : { codec, lengthSize: Number(attributes['NALUnitLengthField'] ?? '4') };
  }
  const entry = sampleEntryOf(reader, track);
  const codec = entry === null ? null : nalCodecOf(entry.type);
  if (entry === null || codec === null) return null;
  return { codec, lengthSize: parameterSets(entry)?.lengthSize ?? 4 };
}

export type ServedSample = FragmentSample & {
  /** In media ticks; null without tfdt. */
  readonly time: bigint | null;
  readonly segment: SegmentView;
  readonly lastOfSegment: boolean;
  readonly raw: string;
  /** Null for audio, and when the sample is not made of NAL units. */
  readonly normalised: string | null;
};

const sampleLists = new WeakMap<TrackView, readonly ServedSample[]>();
/** By facts and framing. */
const sampleHashes = new WeakMap<SegmentFacts, Map<string, readonly Pick<ServedSample, 'raw' | 'normalised'>[]>>();

function hashesOf(facts: SegmentFacts, framing: ReturnType<typeof framingOf>): readonly Pick<ServedSample, 'raw' | 'normalised'>[] {
  const byFraming = remembered(sampleHashes, facts, () => new Map<string, readonly Pick<ServedSample, 'raw' | 'normalised'>[]>());
  const key = framing === null ? '' : `${framing.codec} ${framing.lengthSize}`;
  const known = byFraming.get(key);
  if (known !== undefined) return known;
  const fresh = facts.fragments.flatMap(({ samples }) =>
    samples.map((sample) => {
      const bytes = sampleBytes(facts, sample);
      return { raw: shortHash(bytes), normalised: framing === null ? null : normalisedHash(bytes, framing.lengthSize, framing.codec) };
    }),
  );
  byFraming.set(key, fresh);
  return fresh;
}

/** All delivered samples of an fMP4 track in order, hashed once. */
export function samplesOf(reader: TraceReader, track: TrackView): readonly ServedSample[] {
  const known = sampleLists.get(track);
  if (known !== undefined) return known;
  const framing = framingOf(reader, track);
  const shift = headerTrack(initOf(reader, track))?.editShift ?? 0n;
  // An edit list takes off what is not shown: composition offsets of pictures, and encoder priming, whose frames are left out here.
  const isShown = ({ time, duration }: ServedSample): boolean => shift === 0n || track.kind !== 'audio' || time === null || time + BigInt(duration) > 0n;
  const list = mediaSegments(reader, track).flatMap(({ segment, facts }) => {
    const hashes = hashesOf(facts, framing);
    let at = 0;
    return facts.fragments.flatMap((fragment, index) => {
      const times = presentationTimes(fragment);
      return fragment.samples.map(
        (sample, i): ServedSample => ({ ...sample, time: times[i] === undefined ? null : times[i] - shift, segment, lastOfSegment: index === facts.fragments.length - 1 && i === fragment.samples.length - 1, ...hashes[at++] }),
      );
    });
  }).filter(isShown);
  sampleLists.set(track, list);
  return list;
}

/** The hash that a format's sample form keeps: raw for audio and stored samples, else normalised. */
export function comparableHash(view: View, track: TrackView, sample: { readonly raw: string; readonly normalised: string | null }): string | null {
  return track.kind === 'video' && formatRow(view.format).samples === 'normalised' ? sample.normalised : sample.raw;
}

export function mdatRanges({ tree }: SegmentFacts): readonly { readonly from: number; readonly to: number }[] {
  return findAll(tree.boxes, 'mdat').map(({ start, header, size }) => ({ from: start + header, to: start + size }));
}
