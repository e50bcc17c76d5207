import { describe, expect, test } from 'vitest';
import type { SwitchingSet } from '../model/presentation.ts';
import { timelineOf } from '../model/timeline.ts';
import { durationText, writeMpdCmaf, writeMpdCsf } from './dash.ts';
import { aacCodec, audioSet, audioTrack, avcCodec, descriptionSet, eac3Codec, goldenAudio, goldenPresentation, goldenVideo, hevcCodec, NOMINAL_SIZES, parametersOf, presentationOf, videoSet, videoTrack } from './testing.ts';

const CSF = parametersOf('mpd-time-csf');
const CMAF = parametersOf('mpd-time-cmaf');

function at(edges: readonly bigint[]): Pick<SwitchingSet, 'timeline'> {
  return { timeline: timelineOf(BigInt64Array.from(edges), 10_000_000) };
}

describe('writeMpdCmaf', () => {
  const avc = { ...avcCodec('640028', 1440, 1080), sampleAspectRatio: { numerator: 4, denominator: 3 } };
  const presentation = presentationOf(
    audioSet('main "1"', [audioTrack(128000, aacCodec())], { label: 'English <1>', language: 'eng', ...at([0n, 60_000_000n, 120_000_000n, 130_000_000n]) }),
    videoSet([videoTrack(4000, { ...avc, sampleEntry: 'avc3', rfc6381: 'avc3.640028' }), { ...videoTrack(2000, avcCodec('64001f', 1280, 720)), frameRate: { numerator: 25, denominator: 1 } }], at([0n, 60_000_000n, 130_000_000n])),
  );

  test('the whole document', () => {
    const text = writeMpdCmaf(presentation, { ...CMAF, extra: [['encryption', 'cenc'], ['filter', 'x']] }, { segmentBytes: ({ bitrate }) => bitrate });
    expect(text).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="static" mediaPresentationDuration="PT13S" minBufferTime="PT6S">
   <Period id="1">
      <AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2" lang="en" segmentAlignment="true" startWithSAP="1">
         <Label>English &lt;1&gt;</Label>
         <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main" />
         <SegmentTemplate timescale="10000000">
            <SegmentTimeline>
               <S d="60000000" r="1" />
               <S d="10000000" />
            </SegmentTimeline>
         </SegmentTemplate>
         <Representation id="main%20%221%22_128000" bandwidth="292572" audioSamplingRate="48000">
            <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2" />
            <SegmentTemplate media="QualityLevels(128000)/Fragments(main%20%221%22=$Time$,format=mpd-time-cmaf,encryption=cenc)" initialization="QualityLevels(128000)/Fragments(main%20%221%22=i,format=mpd-time-cmaf,encryption=cenc)" />
         </Representation>
      </AdaptationSet>
      <AdaptationSet id="2" contentType="video" mimeType="video/mp4" maxWidth="1440" maxHeight="1080" maxFrameRate="30000/1001" par="16:9" segmentAlignment="true" startWithSAP="1">
         <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main" />
         <SegmentTemplate timescale="10000000">
            <SegmentTimeline>
               <S d="60000000" />
               <S d="70000000" />
            </SegmentTimeline>
         </SegmentTemplate>
         <Representation id="video_4000" bandwidth="5334" codecs="avc1.640028" width="1440" height="1080" frameRate="30000/1001" sar="4:3">
            <SegmentTemplate media="QualityLevels(4000)/Fragments(video=$Time$,format=mpd-time-cmaf,encryption=cenc)" initialization="QualityLevels(4000)/Fragments(video=i,format=mpd-time-cmaf,encryption=cenc)" />
         </Representation>
         <Representation id="video_2000" bandwidth="2667" codecs="avc1.64001f" width="1280" height="720" frameRate="25" sar="1:1">
            <SegmentTemplate media="QualityLevels(2000)/Fragments(video=$Time$,format=mpd-time-cmaf,encryption=cenc)" initialization="QualityLevels(2000)/Fragments(video=i,format=mpd-time-cmaf,encryption=cenc)" />
         </Representation>
      </AdaptationSet>
   </Period>
</MPD>
`);
  });

  test('HEVC is hvc1; a varying frame rate has neither frameRate nor maxFrameRate; one codec stands at the set', () => {
    const track = { ...videoTrack(1, hevcCodec(640, 360)), frameRate: null };
    const text = writeMpdCmaf(presentationOf(videoSet([track])), CMAF, NOMINAL_SIZES);
    expect(text).toContain('codecs="hvc1.2.4.L120.90"');
    expect(text.match(/codecs=/g)).toHaveLength(1);
    expect(text).not.toMatch(/rameRate/);
  });

  test('audio description, Atmos and unknown roles', () => {
    const text = writeMpdCmaf(
      presentationOf(descriptionSet(), audioSet('ec3', [audioTrack(384000, eac3Codec(true))], { roles: ['dub', 'loud'], accessibility: ['shouting'], language: '' })),
      CMAF,
      NOMINAL_SIZES,
    );
    const [first, second] = text.split('<AdaptationSet ').slice(1);
    expect(first.match(/<(Accessibility|Role).*value="[^"]*"/g)).toEqual([
      '<Accessibility schemeIdUri="urn:mpeg:dash:role:2011" value="description"',
      '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="alternate"',
    ]);
    expect(second.match(/<(Accessibility|Role).*value="[^"]*"/g)).toEqual(['<Role schemeIdUri="urn:mpeg:dash:role:2011" value="dub"']);
    expect(second).toContain('<SupplementalProperty schemeIdUri="tag:dolby.com,2018:dash:EC3_ExtensionType:2018" value="JOC" />');
    expect(second).not.toContain('lang=');
  });
});

describe('writeMpdCsf', () => {
  test('HEVC beside H.264, a later start, an odd name, an encryption', () => {
    const text = writeMpdCsf(
      presentationOf(
        audioSet('$a b', [audioTrack(2, aacCodec()), audioTrack(1, aacCodec())], { language: 'fre', label: 'x', ...at([50_000_005n, 110_000_005n, 170_000_005n]) }),
        videoSet([videoTrack(9, { ...avcCodec('64001f', 1280, 720), rfc6381: 'avc3.64001f' })], at([50_000_000n, 110_000_000n, 170_000_000n])),
        videoSet([videoTrack(8, hevcCodec(640, 360))], { name: 'video_2', ...at([50_000_000n, 110_000_000n, 160_000_000n]) }),
      ),
      { ...CSF, extra: [['encryption', 'cbc']] },
    );
    expect(text).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT12.001S" minBufferTime="PT6S">
   <Period>
      <AdaptationSet id="1" group="5" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2" lang="fr">
         <Label>x</Label>
         <SegmentTemplate timescale="10000000" presentationTimeOffset="50000000" media="QualityLevels($Bandwidth$)/Fragments(%24a%20b=$Time$,format=mpd-time-csf,encryption=cbc)" initialization="QualityLevels($Bandwidth$)/Fragments(%24a%20b=i,format=mpd-time-csf,encryption=cbc)">
            <SegmentTimeline>
               <S t="50000005" d="60000000" r="1" />
            </SegmentTimeline>
         </SegmentTemplate>
         <Representation id="5_A_%24a%20b_1" bandwidth="2" audioSamplingRate="48000" />
         <Representation id="5_A_%24a%20b_2" bandwidth="1" audioSamplingRate="48000" />
      </AdaptationSet>
      <AdaptationSet id="2" group="1" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="video" mimeType="video/mp4" codecs="avc3.64001F" maxWidth="1280" maxHeight="720" startWithSAP="1">
         <SegmentTemplate timescale="10000000" presentationTimeOffset="50000000" media="QualityLevels($Bandwidth$)/Fragments(video=$Time$,format=mpd-time-csf,encryption=cbc)" initialization="QualityLevels($Bandwidth$)/Fragments(video=i,format=mpd-time-csf,encryption=cbc)">
            <SegmentTimeline>
               <S t="50000000" d="60000000" r="1" />
            </SegmentTimeline>
         </SegmentTemplate>
         <Representation id="1_V_video_1" bandwidth="9" width="1280" height="720" />
      </AdaptationSet>
      <AdaptationSet id="3" group="1" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="video" mimeType="video/mp4" codecs="hev1.2.4.L120.90" maxWidth="640" maxHeight="360" startWithSAP="1">
         <SegmentTemplate timescale="10000000" presentationTimeOffset="50000000" media="QualityLevels($Bandwidth$)/Fragments(video_2=$Time$,format=mpd-time-csf,encryption=cbc)" initialization="QualityLevels($Bandwidth$)/Fragments(video_2=i,format=mpd-time-csf,encryption=cbc)">
            <SegmentTimeline>
               <S t="50000000" d="60000000" />
               <S d="50000000" />
            </SegmentTimeline>
         </SegmentTemplate>
         <Representation id="1_V_video_2_1" bandwidth="8" width="640" height="360" />
      </AdaptationSet>
   </Period>
</MPD>
`);
  });

  test('nothing to carry is refused', () => {
    const text = { ...goldenAudio(), kind: 'text' as const, tracks: [{ ...audioTrack(1, aacCodec()), codec: { kind: 'text', family: 'webvtt', sampleEntry: 'wvtt', rfc6381: 'wvtt' } as const }] };
    for (const write of [() => writeMpdCsf(presentationOf(text), CSF), () => writeMpdCmaf(presentationOf(), CMAF, NOMINAL_SIZES)]) {
      expect(write).toThrow(expect.objectContaining({ code: 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED' }) as Error);
    }
  });

  test('the order of sets is the order of the asset', () => {
    const ids = (text: string): string[] => text.match(/(?<=contentType=")\w+/g) ?? [];
    expect(ids(writeMpdCsf(goldenPresentation(), CSF))).toEqual(['audio', 'video']);
    expect(ids(writeMpdCsf(presentationOf(goldenVideo(), goldenAudio()), CSF))).toEqual(['video', 'audio']);
  });
});

describe('durationText', () => {
  test.each([
    [703146666n, 'PT1M10.315S'],
    [0n, 'PT0S'],
    [1n, 'PT0.001S'],
    [10_000_000n, 'PT1S'],
    [13_000_000n, 'PT1.3S'],
    [600_000_000n, 'PT1M'],
    [36_000_000_000n, 'PT1H'],
    [36_005_000_000n, 'PT1H0.5S'],
    [900_610_000_000n, 'PT25H1M1S'],
    [599_999_999n, 'PT1M'],
  ])('%d is %s', (hns, text) => expect(durationText(hns)).toBe(text));
});
