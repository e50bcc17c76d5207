/** Sample entries in the form that ISO/IEC 23000-19:2020 asks for. */
import { equalBytes, fourccAt } from '../bytes.ts';
import { avcConfigurationOf, readAvcSps, writeAvcConfiguration } from '../codec/avc.ts';
import { hevcParameterSets, readHevcConfiguration, readHevcSps, withHevcSets, writeHevcConfiguration } from '../codec/hevc.ts';
import { AVC_NAL, HEVC_NAL, nalType } from '../codec/nal.ts';
import type { Vui } from '../codec/vui.ts';
import { IsomerError } from '../errors.ts';
import type { AudioCodec, Codec, VideoCodec } from '../model/codec.ts';
import { box, readBox, verbatim, writeBoxes, type Box } from './box.ts';
import { readDecoderConfig, writeEsDescriptor } from './descriptors.ts';
import { AVC1, AVCC, COLR, ESDS, HVC1, HVCC, MP4A, PASP, type AudioSampleEntry } from './entryboxes.ts';
import { avcRecord, avcSets, openAudio, openVisual } from './entry.ts';
import { findBox, needBox, type RawBox } from './walk.ts';

/**
 * avc3 becomes avc1 and hev1 hvc1, with the parameter sets in the configuration record (media-rules 4.2); colour and
 * pixel aspect ratio are stated (23000-19 B.2.3). Audio entries take their plain form, with ES_ID 0 (10.3.4.2.3).
 * Text stays as stored.
 */
export function cmafSampleEntry(stored: Uint8Array, codec: Codec): Uint8Array {
  if (codec.kind === 'text') return stored;
  return writeBoxes([codec.kind === 'video' ? videoEntry(stored, codec) : audioEntry(stored, codec)]);
}

function videoEntry(stored: Uint8Array, codec: VideoCodec): Box {
  const entry = openVisual(stored);
  if (codec.parameterSets.length === 0) {
    throw new IsomerError('ISOMER_PARAMETER_SETS_CHANGE', { what: `sample entry ${codec.sampleEntry}`, expected: 'parameter sets in the sample entry', found: 'none' });
  }
  const { definition, configuration, type, vui } = codec.family === 'avc' ? avcForm(stored, codec) : hevcForm(stored, codec);
  const others = entry.children.filter((child) => child.type !== configuration.type && !(child.type === 'colr' && fourccAt(child.body, 0) === QUICKTIME_COLOUR));
  const children: Box[] = [configuration, ...others.map(({ whole }) => verbatim(whole))];
  if (findBox(others, 'colr') === undefined && (vui.colour !== null || type === 'hvc1')) {
    const { colour_primaries, transfer_characteristics, matrix_coefficients, full_range } = vui.colour ?? UNSPECIFIED;
    children.push(box(COLR, { colour_type: 'nclx', colour_primaries, transfer_characteristics, matrix_coefficients, full_range_flag: full_range ? 1 : 0, ICC_profile: NO_BYTES }));
  }
  if (findBox(others, 'pasp') === undefined) children.push(box(PASP, { hSpacing: vui.sampleAspectRatio.numerator, vSpacing: vui.sampleAspectRatio.denominator }));
  return box(definition, { ...entry.fields, data_reference_index: 1 }, { children });
}

/** nclx without the range flag, which ISO files may not hold. */
const QUICKTIME_COLOUR = 'nclc';
/** ISO/IEC 23091-2: the code point for "unknown". */
const UNSPECIFIED: NonNullable<Vui['colour']> = { colour_primaries: 2, transfer_characteristics: 2, matrix_coefficients: 2, full_range: false };
const NO_BYTES = new Uint8Array(0);

type Form = { readonly definition: typeof AVC1; readonly configuration: Box; readonly type: 'avc1' | 'hvc1'; readonly vui: Vui };

/** Samples in CMAF form have length fields of 4 bytes. */
const NAL_LENGTH_SIZE = 4;

function avcForm(stored: Uint8Array, { parameterSets }: VideoCodec): Form {
  const record = avcRecord(openVisual(stored));
  const complete = sameSets(avcSets(record), parameterSets) ? record : avcConfigurationOf(parameterSets, NAL_LENGTH_SIZE);
  const { vui } = readAvcSps(setOf(parameterSets, 'avc', AVC_NAL.sps));
  return { definition: AVC1, configuration: box(AVCC, { data: writeAvcConfiguration({ ...complete, nalLengthSize: NAL_LENGTH_SIZE }) }), type: 'avc1', vui };
}

function hevcForm(stored: Uint8Array, { parameterSets }: VideoCodec): Form {
  const { children, raw } = openVisual(stored);
  const record = readHevcConfiguration(needBox(children, 'hvcC', raw.path).body);
  const isComplete = sameSets(hevcParameterSets(record), parameterSets) && record.arrays.every(({ array_completeness }) => array_completeness === 1);
  const { vui } = readHevcSps(setOf(parameterSets, 'hevc', HEVC_NAL.sps));
  return { definition: HVC1, configuration: box(HVCC, { data: writeHevcConfiguration({ ...(isComplete ? record : withHevcSets(record, parameterSets)), nalLengthSize: NAL_LENGTH_SIZE }) }), type: 'hvc1', vui };
}

function setOf(sets: readonly Uint8Array[], family: VideoCodec['family'], type: number): Uint8Array {
  const found = sets.find((set) => nalType(family, set[0]) === type);
  if (found === undefined) throw new IsomerError('ISOMER_CODEC_MALFORMED', { what: 'parameter sets', expected: 'an SPS', found: 'none' });
  return found;
}

function sameSets(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((set, i) => equalBytes(set, b[i]));
}

/** Boxes that an audio entry keeps beside its descriptors. */
const KEPT: readonly string[] = ['dec3', 'ddts', 'btrt', 'chnl'];

/** Version 0 without QuickTime's extra fields and boxes (14496-12:2022 12.2.3). */
function audioEntry(stored: Uint8Array, { channels, sampleRate }: AudioCodec): Box {
  const { type, fields, children } = openAudio(stored);
  // QuickTime's version 2 has no rate in this field, and 16.16 bits hold none above 65535.
  const ownRate = sampleRate < 65536 ? sampleRate * 65536 : 0;
  const samplerate = fields.entry_version === 2 || fields.samplerate < 65536 ? ownRate : fields.samplerate;
  const plain: AudioSampleEntry = { data_reference_index: 1, entry_version: 0, channelcount: channels, samplesize: 16, pre_defined: 0, samplerate, extension: NO_BYTES };
  const esds = findBox(children, 'esds');
  const parts: Box[] = esds === undefined ? [] : [plainEsds(esds)];
  for (const child of children) if (KEPT.includes(child.type)) parts.push(verbatim(child.whole));
  return { ...box(MP4A, plain, { children: parts }), type };
}

function plainEsds(esds: RawBox): Box {
  return box(ESDS, { data: writeEsDescriptor(readDecoderConfig(readBox(ESDS, esds).fields.data, esds.path)) });
}
