/** Sample entries (ISO/IEC 14496-12:2022 8.5.2, 14496-15, 14496-14): what a track is coded with, and the CMAF form. */
import { concatBytes, viewOf } from '../bytes.ts';
import { aacCodecString, readAacConfiguration } from '../codec/aac.ts';
import { avcCodecString, readAvcConfiguration, readAvcSps } from '../codec/avc.ts';
import { readEac3Configuration } from '../codec/dolby.ts';
import { readDtsConfiguration } from '../codec/dts.ts';
import { hevcCodecString, hevcParameterSets, readHevcConfiguration, readHevcSps, withHevcSets, writeHevcConfiguration } from '../codec/hevc.ts';
import { HEVC_NAL, nalType } from '../codec/nal.ts';
import { videoRangeOf } from '../codec/vui.ts';
import { IsomerError } from '../errors.ts';
import type { AudioCodec, Codec, VideoCodec } from '../model/codec.ts';
import { childBoxes, findBox, malformed, needBox, needBytes, type RawBox } from './walk.ts';

const VISUAL_FIELDS = 78;
const AUDIO_FIELDS = 28;

type Reader = (entry: RawBox) => Codec;

const READERS: Readonly<Record<string, Reader>> = {
  avc1: readAvc,
  avc3: readAvc,
  hvc1: readHevc,
  hev1: readHevc,
  mp4a: readMp4a,
  'ec-3': readEac3,
  dtsc: readDts,
  dtsh: readDts,
  dtse: readDts,
  dtsl: readDts,
};

/** Known and refused, with what they are. */
const REFUSED: Readonly<Record<string, readonly ['MPE_ENC_ALREADY_ENCRYPTED' | 'MPE_AUDIO_ENCODING_NOT_SUPPORTED' | 'MPE_VIDEO_ENCODING_NOT_SUPPORTED', string]>> = {
  encv: ['MPE_ENC_ALREADY_ENCRYPTED', 'encrypted video'],
  enca: ['MPE_ENC_ALREADY_ENCRYPTED', 'encrypted audio'],
  'ac-3': ['MPE_AUDIO_ENCODING_NOT_SUPPORTED', 'AC-3 (Dolby Digital)'],
  'ac-4': ['MPE_AUDIO_ENCODING_NOT_SUPPORTED', 'AC-4'],
  Opus: ['MPE_AUDIO_ENCODING_NOT_SUPPORTED', 'Opus'],
  fLaC: ['MPE_AUDIO_ENCODING_NOT_SUPPORTED', 'FLAC'],
  alac: ['MPE_AUDIO_ENCODING_NOT_SUPPORTED', 'ALAC'],
  mlpa: ['MPE_AUDIO_ENCODING_NOT_SUPPORTED', 'Dolby TrueHD'],
  av01: ['MPE_VIDEO_ENCODING_NOT_SUPPORTED', 'AV1'],
  vp09: ['MPE_VIDEO_ENCODING_NOT_SUPPORTED', 'VP9'],
  mp4v: ['MPE_VIDEO_ENCODING_NOT_SUPPORTED', 'MPEG-4 Visual'],
};

/** Reads a whole sample entry box. */
export function readSampleEntry(box: Uint8Array): { readonly type: string; readonly codec: Codec } {
  const [entry] = childBoxes(box, 'stsd', 0);
  if (entry === undefined) throw malformed('sample entry', 'stsd', 'a box', 'nothing');
  const refusal = REFUSED[entry.type];
  if (refusal !== undefined) throw new IsomerError(refusal[0], { where: `sample entry ${entry.type}`, expected: 'H.264, HEVC, AAC, E-AC-3 or DTS in the clear', found: refusal[1] });
  const read = READERS[entry.type];
  if (read === undefined) throw new IsomerError('MPE_MEDIA_TYPE_NOT_SUPPORTED', { what: 'sample entry', expected: Object.keys(READERS).join(', '), found: entry.path.replace('stsd/', '') });
  return { type: entry.type, codec: read(entry) };
}

function childrenOf(entry: RawBox, fields: number): readonly RawBox[] {
  needBytes(entry, fields);
  return childBoxes(entry.body.subarray(fields), entry.path, entry.bodyPosition + fields);
}

function readAvc(entry: RawBox): VideoCodec {
  const record = readAvcConfiguration(needBox(childrenOf(entry, VISUAL_FIELDS), 'avcC', entry.path).body);
  const [first] = record.sequenceParameterSets;
  const sps = first === undefined ? null : readAvcSps(first);
  const view = viewOf(entry.body);
  return {
    kind: 'video',
    family: 'avc',
    sampleEntry: entry.type,
    rfc6381: avcCodecString(entry.type, record),
    width: sps?.width ?? view.getUint16(24),
    height: sps?.height ?? view.getUint16(26),
    sampleAspectRatio: sps?.vui.sampleAspectRatio ?? { numerator: 1, denominator: 1 },
    parameterSets: [...record.sequenceParameterSets, ...(record.high?.sequenceParameterSetExtensions ?? []), ...record.pictureParameterSets],
    nalLengthSize: record.nalLengthSize,
    videoRange: videoRangeOf(sps?.vui.colour?.transfer_characteristics),
  };
}

function readHevc(entry: RawBox): VideoCodec {
  const record = readHevcConfiguration(needBox(childrenOf(entry, VISUAL_FIELDS), 'hvcC', entry.path).body);
  const sets = hevcParameterSets(record);
  const first = sets.find((set) => nalType('hevc', set[0]) === HEVC_NAL.sps);
  const sps = first === undefined ? null : readHevcSps(first);
  const view = viewOf(entry.body);
  return {
    kind: 'video',
    family: 'hevc',
    sampleEntry: entry.type,
    rfc6381: hevcCodecString(entry.type, record),
    width: sps?.width ?? view.getUint16(24),
    height: sps?.height ?? view.getUint16(26),
    sampleAspectRatio: sps?.vui.sampleAspectRatio ?? { numerator: 1, denominator: 1 },
    parameterSets: sets,
    nalLengthSize: record.nalLengthSize,
    videoRange: videoRangeOf(sps?.vui.colour?.transfer_characteristics),
  };
}

/** Bytes of an audio sample entry's fields: QuickTime's versions 1 and 2 add some. */
function audioChildren(entry: RawBox): readonly RawBox[] {
  const version = needBytes(entry, AUDIO_FIELDS).getUint16(8);
  const boxes = childrenOf(entry, AUDIO_FIELDS + (version === 1 ? 16 : version === 2 ? 36 : 0));
  const wave = findBox(boxes, 'wave');
  return wave === undefined ? boxes : [...boxes, ...childBoxes(wave.body, wave.path, wave.bodyPosition)];
}

const AAC_OBJECT_TYPES: ReadonlySet<number> = new Set([0x40, 0x66, 0x67, 0x68]);
const DTS_OBJECT_TYPE = 0xa9;

/** ISO/IEC 14496-1 7.2.6: ES_Descriptor > DecoderConfigDescriptor > DecoderSpecificInfo. */
function readMp4a(entry: RawBox): AudioCodec {
  const esds = needBox(audioChildren(entry), 'esds', entry.path);
  const { objectType, specific } = readEsds(esds);
  const view = viewOf(entry.body);
  if (objectType === DTS_OBJECT_TYPE) {
    return { kind: 'audio', family: 'dts', sampleEntry: 'mp4a', rfc6381: 'mp4a.a9', sampleRate: view.getUint32(24) >>> 16, channels: view.getUint16(16), config: specific };
  }
  if (!AAC_OBJECT_TYPES.has(objectType)) {
    throw new IsomerError('MPE_AUDIO_ENCODING_NOT_SUPPORTED', { what: 'object type indication of mp4a', expected: 'AAC (0x40) or DTS (0xA9)', found: `0x${objectType.toString(16)}` });
  }
  const configuration = readAacConfiguration(specific);
  return { kind: 'audio', family: 'aac', sampleEntry: 'mp4a', rfc6381: aacCodecString(configuration), sampleRate: configuration.sampleRate, channels: configuration.channels, config: specific };
}

function readEsds(esds: RawBox): { objectType: number; specific: Uint8Array } {
  const { body } = esds;
  let at = 4;
  let objectType = -1;
  // Tag and length of the descriptors in the order in which they nest; others are passed over.
  while (at + 2 <= body.length) {
    const tag = body[at++];
    let length = 0;
    for (let i = 0; i < 4; i++) {
      const byte = body[at++];
      length = (length << 7) | (byte & 0x7f);
      if ((byte & 0x80) === 0) break;
    }
    if (!(at + length <= body.length)) throw malformed('descriptor length in esds', `${esds.path}, byte ${esds.bodyPosition + at}`, `at most ${body.length - at}`, length);
    if (tag === 3) {
      const flags = body[at + 2];
      at += 3 + ((flags & 0x80) !== 0 ? 2 : 0) + ((flags & 0x20) !== 0 ? 2 : 0) + ((flags & 0x40) !== 0 ? 1 + body[at + 3] : 0);
    } else if (tag === 4) {
      objectType = body[at];
      if (objectType === DTS_OBJECT_TYPE) return { objectType, specific: new Uint8Array(0) };
      at += 13;
    } else if (tag === 5) return { objectType, specific: body.slice(at, at + length) };
    else at += length;
  }
  if (objectType >= 0 && !AAC_OBJECT_TYPES.has(objectType)) return { objectType, specific: new Uint8Array(0) };
  throw malformed('esds', esds.path, 'a DecoderSpecificInfo', 'none');
}

function readEac3(entry: RawBox): AudioCodec {
  const { body } = needBox(audioChildren(entry), 'dec3', entry.path);
  const facts = readEac3Configuration(body);
  return { kind: 'audio', family: 'eac3', sampleEntry: entry.type, rfc6381: 'ec-3', sampleRate: facts.sampleRate ?? viewOf(entry.body).getUint32(24) >>> 16, channels: facts.channels, config: body.slice() };
}

function readDts(entry: RawBox): AudioCodec {
  const ddts = findBox(audioChildren(entry), 'ddts');
  const view = viewOf(entry.body);
  const facts = ddts === undefined ? null : readDtsConfiguration(ddts.body);
  return {
    kind: 'audio',
    family: 'dts',
    sampleEntry: entry.type,
    rfc6381: entry.type,
    sampleRate: facts?.DTSSamplingFrequency ?? view.getUint32(24) >>> 16,
    channels: facts?.channels ?? view.getUint16(16),
    config: ddts?.body.slice() ?? new Uint8Array(0),
  };
}

/** avc3 as avc1 and hev1 as hvc1, parameter sets in the configuration record (media-rules 4.2); others as stored. */
export function cmafSampleEntry(box: Uint8Array, codec: Codec): Uint8Array {
  if (codec.kind !== 'video' || codec.sampleEntry === 'avc1' || codec.sampleEntry === 'hvc1') return box;
  if (codec.parameterSets.length === 0) {
    throw new IsomerError('ISOMER_PARAMETER_SETS_CHANGE', { what: `sample entry ${codec.sampleEntry}`, expected: 'parameter sets in the sample entry', found: 'none' });
  }
  const renamed = box.slice();
  renamed.set(Buffer.from(codec.family === 'avc' ? 'avc1' : 'hvc1', 'latin1'), 4);
  if (codec.family === 'avc') return renamed;
  const [entry] = childBoxes(renamed, 'stsd', 0);
  const children = childrenOf(entry, VISUAL_FIELDS);
  const parts = children.map((child) => (child.type === 'hvcC' ? boxOf('hvcC', writeHevcConfiguration(withHevcSets(readHevcConfiguration(child.body), codec.parameterSets))) : child.whole));
  return boxOf('hvc1', concatBytes([entry.body.subarray(0, VISUAL_FIELDS), ...parts]));
}

function boxOf(type: string, body: Uint8Array): Uint8Array {
  const box = new Uint8Array(8 + body.length);
  viewOf(box).setUint32(0, box.length);
  box.set(Buffer.from(type, 'latin1'), 4);
  box.set(body, 8);
  return box;
}
