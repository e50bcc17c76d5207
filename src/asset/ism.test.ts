import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { readIsm } from './ism.ts';
import { matchStream, readIsmc } from './ismc.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (text: string): ReturnType<typeof readIsm> => readIsm(utf8(text), 'x.ism');
const errorOf = (run: () => unknown): IsomerError => {
  try {
    run();
  } catch (error) {
    if (error instanceof IsomerError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};
const smil = (body: string, head = '<head><meta name="formats" content="mp4-v3"/></head>'): string =>
  `<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<smil xmlns="http://www.w3.org/2001/SMIL20/Language">\n${head}\n<body><switch>${body}</switch></body></smil>`;
const ENCODER = smil(`
<audio src="a.mp4" systemBitrate="128041" systemLanguage="eng">
  <param name="systemBitrate" value="128041" valuetype="data"/><param name="trackID" value="2" valuetype="data"/>
  <param name="trackName" value="aac_eng_2_128041_2_1" valuetype="data"/><param name="systemLanguage" value="eng" valuetype="data"/>
</audio>
<video src="v1.mp4" systemBitrate="3579827"><param name="trackID" value="1" valuetype="data"/></video>`);

describe('closed captions', () => {
  const captionsOf = (value: string): unknown => read(smil(`<video src="v.mp4"><param name="closedCaptions" value="${value}"/></video>`)).tracks[0].captions;

  it('are named by channel, with or without language', () => {
    expect(captionsOf('CC1=eng; CC3=spa;SERVICE12')).toEqual([{ channel: 'CC1', language: 'eng' }, { channel: 'CC3', language: 'spa' }, { channel: 'SERVICE12', language: '' }]);
    expect(captionsOf('')).toBeUndefined();
  });

  it.each(['CC5', 'CC1=eng;CC1=fra', 'SERVICE64', 'eng', 'CC1=<x>', ';', 'CC1=eng;;x'])('%s is refused', (value) => {
    expect(errorOf(() => captionsOf(value.replace('<', '&lt;')))).toMatchObject({ code: 'ISOMER_ISM_MALFORMED', detail: { what: 'closedCaptions' } });
  });
});

describe('captions as text', () => {
  const channelOf = (value: string): unknown => read(smil(`<video src="v.mp4"/><textstream src="v.mp4"><param name="captionChannel" value="${value}"/></textstream>`)).tracks[1].text?.channel;

  it('are asked for by channel', () => {
    expect(['CC1', 'cc4', ''].map(channelOf)).toEqual(['CC1', 'CC4', null]);
  });

  it.each(['CC5', 'SERVICE1', 'CC1;CC2', 'eng'])('%s is refused', (value) => {
    expect(errorOf(() => channelOf(value))).toMatchObject({ code: 'ISOMER_ISM_MALFORMED', detail: { what: 'captionChannel' } });
  });
});

describe('server manifests as they are met', () => {
  it('reads the encoder’s own form', () => {
    const { tracks, formats } = read(ENCODER);
    expect(formats).toBe('mp4-v3');
    expect(tracks).toMatchObject([
      { kind: 'audio', src: 'a.mp4', bitrate: 128041, trackId: 2, trackName: 'aac_eng_2_128041_2_1', language: 'eng', title: null },
      { kind: 'video', src: 'v1.mp4', bitrate: 3579827, trackId: 1, trackName: null },
    ]);
  });

  it('reads bare sources, no head, several tracks of one file', () => {
    const { tracks } = read('<smil><body><switch><video src="a.mp4"/><video src="b.mp4"/><audio src="a.mp4"/></switch></body></smil>');
    expect(tracks.map(({ kind, src, bitrate }) => [kind, src, bitrate])).toEqual([['video', 'a.mp4', null], ['video', 'b.mp4', null], ['audio', 'a.mp4', null]]);
  });

  it('reads titles, the capitalised language attribute, and audio description', () => {
    const { tracks } = read(smil('<audio src="a%20b.m4a" title="Commentary" SystemLanguage="fra"><param name="accessibility" value="description"/><param name="role" value="alternate"/></audio>'));
    expect(tracks[0]).toMatchObject({ src: 'a b.m4a', title: 'Commentary', language: 'fra', accessibility: ['description'], roles: ['alternate'] });
  });

  it('names the stored client manifest', () => {
    expect(read(smil('<audio src="a.isma"/>', '<head><meta name="clientManifestRelativePath" content="x.ismc"/></head>')).clientManifest).toBe('x.ismc');
  });

  it('reads a byte order mark and UTF-16', () => {
    const utf16 = new Uint8Array(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(ENCODER.replace('utf-8', 'utf-16'), 'utf16le')]));
    expect(readIsm(new Uint8Array([0xef, 0xbb, 0xbf, ...utf8(ENCODER)]), 'x.ism').tracks).toHaveLength(2);
    expect(readIsm(utf16, 'x.ism').tracks).toHaveLength(2);
  });

  it('takes text streams and ignores foreign elements', () => {
    expect(read(smil('<textstream src="en.cmft" systemBitrate="0"/><ref src="http://elsewhere/x"/>')).tracks).toMatchObject([{ kind: 'text', bitrate: null }]);
  });
});

describe('server manifests that are refused', () => {
  it.each([
    ['an end tag that is missing', smil('<audio src="a.mp4"><param name="x" value="y"/>'), 'ISOMER_ISM_MALFORMED', /line 4/],
    ['an empty document', '', 'ISOMER_ISM_MALFORMED', /root/],
    ['another document', '<html/>', 'ISOMER_ISM_MALFORMED', /smil/],
    ['an empty switch', smil(''), 'ISOMER_ISM_MALFORMED', /switch/],
    ['no body', '<smil/>', 'ISOMER_ISM_MALFORMED', /body/],
    ['a sequence', '<smil><body><seq><video src="a.mp4"/></seq></body></smil>', 'ISOMER_ISM_UNSUPPORTED', /seq/],
    ['a missing src', smil('<video/>'), 'ISOMER_ISM_MALFORMED', /src/],
    ['a DOCTYPE', '<!DOCTYPE smil [<!ENTITY a "aaaa">]><smil>&a;</smil>', 'ISOMER_ISM_MALFORMED', /DOCTYPE/],
    ['an undefined entity', smil('<video src="&x;.mp4"/>'), 'ISOMER_ISM_MALFORMED', /line 4/],
    ['a negative bitrate', smil('<video src="a.mp4" systemBitrate="-5"/>'), 'ISOMER_ISM_MALFORMED', /systemBitrate.*line 4/],
    ['an absurd bitrate', smil('<video src="a.mp4" systemBitrate="99999999999999"/>'), 'ISOMER_ISM_MALFORMED', /systemBitrate/],
    ['a track ID of 0', smil('<video src="a.mp4"><param name="trackID" value="0"/></video>'), 'ISOMER_ISM_MALFORMED', /trackID/],
    ['an event that still runs', smil('<video src="a.mp4"/>', '<head><meta name="formats" content="live-fmp4"/></head>'), 'ISOMER_ISM_UNSUPPORTED', /live-fmp4/],
    ['Windows Media', smil('<video src="a.wmv"/>'), 'ISOMER_ISM_UNSUPPORTED', /wmv/],
    ['a name that breaks out of quotes', smil("<audio src='a.mp4' title='x\"y'/>"), 'ISOMER_ISM_MALFORMED', /track name/],
    ['another encoding than declared', ENCODER.replace('utf-8', 'utf-16'), 'ISOMER_ISM_MALFORMED', /encoding/],
  ])('%s', (_, text, code, message) => {
    const error = errorOf(() => read(text));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  });

  it.each(['http://host/a.mp4', 'file:///etc/passwd', '/etc/passwd', '../a.mp4', 'a/../../b.mp4', 'a\\b.mp4', '%2e%2e/a.mp4', '..%2fa.mp4', '%2fetc/passwd', 'C:\\x', 'a//b.mp4', '%00.mp4', ' ', 'data:,x'])(
    'a source outside the asset: %j',
    (src) => {
      expect(errorOf(() => read(smil(`<video src="${src}"/>`))).code).toBe('ISOMER_ISM_SOURCE_REFUSED');
    },
  );

  it('bytes that are no text', () => {
    expect(errorOf(() => readIsm(Uint8Array.of(0x3c, 0xff, 0xff), 'x.ism')).message).toMatch(/encoding/);
  });

  it('too many elements and too deep ones', () => {
    expect(errorOf(() => read(smil('<video src="a.mp4"/>'.repeat(30_000)))).message).toMatch(/20000 elements/);
    expect(errorOf(() => read('<a>'.repeat(100))).message).toMatch(/64 levels/);
  });

  it('never fails with anything but a typed error, whatever is changed', () => {
    const bytes = utf8(ENCODER);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }), (changes) => {
        const mutant = bytes.slice();
        for (const [at, value] of changes) mutant[at] = value;
        try {
          readIsm(mutant, 'x.ism');
        } catch (error) {
          expect(error).toBeInstanceOf(IsomerError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('client manifests', () => {
  const ismc = `<SmoothStreamingMedia MajorVersion="2" MinorVersion="1" Duration="9"><StreamIndex Type="audio" Name="sound" Language="eng" Chunks="1"><QualityLevel Bitrate="128000" CodecPrivateData=""/><c t="16000000000000000000000" d="9"/></StreamIndex>
    <StreamIndex Type="video"><QualityLevel Bitrate="1000" CodecPrivateData="0000000167"/><QualityLevel Bitrate="2000"/></StreamIndex><StreamIndex Type="audio" Name="other"><QualityLevel Bitrate="64000"/></StreamIndex></SmoothStreamingMedia>`;

  it('give names and languages, by bitrate or by place', () => {
    const streams = readIsmc(utf8(ismc), 'x.ismc');
    const { tracks } = read(smil('<video src="v.ismv" systemBitrate="2000"/><audio src="b.isma" systemBitrate="64000"/><audio src="a.isma" systemBitrate="128000"/>'));
    expect(tracks.map((track) => matchStream(streams, track, tracks)?.name)).toEqual([null, 'other', 'sound']);
    const unknown = read(smil('<audio src="a.isma"/><audio src="b.isma"/>')).tracks;
    expect(unknown.map((track) => matchStream(streams, track, unknown)?.name)).toEqual(['sound', 'other']);
  });

  it('refuse other documents', () => {
    expect(errorOf(() => readIsmc(utf8('<smil/>'), 'x.ismc')).code).toBe('ISOMER_ISM_MALFORMED');
  });
});
