import { parse, setOptions, type types } from 'hls-parser';
import { describe, expect, test } from 'vitest';
import type { Presentation, SwitchingSet } from '../model/presentation.ts';
import { tableOf } from '../model/testing.ts';
import { timelineOf } from '../model/timeline.ts';
import { bandwidthTerm, writeKeyFramePlaylist, writeMaster, writeMediaPlaylist, type HlsVersion } from './hls.ts';
import {
  aacCodec,
  audioSet,
  audioTrack,
  avcCodec,
  descriptionSet,
  eac3Codec,
  goldenAudio,
  goldenPresentation,
  goldenVideo,
  hevcCodec,
  NOMINAL_SIZES,
  parametersOf,
  presentationOf,
  videoSet,
  videoTrack,
} from './testing.ts';

setOptions({ strictMode: true });

const FORMATS: Readonly<Record<HlsVersion, string>> = { 3: 'm3u8-aapl-v3', 4: 'm3u8-aapl', 7: 'm3u8-cmaf' };
const VERSIONS: readonly HlsVersion[] = [3, 4, 7];

function master(presentation: Presentation, version: HlsVersion, more: Parameters<typeof parametersOf>[1] = {}): string {
  return writeMaster(presentation, parametersOf(FORMATS[version], more), version === 7 ? { version, sizes: NOMINAL_SIZES } : { version });
}

function at(edges: readonly bigint[]): Pick<SwitchingSet, 'timeline'> {
  return { timeline: timelineOf(BigInt64Array.from(edges), 10_000_000) };
}

const smallVideo = videoSet([videoTrack(200000, avcCodec('64000d', 320, 180))]);

describe('bandwidth formula', () => {
  /** Audio and video bitrates and the BANDWIDTH of real playlists (spec/mapping-hls.md). */
  test.each([
    [128041, 381048, 536608],
    [128041, 721495, 884544],
    [128041, 1154816, 1327398],
    [128041, 2217354, 2413312],
    [128041, 3579827, 3805760],
    [128041, 0, 139017],
    [127000, 161000, 310656],
    [128000, 200000, 351536],
    [128000, 0, 138976],
  ])('audio %i and video %i give %i', (audio, video, bandwidth) => {
    expect(bandwidthTerm(audio) + (video === 0 ? 0 : bandwidthTerm(video))).toBe(bandwidth);
    const sets = [audioSet('audio', [audioTrack(audio, aacCodec())]), ...(video === 0 ? [] : [videoSet([videoTrack(video, avcCodec('64000d', 320, 180))])])];
    for (const version of [3, 4] as const) expect(master(presentationOf(...sets), version).match(/(?<=STREAM-INF:BANDWIDTH=)\d+/)?.[0]).toBe(String(bandwidth));
  });

  test('integers and floating point agree', () => {
    for (let bitrate = 1000; bitrate < 20_000_000; bitrate += 977) expect(bandwidthTerm(bitrate)).toBe(Math.floor(1.022 * bitrate) + 8160);
  });

  test('the audio that counts is the highest bitrate of the group, wherever it stands', () => {
    const low = audioSet('low', [audioTrack(64000, aacCodec())]);
    const high = audioSet('high', [audioTrack(128000, aacCodec())]);
    for (const sets of [[low, high], [high, low]]) expect(master(presentationOf(...sets, smallVideo), 4)).toContain('#EXT-X-STREAM-INF:BANDWIDTH=351536,');
  });
});

describe('version 3', () => {
  test('audio is named in the URLs of video variants, the audio-only variant comes last', () => {
    expect(master(presentationOf(audioSet('audio_und', [audioTrack(128000, aacCodec('1190', { rfc6381: 'mp4a.40.5' }))]), smallVideo), 3, { audioOnly: true })).toBe(`#EXTM3U
#EXT-X-VERSION:3
#EXT-X-STREAM-INF:BANDWIDTH=351536,RESOLUTION=320x180,CODECS="avc1.64000d,mp4a.40.5"
QualityLevels(200000)/Manifest(video,format=m3u8-aapl-v3,audiotrack=audio_und)
#EXT-X-STREAM-INF:BANDWIDTH=138976,CODECS="mp4a.40.5"
QualityLevels(128000)/Manifest(audio_und,format=m3u8-aapl-v3)
`);
  });

  const two = presentationOf(audioSet('a', [audioTrack(2000, aacCodec())]), audioSet('b', [audioTrack(1000, aacCodec())]), smallVideo);

  test('the request chooses the audio', () => {
    expect(master(two, 3, { extra: [['audioTrack', 'b']] })).toContain(`BANDWIDTH=${bandwidthTerm(200000) + bandwidthTerm(1000)},`);
    expect(master(two, 3, { extra: [['audioTrack', 'b']] })).toContain('Manifest(video,format=m3u8-aapl-v3,audiotrack=b)');
    expect(() => master(two, 3, { extra: [['audiotrack', 'c']] })).toThrow(expect.objectContaining({ code: 'MPE_EGRESS_TRACK_NOT_FOUND', message: expect.stringContaining('expected a, b; found c') as string }) as Error);
  });

  test('without video the qualities of the audio are the variants, lowest first', () => {
    expect(master(presentationOf(audioSet('a', [audioTrack(2000, aacCodec()), audioTrack(1000, aacCodec())])), 3).match(/Quality.*/g)).toEqual([
      'QualityLevels(1000)/Manifest(a,format=m3u8-aapl-v3)',
      'QualityLevels(2000)/Manifest(a,format=m3u8-aapl-v3)',
    ]);
  });

  test('without audio only the video is named', () => {
    expect(master(presentationOf(smallVideo), 3, { audioOnly: true })).toBe(
      `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=${bandwidthTerm(200000)},RESOLUTION=320x180,CODECS="avc1.64000d"\nQualityLevels(200000)/Manifest(video,format=m3u8-aapl-v3)\n`,
    );
  });
});

describe('version 4', () => {
  test('several audio tracks: one group; the first main one is the default; one AUTOSELECT per language', () => {
    const presentation = presentationOf(
      descriptionSet(),
      audioSet('eng', [audioTrack(128000, aacCodec()), audioTrack(64000, aacCodec())], { label: 'Say "hi"\n' }),
      audioSet('fra', [audioTrack(96000, aacCodec())], { language: 'fra' }),
      smallVideo,
    );
    expect(master(presentation, 4).match(/#EXT-X-MEDIA.*/g)).toEqual([
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="aac_eng_audio_description",LANGUAGE="eng",DEFAULT=NO,URI="QualityLevels(128000)/Manifest(aac_eng_audio_description,format=m3u8-aapl)"',
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Say 'hi' ",LANGUAGE="eng",DEFAULT=YES,AUTOSELECT=YES,URI="QualityLevels(128000)/Manifest(eng,format=m3u8-aapl)"`,
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Say 'hi'  (2)",LANGUAGE="eng",DEFAULT=NO,URI="QualityLevels(64000)/Manifest(eng,format=m3u8-aapl)"`,
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="fra",LANGUAGE="fra",DEFAULT=NO,AUTOSELECT=YES,URI="QualityLevels(96000)/Manifest(fra,format=m3u8-aapl)"',
    ]);
  });

  test('an empty language is not written; a quotation mark in a language is refused', () => {
    expect(master(presentationOf(goldenAudio({ language: '' }), smallVideo), 4)).not.toContain('LANGUAGE');
    expect(() => master(presentationOf(goldenAudio({ language: 'e"g' }), smallVideo), 4)).toThrow(/no quotation mark/);
  });

  test('parameters of the request travel on', () => {
    const text = master(goldenPresentation(), 4, { extra: [['encryption', 'cbc']] });
    for (const line of text.split('\n').filter((url) => url.includes('QualityLevels('))) expect(line).toContain(',encryption=cbc)');
    expect(text).toContain('(video,format=m3u8-aapl,type=keyframes,encryption=cbc)');
  });

  test('suffixes only when asked for', () => {
    const text = master(goldenPresentation(), 4, { segmentSuffix: true });
    expect(text.match(/\)\.m3u8/g)).toHaveLength(11);
    expect(master(goldenPresentation(), 4)).not.toContain(').m3u8');
  });
});

describe('CMAF', () => {
  test('the whole document', () => {
    const presentation = presentationOf(goldenAudio(), videoSet([videoTrack(200000, { ...hevcCodec(320, 180), videoRange: 'HLG' })]));
    expect(master(presentation, 7)).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="aac_eng_2_128041_2_1",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="QualityLevels(128041)/Manifest(aac_eng_2_128041_2_1,format=m3u8-cmaf)"
#EXT-X-STREAM-INF:BANDWIDTH=328426,AVERAGE-BANDWIDTH=328315,RESOLUTION=320x180,FRAME-RATE=29.970,CODECS="hvc1.2.4.L120.90,mp4a.40.2",VIDEO-RANGE=HLG,AUDIO="audio"
QualityLevels(200000)/Manifest(video,format=m3u8-cmaf)
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=28885,AVERAGE-BANDWIDTH=20893,RESOLUTION=320x180,CODECS="hvc1.2.4.L120.90",VIDEO-RANGE=HLG,URI="QualityLevels(200000)/Manifest(video,format=m3u8-cmaf,type=keyframes)"
`);
  });

  test('audio description is selectable by its purpose', () => {
    expect(master(presentationOf(goldenAudio(), descriptionSet(), smallVideo), 7)).toContain(
      ',NAME="aac_eng_audio_description",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,CHARACTERISTICS="public.accessibility.describes-video",CHANNELS="2",',
    );
  });

  test('codecs and qualities have groups of their own with the same members; each variant comes in each group', () => {
    const presentation = presentationOf(
      audioSet('ec3', [audioTrack(384000, eac3Codec(true))], { label: 'Deutsch', language: 'deu' }),
      audioSet('deu', [audioTrack(128000, aacCodec()), audioTrack(64000, aacCodec())], { language: 'ger' }),
      audioSet('fra', [audioTrack(96000, aacCodec())], { language: 'fre' }),
      smallVideo,
    );
    const text = master(presentation, 7);
    const renditions = [...text.matchAll(/GROUP-ID="([^"]+)",NAME="([^"]+)",LANGUAGE="(\w+)",DEFAULT=(\w+),AUTOSELECT=YES,CHANNELS="([^"]+)",URI="QualityLevels\((\d+)/g)].map((match) => match.slice(1).join(' '));
    expect(renditions).toEqual([
      'audio Deutsch de YES 2 128000',
      'audio fra fr NO 2 96000',
      'audio-2 Deutsch de YES 2 64000',
      'audio-2 fra fr NO 2 96000',
      'audio-3 Deutsch de YES 16/JOC 384000',
      'audio-3 fra fr NO 2 96000',
    ]);
    const variants = [...text.matchAll(/#EXT-X-STREAM-INF:BANDWIDTH=(\d+),.*CODECS="([^"]+)".*AUDIO="([^"]+)"/g)];
    expect(variants.map((match) => `${match[3]} ${match[2]}`)).toEqual(['audio-2 avc1.64000d,mp4a.40.2', 'audio avc1.64000d,mp4a.40.2', 'audio-3 avc1.64000d,ec-3,mp4a.40.2']);
    expect(text.match(/I-FRAME-STREAM-INF/g)).toHaveLength(1);
  });

  test('audio that exists in another codec only stays out of the first group', () => {
    const text = master(presentationOf(goldenAudio(), audioSet('fra', [audioTrack(384000, eac3Codec())], { language: 'fra' }), smallVideo), 7);
    expect([...text.matchAll(/GROUP-ID="([^"]+)".*?LANGUAGE="(\w+)",DEFAULT=(\w+)/g)].map((match) => match.slice(1).join(' '))).toEqual(['audio en YES', 'audio-2 en YES', 'audio-2 fr NO']);
    expect([...text.matchAll(/STREAM-INF.*CODECS="([^"]+)".*AUDIO/g)].map((match) => match[1])).toEqual(['avc1.64000d,mp4a.40.2', 'avc1.64000d,mp4a.40.2,ec-3']);
  });

  test('without video every group is a variant', () => {
    const text = master(presentationOf(audioSet('a', [audioTrack(128000, aacCodec()), audioTrack(64000, aacCodec())])), 7);
    expect(text.match(/^Quality.*/gm)).toEqual(['QualityLevels(64000)/Manifest(a,format=m3u8-cmaf)', 'QualityLevels(128000)/Manifest(a,format=m3u8-cmaf)']);
    expect(text).not.toMatch(/RESOLUTION|VIDEO-RANGE|I-FRAME/);
  });
});

describe('media playlists', () => {
  const audio = audioSet('a', [audioTrack(1000, aacCodec())], at([0n, 60_160_000n, 120_320_003n, 120_320_004n]));
  const video = videoSet([videoTrack(200000, avcCodec('64000d', 320, 180))], at([0n, 60_000_000n, 120_000_000n]));
  const presentation = presentationOf(audio, video);
  const write = (set: SwitchingSet, version: HlsVersion, more = {}): string => writeMediaPlaylist(presentation, set, set.tracks[0], parametersOf(FORMATS[version], more), version);

  test('version 3: one target duration for all, audio named in video segments', () => {
    expect(write(video, 3, { extra: [['filter', 'x']] })).toBe(`#EXTM3U
#EXT-X-VERSION:3
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-ALLOW-CACHE:NO
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-TARGETDURATION:7
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z
#EXTINF:6.000000,no-desc
Fragments(video=0,format=m3u8-aapl-v3,audiotrack=a)
#EXTINF:6.000000,no-desc
Fragments(video=60000000,format=m3u8-aapl-v3,audiotrack=a)
#EXT-X-ENDLIST
`);
    expect(write(audio, 3, { extra: [['audiotrack', 'a']] })).toContain('\nFragments(a=0,format=m3u8-aapl-v3)\n');
  });

  test('version 4 and CMAF: what a short last segment becomes', () => {
    expect(write(audio, 4)).toContain('#EXTINF:6.016000,no-desc\nFragments(a=60160000,format=m3u8-aapl)\n#EXTINF:0.000000,no-desc\nFragments(a=120320003,format=m3u8-aapl)\n#EXT-X-ENDLIST\n');
    expect(write(audio, 7)).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-TARGETDURATION:7
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z
#EXT-X-MAP:URI="Fragments(a=i,format=m3u8-cmaf)"
#EXTINF:6.016000,
Fragments(a=0,format=m3u8-cmaf)
#EXTINF:6.016000,
Fragments(a=60160000,format=m3u8-cmaf)
#EXTINF:0.000000,
Fragments(a=120320003,format=m3u8-cmaf)
#EXT-X-ENDLIST
`);
  });

  test('suffixes', () => {
    expect(write(video, 7, { segmentSuffix: true })).toMatch(/MAP:URI="Fragments\(video=i,format=m3u8-cmaf\)\.mp4"\n.*\nFragments\(video=0,format=m3u8-cmaf\)\.m4s\n/);
    expect(write(video, 4, { segmentSuffix: true })).toContain('\nFragments(video=0,format=m3u8-aapl).ts\n');
  });

  test.each([
    [15_000_000n, '1970-01-01T00:00:01.500Z'],
    [660_000n, '1970-01-01T00:00:00.066Z'],
    [17_000_000_000_000_000n, '2023-11-14T22:13:20Z'],
  ])('a start at %d dates the first segment', (start, date) => {
    const set = videoSet(video.tracks, at([start, start + 60_000_000n]));
    expect(writeMediaPlaylist(presentationOf(set), set, set.tracks[0], parametersOf('m3u8-aapl'), 4)).toContain(`#EXT-X-PROGRAM-DATE-TIME:${date}\n#EXTINF:6.000000,no-desc\nFragments(video=${start},`);
  });

  test('target durations of real playlists: the ceiling', () => {
    for (const [longest, target] of [[100_100_000n, 11], [84_300_000n, 9], [64_000_000n, 7], [15_015_000n, 2], [60_000_000n, 6]] as const) {
      const set = videoSet(video.tracks, at([0n, longest]));
      expect(writeMediaPlaylist(presentationOf(set), set, set.tracks[0], parametersOf('m3u8-aapl'), 4)).toContain(`#EXT-X-TARGETDURATION:${target}\n`);
    }
  });

  test('what the output does not carry is refused, and the rest is not', () => {
    const hevc = videoSet([videoTrack(1, hevcCodec(2, 2))], { name: 'video_2' });
    const all = presentationOf(audio, video, hevc);
    const write = (set: SwitchingSet): string => writeMediaPlaylist(all, set, set.tracks[0], parametersOf('m3u8-aapl'), 4);
    expect(() => write(hevc)).toThrow(expect.objectContaining({ code: 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED' }) as Error);
    expect(write(video)).toContain('#EXTINF');
  });
});

describe('I-frame playlists', () => {
  const samples = tableOf({ durations: [1, 1, 1, 1, 1, 1], compositions: [1, 3, 1, 1, 3, 1], sync: [0, 3, 5] });
  const track = { ...videoTrack(9, avcCodec('64000d', 2, 2)), timescale: 3, cuts: Uint32Array.of(0, 6), samples: { ...samples, shift: -1 } };
  const set = videoSet([track], at([0n, 20_000_000n]));

  test('one entry per key frame at the floor of its presentation time', () => {
    expect(writeKeyFramePlaylist(presentationOf(set), set, track, parametersOf('m3u8-aapl'), 4)).toBe(`#EXTM3U
#EXT-X-VERSION:4
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-ALLOW-CACHE:NO
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-TARGETDURATION:2
#EXT-X-I-FRAMES-ONLY
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z
#EXTINF:1.000000,no-desc
KeyFrames(video=0,format=m3u8-aapl)
#EXTINF:0.666667,no-desc
KeyFrames(video=10000000,format=m3u8-aapl)
#EXTINF:0.333333,no-desc
KeyFrames(video=16666666,format=m3u8-aapl)
#EXT-X-ENDLIST
`);
  });

  test('a track of key frames only has one entry per picture', () => {
    const intra = { ...track, samples: { ...samples, composition: null, sync: null } };
    expect(writeKeyFramePlaylist(presentationOf(set), set, intra, parametersOf('m3u8-cmaf'), 7).match(/^KeyFrames/gm)).toHaveLength(6);
  });

  test('refused for audio and in version 3', () => {
    const audio = goldenAudio();
    const all = presentationOf(audio, set);
    for (const write of [() => writeKeyFramePlaylist(all, audio, audio.tracks[0], parametersOf('m3u8-aapl'), 4), () => writeKeyFramePlaylist(all, set, track, parametersOf('m3u8-aapl-v3'), 3)]) {
      expect(write).toThrow(expect.objectContaining({ code: 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED' }) as Error);
    }
  });
});

describe('a strict reader of playlists', () => {
  const rich = presentationOf(goldenAudio({ label: 'Ünï "x"' }), descriptionSet(), audioSet('ec3 (5.1)', [audioTrack(384000, eac3Codec(true)), audioTrack(192000, eac3Codec())]), goldenVideo());

  test.each(VERSIONS)('version %i: takes every playlist for what it is', (version) => {
    const read = parse(master(rich, version, { audioOnly: true })) as types.MasterPlaylist;
    expect([read.isMasterPlaylist, read.version]).toEqual([true, version]);
    for (const variant of read.variants) {
      if (variant.isIFrameOnly) continue;
      expect(variant.audio.length > 0).toBe(version !== 3);
    }
    for (const set of rich.switchingSets.slice(0, 1).concat(rich.switchingSets.slice(-1))) {
      const list = parse(writeMediaPlaylist(rich, set, set.tracks[0], parametersOf(FORMATS[version]), version)) as types.MediaPlaylist;
      expect([list.isMasterPlaylist, list.segments.length, list.endlist, list.playlistType]).toEqual([false, 12, true, 'VOD']);
    }
    if (version === 3) return;
    const video = rich.switchingSets[3];
    const frames = parse(writeKeyFramePlaylist(rich, video, video.tracks[0], parametersOf(FORMATS[version]), version)) as types.MediaPlaylist;
    expect([frames.isIFrame, frames.segments.length]).toEqual([true, 36]);
  });
});
