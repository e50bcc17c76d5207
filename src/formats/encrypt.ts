/** Encrypted samples: from a track's protection to bytes and to what the boxes and tables say of them. */
import type { Samples } from '../codec/nallength.ts';
import { nalSpans } from '../codec/slices.ts';
import { IsomerError } from '../errors.ts';
import type { SampleEncryption, TrackEncryption } from '../isobmff/protection.ts';
import type { AudioCodec, Codec } from '../model/codec.ts';
import type { Track } from '../model/presentation.ts';
import type { TrackProtection } from '../model/protection.ts';
import { AUDIO_TYPES, encryptAudioFrames, encryptAvcSamples, type AudioSetup } from '../mpegts/protect.ts';
import { encryptCbcs, VIDEO_PATTERN, WHOLE_PATTERN } from '../protection/cbcs.ts';
import { CENC_IV_BYTES, encryptCenc, sampleIvs } from '../protection/cenc.ts';
import { restartedCbc } from '../protection/restartedcbc.ts';
import { mapSubsamples, type SubsampleMap } from '../protection/subsamples.ts';
import type { FragmentForm } from './fmp4.ts';

const NO_BYTES = new Uint8Array(0);

/** The track's protection when it lies on the samples; null in the clear and inside an envelope. */
export function sampleProtection({ protection }: Track): TrackProtection | null {
  return protection === undefined || protection.scheme === 'cbc' ? null : protection;
}

/** Encrypts samples [first, …) of the track in place; `samples` holds them in the form that is sent. */
export function encryptSamples(track: Track, protection: TrackProtection, first: number, { payload, sizes }: Samples, form: FragmentForm): SampleEncryption {
  const isCbcs = protection.scheme === 'cbcs';
  const subsamples = mapOf(track.codec, payload, sizes, !isCbcs);
  const key = protection.key.reveal();
  if (isCbcs) {
    encryptCbcs(payload, sizes, subsamples, key, protection.iv, patternOf(track.codec.kind));
    return { form: form.encryption, ivBytes: 0, ivs: NO_BYTES, subsamples };
  }
  const ivs = sampleIvs(protection.ivPrefixes[form.cmaf ? 'cmaf' : 'stored'], first, sizes.length);
  encryptCenc(payload, sizes, subsamples, key, ivs);
  return { form: form.encryption, ivBytes: CENC_IV_BYTES, ivs, subsamples };
}

function mapOf(codec: Codec, payload: Uint8Array, sizes: Uint32Array, aligned: boolean): SubsampleMap | null {
  return codec.kind === 'video' ? mapSubsamples(nalSpans(payload, sizes, codec), aligned) : null;
}

/** What `encryptSamples` would say of `count` samples of one slice each: enough to reckon sizes without the samples. */
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

/** SAMPLE-AES; the same samples when the track is in the clear. */
export function encryptPictures(track: Track, samples: Samples): Samples {
  const protection = sampleProtection(track);
  return protection === null ? samples : encryptAvcSamples(samples.payload, samples.sizes, restartedCbc(protection.key.reveal(), protection.iv));
}

/** SAMPLE-AES over audio frames, in place. */
export function encryptFrames(track: Track, payload: Uint8Array, sizes: Uint32Array): void {
  const protection = sampleProtection(track);
  if (protection !== null) encryptAudioFrames(payload, sizes, track.codec.family === 'eac3' ? 'eac3' : 'aac', restartedCbc(protection.key.reveal(), protection.iv));
}

/** What an encrypted stream's descriptor holds for its decoder. */
export function audioSetup({ rfc6381, config }: AudioCodec): AudioSetup {
  const audioType = AUDIO_TYPES[rfc6381];
  if (audioType === undefined) throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: 'SAMPLE-AES', expected: Object.keys(AUDIO_TYPES).join(', '), found: rfc6381 });
  return { audioType, setup: config };
}
