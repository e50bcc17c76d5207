/** Text of a view, read once: what each segment of a text track says, whatever it is written in. */
import { delivered, initOf, remembered, segmentOf } from './media.ts';
import { bodyOf, find, readBoxes } from './oracle/boxes.ts';
import { sampleBytes } from './oracle/fragments.ts';
import { readTtml, type TtmlFacts } from './oracle/ttml.ts';
import { readWebVtt, type WebVttFacts } from './oracle/webvtt.ts';
import { formatRow } from './outputs.ts';
import type { Exchange, TraceReader } from './trace.ts';
import type { SegmentView, TrackView, View } from './view.ts';

export type TextContent = { readonly form: 'webvtt'; readonly facts: WebVttFacts } | { readonly form: 'ttml'; readonly facts: TtmlFacts };

/** `content` is null where a fragment holds no sample to read. */
export type TextSegment = { readonly segment: SegmentView; readonly exchange: Exchange; readonly content: TextContent | null };

const contents = new WeakMap<Exchange, TextContent | null>();

export function textTracks({ tracks }: View): readonly TrackView[] {
  return tracks.filter(({ kind }) => kind === 'text');
}

/** Segments that are files of their own: HLS names them without an initialization segment (RFC 8216 3.5). */
export function isTextFile({ kind, init, source }: TrackView): boolean {
  return kind === 'text' && init === null && source.kind === 'hls';
}

/** Delivered segments of a text track in order. Other samples than TTML are nobody's yet. */
export function textSegments(reader: TraceReader, track: TrackView): readonly TextSegment[] {
  return track.segments.flatMap((segment) => {
    const { exchange } = segment;
    return delivered(exchange) ? [{ segment, exchange, content: remembered(contents, exchange, () => readContent(reader, track, segment, exchange)) }] : [];
  });
}

function readContent(reader: TraceReader, track: TrackView, segment: SegmentView, exchange: Exchange): TextContent | null {
  if (isTextFile(track)) return { form: 'webvtt', facts: readWebVtt(reader.body(exchange)) };
  const facts = segmentOf(reader, track, segment);
  const [sample] = facts?.fragments.flatMap(({ samples }) => samples) ?? [];
  return facts === null || sample === undefined ? null : { form: 'ttml', facts: readTtml(sampleBytes(facts, sample)) };
}

/** Milliseconds that are added to a cue's time to get its place on the presentation's timeline (RFC 8216 3.5). */
export function cueShift(view: View, content: TextContent): number {
  if (content.form === 'ttml') return 0;
  const { map } = content.facts;
  const origin = formatRow(view.format).container === 'ts' ? TRANSPORT_ORIGIN : 0;
  return map === null ? -origin / 90 : (map.mpegts - origin) / 90 - map.local;
}

/** Stamp of time 0 in transport streams (media rule 1.5). */
export const TRANSPORT_ORIGIN = 900_000;

export type SubtitleEntry = { readonly handler: string; readonly mediaHeader: boolean; readonly entries: readonly string[]; readonly namespace: string; readonly mime: string; readonly brands: readonly string[] };

/** Header of an stpp track (ISO/IEC 14496-30:2018 5.3; 14496-12:2022 12.6.3). */
export function subtitleEntry(reader: TraceReader, track: TrackView): SubtitleEntry | null {
  const init = initOf(reader, track);
  const header = init?.tracks[0];
  if (init === null || header === undefined) return null;
  const media = find(init.tree.boxes, 'moov/trak/mdia/minf')?.children ?? [];
  const entry = find(media, 'stbl/stsd')?.children[0];
  // Six reserved bytes and the data reference index, three strings, then boxes.
  const body = entry === undefined ? Buffer.alloc(0) : Buffer.from(bodyOf(init.tree, entry).subarray(8));
  const strings = body.toString('latin1').split('\0', 3);
  const boxes = readBoxes(body.subarray(strings.reduce((sum, { length }) => sum + length + 1, 0)));
  const mime = find(boxes.boxes, 'mime');
  return {
    handler: header.handler,
    mediaHeader: find(media, 'sthd') !== undefined,
    entries: header.entries.map(({ type }) => type),
    namespace: strings[0],
    // A full box with one string.
    mime: mime === undefined ? '' : Buffer.from(bodyOf(boxes, mime).subarray(4)).toString('latin1').replace(/\0$/, ''),
    brands: init.brands,
  };
}
