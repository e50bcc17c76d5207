/** Encrypted samples: from a track's protection to bytes and to what the boxes and tables say of them. */
import type { NalLayout } from '../codec/slices.ts';
import { IsomerError } from '../errors.ts';
import type { SampleEncryption, TrackEncryption } from '../isobmff/protection.ts';
import type { AudioCodec, Codec } from '../model/codec.ts';
import type { Track } from '../model/presentation.ts';
import type { TrackProtection } from '../model/protection.ts';
import { AUDIO_TYPES, type AudioSetup, type BlockCipher } from '../mpegts/protect.ts';
import { cbcsCipher, VIDEO_PATTERN, WHOLE_PATTERN } from '../protection/cbcs.ts';
import { CENC_IV_BYTES, cencCipher, sampleIvs } from '../protection/cenc.ts';
import { protectedRanges } from '../protection/protected.ts';
import { keyCiphers, type KeyCiphers } from '../protection/keyciphers.ts';
import { restartedCbc } from '../protection/restartedcbc.ts';
import { mapSubsamples } from '../protection/subsamples.ts';
import type { FragmentForm } from './fmp4.ts';
import type { PayloadCrypt } from './payload.ts';

const NO_BYTES = new Uint8Array(0);
/** What is kept for each sample and each protected range: ranges, subsamples and vectors. */
const HELD_BYTES = 40;

/** The track's protection when it lies on the samples; null in the clear and inside an envelope. */
export function sampleProtection({ protection }: Track): TrackProtection | null {
  return protection === undefined || protection.scheme === 'cbc' ? null : protection;
}

/** Of a run of samples that begins with `first`: null as well where that lies in a clear lead. */
export function protectionFrom(track: Track, first: number): TrackProtection | null {
  const protection = sampleProtection(track);
  return protection === null || first < protection.clearSamples ? null : protection;
}

/** Samples [first, …) of the track as they are sent; `layout`: their NAL units, for video. */
export type SentSamples = { readonly first: number; readonly sizes: Uint32Array; readonly layout: NalLayout | null };

/** What the boxes say of the samples' encryption, and how their payload is enciphered. */
export function planEncryption(track: Track, protection: TrackProtection, { first, sizes, layout }: SentSamples, form: FragmentForm): PayloadCrypt & { readonly boxes: SampleEncryption } {
  const isCbcs = protection.scheme === 'cbcs';
  const subsamples = layout === null ? null : mapSubsamples(layout, !isCbcs);
  const ivs = isCbcs ? NO_BYTES : sampleIvs(protection.ivPrefixes[form.cmaf ? 'cmaf' : 'stored'], first, sizes.length);
  const ranges = protectedRanges(sizes, subsamples);
  return {
    boxes: { form: form.encryption, ivBytes: isCbcs ? 0 : CENC_IV_BYTES, ivs, subsamples },
    ranges,
    held: HELD_BYTES * (sizes.length + ranges.starts.length),
    open() {
      const ciphers = ciphersOf(protection);
      return isCbcs ? cbcsCipher(ranges, ciphers, protection.iv, patternOf(track.codec.kind)) : cencCipher(ranges, ciphers, ivs);
    },
  };
}

/** As long as the protection is there: its ciphers hold no more than it does. */
const ciphers = new WeakMap<TrackProtection, KeyCiphers>();

function ciphersOf(protection: TrackProtection): KeyCiphers {
  let found = ciphers.get(protection);
  if (found === undefined) {
    found = keyCiphers(protection.key.reveal());
    ciphers.set(protection, found);
  }
  return found;
}

/** What `planEncryption` would say of `count` samples of one slice each: enough to reckon sizes without the samples. */
export function expectedEncryption({ codec }: Track, { scheme }: TrackProtection, count: number, form: FragmentForm): SampleEncryption {
  const ivBytes = scheme === 'cbcs' ? 0 : CENC_IV_BYTES;
  const ones = new Uint32Array(count).fill(1);
  return { form: form.encryption, ivBytes, ivs: new Uint8Array(ivBytes * count), subsamples: codec.kind === 'video' ? { counts: ones, clear: ones, protectedBytes: ones } : null };
}

/** What the sample entry says. PIFF's own scheme has no initialization segment here. */
export function trackEncryption({ scheme, keyId, iv }: TrackProtection, kind: Codec['kind']): TrackEncryption {
  if (scheme === 'cbcs') return { scheme, keyId, ivBytes: 0, constantIv: iv, pattern: patternOf(kind) };
  return { scheme: 'cenc', keyId, ivBytes: CENC_IV_BYTES, constantIv: null, pattern: WHOLE_PATTERN };
}

function patternOf(kind: Codec['kind']): typeof VIDEO_PATTERN {
  return kind === 'video' ? VIDEO_PATTERN : WHOLE_PATTERN;
}

/** The cipher of SAMPLE-AES; null in the clear. */
export function openSampleAes(track: Track): (() => BlockCipher) | null {
  const protection = sampleProtection(track);
  return protection === null ? null : () => restartedCbc(ciphersOf(protection), protection.iv);
}

/** What an encrypted stream's descriptor holds for its decoder. */
export function audioSetup({ rfc6381, config }: AudioCodec): AudioSetup {
  const audioType = AUDIO_TYPES[rfc6381];
  if (audioType === undefined) throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: 'SAMPLE-AES', expected: Object.keys(AUDIO_TYPES).join(', '), found: rfc6381 });
  return { audioType, setup: config };
}
