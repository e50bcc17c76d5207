/** Access units and audio frames of transport stream tracks, stream by stream, with what names them: hash and stamp. */
import { readAmsUrl } from '../outputs.ts';
import { transportOf } from '../media.ts';
import { adtsFrames, annexBUnits } from '../oracle/ts.ts';
import { hashOfUnits, shortHash } from '../oracle/truth.ts';
import type { TraceReader } from '../trace.ts';
import type { SegmentView, TrackView } from '../view.ts';

export type TransportSample = {
  readonly hash: string;
  /** Null for audio frames behind the first of their PES packet, which have no stamp of their own. */
  readonly pts: number | null;
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
  const remembered = known.get(track);
  if (remembered !== undefined) return remembered;
  const streams = readStreams(reader, track);
  known.set(track, streams);
  return streams;
}

function readStreams(reader: TraceReader, track: TrackView): readonly ElementaryStream[] {
  const byPid = new Map<number, { kind: 'video' | 'audio'; samples: TransportSample[]; fault: string | null }>();
  for (const segment of track.segments) {
    const transport = transportOf(reader, segment);
    for (const { pid, streamType } of transport?.streams ?? []) {
      const codec = VIDEO_TYPES[streamType];
      if (codec === undefined && streamType !== AAC_TYPE) continue;
      const stream = byPid.get(pid) ?? { kind: codec === undefined ? 'audio' : 'video', samples: [], fault: null };
      byPid.set(pid, stream);
      for (const { pts, payload } of (transport?.pes ?? []).filter((unit) => unit.pid === pid)) {
        if (codec !== undefined) {
          stream.samples.push({ hash: hashOfUnits(annexBUnits(payload), codec), pts, segment });
          continue;
        }
        const frames = adtsFrames(payload);
        if (typeof frames === 'string') stream.fault ??= frames;
        else frames.forEach((frame, i) => stream.samples.push({ hash: shortHash(frame.payload), pts: i === 0 ? pts : null, segment }));
      }
    }
  }
  const audioName = readAmsUrl(track.segments[0]?.url ?? '')?.parameters.get('audiotrack') ?? null;
  return [...byPid.values()].map((stream) => ({ ...stream, name: stream.kind === track.kind ? null : audioName }));
}
