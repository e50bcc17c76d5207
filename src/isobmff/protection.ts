/** Protected tracks: the sample entry in its disguise, and what a fragment says of each sample's encryption. */
import { viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { box, container, writeBoxes, type Box } from './box.ts';
import { FRMA, PIFF_SENC, SAIO, SAIZ, SCHI, SCHM, SENC, SENC_SUBSAMPLES, SINF, TENC } from './protectionboxes.ts';
import { onlyBox } from './entry.ts';

/** What tenc and schm say (ISO/IEC 23001-7:2023 4.2 and 8.2). */
export type TrackEncryption = {
  readonly scheme: 'cenc' | 'cbcs';
  readonly keyId: Uint8Array;
  /** Bytes of each sample's own vector; 0 with a constant one. */
  readonly ivBytes: number;
  readonly constantIv: Uint8Array | null;
  readonly pattern: { readonly crypt: number; readonly skip: number };
};

const SCHEME_VERSION = 0x00010000;
const NO_BYTES = new Uint8Array(0);

/** encv or enca around a stored sample entry, whose type moves into frma (14496-12:2022 8.12). */
export function protectSampleEntry(entry: Uint8Array, kind: 'video' | 'audio', encryption: TrackEncryption): Uint8Array {
  const { type, body } = onlyBox(entry);
  const sinf = writeBoxes([protectionScheme(type, encryption)]);
  const bytes = new Uint8Array(8 + body.length + sinf.length);
  viewOf(bytes).setUint32(0, bytes.length);
  bytes.set(kind === 'video' ? ENCV : ENCA, 4);
  bytes.set(body, 8);
  bytes.set(sinf, 8 + body.length);
  return bytes;
}

const ENCV = Uint8Array.from('encv', (char) => char.charCodeAt(0));
const ENCA = Uint8Array.from('enca', (char) => char.charCodeAt(0));

function protectionScheme(data_format: string, { scheme, keyId, ivBytes, constantIv, pattern }: TrackEncryption): Box {
  const encryption = {
    default_crypt_byte_block: pattern.crypt,
    default_skip_byte_block: pattern.skip,
    default_isProtected: 1,
    default_Per_Sample_IV_Size: ivBytes,
    default_KID: keyId,
    default_constant_IV: constantIv ?? NO_BYTES,
  };
  return container(SINF, [
    box(FRMA, { data_format }),
    box(SCHM, { scheme_type: scheme, scheme_version: SCHEME_VERSION }),
    container(SCHI, [box(TENC, encryption, { version: scheme === 'cbcs' ? 1 : 0 })]),
  ]);
}

/** Subsamples of a run of samples: entries in order, `counts` of them for each sample. */
export type Subsamples = { readonly counts: Uint32Array; readonly clear: ArrayLike<number>; readonly protectedBytes: ArrayLike<number> };

export type SampleEncryption = {
  /** `senc` with saiz and saio, or the uuid box of PIFF, as Smooth Streaming has it. */
  readonly form: 'cenc' | 'piff';
  /** Vectors of the samples one after the other; empty with a constant one. */
  readonly ivs: Uint8Array;
  readonly ivBytes: number;
  readonly subsamples: Subsamples | null;
};

/** subsample_count, and the two fields of each subsample (23001-7:2023 7.2.1). */
const COUNT_BYTES = 2;
const SUBSAMPLE_BYTES = 6;
/** Sizes in saiz have 8 bits. */
const MAX_INFO_BYTES = 255;
/** Header, version, flags and sample_count of a senc box. */
const SENC_HEADER_BYTES = 16;

/**
 * The boxes behind trun. `offset` counts from the start of the moof to the first of them. None where the sample entry
 * says all: constant vector, whole samples (23001-7:2023 7.1).
 */
export function sampleEncryptionBoxes(encryption: SampleEncryption, samples: number, offset: number): readonly Box[] {
  const { form, ivBytes, subsamples } = encryption;
  if (ivBytes === 0 && subsamples === null) return [];
  const fields = { sample_count: samples, data: sampleInformation(encryption, samples) };
  const flags = subsamples === null ? 0 : SENC_SUBSAMPLES;
  if (form === 'piff') return [box(PIFF_SENC, fields, { flags })];
  return [box(SENC, fields, { flags }), sampleSizes(encryption, samples), box(SAIO, { offsets: [BigInt(offset + SENC_HEADER_BYTES)] })];
}

function infoBytes({ ivBytes, subsamples }: SampleEncryption, sample: number): number {
  return ivBytes + (subsamples === null ? 0 : COUNT_BYTES + SUBSAMPLE_BYTES * subsamples.counts[sample]);
}

function sampleSizes(encryption: SampleEncryption, samples: number): Box {
  const sizes = new Uint8Array(samples);
  let isConstant = true;
  for (let i = 0; i < samples; i++) {
    const bytes = infoBytes(encryption, i);
    if (bytes > MAX_INFO_BYTES) {
      const most = Math.floor((MAX_INFO_BYTES - encryption.ivBytes - COUNT_BYTES) / SUBSAMPLE_BYTES);
      throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: 'subsamples', where: `sample ${i + 1} of the segment`, expected: `at most ${most}`, found: String(encryption.subsamples?.counts[i]) });
    }
    sizes[i] = bytes;
    isConstant &&= bytes === sizes[0];
  }
  return box(SAIZ, isConstant && samples > 0 ? { default_sample_info_size: sizes[0], sample_count: samples, sample_info_size: NO_BYTES } : { default_sample_info_size: 0, sample_count: samples, sample_info_size: sizes });
}

function sampleInformation(encryption: SampleEncryption, samples: number): Uint8Array {
  const { ivs, ivBytes, subsamples } = encryption;
  if (subsamples === null) return ivs;
  let bytes = 0;
  for (let i = 0; i < samples; i++) bytes += infoBytes(encryption, i);
  const data = new Uint8Array(bytes);
  const view = viewOf(data);
  let at = 0;
  let entry = 0;
  for (let i = 0; i < samples; i++) {
    data.set(ivs.subarray(ivBytes * i, ivBytes * (i + 1)), at);
    at += ivBytes;
    view.setUint16(at, subsamples.counts[i]);
    at += COUNT_BYTES;
    for (const end = entry + subsamples.counts[i]; entry < end; entry++, at += SUBSAMPLE_BYTES) {
      view.setUint16(at, subsamples.clear[entry]);
      view.setUint32(at + 2, subsamples.protectedBytes[entry]);
    }
  }
  return data;
}
