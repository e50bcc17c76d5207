/**
 * Opens a trace with content keys: bodies inside an envelope, samples of fragments and of transport streams come out as they were before
 * encryption, so that every check of media judges protected content, too.
 */
import type { Result } from '../spec/report.ts';
import { Locked } from './fault.ts';
import { delivered, remembered } from './media.ts';
import { accessUnits } from './oracle/audioframes.ts';
import { readBoxes, readInit, type BoxTree } from './oracle/boxes.ts';
import { openAudioFrame, openCbcs, openCenc, openEnvelope, openNal } from './oracle/cipher.ts';
import { fragmentEncryption, trackEncryptions, type TrackEncryption } from './oracle/encryption.ts';
import { readSegment, type SegmentFacts, type TrackFragment } from './oracle/fragments.ts';
import type { KeyRing } from './oracle/keys.ts';
import { sealingOf, sealingOfTrack, type Sealing } from './oracle/signalled.ts';
import { adtsFrames, annexBUnits, type TsSegment } from './oracle/ts.ts';
import { formatRow } from './outputs.ts';
import type { Exchange, TraceReader } from './trace.ts';
import { readView, type TrackView, type View } from './view.ts';

/** Null: the key is missing, or does not fit. */
type Open = (bytes: Uint8Array) => Uint8Array | null;
export type Opened = Required<TraceReader>;
type OpenTransport = (segment: TsSegment) => TsSegment | null;

export function openReader(reader: TraceReader, views: readonly View[], keys: KeyRing): Opened {
  const whole = new Map<Exchange, Open>();
  const samples = new Map<Exchange, Open>();
  const transports = new Map<Exchange, OpenTransport>();
  const opened = new WeakMap<Exchange, { readonly bytes: Uint8Array | null }>();
  for (const view of views) for (const track of view.tracks) planTrack({ reader, views, keys, view, track, whole, samples, transports });
  const read = (exchange: Exchange): Uint8Array | null => {
    const open = whole.get(exchange) ?? samples.get(exchange);
    return open === undefined ? reader.body(exchange) : remembered(opened, exchange, () => ({ bytes: open(reader.body(exchange)) })).bytes;
  };
  return {
    trace: reader.trace,
    find: (url, range) => reader.find(url, range),
    body(exchange) {
      const bytes = read(exchange);
      if (bytes !== null) return bytes;
      if (whole.has(exchange)) throw new Locked();
      return reader.body(exchange);
    },
    isEnveloped: (exchange) => whole.has(exchange),
    isLocked: (exchange) => samples.has(exchange) && read(exchange) === null,
    openTransport(exchange, segment) {
      const open = transports.get(exchange);
      if (open === undefined) return segment;
      const clear = open(segment);
      if (clear === null) throw new Locked();
      return clear;
    },
  };
}

/** Of a whole trace: a reader for each asset, made when it is asked for. Outputs of one asset tell of each other's keys. */
export function openAssets(reader: TraceReader, keys: KeyRing): (asset: string) => Opened {
  const opened = new Map<string, Opened>();
  return (asset) => {
    const made = opened.get(asset) ?? openReader(reader, reader.trace.manifests.filter((manifest) => manifest.asset === asset).map((manifest) => readView(manifest, reader)), keys);
    opened.set(asset, made);
    return made;
  };
}

export type Protection = Result['subject']['protection'];

/** What the tracks of an output are enciphered with: the first that says it speaks for all. */
export function protectionOf(reader: TraceReader, view: View): Protection {
  for (const track of view.tracks) {
    const sealing = sealingOfTrack(view, track);
    if (sealing?.kind === 'envelope') return 'aes128';
    if (sealing?.kind === 'sample-aes') return 'sample-aes';
    if (track.source.kind === 'smooth') return sealing === null ? 'clear' : 'piff';
    const scheme = encryptionOf(reader, track)?.scheme;
    if (scheme === 'cenc' || scheme === 'cbcs') return scheme;
  }
  return 'clear';
}

type Plans = {
  readonly reader: TraceReader;
  readonly views: readonly View[];
  readonly keys: KeyRing;
  readonly view: View;
  readonly track: TrackView;
  readonly whole: Map<Exchange, Open>;
  readonly samples: Map<Exchange, Open>;
  readonly transports: Map<Exchange, OpenTransport>;
};

function planTrack(plans: Plans): void {
  const { keys, view, track, whole, samples, transports } = plans;
  const envelope = (exchange: Exchange, { uri, iv }: Extract<Sealing, { kind: 'envelope' }>): void => {
    const key = keys.find(uri);
    if (!whole.has(exchange)) whole.set(exchange, (bytes) => (key === null || iv === null ? null : openEnvelope(bytes, key, iv)));
  };
  const inTransport = formatRow(view.format).container === 'ts';
  let boxes: Open | null | undefined;
  const init = track.init?.exchange ?? null;
  if (delivered(init)) {
    const sealing = sealingOf(view, track, 'init');
    if (sealing?.kind === 'envelope') envelope(init, sealing);
    else if (!inTransport && !samples.has(init)) samples.set(init, clearHeader);
  }
  for (const { exchange, index } of track.segments) {
    if (!delivered(exchange)) continue;
    const sealing = sealingOf(view, track, index);
    if (sealing?.kind === 'envelope') envelope(exchange, sealing);
    else if (sealing?.kind === 'sample-aes') {
      const key = sealing.uris.map((uri) => keys.find(uri)).find((each) => each !== null) ?? null;
      if (!transports.has(exchange)) transports.set(exchange, (segment) => (key === null || sealing.iv === null ? null : clearTransport(segment, key, sealing.iv)));
    } else if (!inTransport && !samples.has(exchange)) {
      boxes ??= openerOf(plans, sealing);
      if (boxes !== null) samples.set(exchange, boxes);
    }
  }
}

/** How samples of a track's fragments are opened; null when they are in the clear. */
function openerOf({ reader, views, keys, track }: Plans, sealing: Sealing | null): Open | null {
  const encryption = track.source.kind === 'smooth' ? smoothEncryption(reader, views, track, sealing) : encryptionOf(reader, track);
  if (encryption === null) return null;
  const init = track.init?.exchange ?? null;
  const { defaults } = delivered(init) ? readInit(reader.body(init)) : { defaults: undefined };
  return (bytes) => {
    const key = keys.find(encryption.keyId);
    return key === null || !['cenc', 'cbcs'].includes(encryption.scheme) ? null : clearSamples(readSegment(bytes, defaults), key, encryption);
  };
}

/** What deciphering has to know of a track. */
type Cipher = Pick<NonNullable<TrackEncryption['tenc']>, 'keyId' | 'ivSize' | 'constantIv' | 'pattern'> & { readonly scheme: string; /** Sample entries of the samples that are enciphered; null: all are. */ readonly entries: readonly number[] | null };

/** Whether a fragment's samples are enciphered: in a clear lead they refer to another sample entry. */
export function isEnciphered({ entries }: Pick<Cipher, 'entries'>, { sampleEntry }: Pick<TrackFragment, 'sampleEntry'>): boolean {
  return entries === null || entries.includes(sampleEntry);
}

/** What the header says; null for a track in the clear. */
export function encryptionOf(reader: TraceReader, track: TrackView): Cipher | null {
  const exchange = track.init?.exchange ?? null;
  const all = delivered(exchange) ? trackEncryptions(readBoxes(reader.body(exchange))) : [];
  const [first] = all;
  if (first === undefined) return null;
  const entries = all.map(({ index }) => index);
  return first.tenc === null ? { scheme: '', keyId: '', ivSize: 0, constantIv: null, pattern: { crypt: 0, skip: 0 }, entries } : { ...first.tenc, scheme: first.scheme ?? '', entries };
}

/** Smooth has no header: the manifest names the keys. Which of several is a track's own is learnt from its header in DASH. */
function smoothEncryption(reader: TraceReader, views: readonly View[], { set, bitrate }: TrackView, sealing: Sealing | null): Cipher | null {
  const keyIds = sealing?.kind === 'samples' ? sealing.keyIds : [];
  if (keyIds.length === 0) return null;
  const same = views.filter(({ format }) => format === 'dash-csf').flatMap(({ tracks }) => tracks).find((track) => track.set === set && track.bitrate === bitrate);
  const header = same === undefined ? null : encryptionOf(reader, same);
  if (keyIds.length > 1 && same !== undefined && header === null) return null;
  return { scheme: 'cenc', keyId: header?.keyId ?? keyIds[0], ivSize: 8, constantIv: null, pattern: { crypt: 0, skip: 0 }, entries: null };
}

function clearSamples({ tree, fragments }: SegmentFacts, key: Uint8Array, cipher: Cipher): Uint8Array {
  const { scheme, ivSize, constantIv, pattern } = cipher;
  const out = Uint8Array.from(tree.bytes);
  for (const { traf, samples } of fragments.filter((fragment) => isEnciphered(cipher, fragment))) {
    const information = fragmentEncryption(tree, traf, ivSize);
    samples.forEach(({ offset, size }, i) => {
      const { iv = new Uint8Array(), subsamples = null } = information?.samples[i] ?? {};
      const vector = iv.length > 0 ? iv : constantIv;
      const sample = tree.bytes.subarray(offset, offset + size);
      // Information that is missing or cut short leaves the sample as it is, and the comparison with the truth tells.
      if (vector === null || ![8, 16].includes(vector.length) || (information === null && constantIv === null)) return;
      if (scheme === 'cbcs' && vector.length === 16) out.set(openCbcs(sample, subsamples, key, vector, pattern), offset);
      else if (scheme === 'cenc') out.set(openCenc(sample, subsamples, key, vector), offset);
    });
  }
  return out;
}

/** Sample entries by the names that they have in the clear; sinf stays where it is. */
function clearHeader(bytes: Uint8Array): Uint8Array {
  const tree: BoxTree = readBoxes(bytes);
  const protectedEntries = trackEncryptions(tree).filter(({ format }) => format !== null && /^[\x20-\x7e]{4}$/.test(format));
  if (protectedEntries.length === 0) return bytes;
  const out = Buffer.from(bytes);
  for (const { entry, format } of protectedEntries) out.write(format ?? '', entry.start + 4, 'latin1');
  return out;
}

/** stream_type of enciphered streams, and what they are in the clear. */
export const SAMPLE_AES_TYPES: Readonly<Record<number, number>> = { 0xdb: 0x1b, 0xcf: 0x0f, 0xc1: 0x81, 0xc2: 0x87 };

const START_CODE = Uint8Array.of(0, 0, 0, 1);

function clearTransport(segment: TsSegment, key: Uint8Array, iv: Uint8Array): TsSegment {
  const types = new Map(segment.streams.map(({ pid, streamType }) => [pid, streamType]));
  const open = (payload: Uint8Array, type: number | undefined): Uint8Array => {
    if (type === 0xdb) return Buffer.concat(annexBUnits(payload).flatMap((unit) => [START_CODE, openNal(unit, key, iv)]));
    if (type === 0xcf) return openAdts(payload, key, iv);
    return type === 0xc1 || type === 0xc2 ? openDolby(payload, key, iv) : payload;
  };
  return {
    ...segment,
    streams: segment.streams.map((stream) => ({ ...stream, streamType: SAMPLE_AES_TYPES[stream.streamType] ?? stream.streamType })),
    pes: segment.pes.map((unit) => ({ ...unit, payload: open(unit.payload, types.get(unit.pid)) })),
  };
}

/** The header of an ADTS frame is clear, and so are 16 bytes behind it. */
function openAdts(payload: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
  const frames = adtsFrames(payload);
  if (typeof frames === 'string') return payload;
  const out = Uint8Array.from(payload);
  for (const { payload: frame } of frames) out.set(openAudioFrame(frame, [{ at: 0, bytes: frame.length }], key, iv), frame.byteOffset - payload.byteOffset);
  return out;
}

/** Each syncframe of an access unit has clear bytes of its own (ETSI TS 102 366 E.1.2.2: frmsiz in words of 16 bits less one). */
function openDolby(payload: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
  const units = accessUnits(payload, 'ec-3');
  if (typeof units === 'string') return payload;
  return Buffer.concat(
    units.map((unit) => {
      const parts: { at: number; bytes: number }[] = [];
      for (let at = 0; at + 4 <= unit.length; at += parts[parts.length - 1].bytes) parts.push({ at, bytes: 2 * ((((unit[at + 2] & 7) << 8) | unit[at + 3]) + 1) });
      return openAudioFrame(unit, parts, key, iv);
    }),
  );
}
