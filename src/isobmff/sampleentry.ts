/** Sample entries (ISO/IEC 14496-12:2022 8.5.2, 14496-15, 14496-14): what a track is coded with. */
import { aacFacts, readAacConfiguration } from '../codec/aac.ts';
import { avcCodecString, avcConfigurationOf, readAvcSps } from '../codec/avc.ts';
import { readEac3Configuration } from '../codec/dolby.ts';
import { dtsChannels, readDtsConfiguration } from '../codec/dts.ts';
import { hevcCodecString, hevcParameterSets, readHevcConfiguration, readHevcSps } from '../codec/hevc.ts';
import { AVC_NAL, HEVC_NAL, nalType } from '../codec/nal.ts';
import { SQUARE, videoRangeOf, type Vui } from '../codec/vui.ts';
import { IsomerError, type ErrorCode } from '../errors.ts';
import type { AudioCodec, Codec, TextCodec, VideoCodec } from '../model/codec.ts';
import { readBox } from './box.ts';
import { readDecoderConfig } from './descriptors.ts';
import { avcRecord, avcSets, onlyBox, openAudio, openEntry, openVisual, type Entry } from './entry.ts';
import { COLR, ESDS, MIME, type AudioSampleEntry, type VisualSampleEntry } from './entryboxes.ts';
import { findBox, malformed, needBox } from './walk.ts';

export { cmafSampleEntry } from './cmafentry.ts';

type Read = (box: Uint8Array) => Codec;

const READERS: Readonly<Record<string, Read>> = {
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
  stpp: readStpp,
  wvtt: () => ({ kind: 'text', family: 'webvtt', sampleEntry: 'wvtt', rfc6381: 'wvtt' }),
};

/** Known and refused, with what they are. */
const REFUSED: ReadonlyMap<string, readonly [code: ErrorCode, name: string]> = new Map([
  ...refuse('MPE_ENC_ALREADY_ENCRYPTED', { encv: 'encrypted video', enca: 'encrypted audio', enct: 'encrypted text', encs: 'an encrypted stream', drmi: 'encrypted video', drms: 'encrypted audio' }),
  ...refuse('MPE_AUDIO_ENCODING_NOT_SUPPORTED', {
    'ac-3': 'AC-3 (Dolby Digital)', 'ac-4': 'AC-4', Opus: 'Opus', fLaC: 'FLAC', alac: 'ALAC', mlpa: 'Dolby TrueHD', dtsx: 'DTS:X', dtsy: 'DTS:X', iamf: 'IAMF', mha1: 'MPEG-H', mhm1: 'MPEG-H',
    samr: 'AMR', sawb: 'AMR-WB', '.mp3': 'MP3', ipcm: 'PCM', fpcm: 'PCM', lpcm: 'PCM', sowt: 'PCM', twos: 'PCM', in24: 'PCM', in32: 'PCM', fl32: 'PCM', 'raw ': 'PCM', ulaw: 'G.711', alaw: 'G.711',
  }),
  ...refuse('MPE_VIDEO_ENCODING_NOT_SUPPORTED', {
    av01: 'AV1', vp08: 'VP8', vp09: 'VP9', mp4v: 'MPEG-4 Visual', s263: 'H.263', vvc1: 'VVC', vvi1: 'VVC', dvh1: 'Dolby Vision', dvhe: 'Dolby Vision', dva1: 'Dolby Vision', dvav: 'Dolby Vision',
    dav1: 'Dolby Vision', jpeg: 'JPEG', mjpa: 'JPEG', mjpb: 'JPEG', apch: 'ProRes', apcn: 'ProRes', apcs: 'ProRes', apco: 'ProRes', ap4h: 'ProRes', ap4x: 'ProRes', 'vc-1': 'VC-1', AVdn: 'DNxHD',
  }),
]);

function refuse(code: ErrorCode, names: Readonly<Record<string, string>>): readonly (readonly [string, readonly [ErrorCode, string]])[] {
  return Object.entries(names).map(([type, name]) => [type, [code, name]]);
}

/** Reads a whole sample entry box. */
export function readSampleEntry(box: Uint8Array): { readonly type: string; readonly codec: Codec } {
  const { type, path } = onlyBox(box);
  const refusal = REFUSED.get(type);
  if (refusal !== undefined) throw new IsomerError(refusal[0], { where: `sample entry ${type}`, expected: 'H.264, HEVC, AAC, E-AC-3 or DTS in the clear', found: refusal[1] });
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) throw new IsomerError('MPE_MEDIA_TYPE_NOT_SUPPORTED', { what: 'sample entry', expected: Object.keys(READERS).join(', '), found: path.replace('stsd/', '') });
  return { type, codec: read(box) };
}

/** The codec with parameter sets that were found in its samples, for entries that carry none (avc3, hev1). */
export function withParameterSets(codec: VideoCodec, parameterSets: readonly Uint8Array[]): VideoCodec {
  const spsType = codec.family === 'avc' ? AVC_NAL.sps : HEVC_NAL.sps;
  const sps = parameterSets.find((set) => nalType(codec.family, set[0]) === spsType);
  if (sps === undefined) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'parameter sets', where: `sample entry ${codec.sampleEntry}`, expected: 'an SPS', found: 'none' });
  const { width, height, vui, interlaced } = codec.family === 'avc' ? readAvcSps(sps) : readHevcSps(sps);
  const rfc6381 = codec.family === 'avc' ? avcCodecString(codec.sampleEntry, avcConfigurationOf(parameterSets, codec.nalLengthSize)) : hevcCodecString(codec.sampleEntry, readHevcSps(sps));
  return { ...codec, rfc6381, width, height, ...(interlaced ? { interlaced } : {}), sampleAspectRatio: vui.sampleAspectRatio, parameterSets, videoRange: vui.colour === null ? codec.videoRange : videoRangeOf(vui.colour.transfer_characteristics) };
}

function readAvc(box: Uint8Array): VideoCodec {
  const entry = openVisual(box);
  const record = avcRecord(entry);
  const [first] = record.sequenceParameterSets;
  return {
    ...visualFacts(entry, first === undefined ? null : readAvcSps(first)),
    family: 'avc',
    rfc6381: avcCodecString(entry.type, record),
    parameterSets: avcSets(record),
    nalLengthSize: record.nalLengthSize,
  };
}

function readHevc(box: Uint8Array): VideoCodec {
  const entry = openVisual(box);
  const record = readHevcConfiguration(needBox(entry.children, 'hvcC', entry.raw.path).body);
  const sets = hevcParameterSets(record);
  const first = sets.find((set) => nalType('hevc', set[0]) === HEVC_NAL.sps);
  // An empty record of in-band parameter sets may not say the profile either.
  const level = first !== undefined && record.general_profile_idc === 0 ? readHevcSps(first) : record;
  return {
    ...visualFacts(entry, first === undefined ? null : readHevcSps(first)),
    family: 'hevc',
    rfc6381: hevcCodecString(entry.type, level),
    parameterSets: sets,
    nalLengthSize: record.nalLengthSize,
  };
}

type Sps = { readonly width: number; readonly height: number; readonly vui: Vui; readonly interlaced: boolean };

type VisualFacts = Pick<VideoCodec, 'kind' | 'sampleEntry' | 'width' | 'height' | 'sampleAspectRatio' | 'videoRange' | 'interlaced'>;

/** From the SPS; where it is missing or silent, from the entry's own fields and boxes. */
function visualFacts({ type, fields, children }: Entry<VisualSampleEntry>, sps: Sps | null): VisualFacts {
  const colr = findBox(children, 'colr');
  const stored = colr === undefined ? undefined : readBox(COLR, colr).fields.transfer_characteristics;
  return {
    kind: 'video',
    sampleEntry: type,
    width: sps?.width ?? fields.width,
    height: sps?.height ?? fields.height,
    sampleAspectRatio: sps?.vui.sampleAspectRatio ?? SQUARE,
    videoRange: videoRangeOf(sps?.vui.colour?.transfer_characteristics ?? stored),
    ...(sps?.interlaced === true ? { interlaced: true } : {}),
  };
}

/** ISO/IEC 14496-1:2010 table 5: MPEG-4 AAC and the profiles of MPEG-2 AAC; and the registered one of DTS. */
const AAC_OBJECT_TYPES: ReadonlySet<number> = new Set([0x40, 0x66, 0x67, 0x68]);
const DTS_OBJECT_TYPE = 0xa9;
const NO_BYTES = new Uint8Array(0);

/** Hz, from 16.16 fixed point. */
function storedRate({ samplerate }: AudioSampleEntry): number {
  return samplerate >>> 16;
}

function readMp4a(box: Uint8Array): AudioCodec {
  const { fields, children, raw } = openAudio(box);
  const esds = needBox(children, 'esds', raw.path);
  const { objectTypeIndication, specific } = readDecoderConfig(readBox(ESDS, esds).fields.data, esds.path, esds.bodyPosition + 4);
  if (objectTypeIndication === DTS_OBJECT_TYPE) {
    return { kind: 'audio', family: 'dts', sampleEntry: 'mp4a', rfc6381: 'mp4a.a9', sampleRate: storedRate(fields), channels: fields.channelcount, config: NO_BYTES };
  }
  if (!AAC_OBJECT_TYPES.has(objectTypeIndication)) {
    throw new IsomerError('MPE_AUDIO_ENCODING_NOT_SUPPORTED', { what: 'object type indication of mp4a', expected: 'AAC (0x40) or DTS (0xA9)', found: `0x${objectTypeIndication.toString(16)}` });
  }
  if (specific === null) throw malformed('DecoderSpecificInfo', esds.path, 'one', 'none');
  return { kind: 'audio', family: 'aac', sampleEntry: 'mp4a', ...aacFacts(readAacConfiguration(specific)), config: specific.slice() };
}

function readEac3(box: Uint8Array): AudioCodec {
  const { type, fields, children, raw } = openAudio(box);
  const { body } = needBox(children, 'dec3', raw.path);
  const facts = readEac3Configuration(body);
  return { kind: 'audio', family: 'eac3', sampleEntry: type, rfc6381: 'ec-3', sampleRate: facts.sampleRate ?? storedRate(fields), channels: facts.channels, config: body.slice() };
}

function readDts(box: Uint8Array): AudioCodec {
  const { type, fields, children } = openAudio(box);
  const ddts = findBox(children, 'ddts');
  const facts = ddts === undefined ? null : readDtsConfiguration(ddts.body);
  return {
    kind: 'audio',
    family: 'dts',
    sampleEntry: type,
    rfc6381: type,
    sampleRate: facts?.DTSSamplingFrequency ?? storedRate(fields),
    channels: facts === null ? fields.channelcount : dtsChannels(facts),
    config: ddts?.body.slice() ?? NO_BYTES,
  };
}

/** ISO/IEC 14496-30:2018 5.3 and RFC 6381: `stpp.ttml.` and the profile that the mime box names. */
function readStpp(box: Uint8Array): TextCodec {
  const { children } = openEntry(box);
  const mime = findBox(children, 'mime');
  const profile = mime === undefined ? undefined : /codecs="?([\w.+-]+)/.exec(readBox(MIME, mime).fields.text)?.[1];
  return { kind: 'text', family: 'ttml', sampleEntry: 'stpp', rfc6381: profile === undefined ? 'stpp' : `stpp.ttml.${profile}` };
}

