import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avcConfigurationOf, writeAvcConfiguration } from '../codec/avc.ts';
import { IsomerError } from '../errors.ts';
import type { AudioCodec, VideoCodec } from '../model/codec.ts';
import { readDecoderConfig, writeEsDescriptor } from './descriptors.ts';
import { dumpText } from './dump.ts';
import { cmafSampleEntry, readSampleEntry, withParameterSets } from './sampleentry.ts';
import { aacEntry, avcEntry } from './testing.ts';
import { box, fullBox, text, u16, u32 } from './write.ts';

const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof IsomerError ? error.code : `not typed: ${String(error)}`;
  }
};
const visual = (type: string, ...children: Uint8Array[]): Uint8Array =>
  box(type, new Uint8Array(6), u16(1), new Uint8Array(16), u16(400, 200), u32(0x480000, 0x480000, 0), u16(1), new Uint8Array(32), u16(0x18, 0xffff), ...children);
const sound = (type: string, version: number, more: Uint8Array, ...children: Uint8Array[]): Uint8Array =>
  box(type, new Uint8Array(6), u16(1, version, 0, 0, 0, 2, 16, 0, 0), u32(version === 2 ? 0x10000 : 48000 * 65536), more, ...children);
/** Written by x265. */
const HVCC = hex('0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003003c959409a10001002942010101600000030090000003000003003ca00d880f1c9e595952930bc05a02000007d20000ea6010a2000100064401c073c189');
const esds = (config: string, objectType = 0x40, long = false): Uint8Array => {
  const body = hex(config);
  const length = (bytes: number): number[] => (long ? [0x80, 0x80, 0x80, bytes] : [bytes]);
  const specific = [5, ...length(body.length), ...body];
  const decoder = [4, ...length(13 + specific.length), objectType, 0x15, 0, 0, 0, 0, 1, 0xf4, 0, 0, 1, 0xf4, 0, ...specific];
  const sl = [6, ...length(1), 2];
  return fullBox('esds', 0, 0, Uint8Array.from([3, ...length(3 + decoder.length + sl.length), 0, 1, 0, ...decoder, ...sl]));
};
const wave = (...children: Uint8Array[]): Uint8Array => box('wave', box('frma', Buffer.from('mp4a')), box('mp4a', u32(0)), ...children, u32(8, 0));

describe('sample entries', () => {
  it.each([
    ['avc1', avcEntry(), { family: 'avc', sampleEntry: 'avc1', rfc6381: 'avc1.64000d', width: 320, height: 180, nalLengthSize: 4, videoRange: 'SDR' }],
    ['hvc1', visual('hvc1', box('hvcC', HVCC)), { family: 'hevc', rfc6381: 'hvc1.1.6.L60.90', width: 426, height: 240 }],
    ['mp4a', aacEntry(), { family: 'aac', rfc6381: 'mp4a.40.2', sampleRate: 48000, channels: 2, config: hex('1190') }],
    ['mp4a, HE', aacEntry(hex('2b920800')), { rfc6381: 'mp4a.40.5', sampleRate: 44100 }],
    ['mp4a, descriptor lengths of four bytes', sound('mp4a', 0, hex(''), esds('1190', 0x40, true)), { rfc6381: 'mp4a.40.2' }],
    ['mp4a holding DTS', sound('mp4a', 0, hex(''), esds('', 0xa9)), { family: 'dts', rfc6381: 'mp4a.a9', sampleRate: 48000, channels: 2 }],
    ['ec-3', sound('ec-3', 0, hex(''), box('dec3', hex('0800200f00'))), { family: 'eac3', rfc6381: 'ec-3', sampleRate: 48000, channels: 6 }],
    ['dtsc', sound('dtsc', 0, hex(''), hex('0000001c646474730000bb80000bb800000bb8001803244000000f00')), { family: 'dts', rfc6381: 'dtsc', sampleRate: 48000, channels: 6 }],
    ['QuickTime sound version 0', sound('mp4a', 0, hex(''), wave(esds('1190'))), { rfc6381: 'mp4a.40.2' }],
    ['QuickTime sound version 1', sound('mp4a', 1, u32(1024, 0, 0, 2), wave(esds('1190'))), { rfc6381: 'mp4a.40.2', sampleRate: 48000 }],
    ['QuickTime sound version 2', sound('mp4a', 2, new Uint8Array(36), wave(esds('11b0'))), { rfc6381: 'mp4a.40.2', channels: 6 }],
    ['ISO sound version 1', sound('mp4a', 1, hex(''), box('srat', u32(0, 96000)), esds('1190')), { rfc6381: 'mp4a.40.2' }],
    ['stpp', box('stpp', new Uint8Array(6), u16(1), text('http://www.w3.org/ns/ttml'), text(''), text(''), fullBox('mime', 0, 0, text('application/ttml+xml;codecs=im1t'))), { family: 'ttml', rfc6381: 'stpp.ttml.im1t' }],
    ['wvtt', box('wvtt', new Uint8Array(6), u16(1), box('vttC', Buffer.from('WEBVTT'))), { family: 'webvtt', rfc6381: 'wvtt' }],
  ])('%s', (_, entry, facts) => {
    expect(readSampleEntry(entry).codec).toMatchObject(facts);
  });

  it('take the video range from colr where the SPS is silent', () => {
    const colr = (transfer: number): Uint8Array => box('colr', Buffer.from('nclx'), u16(9, transfer, 9), Uint8Array.of(0));
    const record = box('avcC', hex('0142c01effe00000'));
    expect(readSampleEntry(visual('avc3', record, colr(16))).codec).toMatchObject({ videoRange: 'PQ', width: 400, height: 200, parameterSets: [], rfc6381: 'avc3.42c01e' });
  });

  it.each([
    ['encv', 'MPE_ENC_ALREADY_ENCRYPTED'],
    ['enca', 'MPE_ENC_ALREADY_ENCRYPTED'],
    ['ac-3', 'MPE_AUDIO_ENCODING_NOT_SUPPORTED'],
    ['Opus', 'MPE_AUDIO_ENCODING_NOT_SUPPORTED'],
    ['sowt', 'MPE_AUDIO_ENCODING_NOT_SUPPORTED'],
    ['av01', 'MPE_VIDEO_ENCODING_NOT_SUPPORTED'],
    ['dvh1', 'MPE_VIDEO_ENCODING_NOT_SUPPORTED'],
    ['tx3g', 'MPE_MEDIA_TYPE_NOT_SUPPORTED'],
    ['what', 'MPE_MEDIA_TYPE_NOT_SUPPORTED'],
  ])('%s is refused with %s', (type, code) => {
    expect(codeOf(() => readSampleEntry(box(type, new Uint8Array(100))))).toBe(code);
  });

  it.each([
    ['mp4a without esds', sound('mp4a', 0, hex('')), 'ISOMER_MP4_MALFORMED'],
    ['mp4a with MP3', sound('mp4a', 0, hex(''), esds('', 0x6b)), 'MPE_AUDIO_ENCODING_NOT_SUPPORTED'],
    ['mp4a with a descriptor longer than its box', sound('mp4a', 0, hex(''), fullBox('esds', 0, 0, hex('0319000000'))), 'ISOMER_MP4_MALFORMED'],
    ['avc1 without avcC', visual('avc1'), 'ISOMER_MP4_MALFORMED'],
    ['avc1 that ends in its fields', box('avc1', new Uint8Array(40)), 'ISOMER_MP4_MALFORMED'],
    ['hvc1 with a damaged record', visual('hvc1', box('hvcC', HVCC.slice(0, 40))), 'ISOMER_CODEC_MALFORMED'],
    ['nothing', new Uint8Array(0), 'ISOMER_MP4_MALFORMED'],
  ])('%s is refused', (_, entry, code) => {
    expect(codeOf(() => readSampleEntry(entry))).toBe(code);
  });
});

describe('sample entries for CMAF', () => {
  it('avc3 becomes avc1 with its record, and states its pixel aspect ratio', async () => {
    const stored = avcEntry('avc3');
    const made = cmafSampleEntry(stored, readSampleEntry(stored).codec);
    expect(readSampleEntry(made).codec).toMatchObject({ sampleEntry: 'avc1', rfc6381: 'avc1.64000d' });
    expect(Buffer.compare(made.subarray(8, stored.length), stored.subarray(8))).toBe(0);
    expect(await dumpText(made.subarray(stored.length))).toBe('pasp @0 16 data=0000000100000001\n');
    expect(Buffer.compare(cmafSampleEntry(avcEntry(), readSampleEntry(avcEntry()).codec), made)).toBe(0);
  });

  it('hev1 becomes hvc1 with complete arrays and a colour box', () => {
    const stored = visual('hev1', box('hvcC', HVCC.map((byte, i) => (i === 23 ? byte & 0x7f : byte))), box('pasp', u32(1, 1)));
    const { codec } = readSampleEntry(stored);
    expect(codec.rfc6381).toBe('hev1.1.6.L60.90');
    const made = cmafSampleEntry(stored, codec);
    expect(Buffer.from(made).toString('hex')).toBe(Buffer.from(visual('hvc1', box('hvcC', HVCC), box('pasp', u32(1, 1)), box('colr', Buffer.from('nclx'), u16(2, 2, 2), Uint8Array.of(0)))).toString('hex'));
  });

  it('parameter sets found in the samples go into the record', () => {
    const [sps, pps] = (readSampleEntry(avcEntry()).codec as VideoCodec).parameterSets;
    const bare = visual('avc3', box('avcC', hex('0164000dffe00000')));
    const codec = readSampleEntry(bare).codec as VideoCodec;
    expect(codeOf(() => cmafSampleEntry(bare, codec))).toBe('ISOMER_PARAMETER_SETS_CHANGE');
    const complete = withParameterSets(codec, [sps, pps]);
    expect(complete).toMatchObject({ width: 320, height: 180, rfc6381: 'avc3.64000d', sampleEntry: 'avc3' });
    const made = readSampleEntry(cmafSampleEntry(bare, complete)).codec as VideoCodec;
    expect(made.parameterSets.map((set) => Buffer.from(set))).toEqual([sps, pps].map((set) => Buffer.from(set)));
    expect(writeAvcConfiguration(avcConfigurationOf([sps, pps], 4))).toHaveLength(11 + sps.length + pps.length + 4);
    expect(codeOf(() => withParameterSets(codec, [pps]))).toBe('ISOMER_CODEC_MALFORMED');
  });

  it.each([
    ['version 0', sound('mp4a', 0, hex(''), esds('1190'))],
    ['version 1', sound('mp4a', 1, u32(1024, 0, 0, 2), wave(esds('1190', 0x40, true)))],
    ['version 2', sound('mp4a', 2, new Uint8Array(36), wave(esds('1190')))],
  ])('QuickTime sound %s takes the plain form, ES_ID 0', (_, stored) => {
    const made = cmafSampleEntry(stored, readSampleEntry(stored).codec);
    const expected = sound('mp4a', 0, hex(''), esds('1190'));
    expected[expected.indexOf(3, 40) + 3] = 0; // ES_ID 1 of the fixture
    expect(Buffer.from(made).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });

  it('E-AC-3 and DTS keep their boxes and state their channels', () => {
    const dec3 = box('dec3', hex('0800200f00'));
    const stored = sound('ec-3', 0, hex(''), dec3, box('xtra', u32(1)));
    const codec = readSampleEntry(stored).codec as AudioCodec;
    const expected = sound('ec-3', 0, hex(''), dec3);
    expected.set(u16(6), 24);
    expect(Buffer.from(cmafSampleEntry(stored, codec)).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });
});

describe('descriptors', () => {
  it('are read as they were written, lengths beyond 127 included', () => {
    const byte = fc.nat(255);
    fc.assert(
      fc.property(byte, fc.nat(63), fc.nat(0xffffff), fc.nat(), fc.nat(), fc.option(fc.uint8Array({ maxLength: 300 })), (objectTypeIndication, streamType, bufferSizeDB, maxBitrate, avgBitrate, specific) => {
        const config = { objectTypeIndication, streamType, bufferSizeDB, maxBitrate, avgBitrate, specific };
        expect(readDecoderConfig(writeEsDescriptor(config), 'esds')).toEqual({ ...config, specific: specific === null ? null : Uint8Array.from(specific) });
      }),
    );
  });

  it('with the optional fields of an ES_Descriptor are read', () => {
    const written = writeEsDescriptor({ objectTypeIndication: 0x40, streamType: 5, bufferSizeDB: 0, maxBitrate: 1, avgBitrate: 2, specific: hex('1190') });
    const optional = hex('0007 03 616263 0008');
    const longer = Uint8Array.from([3, written[1] + optional.length, 0, 1, 0xe0, ...optional, ...written.subarray(5)]);
    expect(readDecoderConfig(longer, 'esds').specific).toEqual(hex('1190'));
  });
});
