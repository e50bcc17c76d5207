/** Access units and audio frames of transport stream tracks, stream by stream, with what names them: hash and stamp. */
import { readAmsUrl } from '../outputs.ts';
import { remembered, transportOf } from '../media.ts';
import { accessUnits, framedCodecOf } from '../oracle/audioframes.ts';
import { adtsFrames, annexBUnits, type TsSegment } from '../oracle/ts.ts';
import { hashOfUnits, shortHash } from '../oracle/truth.ts';
import type { TraceReader } from '../trace.ts';
import type { SegmentView, TrackView } from '../view.ts';

export type TransportSample = {
  readonly hash: string;
  /** Null for audio frames behind the first of their PES packet, which have no stamp of their own. */
  readonly pts: number | null;
  /** The same for decoding. */
  readonly dts: number | null;
  readonly segment: SegmentView;
};

export type ElementaryStream = {
  readonly kind: 'video' | 'audio';
  /** The asset's name of the track, where the URL says it. */
  readonly name: string | null;
  readonly samples: readonly TransportSample[];
  readonly fault: string | null;
};

const VIDEO_TYPES: Readonly<Record<number, 'avc' | 'hevc'>> = { 0x1b: 'avc', 0x24: 'hevc' };
const AAC_TYPE = 0x0f;

const known = new WeakMap<TrackView, readonly ElementaryStream[]>();

export function transportSamples(reader: TraceReader, track: TrackView): readonly ElementaryStream[] {
  return remembered(known, track, () => readStreams(reader, track));
}

type SegmentStream = { readonly pid: number; readonly kind: 'video' | 'audio'; readonly samples: readonly Omit<TransportSample, 'segment'>[]; readonly fault: string | null };

const streamsOfSegment = new WeakMap<TsSegment, readonly SegmentStream[]>();

function segmentStreams({ streams, pes }: TsSegment): readonly SegmentStream[] {
  return streams.flatMap((stream): SegmentStream[] => {
    const { pid, streamType } = stream;
    const codec = VIDEO_TYPES[streamType];
    const framed = framedCodecOf(stream);
    if (codec === undefined && framed === null && streamType !== AAC_TYPE) return [];
    const units = pes.filter((unit) => unit.pid === pid);
    if (codec !== undefined) return [{ pid, kind: 'video', samples: units.map(({ pts, dts, payload }) => ({ hash: hashOfUnits(annexBUnits(payload), codec), pts, dts })), fault: null }];
    let fault: string | null = null;
    const samples = units.flatMap(({ pts, dts, payload }) => {
      const frames = framed === null ? adtsPayloads(payload) : accessUnits(payload, framed);
      if (typeof frames !== 'string') return frames.map((frame, i) => ({ hash: shortHash(frame), pts: i === 0 ? pts : null, dts: i === 0 ? dts : null }));
      fault ??= frames;
      return [];
    });
    return [{ pid, kind: 'audio', samples, fault }];
  });
}

function adtsPayloads(bytes: Uint8Array): readonly Uint8Array[] | string {
  const frames = adtsFrames(bytes);
  return typeof frames === 'string' ? frames : frames.map(({ payload }) => payload);
}

function readStreams(reader: TraceReader, track: TrackView): readonly ElementaryStream[] {
  const byPid = new Map<number, { kind: 'video' | 'audio'; samples: TransportSample[]; fault: string | null }>();
  for (const segment of track.segments) {
    const transport = transportOf(reader, segment);
    if (transport === null) continue;
    for (const { pid, kind, samples, fault } of remembered(streamsOfSegment, transport, () => segmentStreams(transport))) {
      const stream = byPid.get(pid) ?? { kind, samples: [], fault: null };
      byPid.set(pid, stream);
      stream.fault ??= fault;
      for (const sample of samples) stream.samples.push({ ...sample, segment });
    }
  }
  const audioName = readAmsUrl(track.segments[0]?.url ?? '')?.parameters.get('audiotrack') ?? null;
  return [...byPid.values()].map((stream) => ({ ...stream, name: stream.kind === track.kind ? null : audioName }));
}
