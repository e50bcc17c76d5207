/** The payload of a movie fragment in windows: samples in the form that is sent, enciphered where the track is. */
import type { NalLayout } from '../codec/slices.ts';
import type { SegmentPlan, SegmentWindow } from '../formats.ts';
import type { Track } from '../model/presentation.ts';
import { cutBefore, type PayloadCipher, type ProtectedRanges } from '../protection/protected.ts';
import { payloadReads } from './look.ts';

/** The least that holds a window of ours, as pools have them. */
const WINDOW_BYTES = 256 * 1024;
const FIELD_BYTES = 4;
/** Of objects in memory, about. */
const PIECE_BYTES = 56;
const FIELD_ENTRY_BYTES = 40;

/** `held`: bytes of what it keeps, about. */
export type PayloadCrypt = { readonly ranges: ProtectedRanges; readonly held: number; open(): PayloadCipher };

/** Bytes that are sent as stored, and where. */
type Piece = { readonly sent: number; readonly stored: number; readonly bytes: number };

/** Runs of sent bytes, and length fields that are written between them. */
type Composition = { readonly pieces: readonly Piece[]; readonly fields: readonly { readonly at: number; readonly length: number }[]; readonly total: number };

/** `head` and samples [first, end). With a layout its NAL units behind length fields of 4 bytes, else all as it is stored. */
export function planPayload(track: Track, first: number, end: number, head: Uint8Array, layout: NalLayout | null, crypt: PayloadCrypt | null): SegmentPlan {
  const { samples } = track;
  const composition = layout === null ? asStored(samples.sizes.subarray(first, end)) : compose(layout, track.codec.kind === 'video' ? track.codec.nalLengthSize : FIELD_BYTES);
  const held = head.length + PIECE_BYTES * composition.pieces.length + FIELD_ENTRY_BYTES * composition.fields.length + (crypt === null ? 0 : crypt.held);
  return { kind: 'windows', length: head.length + composition.total, held, windows: () => windowsOf(track, first, end, head, composition, crypt) };
}

function asStored(sizes: Uint32Array): Composition {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return { pieces: [{ sent: 0, stored: 0, bytes: total }], fields: [], total };
}

/** Stored fields of 4 bytes are sent as they are, with what is next to them. */
function compose({ sizes, starts }: NalLayout, nalLengthSize: number): Composition {
  const pieces: { sent: number; stored: number; bytes: number }[] = [];
  const fields: { at: number; length: number }[] = [];
  const own = nalLengthSize === FIELD_BYTES ? FIELD_BYTES : 0;
  let sent = 0;
  for (let i = 0; i < sizes.length; i++) {
    if (own === 0) fields.push({ at: sent, length: sizes[i] - FIELD_BYTES });
    const piece = { sent: sent + FIELD_BYTES - own, stored: starts[i] - own, bytes: sizes[i] - FIELD_BYTES + own };
    const last = pieces[pieces.length - 1];
    if (last !== undefined && last.stored + last.bytes === piece.stored && last.sent + last.bytes === piece.sent) last.bytes += piece.bytes;
    else pieces.push(piece);
    sent += sizes[i];
  }
  return { pieces, fields, total: sent };
}

function* windowsOf(track: Track, first: number, end: number, head: Uint8Array, { pieces, fields, total }: Composition, crypt: PayloadCrypt | null): Generator<SegmentWindow> {
  const readsOf = payloadReads(track, first, end);
  const cipher = crypt?.open() ?? null;
  let piece = 0;
  let field = 0;
  // The head shares the first window, unless it alone is as large.
  let front = head;
  if (head.length > WINDOW_BYTES / 2) {
    yield { capacity: 0, reads: [], make: () => head };
    front = head.subarray(head.length);
  }
  let from = 0;
  do {
    const wanted = Math.min(total, from + WINDOW_BYTES - front.length);
    const to = wanted === total || crypt === null ? wanted : cutBefore(crypt.ranges, wanted);
    const ownFront = front;
    const start = from;
    const reads: SegmentWindow['reads'][number][] = [];
    for (; piece < pieces.length && pieces[piece].sent < to; piece++) {
      const { sent, stored, bytes } = pieces[piece];
      const a = Math.max(start, sent);
      const b = Math.min(to, sent + bytes);
      if (a < b) reads.push(...readsOf(stored + a - sent, b - a, ownFront.length + a - start));
      if (sent + bytes > to) break;
    }
    const next = fieldsUntil(fields, field, to);
    const ownFields = fields.slice(field, next);
    // A field that the window's end cuts comes again.
    field = next > 0 && fields[next - 1].at + FIELD_BYTES > to ? next - 1 : next;
    yield {
      capacity: ownFront.length + to - start,
      reads,
      make(buffer) {
        buffer.set(ownFront);
        const payload = buffer.subarray(ownFront.length);
        for (const { at, length } of ownFields) {
          for (let i = 0; i < FIELD_BYTES; i++) if (at + i >= start && at + i < to) payload[at + i - start] = length >>> (8 * (FIELD_BYTES - 1 - i));
        }
        cipher?.(payload, start);
        return buffer;
      },
    };
    front = front.subarray(front.length);
    from = to;
  } while (from < total);
}

function fieldsUntil(fields: Composition['fields'], from: number, to: number): number {
  let index = from;
  while (index < fields.length && fields[index].at < to) index++;
  return index;
}
