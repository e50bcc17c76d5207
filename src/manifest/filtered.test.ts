/**
 * Manifests of a filtered presentation in all six formats. Whole documents are goldens (`vitest run src/manifest/filtered.test.ts -u`
 * renews them, the diff shows what changed); what must hold of them is said here.
 */
import { parse, setOptions, type types } from 'hls-parser';
import { describe, expect, test } from 'vitest';
import { FORMATS, type Format } from '../formats.ts';
import { applyFilters, type Filter } from '../model/filter.ts';
import type { Presentation } from '../model/presentation.ts';
import { aacCodec, audioSet, audioTrack, GOLDEN_AUDIO, goldenAudio, goldenVideo, parametersOf, presentationOf } from './testing.ts';

setOptions({ strictMode: true });

const FRENCH = 'aac_fra_2';
const presentation = presentationOf(goldenAudio(), audioSet(FRENCH, [audioTrack(96000, aacCodec())], { language: 'fra' }), goldenVideo());

/** 24 to 31.5 s: video segments 4 and 5, French audio segments 4 and 5, the two lowest qualities, of which the higher comes first. */
const PART: Filter = {
  name: 'part',
  presentationTimeRange: { startTimestamp: 240_000_000n, endTimestamp: 315_000_000n, timescale: 10_000_000n, presentationWindowDuration: null, liveBackoffDuration: null, forceEndTimestamp: false },
  firstQuality: { bitrate: 700_000n },
  tracks: [
    { trackSelections: [{ property: 'Type', operation: 'Equal', value: 'Video' }, { property: 'Bitrate', operation: 'Equal', value: '0-1000000' }] },
    { trackSelections: [{ property: 'Language', operation: 'Equal', value: 'fr' }] },
  ],
};
const part = applyFilters(presentation, [PART], { live: false });
const [french, video] = part.switchingSets;

const parametersFor = ({ tags: [format] }: Format): ReturnType<typeof parametersOf> => parametersOf(format, { extra: format.startsWith('m3u8') ? [['filter', 'part']] : [] });
const playlistOf = (format: Format, set = video, from: Presentation = part): string => format.writePlaylist?.(from, set, set.tracks[0], parametersFor(format)) ?? '';
const keyFramesOf = (format: Format): string => format.writeKeyFramePlaylist?.(part, video, video.tracks[0], parametersFor(format)) ?? '';

/** A manifest and, for HLS, its playlists. */
function documentsOf(format: Format): readonly string[] {
  return [format.writeManifest(part, parametersFor(format)), playlistOf(format, french), playlistOf(format), keyFramesOf(format)].filter((text) => text !== '');
}

const hls = FORMATS.filter(({ manifest }) => manifest.kind === 'm3u8');
const dash = FORMATS.filter(({ manifest }) => manifest.kind === 'mpd');

describe('goldens', () => {
  test.each(FORMATS.map((format) => [format.id, format] as const))('%s', async (id, format) => {
    await expect(documentsOf(format).join('\n')).toMatchFileSnapshot(`goldens/filtered-${id}.txt`);
  });
});

describe.each(dash.map((format) => [format.id, format] as const))('%s', (_, format) => {
  const text = format.writeManifest(part, parametersFor(format));

  test('one offset, the first video segment’s, in all sets', () => {
    expect([...text.matchAll(/presentationTimeOffset="(\d+)"/g)].map(([, offset]) => offset)).toEqual(['240240000', '240240000']);
  });

  test('the duration is what lies between the offset and the last end', () => {
    // Audio ends at 36.096 s, video starts at 24.024 s.
    expect(text).toContain('mediaPresentationDuration="PT12.072S"');
  });

  test('URLs do not know the filter', () => {
    expect(text).not.toContain('filter');
  });
});

describe.each(hls.map((format) => [format.id, format] as const))('%s', (_, format) => {
  test('playlist URLs carry the filter, segment URLs do not', () => {
    const [master, ...playlists] = documentsOf(format);
    const urls = [...master.matchAll(/QualityLevels\([^"\s]*/g)].map(([url]) => url);
    expect(urls.length).toBeGreaterThan(1);
    for (const url of urls) expect(url).toMatch(/,filter=part\)$/);
    for (const playlist of playlists) expect(playlist).not.toContain('filter');
  });

  test('the wanted quality is the first variant', () => {
    expect((parse(format.writeManifest(part, parametersFor(format))) as types.MasterPlaylist).variants.filter(({ isIFrameOnly }) => !isIFrameOnly).map(({ resolution }) => resolution?.height)).toEqual([270, 180]);
  });

  test('media sequence numbers are those of the whole presentation, times those of the playlist’s own first segment', () => {
    const facts = (text: string): unknown[] => {
      const { mediaSequenceBase, segments } = parse(text) as types.MediaPlaylist;
      return [mediaSequenceBase, segments.length, text.match(/PROGRAM-DATE-TIME:(.*)/)?.[1]];
    };
    expect(facts(playlistOf(format))).toEqual([4, 2, '1970-01-01T00:00:24.024Z']);
    expect(facts(playlistOf(format, french))).toEqual([4, 2, '1970-01-01T00:00:24.064Z']);
    if (format.writeKeyFramePlaylist !== undefined) expect(facts(keyFramesOf(format))).toEqual([12, 6, '1970-01-01T00:00:24.024Z']);
  });

  test('its entries are entries of the whole playlist', () => {
    for (const set of [french, video]) {
      const whole = presentation.switchingSets.find(({ name }) => name === set.name) ?? set;
      const entries = (text: string): readonly string[] => text.match(/#EXTINF:.*\n[^?\n]*?(?=,audiotrack|\)|\n)/g) ?? [];
      const all = entries(playlistOf(format, whole, presentation));
      expect(entries(playlistOf(format, set))).toEqual(all.slice(set.timeline.first, set.timeline.first + set.timeline.names.length - 1));
    }
  });
});

test('version 3 carries the first audio that is left', () => {
  const v3 = hls.find(({ muxed }) => muxed) ?? hls[0];
  expect(v3.writeManifest(presentation, parametersFor(v3))).toContain(`audiotrack=${GOLDEN_AUDIO}`);
  expect(v3.writeManifest(part, parametersFor(v3))).not.toContain(GOLDEN_AUDIO);
  expect(playlistOf(v3)).toContain(`Fragments(video=240240000,format=m3u8-aapl-v3,audiotrack=${FRENCH})`);
});

test('CMAF bit rates are measured over what is left', () => {
  const cmaf = hls.find(({ sampleForm }) => sampleForm === 'cmaf') ?? hls[0];
  const rates = (from: Presentation): readonly string[] => cmaf.writeManifest(from, parametersFor(cmaf)).match(/BANDWIDTH=\d+/g) ?? [];
  const tail = applyFilters(presentation, [{ ...PART, presentationTimeRange: { ...PART.presentationTimeRange!, startTimestamp: 660_000_000n, endTimestamp: null } }], { live: false });
  expect(rates(tail)).not.toEqual(rates(part));
});

test('Smooth lists the segments that are left at their own times', () => {
  const smooth = FORMATS.find(({ manifest }) => manifest.kind === 'ssm') ?? FORMATS[0];
  const text = smooth.writeManifest(part, parametersFor(smooth));
  expect(text.match(/<c [^>]*>|(?:Duration|Chunks)="\d+"/g)).toEqual(['Duration="120320000"', 'Chunks="2"', '<c t="240640000" d="60160000" r="2" />', 'Chunks="2"', '<c t="240240000" d="60060000" r="2" />']);
});
