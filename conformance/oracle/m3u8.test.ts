import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HLS_RULES, judgeByRule } from './hls-rules.ts';
import { nanosecondsOf, readM3u8 } from './m3u8.ts';
import { hlsParserComplaint, m3u8ParserWarnings } from './opinions.ts';

const MEDIA = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:6
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-MAP:URI="init"
#EXTINF:6.006,
a.m4s
#EXTINF:4,title
b.m4s
#EXT-X-ENDLIST
`;
const MASTER = `#EXTM3U
#EXT-X-VERSION:4
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="one",DEFAULT=YES,AUTOSELECT=YES,URI="a.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1000,AVERAGE-BANDWIDTH=900,RESOLUTION=320x180,CODECS="avc1.64000d,mp4a.40.2",AUDIO="a"
v.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=500,URI="i.m3u8"
`;

function problemsOf(text: string): readonly string[] {
  const playlist = readM3u8(Buffer.from(text));
  return HLS_RULES.flatMap((rule) => judgeByRule(rule, playlist)).map(({ requirement, line }) => `${requirement} ${line}`);
}

describe('valid playlists', () => {
  it.each([
    ['media', MEDIA],
    ['multivariant', MASTER],
    ['the original service', readFileSync(new URL('../../spec/golden/hls-v4-master.m3u8', import.meta.url), 'utf8')],
    ['with an unknown tag', MEDIA.replace('#EXTINF:4', '#EXT-X-SOMETHING-NEW:A=b c\n#EXTINF:4')],
    ['with a comment and empty lines', MEDIA.replace('#EXTINF:4', '\n# a comment\n#EXTINF:4')],
    ['with CR LF', MEDIA.replaceAll('\n', '\r\n')],
  ])('%s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
    expect(hlsParserComplaint(text)).toBeNull();
    expect(m3u8ParserWarnings(text)).toEqual([]);
  });
});

/** Faults that other parsers are known to miss are marked by the requirement alone; each stands on the line given. */
describe('broken playlists', () => {
  it.each([
    ['no EXTM3U', MEDIA, '#EXTM3U\n', '', 'HLS-003 1'],
    ['EXTM3U twice', MEDIA, '#EXT-X-VERSION:6', '#EXTM3U\n#EXT-X-VERSION:6', 'HLS-003 2'],
    ['control character', MEDIA, 'title', 'ti\u0001tle', 'HLS-002 9'],
    ['decomposed character', MEDIA, 'title', 'e\u0301', 'HLS-002 1'],
    ['version too low for MAP', MEDIA, 'VERSION:6', 'VERSION:5', 'HLS-005 6'],
    ['version too low for KEYFORMAT', MASTER, '#EXT-X-MEDIA', '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="k",KEYFORMAT="x"\n#EXT-X-MEDIA', 'HLS-005 3'],
    ['negative target', MEDIA, 'DURATION:6', 'DURATION:-6', 'HLS-009 3'],
    ['target twice', MEDIA, '#EXT-X-PLAYLIST-TYPE', '#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE', 'HLS-009 4'],
    ['EXTINF of 6.5 s', MEDIA, '6.006', '6.500', 'HLS-010 8'],
    ['EXTINF that is no number', MEDIA, '#EXTINF:4', '#EXTINF:NaN', 'HLS-011 9'],
    ['media sequence twice', MEDIA, '#EXT-X-MAP', '#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-MAP', 'HLS-014 6'],
    ['discontinuity sequence behind a discontinuity', MEDIA, '#EXTINF:6', '#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXTINF:6', 'HLS-020 8'],
    ['NONE with URI', MEDIA, '#EXTINF:6', '#EXT-X-KEY:METHOD=NONE,URI="k"\n#EXTINF:6', 'HLS-024 7'],
    ['AES-128 without URI', MEDIA, '#EXTINF:6', '#EXT-X-KEY:METHOD=AES-128\n#EXTINF:6', 'HLS-024 7'],
    ['lower-case attribute name', MASTER, 'AUDIO="a"', 'Audio="a"', 'HLS-008 4'],
    ['line feed inside quotes', MASTER, 'NAME="one"', 'NAME="o\nne"', 'HLS-008 3'],
    ['list ends in a comma', MASTER, 'AUDIO="a"', 'AUDIO="a",', 'HLS-008 4'],
    ['negative bandwidth', MASTER, 'BANDWIDTH=1000', 'BANDWIDTH=-1000', 'HLS-008 4'],
    ['hexadecimal without 0x', MEDIA, '#EXTINF:6', '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=00\n#EXTINF:6', 'HLS-008 7'],
    ['subtitles without URI', MASTER, 'TYPE=AUDIO', 'TYPE=SUBTITLES', 'HLS-040 4'],
    ['captions without INSTREAM-ID', MASTER, '#EXT-X-MEDIA', '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="c"\n#EXT-X-MEDIA', 'HLS-041 3'],
    ['two defaults', MASTER, '#EXT-X-STREAM', '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="two",DEFAULT=YES,URI="b"\n#EXT-X-STREAM', 'HLS-043 4'],
    ['key-frame variant without URI', MASTER, ',URI="i.m3u8"', '', 'HLS-048 6'],
    ['session key without method', MASTER, '#EXT-X-MEDIA', '#EXT-X-SESSION-KEY:METHOD=NONE\n#EXT-X-MEDIA', 'HLS-053 3'],
    ['white space in a URI', MEDIA, 'b.m4s', 'b c.m4s', 'HLS-008 10'],
  ])('%s', (_, text, from, to, problem) => {
    expect(text).toContain(from);
    expect(problemsOf(text.replace(from, to))).toContain(problem);
  });

  it('sees a byte order mark and bytes that are no UTF-8', () => {
    const bytesOf = (body: Buffer): readonly string[] => readM3u8(body).problems.map(({ requirement }) => requirement);
    expect(bytesOf(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(MEDIA)]))).toEqual(['HLS-002']);
    expect(bytesOf(Buffer.concat([Buffer.from(MEDIA), Buffer.from([0xff, 10])]))).toEqual(['HLS-002']);
  });
});

describe('the reader', () => {
  it('never throws', () => {
    const property = fc.property(fc.array(fc.constantFrom('#EXTM3U', '#EXTINF:', '#EXT-X-MEDIA:', 'A="', ',', '=', 'x', '\n', '"', '#EXT-X-STREAM-INF:', '\u0000')), (parts) => {
      const playlist = readM3u8(Buffer.from(parts.join('')));
      for (const rule of HLS_RULES) judgeByRule(rule, playlist);
    });
    expect(() => fc.assert(property, { seed: 20261124 })).not.toThrow();
  });

  it('keeps durations exact', () => {
    expect(nanosecondsOf('6.006000')).toBe(6_006_000_000n);
    expect(nanosecondsOf('4')).toBe(4_000_000_000n);
    expect(nanosecondsOf('-1')).toBeNull();
    expect(nanosecondsOf('1e3')).toBeNull();
  });
});
