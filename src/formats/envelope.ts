/** The AES-128 envelope around the resources of any format: media segments, key frames and initialization segments. */
import { IsomerError } from '../errors.ts';
import type { ByteRange, Format, SegmentPlan, SegmentWindow } from '../formats.ts';
import type { Track } from '../model/presentation.ts';
import type { Scheme, TrackProtection } from '../model/protection.ts';
import { envelopeBytes, openEnvelope, sealWhole } from '../protection/envelope.ts';

/** `ams`: what the old service offered (delivery table); `beyond`: what a policy must ask for (media-rules 7.4). */
export type FormatSchemes = { readonly ams: readonly Scheme[]; readonly beyond: readonly Scheme[]; /** Whether samples in the clear may stand before encrypted ones. Smooth has no header with two sample entries; in transport streams the types of streams would change. */ readonly clearLead: boolean };

const NO_SCHEMES: FormatSchemes = { ams: [], beyond: [], clearLead: false };
/** All that a client may hold (architecture 6.9). */
const WINDOW_BYTES = 256 * 1024;

/** A row whose resources come out in their envelope, and that refuses schemes it does not know. */
export function protectedFormat(format: Format): Format {
  const { schemes = NO_SCHEMES, planKeyFrame, writeInit } = format;
  const envelopeOf = ({ protection }: Track): TrackProtection | null => {
    if (protection === undefined) return null;
    const known = [...schemes.ams, ...schemes.beyond];
    if (!known.includes(protection.scheme)) throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: format.title, expected: known.join(', '), found: protection.scheme });
    return protection.scheme === 'cbc' ? protection : null;
  };
  const seal = (track: Track, plan: () => SegmentPlan): SegmentPlan => {
    const envelope = envelopeOf(track);
    return envelope === null ? plan() : sealPlan(plan(), envelope);
  };
  return {
    ...format,
    planSegment: (presentation, set, track, segment, parameters) => seal(track, () => format.planSegment(presentation, set, track, segment, parameters)),
    ...(planKeyFrame === undefined
      ? {}
      : {
          planKeyFrame(set, track, time) {
            const plan = planKeyFrame(set, track, time);
            return plan === null ? null : seal(track, () => plan);
          },
        }),
    ...(writeInit === undefined
      ? {}
      : {
          writeInit(set, track) {
            const envelope = envelopeOf(track);
            const init = writeInit(set, track);
            return envelope === null ? init : sealWhole(init, envelope.key.reveal(), envelope.iv);
          },
        }),
  };
}

function sealPlan(plan: SegmentPlan, protection: TrackProtection): SegmentPlan {
  if (plan.kind === 'look') return { kind: 'look', look: async (stored) => sealPlan(await plan.look(stored), protection) };
  if (plan.kind === 'windows') return { kind: 'windows', length: envelopeBytes(plan.length), windows: () => sealWindows(plan.windows(), protection) };
  const { head, ranges } = plan;
  const length = ranges.reduce((sum, range) => sum + range.length, head.length);
  return { kind: 'windows', length: envelopeBytes(length), windows: () => sealWindows(copyWindows(head, ranges), protection) };
}

/** What the cipher gives is put back into the window's buffer: nothing else is held while a client reads. */
function* sealWindows(windows: Iterable<SegmentWindow>, { key, iv }: TrackProtection): Generator<SegmentWindow> {
  const envelope = openEnvelope(key.reveal(), iv);
  for (const window of windows) {
    yield {
      ...window,
      make(buffer) {
        return envelope.update(window.make(buffer), buffer);
      },
    };
  }
  yield { capacity: 0, reads: [], make: () => envelope.final() };
}

function* copyWindows(head: Uint8Array, ranges: readonly ByteRange[]): Generator<SegmentWindow> {
  yield { capacity: 0, reads: [], make: () => head };
  let reads: (ByteRange & { at: number })[] = [];
  let capacity = 0;
  const flush = (): SegmentWindow => {
    const bytes = capacity;
    const window = { capacity, reads, make: (buffer: Uint8Array) => buffer.subarray(0, bytes) };
    reads = [];
    capacity = 0;
    return window;
  };
  for (const { source, offset, length } of ranges) {
    for (let from = 0; from < length; ) {
      const taken = Math.min(length - from, WINDOW_BYTES - capacity);
      reads.push({ source, offset: offset + from, length: taken, at: capacity });
      capacity += taken;
      from += taken;
      if (capacity === WINDOW_BYTES) yield flush();
    }
  }
  if (capacity > 0) yield flush();
}
