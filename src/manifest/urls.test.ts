import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeName, inQuality, playlistUrl, segmentUrls } from './urls.ts';

const HLS = { format: 'm3u8-aapl', extra: [] };

describe('child URLs', () => {
  test.each([
    ['media playlist', playlistUrl(381048, 'video', HLS), 'QualityLevels(381048)/Manifest(video,format=m3u8-aapl)'],
    ['I-frame playlist', playlistUrl(381048, 'video', HLS, true), 'QualityLevels(381048)/Manifest(video,format=m3u8-aapl,type=keyframes)'],
    [
      'encrypted I-frame playlist',
      playlistUrl(1, 'video', { format: 'm3u8-cmaf', extra: [['encryption', 'cbcs-aapl']] }, true),
      'QualityLevels(1)/Manifest(video,format=m3u8-cmaf,type=keyframes,encryption=cbcs-aapl)',
    ],
    [
      'playlist with everything, in the order of playlists',
      playlistUrl(1, 'video', { format: 'm3u8-aapl-v3', extra: [['filter', 'a;b'], ['audiotrack', 'audio_und'], ['encryption', 'cbc']] }),
      'QualityLevels(1)/Manifest(video,format=m3u8-aapl-v3,encryption=cbc,audiotrack=audio_und,filter=a;b)',
    ],
    [
      'segment with everything, in the order of segments and without the filter',
      segmentUrls('video', { format: 'm3u8-aapl-v3', extra: [['filter', 'a;b'], ['encryption', 'cbc'], ['audiotrack', 'audio_und']] })(0n),
      'Fragments(video=0,format=m3u8-aapl-v3,audiotrack=audio_und,encryption=cbc)',
    ],
    ['initialization', inQuality(1, segmentUrls('video', { format: 'm3u8-cmaf', extra: [] })('i')), 'QualityLevels(1)/Fragments(video=i,format=m3u8-cmaf)'],
    ['DASH template', inQuality('$Bandwidth$', segmentUrls('a', { format: 'mpd-time-csf', extra: [] })('$Time$')), 'QualityLevels($Bandwidth$)/Fragments(a=$Time$,format=mpd-time-csf)'],
    ['Smooth template', inQuality('{bitrate}', segmentUrls('a', { format: '', extra: [] })('{start time}')), 'QualityLevels({bitrate})/Fragments(a={start time})'],
    ['key frame', segmentUrls('video', HLS, 'KeyFrames')(20020000n), 'KeyFrames(video=20020000,format=m3u8-aapl)'],
    ['time beyond 2^53', segmentUrls('video', HLS)(15_000_000_000_000_000_001n), 'Fragments(video=15000000000000000001,format=m3u8-aapl)'],
  ])('%s', (_, url, expected) => expect(url).toBe(expected));

  test('names keep nothing that the grammar, a URL or a template would take for its own, and decode to themselves', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const encoded = encodeName(name);
        expect(encoded).toMatch(/^[A-Za-z0-9\-_.!~*'%]*$/);
        expect(decodeURIComponent(encoded)).toBe(name);
      }),
      { seed: 2, numRuns: 500, examples: [['a b(c),d=e$f{g}"h/i?j#k%l;m\n'], ['é日本😀']] },
    );
  });
});
