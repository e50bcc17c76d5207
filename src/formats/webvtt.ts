/** Text as WebVTT files beside transport streams, and beside CMAF where they are asked for (RFC 8216 3.5). */
import { IsomerError } from '../errors.ts';
import type { SegmentPlan } from '../formats.ts';
import type { SwitchingSet, Track } from '../model/presentation.ts';
import { SIGNATURE } from '../text/webvtt.ts';

const encoder = new TextEncoder();
const BARE = encoder.encode(SIGNATURE);
/** The time of cues is the presentation's: on the clock of transport streams it begins at `clockOffset`, 90 kHz (media-rules 1.5). */
const head = (clockOffset: number): Uint8Array => encoder.encode(`${SIGNATURE}X-TIMESTAMP-MAP=MPEGTS:${clockOffset},LOCAL:00:00:00.000\n`);

/** `clockOffset` null: the media count from 0, as cues do, and nothing has to be said. */
export function planWebVtt({ name }: SwitchingSet, { webvtt, codec }: Track, segment: number, clockOffset: number | null): SegmentPlan {
  if (webvtt === undefined) throw new IsomerError('MPE_MEDIA_TYPE_NOT_SUPPORTED', { what: `track ${name}`, expected: 'WebVTT', found: codec.rfc6381 });
  const [offset, length] = [webvtt.offsets[segment], webvtt.sizes[segment]];
  if (clockOffset === null) return { kind: 'copy', head: new Uint8Array(0), ranges: [{ source: webvtt.source, offset, length }] };
  const rest = length - BARE.length;
  return { kind: 'copy', head: head(clockOffset), ranges: rest === 0 ? [] : [{ source: webvtt.source, offset: offset + BARE.length, length: rest }] };
}
