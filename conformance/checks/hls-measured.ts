/** What the media of HLS measure, to be held against what playlists say: durations, codecs, sizes, rates. */
import { allDelivered, delivered, mediaSegments, mediaTimescale, sampleEntryOf, samplesOf, transportOf } from '../media.ts';
import { inapplicable, type Finding, type FormatContext } from '../model.ts';
import { codecString } from '../oracle/codecs.ts';
import { dtsEntryOf, framedCodecOf } from '../oracle/audioframes.ts';
import { durationOf } from '../oracle/fragments.ts';
import { attributeOf, type HlsDocument, type Tag } from '../oracle/m3u8.ts';
import { soundOf } from '../oracle/sound.ts';
import { readSps } from '../oracle/sps.ts';
import { adtsFrames, annexBUnits } from '../oracle/ts.ts';
import { subtitleEntry } from '../text.ts';
import type { Exchange } from '../trace.ts';
import { trackName, type TrackView, type View } from '../view.ts';
import { judged, problem, renditionGroups } from './helpers.ts';

type Rates = { readonly peak: number; readonly average: number; readonly tag: Tag };

/** SBR and PS, which ADTS headers and plain configurations say nothing of; a core with them runs at 24 kHz or less. sound/told knows them. */
const HIDDEN = ['mp4a.40.5', 'mp4a.40.29'];
const INDEX_24K = 6;

export function targetOf(document: HlsDocument): number | null {
  const value = document.tags.find(({ name }) => name === 'EXT-X-TARGETDURATION')?.value;
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

export function playlistOf({ source }: TrackView): Exchange | null {
  return source.kind === 'hls' ? source.playlist.exchange : null;
}

/** Duration of each segment as the media say it: from trun, or from the first stamps of neighbouring TS segments. */
export function measuredDurations({ reader }: FormatContext, track: TrackView): readonly { readonly index: number; readonly seconds: number; readonly frame: number }[] {
  const timescale = mediaTimescale(reader, track);
  if (timescale !== null) {
    const shown = Map.groupBy(samplesOf(reader, track), ({ segment }) => segment);
    return mediaSegments(reader, track).map(({ segment }) => {
      const samples = shown.get(segment) ?? [];
      return { index: segment.index, seconds: Number(durationOf({ samples })) / timescale, frame: Math.max(...samples.map(({ duration }) => duration)) / timescale };
    });
  }
  const starts = track.segments.map((segment) => {
    const transport = transportOf(reader, segment);
    const stamps = (transport?.pes ?? []).filter(({ streamId, pts }) => pts !== null && (track.kind !== 'video' || (streamId & 0xf0) === 0xe0)).map(({ pts }) => pts ?? 0);
    return stamps.length === 0 ? null : { first: Math.min(...stamps), frame: stamps.length < 2 ? 0.1 : (Math.max(...stamps) - Math.min(...stamps)) / (stamps.length - 1) / 90_000 };
  });
  return starts.flatMap((start, index) => {
    const next = starts[index + 1] ?? null;
    return start === null || next === null ? [] : [{ index, seconds: (next.first - start.first) / 90_000, frame: start.frame }];
  });
}

export function variantsOf(view: View): readonly { readonly tag: Tag; readonly track: TrackView }[] {
  if (view.document?.kind !== 'hls') return [];
  const { hls } = view.document;
  const at = (uri: string | null, keyFrames: boolean): TrackView | undefined =>
    uri === null || !URL.canParse(uri, view.url) ? undefined : view.tracks.find(({ source, keyFrames: own }) => own === keyFrames && source.kind === 'hls' && source.playlist.url === new URL(uri, view.url).href);
  return [...hls.variants.map(({ tag, uri }) => ({ tag, track: at(uri, false) })), ...hls.keyFrameVariants.map((tag) => ({ tag, track: at(attributeOf(tag, 'URI'), true) }))].flatMap(({ tag, track }) => (track === undefined ? [] : [{ tag, track }]));
}

/** Codec strings of the media: from the sample entry, or from the parameter sets and ADTS headers of a TS segment. Several: any of them. */
export function measuredCodecs({ reader }: FormatContext, track: TrackView): readonly (readonly string[])[] {
  const entry = sampleEntryOf(reader, track);
  if (entry?.type === 'stpp') return [[`stpp.ttml.${/codecs=(\w+)/.exec(subtitleEntry(reader, track)?.mime ?? '')?.[1] ?? ''}`]];
  if (entry !== null) {
    const sound = soundOf(entry);
    const codec = sound?.codec ?? codecString(entry)?.toLowerCase();
    return codec === undefined ? [] : [sound?.open === true ? [codec, ...HIDDEN] : [codec]];
  }
  const segment = track.segments.find(({ exchange }) => delivered(exchange));
  const transport = segment === undefined ? null : transportOf(reader, segment);
  return (transport?.streams ?? []).flatMap((stream): readonly (readonly string[])[] => {
    const { pid, streamType } = stream;
    const payload = transport?.pes.find((unit) => unit.pid === pid)?.payload;
    if (payload === undefined) return [];
    if (streamType === 0x1b) {
      const sps = annexBUnits(payload).find((unit) => (unit[0] & 31) === 7);
      return sps === undefined ? [] : [[`avc1.${Buffer.from(sps.subarray(1, 4)).toString('hex')}`]];
    }
    const framed = framedCodecOf(stream);
    if (framed !== null) return [[framed === 'dts' ? dtsEntryOf(payload) : framed]];
    const frames = streamType === 0x0f ? adtsFrames(payload) : 'other';
    if (typeof frames === 'string' || frames.length === 0) return [];
    const [{ objectType, rateIndex }] = frames;
    return [[`mp4a.40.${objectType}`, ...(objectType === 2 && rateIndex >= INDEX_24K ? HIDDEN : [])]];
  });
}

/** From the first sequence parameter set of a transport stream. */
export function pictureSize({ reader }: FormatContext, track: TrackView): { readonly width: number; readonly height: number } | null {
  const segment = track.segments.find(({ exchange }) => delivered(exchange));
  const transport = segment === undefined ? null : transportOf(reader, segment);
  const pid = transport?.streams.find(({ streamType }) => streamType === 0x1b)?.pid;
  const [unit] = (transport?.pes ?? []).filter((each) => each.pid === pid).slice(0, 1).flatMap(({ payload }) => annexBUnits(payload).filter((each) => (each[0] & 31) === 7));
  return unit === undefined ? null : readSps(unit);
}

/** Measured rates of every variant whose media are all at hand (RFC 8216 4.3.4.2). */
export function bandwidths(context: FormatContext, judge: (told: number, rates: Rates) => { readonly message: string; readonly wanted: string; readonly actual?: string } | null): readonly Finding[] {
  const { view } = context;
  const findings = variantsOf(view).flatMap(({ tag, track }) => {
    if (!allDelivered(track)) return [];
    const [audio, text] = renditionGroups(view, tag);
    const groups = track.keyFrames ? [] : [track.kind === 'audio' ? [] : audio, text];
    if (!groups.flat().every(allDelivered)) return [];
    const own = ratesOf(track);
    const others = groups.map((group) => group.map(ratesOf));
    const add = (name: 'peak' | 'average'): number => others.reduce((sum, group) => sum + Math.max(0, ...group.map((rates) => rates[name])), own[name]);
    const path = `variant/${trackName(track)}`;
    const told = Number(attributeOf(tag, 'BANDWIDTH') ?? '0');
    const fault = judge(told, { peak: Math.ceil(add('peak')), average: Math.ceil(add('average')), tag });
    return judged(path, fault === null ? [] : [problem(path, fault.message, { wanted: fault.wanted, actual: fault.actual ?? String(told), at: view.manifest, pointer: `line ${tag.line}` })]);
  });
  return findings.length === 0 ? [inapplicable('manifest', 'not all media of a variant were captured')] : findings;
}

/** The peak is the largest rate of a run of segments that lasts half to one and a half target durations. */
export function ratesOf(track: TrackView): { readonly peak: number; readonly average: number } {
  const bits = track.segments.map(({ exchange }) => 8 * (exchange?.body?.size ?? 0));
  const seconds = track.segments.map(({ duration }) => Number(duration) / 1e9);
  const document = track.source.kind === 'hls' ? track.source.playlist.document : null;
  const target = (document === null ? null : targetOf(document)) ?? 1;
  const sum = (list: readonly number[]): number => list.reduce((total, value) => total + value, 0);
  let peak = 0;
  for (let first = 0; first < bits.length; first++) {
    let [size, length] = [0, 0];
    for (let last = first; last < bits.length; last++) {
      size += bits[last];
      length += seconds[last];
      if (length > 1.5 * target) break;
      if (length >= 0.5 * target) peak = Math.max(peak, size / length);
    }
  }
  const average = sum(bits) / Math.max(1e-9, sum(seconds));
  return { peak: Math.max(peak, average), average };
}
