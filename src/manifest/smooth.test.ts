import { describe, expect, test } from 'vitest';
import type { IsomerError } from '../errors.ts';
import { timelineOf } from '../model/timeline.ts';
import { writeSmooth } from './smooth.ts';
import { aacCodec, audioSet, audioTrack, avcCodec, bytesOf, eac3Codec, goldenAudio, goldenVideo, hevcCodec, presentationOf, videoSet, videoTrack } from './testing.ts';

const SETS = [bytesOf('6764000dac'), bytesOf('6d01'), bytesOf('68ebe3'), bytesOf('68ec')];

function shortAudio(edges: readonly bigint[]): ReturnType<typeof audioSet> {
  return audioSet('audio', [audioTrack(64000, aacCodec('2b11', { rfc6381: 'mp4a.40.29', channels: 2, sampleRate: 44100, core: { sampleRate: 22050, channels: 1 } }))], {
    language: '',
    timeline: timelineOf(BigInt64Array.from(edges), 10_000_000),
  });
}

describe('writeSmooth', () => {
  test('version 0: one element per fragment, t on the first; several video sets have names; parameter sets in their order', () => {
    const presentation = presentationOf(
      shortAudio([5n, 25n, 45n, 60n]),
      videoSet([videoTrack(2, avcCodec('64000d', 320, 180, SETS))], { timeline: timelineOf(BigInt64Array.of(0n, 30n, 60n), 10_000_000) }),
      videoSet([videoTrack(1, avcCodec('64000d', 320, 180, SETS))], { name: 'video_2', timeline: timelineOf(BigInt64Array.of(0n, 30n), 10_000_000) }),
    );
    expect(writeSmooth(presentation, { version: 0 })).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<SmoothStreamingMedia MajorVersion="2" MinorVersion="0" Duration="60" TimeScale="10000000">
   <StreamIndex Chunks="3" Type="audio" Url="QualityLevels({bitrate})/Fragments(audio={start time})" QualityLevels="1" Name="audio">
      <QualityLevel AudioTag="255" Index="0" BitsPerSample="16" Bitrate="64000" FourCC="AACH" CodecPrivateData="2B11" Channels="1" PacketSize="4" SamplingRate="22050" />
      <c t="5" d="20" />
      <c d="20" />
      <c d="15" />
   </StreamIndex>
   <StreamIndex Chunks="2" Type="video" Url="QualityLevels({bitrate})/Fragments(video={start time})" QualityLevels="1" Name="video">
      <QualityLevel Index="0" Bitrate="2" FourCC="H264" MaxWidth="320" MaxHeight="180" CodecPrivateData="000000016764000DAC0000000168EBE30000000168EC" />
      <c t="0" d="30" />
      <c d="30" />
   </StreamIndex>
   <StreamIndex Chunks="1" Type="video" Url="QualityLevels({bitrate})/Fragments(video_2={start time})" QualityLevels="1" Name="video_2">
      <QualityLevel Index="0" Bitrate="1" FourCC="H264" MaxWidth="320" MaxHeight="180" CodecPrivateData="000000016764000DAC0000000168EBE30000000168EC" />
      <c t="0" d="30" />
   </StreamIndex>
</SmoothStreamingMedia>
`);
  });

  test('a presentation that starts later: t of the first fragment, Duration from there', () => {
    const text = writeSmooth(presentationOf(shortAudio([1_000n, 1_020n, 1_040n, 1_050n])), { version: 2 });
    expect(text).toContain('Duration="50"');
    expect(text).toContain('      <c t="1000" d="20" r="2" />\n      <c d="10" />\n');
  });

  test('what Smooth does not carry is left out', () => {
    const presentation = presentationOf(goldenAudio(), audioSet('ec3', [audioTrack(384000, eac3Codec())]), goldenVideo());
    expect(writeSmooth(presentation, { version: 2 })).toBe(writeSmooth(presentationOf(goldenAudio(), goldenVideo()), { version: 2 }));
  });

  test('HEVC: sample entry as FourCC, no video parameter set, the codec string as custom attribute', () => {
    const codec = { ...hevcCodec(320, 180), parameterSets: ['40010c01', '42010101', '4401c172'].map(bytesOf) };
    expect(writeSmooth(presentationOf(goldenAudio(), videoSet([videoTrack(1, codec)])), { version: 2 })).toContain(
      `      <QualityLevel Index="0" Bitrate="1" FourCC="hev1" MaxWidth="320" MaxHeight="180" CodecPrivateData="0000000142010101000000014401C172">
         <CustomAttributes>
            <Attribute Name="codecs" Value="hev1.2.4.L120.90" />
         </CustomAttributes>
      </QualityLevel>
`,
    );
  });

  test.each([
    ['nothing is left', presentationOf(audioSet('ec3', [audioTrack(384000, eac3Codec())])), /ec3: ec-3/],
    ['no sound is left', presentationOf(audioSet('ec3', [audioTrack(384000, eac3Codec())]), goldenVideo()), /audio tracks in.*ec3: ec-3/],
    ['parameter sets are in the samples only', presentationOf(videoSet([videoTrack(1, avcCodec('64000d', 320, 180))])), /SPS and a PPS.*found 0 and 0/],
  ])('refused: %s', (_, presentation, message) => {
    const write = (): string => writeSmooth(presentation, { version: 2 });
    expect(write).toThrow(message);
    expect(write).toThrow(expect.objectContaining({ code: 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED' }) as IsomerError);
  });
});
