import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitWriter, Bits } from '../bits.ts';
import { concatBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { aacFacts, readAacConfiguration } from './aac.ts';
import { avcCodecString, avcConfigurationOf, readAvcConfiguration, readAvcSps, writeAvcConfiguration } from './avc.ts';
import { readEac3Configuration } from './dolby.ts';
import { dtsChannels, readDtsConfiguration, writeDtsConfiguration } from './dts.ts';
import { readDtsFrame } from './dtsframe.ts';
import { hevcCodecString, hevcParameterSets, readHevcConfiguration, readHevcSps, withHevcSets, writeHevcConfiguration } from './hevc.ts';
import { holdsSets, nalEnd, parameterSetsIn, unescapeNal } from './nal.ts';
import { escapeNal, withFourByteLengths, withoutSets } from './testing.ts';
import { videoRangeOf } from './vui.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof IsomerError ? error.code : `not typed: ${String(error)}`;
  }
};

describe('bits', () => {
  it('are read as they were written', () => {
    const field = fc.oneof(
      fc.tuple(fc.constant('u' as const), fc.nat(0xffffffff)),
      fc.tuple(fc.constant('ue' as const), fc.nat(0xfffffffe)),
      fc.tuple(fc.constant('se' as const), fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 })),
    );
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 40 }), (fields) => {
        const writer = new BitWriter();
        for (const [kind, value] of fields) if (kind === 'u') writer.u(32, value);
          else writer[kind](value);
        const bits = new Bits(writer.toBytes(), { code: 'ISOMER_CODEC_MALFORMED', where: 'test' });
        for (const [kind, value] of fields) expect(kind === 'u' ? bits.u(32) : bits[kind]()).toBe(value);
        expect(bits.position).toBe(writer.position);
      }),
    );
  });

  it('that end, and codes that never end, are errors with a place', () => {
    const bits = new Bits(Uint8Array.of(0xff), { code: 'ISOMER_CODEC_MALFORMED', where: 'test', base: 40 });
    bits.skip(3);
    expect(() => bits.u(6)).toThrow(/data ends too early at test, byte 40, bit 3; expected 6 bits; found 5/);
    expect(() => new Bits(new Uint8Array(9), { code: 'ISOMER_CODEC_MALFORMED', where: 'test' }).ue()).toThrow(/Exp-Golomb/);
  });
});

describe('NAL units', () => {
  it('lose and regain their emulation prevention bytes', () => {
    expect(text(unescapeNal(hex('0000030000030100000302')))).toBe('000000000100' + '0002');
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 255), { maxLength: 60 }), (values) => {
        const raw = Uint8Array.from(values);
        const escaped = escapeNal(raw);
        expect(text(unescapeNal(escaped))).toBe(text(raw));
        for (let i = 0; i + 2 < escaped.length; i++) expect(escaped[i] === 0 && escaped[i + 1] === 0 && escaped[i + 2] < 3).toBe(false);
      }),
    );
  });

  it.each([
    ['longer than the sample', '00000005650102', 4],
    ['empty', '0000000000000001', 4],
    ['cut inside the length', '0000', 4],
    ['of two-byte lengths, longer than the sample', '000265', 2],
  ])('%s are refused', (_, sample, lengthSize) => {
    expect(codeOf(() => nalEnd(hex(sample), 0, sample.length / 2, lengthSize))).toBe('MPE_INVALID_NALU_SIZE');
  });

  const nal = (...bytes: number[]): Uint8Array => Uint8Array.of(0, 0, 0, bytes.length, ...bytes);
  const sets = [Uint8Array.of(0x67, 1, 2), Uint8Array.of(0x68, 3)];
  const keyFrame = concatBytes([nal(0x09, 0xf0), nal(...sets[0]), nal(...sets[1]), nal(0x06, 9), nal(0x65, 7, 7, 7)]);
  const other = concatBytes([nal(0x41, 5)]);

  it('tell parameter sets and delimiters apart in both families', () => {
    expect(parameterSetsIn(keyFrame, 4, 'avc').map(text)).toEqual(sets.map(text));
    expect([holdsSets(keyFrame, 4, 'avc'), holdsSets(other, 4, 'avc'), holdsSets(nal(35 << 1, 1, 0x50), 4, 'hevc'), holdsSets(nal(34 << 1, 1, 2), 4, 'hevc'), holdsSets(nal(19 << 1, 1, 2), 4, 'hevc')]).toEqual([true, false, true, true, false]);
  });

  it('of the CMAF form hold neither', () => {
    const payload = concatBytes([keyFrame, other, keyFrame]);
    const sizes = Uint32Array.of(keyFrame.length, other.length, keyFrame.length);
    const filtered = withoutSets(payload, sizes, 4, 'avc', sets);
    const kept = concatBytes([nal(0x06, 9), nal(0x65, 7, 7, 7)]);
    expect(text(filtered.payload)).toBe(text(concatBytes([kept, other, kept])));
    expect([...filtered.sizes]).toEqual([kept.length, other.length, kept.length]);
    const clean = withoutSets(other, Uint32Array.of(other.length), 4, 'avc');
    expect(clean.payload).toBe(other);
  });

  it('with parameter sets that the sample entry does not hold are refused', () => {
    expect(codeOf(() => withoutSets(keyFrame, Uint32Array.of(keyFrame.length), 4, 'avc', [sets[0]]))).toBe('ISOMER_PARAMETER_SETS_CHANGE');
    expect(codeOf(() => withoutSets(keyFrame, Uint32Array.of(keyFrame.length + 1), 4, 'avc'))).toBe('MPE_INVALID_NALU_SIZE');
  });

  it('of shorter length fields come out with four bytes', () => {
    const { payload, sizes } = withFourByteLengths({ payload: hex('0265010141' + '0141'), sizes: Uint32Array.of(5, 2) }, 1);
    expect([text(payload), [...sizes]]).toEqual(['0000000265010000000141' + '0000000141', [11, 5]]);
  });
});

describe('AVC', () => {
  // Written by x264: name, record, codec string, what the SPS says.
  it.each([
    ['high', '0164000cffe1001a6764000cacd941419f9f011000000300100000030320f142996001000668ebe3cb22c0fdf8f800', 'avc1.64000c', { width: 320, height: 180, interlaced: false }, [1, 1], [25, 1]],
    ['baseline 4:3 pixels', '0142c028ffe100196742c028da0168089f970e1000000300100000030320f1832a01000468ce0fc8', 'avc1.42c028', { width: 1440, height: 1080 }, [4, 3], [25, 1]],
    ['interlaced', '0164001effe1001c6764001eacd940b424dff8020001688000000300800000190f8a14cb01000668fba3cb22c0fdf8f800', 'avc1.64001e', { width: 720, height: 576, interlaced: true }, [64, 45], [25, 1]],
    ['4:2:2 10 bit', '017a0028ffe1001a677a0028b6cb403c0113f13808800000030080000018078c195001000468ce0fc8fefafa00', 'avc1.7a0028', { width: 1920, height: 1080, chroma_format_idc: 2, bitDepthLuma: 10 }, [1, 1], [24, 1]],
    ['4:4:4 cropped', '01f4000dffe1001a67f4000d919681519e3e2f011000000300100000030300f142aa01000768ce0f19100640fff8f800', 'avc1.f4000d', { width: 322, height: 182, chroma_format_idc: 3 }, [1, 1], [24, 1]],
  ])('%s: record and SPS', (_, record, codec, facts, [numerator, denominator], [frames, seconds]) => {
    const configuration = readAvcConfiguration(hex(record));
    expect(avcCodecString('avc1', configuration)).toBe(codec);
    const sps = readAvcSps(configuration.sequenceParameterSets[0]);
    expect(sps).toMatchObject(facts);
    expect(sps.vui.sampleAspectRatio).toEqual({ numerator, denominator });
    const rate = sps.vui.frameRate ?? { numerator: 0, denominator: 1 };
    expect(rate.numerator * seconds).toBe(frames * rate.denominator);
    expect(text(writeAvcConfiguration(configuration))).toBe(record);
    expect(text(writeAvcConfiguration(avcConfigurationOf([...configuration.sequenceParameterSets, ...configuration.pictureParameterSets], 4)))).toBe(record);
  });

  const seed = '0164001effe10008' + '6764001eacd9405001000568ebecb22c';

  it('a record of a high profile may end before the high fields, and is written so', () => {
    const record = readAvcConfiguration(hex(seed));
    expect(record.high).toBeNull();
    expect(text(writeAvcConfiguration(record))).toBe(seed);
  });

  it('transfer characteristics give the video range', () => {
    expect([1, 2, 14, 16, 18, undefined].map(videoRangeOf)).toEqual(['SDR', 'SDR', 'SDR', 'PQ', 'HLG', 'SDR']);
  });

  it.each([
    ['version 2', `02${seed.slice(2)}`, 'ISOMER_CODEC_MALFORMED'],
    ['three-byte lengths', seed.replace('ffe1', 'fee1'), 'MPE_INVALID_NALU_LENGTH_FIELD'],
    ['an SPS longer than the record', seed.replace('e10008', 'e1ffff'), 'ISOMER_CODEC_MALFORMED'],
    ['a PPS in place of the SPS', seed.replace('6764', '6864'), 'ISOMER_CODEC_MALFORMED'],
    ['nothing', '', 'ISOMER_CODEC_MALFORMED'],
  ])('a record with %s is refused', (_, record, code) => {
    expect(codeOf(() => readAvcConfiguration(hex(record)))).toBe(code);
  });

  it('an SPS of absurd size is refused', () => {
    const bits = new BitWriter();
    for (const byte of [0x67, 66, 0, 30]) bits.u(8, byte);
    for (const code of [0, 0, 2, 1]) bits.ue(code);
    bits.u(1, 0);
    bits.ue(100_000);
    bits.ue(10);
    bits.u(8, 0xff);
    expect(codeOf(() => readAvcSps(bits.toBytes()))).toBe('ISOMER_CODEC_MALFORMED');
  });

  it('random damage gives typed errors', () => {
    const good = hex('0164001effe1001c6764001eacd940b424dff8020001688000000300800000190f8a14cb01000668fba3cb22c0fdf8f800');
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = good.slice();
        bytes[at] = value;
        expect(codeOf(() => readAvcConfiguration(bytes).sequenceParameterSets.map((set) => readAvcSps(set)))).toMatch(/^(?:none|ISOMER_CODEC_MALFORMED|MPE_INVALID_NALU_LENGTH_FIELD)$/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('HEVC', () => {
  const MAIN = '0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003003c959409a10001002942010101600000030090000003000003003ca00d880f1c9e595952930bc05a02000007d20000ea6010a2000100064401c073c189';
  const PQ = '0102200000009000000000003ff000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003003f959409a10001002d42010102200000030090000003000003003fa00d080f1f236595952930bc05a848804820000003002000000641a2000100064401c073c189';
  const HLG = '0102200000009000000000003ff000fcfdfafa00000f03200001001840010c01ffff02200000030090000003000003003f959409210001002f42010102200000030090000003000003003fa005020171f2b6595952930bc05a84890482000003000200000300321022000100064401c073c189';

  it.each([
    ['main', MAIN, 'hvc1.1.6.L60.90', { width: 426, height: 240, bitDepthLuma: 8 }, 'SDR', [30000, 1001]],
    ['HDR10', PQ, 'hvc1.2.4.L63.90', { width: 416, height: 234, bitDepthLuma: 10 }, 'PQ', [50, 1]],
    ['HLG', HLG, 'hvc1.2.4.L63.90', { width: 640, height: 360, bitDepthLuma: 10 }, 'HLG', [25, 1]],
  ])('%s: record and SPS', (_, record, codec, facts, range, [numerator, denominator]) => {
    const configuration = readHevcConfiguration(hex(record));
    expect(hevcCodecString('hvc1', configuration)).toBe(codec);
    const sets = hevcParameterSets(configuration);
    expect(sets).toHaveLength(3);
    const sps = readHevcSps(sets[1]);
    expect(sps).toMatchObject(facts);
    expect(videoRangeOf(sps.vui.colour?.transfer_characteristics)).toBe(range);
    expect(sps.vui.frameRate).toEqual({ numerator, denominator });
    expect(text(writeHevcConfiguration(configuration))).toBe(record);
  });

  it('the strings of 14496-15 E.3 and of real streams', () => {
    const level = { general_profile_space: 0, general_tier_flag: 0, general_profile_idc: 1, general_profile_compatibility_flags: 0x60000000, general_constraint_indicator_flags: 0xb00000000000, general_level_idc: 93 };
    expect(hevcCodecString('hev1', level)).toBe('hev1.1.6.L93.b0');
    expect(hevcCodecString('hvc1', { ...level, general_profile_space: 1, general_profile_idc: 4, general_profile_compatibility_flags: 0x08000000, general_tier_flag: 1, general_constraint_indicator_flags: 0x9e0800000000 })).toBe('hvc1.A4.10.H93.9e.8');
    expect(hevcCodecString('hvc1', { ...level, general_constraint_indicator_flags: 0 })).toBe('hvc1.1.6.L93');
  });

  it('parameter sets move into the record, complete', () => {
    const stored = readHevcConfiguration(hex(MAIN));
    const moved = withHevcSets({ ...stored, arrays: [] }, hevcParameterSets(stored));
    expect(moved.arrays.map(({ array_completeness, NAL_unit_type }) => [array_completeness, NAL_unit_type])).toEqual([[1, 32], [1, 33], [1, 34]]);
    expect(text(writeHevcConfiguration(moved))).toBe(MAIN);
    expect(codeOf(() => withHevcSets(stored, hevcParameterSets(stored).slice(0, 2)))).toBe('ISOMER_CODEC_MALFORMED');
  });

  it('random damage gives typed errors', () => {
    const good = hex(PQ);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = good.slice();
        bytes[at] = value;
        expect(codeOf(() => hevcParameterSets(readHevcConfiguration(bytes)).filter((set) => set[0] === 0x42).map((set) => readHevcSps(set)))).toMatch(/^(?:none|ISOMER_CODEC_MALFORMED|MPE_INVALID_NALU_LENGTH_FIELD)$/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('AAC', () => {
  it.each([
    ['LC, 48 kHz stereo', '1190', 'mp4a.40.2', 48000, 48000, 2],
    ['LC, 44.1 kHz stereo', '1210', 'mp4a.40.2', 44100, 44100, 2],
    ['LC, 5.1', '11b0', 'mp4a.40.2', 48000, 48000, 6],
    ['LC, 7.1 (configuration 7)', '11b8', 'mp4a.40.2', 48000, 48000, 8],
    ['LC with an empty sync extension', '119056e500', 'mp4a.40.2', 48000, 48000, 2],
    ['HE, hierarchical', '2b920800', 'mp4a.40.5', 22050, 44100, 2],
    ['HE v2, hierarchical', 'eb8a0800', 'mp4a.40.29', 22050, 44100, 2],
    ['HE, implicit', '1390', 'mp4a.40.2', 22050, 22050, 2],
    ['HE, backward compatible', '139056e5a54800', 'mp4a.40.5', 22050, 44100, 2],
    ['HE v2, backward compatible', '138856e5a54880', 'mp4a.40.29', 22050, 44100, 2],
    ['HE, backward compatible, no PS extension', '131056e598', 'mp4a.40.5', 24000, 48000, 2],
  ])('%s', (_, config, codec, core, rate, channels) => {
    const facts = readAacConfiguration(hex(config));
    expect([aacFacts(facts).rfc6381, facts.coreSampleRate, facts.sampleRate, facts.channels, facts.frameLength]).toEqual([codec, core, rate, channels, 1024]);
    expect(aacFacts(facts).core?.sampleRate).toBe(codec === 'mp4a.40.2' ? undefined : core);
  });

  it('explicit frequencies of 24 bits, and 960 samples a frame', () => {
    const bits = new BitWriter();
    for (const [width, value] of [[5, 2], [4, 15], [24, 37800], [4, 1], [1, 1], [1, 0], [1, 0]]) bits.u(width, value);
    expect(readAacConfiguration(bits.toBytes())).toMatchObject({ sampleRate: 37800, channels: 1, frameLength: 960 });
  });

  it.each([[11, 7], [12, 8], [13, 24], [14, 8]])('channelConfiguration %i has %i channels', (configuration, channels) => {
    const bits = new BitWriter();
    for (const [width, value] of [[5, 2], [4, 3], [4, configuration], [3, 0]]) bits.u(width, value);
    expect(readAacConfiguration(bits.toBytes()).channels).toBe(channels);
  });

  it('a program_config_element gives the channels, and the extension behind it is found', () => {
    const bits = new BitWriter();
    // 1 front single, 1 front pair, 1 back pair, 1 LFE; a comment of two bytes.
    for (const [width, value] of [[5, 2], [4, 6], [4, 0], [3, 0]]) bits.u(width, value);
    for (const [width, value] of [[4, 0], [2, 1], [4, 6], [4, 2], [4, 0], [4, 1], [2, 1], [3, 0], [4, 0], [3, 0]]) bits.u(width, value);
    for (const [width, value] of [[1, 0], [4, 0], [1, 1], [4, 0], [1, 1], [4, 1], [4, 0]]) bits.u(width, value);
    bits.u((8 - (bits.position % 8)) % 8, 0);
    for (const byte of [2, 0x41, 0x42]) bits.u(8, byte);
    for (const [width, value] of [[11, 0x2b7], [5, 5], [1, 1], [4, 3]]) bits.u(width, value);
    expect(readAacConfiguration(bits.toBytes())).toMatchObject({ channels: 6, channelConfiguration: 0, sbr: true, sampleRate: 48000, coreSampleRate: 24000 });
  });

  it.each([
    ['ends in the frequency', '15', 'ISOMER_CODEC_MALFORMED'],
    ['has a reserved frequency', '1690', 'ISOMER_CODEC_MALFORMED'],
    ['has a reserved channel configuration', '11c0', 'ISOMER_CODEC_MALFORMED'],
    ['is empty', '', 'ISOMER_CODEC_MALFORMED'],
    ['is xHE-AAC', 'f9463c', 'MPE_AUDIO_ENCODING_NOT_SUPPORTED'],
    ['is MPEG-1 layer 3', 'f8234800', 'MPE_AUDIO_ENCODING_NOT_SUPPORTED'],
  ])('a configuration that %s is refused', (_, config, code) => {
    expect(codeOf(() => readAacConfiguration(hex(config)))).toBe(code);
  });

  it('any bytes give a value or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        expect(codeOf(() => readAacConfiguration(bytes))).toMatch(/^(?:none|ISOMER_CODEC_MALFORMED|MPE_AUDIO_ENCODING_NOT_SUPPORTED)$/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('Dolby and DTS', () => {
  it.each([
    ['stereo', '0400200400', 2, false],
    ['5.1', '0800200f00', 6, false],
    ['5.1 with joint object coding', '0808200f000110', 6, true],
    ['7.1 by a dependent substream', '0800200f0202', 8, false],
  ])('dec3 %s', (_, config, channels, joc) => {
    expect(readEac3Configuration(hex(config))).toMatchObject({ sampleRate: 48000, channels, joc });
  });

  it.each([
    ['core', '0000bb80000bb800000bb8001803244000000f00', 6, 512, 1],
    ['lossless', '0000bb80000000000000000018627c0000000200', 2, 1024, 17],
    ['low bit rate', '0000bb80000000000000000018e47c0000000240', 2, 4096, 18],
  ])('ddts %s', (_, config, channels, frameDuration, StreamConstruction) => {
    const read = readDtsConfiguration(hex(config));
    expect(read).toMatchObject({ DTSSamplingFrequency: 48000, frameDuration, StreamConstruction });
    expect(dtsChannels(read)).toBe(channels);
    expect(writeDtsConfiguration(read)).toEqual(hex(config));
  });

  /** 5.1, 48 kHz, 1024 bytes, 16 bits; of an encoder, but for the sound. */
  const core = new Uint8Array(1024);
  core.set(hex('7ffe8001fc3c3ff275e005380009ef7b'));
  const bandwidthExtension = hex('64582025000360067800808005c1205f0169e00080017000000046b7655e315e30001d000000008d63000002493fffe000000000');
  const lossless = hex('64582025000360087880808009c1605f0070808013c0000000000af141a2954700eb8000138140c0c086ac0207bdf0258000bfcb21112ac8000000000000000000000000');
  const lowBitRate = hex('645820250002e0057b80808004c0e05f007081002600d69c0a801921020c02000008150000fa00fa04000000');

  it.each([
    ['core', core, 'dtsc', 'b8001003244000000f00', 6],
    ['core and bandwidth extension', Uint8Array.from([...core, ...bandwidthExtension]), 'dtsh', 'b800180d244000000f00', 6],
    ['lossless alone', lossless, 'dtsl', 'b80018627c0000000200', 2],
    ['low bit rate alone', lowBitRate, 'dtse', 'b80018e47c0000000200', 2],
  ])('the first frame gives ddts: %s', (_, frame, entry, tail, channels) => {
    const { sampleEntry, ...facts } = readDtsFrame(frame);
    expect(sampleEntry).toBe(entry);
    expect(dtsChannels(facts)).toBe(channels);
    const ddts = Buffer.from(writeDtsConfiguration({ ...facts, maxBitrate: 0, avgBitrate: 0x0bb800 })).toString('hex');
    expect(ddts.slice(0, 8)).toBe('0000bb80');
    expect(ddts.slice(20)).toBe(tail);
  });

  it('frames cut anywhere are refused or read, never more', () => {
    for (const frame of [core, lossless, lowBitRate]) {
      for (let length = 0; length < 64; length++) expect(codeOf(() => readDtsFrame(frame.subarray(0, length)))).toMatch(/^(ISOMER_CODEC_MALFORMED|none)$/);
    }
  });

  it('damaged ones are refused', () => {
    expect(codeOf(() => readDtsFrame(new Uint8Array(96)))).toBe('ISOMER_CODEC_MALFORMED');
    expect(codeOf(() => readEac3Configuration(hex('0400')))).toBe('ISOMER_CODEC_MALFORMED');
    expect(codeOf(() => readDtsConfiguration(hex('0000bb80')))).toBe('ISOMER_CODEC_MALFORMED');
    expect(codeOf(() => readDtsConfiguration(new Uint8Array(20)))).toBe('ISOMER_CODEC_MALFORMED');
  });
});
