/**
 * Every kind of MPD against the official schemas, where they are present: ISOMER_SCHEMA_DIR holds one folder per edition with
 * DASH-MPD.xsd. These two editions are the gate; older ones lack elements that we use.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ParseOption, XmlDocument, XmlValidateError, XsdValidator } from 'libxml2-wasm';
import { xmlRegisterFsInputProviders } from 'libxml2-wasm/lib/nodejs.mjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyFilters, type Filter } from '../model/filter.ts';
import { timelineOf } from '../model/timeline.ts';
import { ContentKey } from '../protection/contentkey.ts';
import { protectPresentation } from '../protection/protect.ts';
import { NO_SYSTEMS } from '../protection/urls.ts';
import { writeMpdCmaf, writeMpdCsf } from './dash.ts';
import { aacCodec, audioSet, audioTrack, avcCodec, descriptionSet, eac3Codec, goldenAudio, goldenPresentation, goldenVideo, hevcCodec, NOMINAL_SIZES, parametersOf, presentationOf, videoSet, videoTrack } from './testing.ts';

const DIRECTORY = process.env['ISOMER_SCHEMA_DIR'] ?? '';
const EDITIONS = ['4th-amd1', '5th-ed-amd1'];
const REASON = 'ISOMER_SCHEMA_DIR does not name a folder with the official DASH schemas';

const later = timelineOf(BigInt64Array.of(17_000_000_000_000_001n, 17_000_000_060_000_001n, 17_000_000_090_000_000n), 10_000_000);
const TWENTY_TO_FORTY: Filter = {
  name: 'f',
  presentationTimeRange: { startTimestamp: 20n, endTimestamp: 40n, timescale: 1n, presentationWindowDuration: null, liveBackoffDuration: null, forceEndTimestamp: false },
  firstQuality: null,
  tracks: [],
};
const address = 'https://keys.example/?a=1&kid={ContentKeyId}';
const SYSTEMS = { ...NO_SYSTEMS, playReady: { licenseUrl: address, customAttributes: null }, widevine: { licenseUrl: address }, clearKey: { keyUrl: address }, envelope: { keyUrl: address } };
const PRESENTATIONS = {
  golden: goldenPresentation(),
  'labels, description, roles, odd names': presentationOf(
    goldenAudio({ label: 'A <b> & "c"' }),
    descriptionSet(),
    audioSet('a b(c),d="e"$é', [audioTrack(1, aacCodec())], { language: 'zho-Hant', roles: ['dub', 'unknown'], label: 'é' }),
    audioSet('n', [audioTrack(1, aacCodec())], { language: 'not_a_language' }),
    goldenVideo(),
  ),
  'all codecs, a varying frame rate': presentationOf(
    audioSet('ec3', [audioTrack(384000, eac3Codec(true))], { language: '' }),
    audioSet('dts', [audioTrack(1509000, aacCodec('', { family: 'dts', sampleEntry: 'dtsc', rfc6381: 'dtsc', channels: 6 }))], { language: 'und' }),
    videoSet([videoTrack(2, { ...hevcCodec(3840, 2160), sampleAspectRatio: { numerator: 40, denominator: 33 } }), { ...videoTrack(1, hevcCodec(640, 360)), frameRate: null }]),
    videoSet([videoTrack(1, avcCodec('64000d', 320, 180))], { name: 'video_2' }),
  ),
  'a start after 0': presentationOf(audioSet('a', [audioTrack(1, aacCodec())], { timeline: later }), videoSet([videoTrack(1, avcCodec('64000d', 320, 180))], { timeline: later })),
  'audio alone': presentationOf(goldenAudio()),
  'a filter': applyFilters(goldenPresentation(), [TWENTY_TO_FORTY], { live: false }),
  ...Object.fromEntries(
    (['cbc', 'cenc', 'cbcs'] as const).map((scheme) => [
      `${scheme}, a key for each kind, the lowest quality in the clear`,
      protectPresentation(presentationOf(goldenAudio({ label: 'l' }), descriptionSet(), audioSet('ec3', [audioTrack(384000, eac3Codec(true))]), goldenVideo()), {
        scheme,
        systems: SYSTEMS,
        keyOf: (set, { bitrate }) => (bitrate === 381048 ? null : new ContentKey(new Uint8Array(16).fill(set.name.length), new Uint8Array(16))),
      }),
    ]),
  ),
};

function documentsOf(presentation: (typeof PRESENTATIONS)[keyof typeof PRESENTATIONS]): readonly string[] {
  const parameters = (format: string): ReturnType<typeof parametersOf> => parametersOf(format, { extra: [['encryption', 'cenc']] });
  return [writeMpdCsf(presentation, parameters('mpd-time-csf')), writeMpdCmaf(presentation, parameters('mpd-time-cmaf'), NOMINAL_SIZES)];
}

describe.each(EDITIONS)('MPD schema %s', (edition) => {
  const path = join(DIRECTORY, edition, 'DASH-MPD.xsd');
  const present = DIRECTORY !== '' && existsSync(path);
  let validator: XsdValidator;

  beforeAll(() => {
    if (!present) return;
    xmlRegisterFsInputProviders();
    // The fifth edition builds its patterns from entities.
    const schema = XmlDocument.fromBuffer(readFileSync(path), { url: path, option: ParseOption.XML_PARSE_NOENT });
    validator = XsdValidator.fromDoc(schema);
    schema.dispose();
  });

  afterAll(() => {
    if (present) validator.dispose();
  });

  test.for(Object.keys(PRESENTATIONS) as (keyof typeof PRESENTATIONS)[])('%s', (name, { skip }) => {
    skip(!present, REASON);
    for (const document of documentsOf(PRESENTATIONS[name])) expect(faults(validator, document)).toEqual([]);
  });

  test('finds what it must find', ({ skip }) => {
    skip(!present, REASON);
    const [csf, cmaf] = documentsOf(PRESENTATIONS.golden);
    const mutants = [
      csf.replace(/ minBufferTime="[^"]*"/, ''),
      csf.replace('startWithSAP="1"', 'startWithSAP="9"'),
      csf.replace('id="1_V_video_1"', 'id="1_V video_1"'),
      cmaf.replace('par="16:9"', 'par="16/9"'),
      cmaf.replace(/( *<Role .*\n)([^]*?<\/SegmentTemplate>\n)/, '$2$1'),
    ];
    for (const mutant of mutants) {
      expect([csf, cmaf]).not.toContain(mutant);
      expect(faults(validator, mutant)).not.toEqual([]);
    }
  });
});

/** What the schema says against a document. */
function faults(validator: XsdValidator, text: string): readonly string[] {
  const document = XmlDocument.fromString(text);
  try {
    validator.validate(document);
    return [];
  } catch (error) {
    if (!(error instanceof XmlValidateError)) throw error;
    return error.details.map(({ line, message }) => `${line}: ${message.trim()}`);
  } finally {
    document.dispose();
  }
}
