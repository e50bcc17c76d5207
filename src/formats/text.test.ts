/** Text from stored files to the six outputs: manifests whole (`vitest run src/formats/text.test.ts -u` renews them), segments by their cues. */
import { describe, expect, it } from 'vitest';
import { openAsset, type Asset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { concatBytes, viewOf } from '../bytes.ts';
import { FORMATS, type ChildParameters, type Format, type FormatId, type SegmentPlan } from '../formats.ts';
import { audioTrack, mp4File, videoTrack } from '../isobmff/testing.ts';
import type { SwitchingSet } from '../model/presentation.ts';
import { segmentCount } from '../model/timeline.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import { readTextFile } from '../text/read.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const VIDEO = mp4File({ tracks: [videoTrack(600, 60), audioTrack(938)] });
const VTT = utf8('WEBVTT\nLanguage: en-us\n\n1\n00:01.000 --> 00:03.000 line:0\n<i>one</i>\n\n2\n00:05.000 --> 00:13.000\ntwo\n\n3\n01:00.000 --> 01:01.000\nafter the end\n');
const TTML = utf8('<tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang="ar"><head/><body><div><p begin="4s" end="8s" tts:direction="rtl">\u0645\u0631\u062d\u0628\u0627</p></div></body></tt>');
const ISM = (body: string): Uint8Array => utf8(`<smil><body><switch><video src="v.mp4"/><audio src="v.mp4"><param name="trackName" value="description"/><param name="accessibility" value="description"/><param name="role" value="alternate"/></audio>${body}</switch></body></smil>`);
const TEXTS = `<textstream src="en.vtt" systemLanguage="eng"><param name="trackName" value="captions"/><param name="textIsDefault" value="TRUE"/><param name="textDisplayName" value="English (CC)"/><param name="textHlsCharacteristic" value="public.accessibility.transcribes-spoken-dialog"/></textstream>
  <textstream src="ar.ttml" systemBitrate="1000"><param name="role" value="subtitle"/></textstream>
  <textstream src="en.vtt" systemLanguage="eng"><param name="role" value="forced-subtitle"/><param name="trackName" value="forced"/></textstream>`;

async function open(files: Readonly<Record<string, Uint8Array>>, name = 'x'): Promise<Asset> {
  const storage = createMemoryStorage(Object.fromEntries(Object.entries(files).map(([file, bytes]) => [`a/${file}`, bytes])));
  return openAsset(storage, 'a', name, { segmentSeconds: 6, readMovie: createMovieReader(null) });
}
const formatOf = (id: FormatId): Format => FORMATS.find((format) => format.id === id) as Format;
const parametersOf = (format: Format): ChildParameters => ({ format: format.tags[0], extra: [], audioOnly: false });
const whole = { 'x.ism': ISM(TEXTS), 'v.mp4': VIDEO, 'en.vtt': VTT, 'ar.ttml': TTML };

async function run({ sources }: Asset, plan: SegmentPlan): Promise<Uint8Array> {
  if (plan.kind !== 'copy') throw new Error('text is copied');
  const parts = await Promise.all(
    plan.ranges.map(async ({ source, offset, length }) => {
      const bytes = new Uint8Array(length);
      await sources.get(source)?.read(offset, bytes);
      return bytes;
    }),
  );
  return concatBytes([plan.head, ...parts]);
}
const setOf = ({ presentation }: Asset, name: string): SwitchingSet => presentation.switchingSets.find((set) => set.name === name) as SwitchingSet;
function segments(asset: Asset, id: FormatId, name: string): Promise<Uint8Array[]> {
  const format = formatOf(id);
  const set = setOf(asset, name);
  return Promise.all(Array.from({ length: segmentCount(set.timeline) }, (_, i) => run(asset, format.planSegment(asset.presentation, set, set.tracks[0], i, parametersOf(format)))));
}
/** The payload of the last box. */
function mdatOf(segment: Uint8Array): Uint8Array {
  for (let at = 0; at < segment.length; at += viewOf(segment).getUint32(at)) {
    if (Buffer.from(segment).toString('latin1', at + 4, at + 8) === 'mdat') return segment.subarray(at + 8, at + viewOf(segment).getUint32(at));
  }
  throw new Error('no mdat');
}
const timesOf = (bytes: Uint8Array, form: 'ttml' | 'webvtt'): number[][] => readTextFile(form, bytes, 'segment').cues.map(({ start, end }) => [start, end]);

describe('manifests', () => {
  it.each(FORMATS.map((format) => [format.id, format] as const))('%s: whole', async (id, format) => {
    const asset = await open(whole);
    const parameters = parametersOf(format);
    const playlist = format.writePlaylist?.(asset.presentation, setOf(asset, 'captions'), setOf(asset, 'captions').tracks[0], { ...parameters, segmentSuffix: true }) ?? '';
    await expect(`${format.writeManifest(asset.presentation, parameters)}\n${playlist}`).toMatchFileSnapshot(`goldens/text-${id}.txt`);
    await asset.close();
  });
});

describe('segments', () => {
  it.each(['hls-v3', 'hls-v4'] as const)('%s: WebVTT with the map to the transport streams’ clock, cues over cuts repeated', async (id) => {
    const asset = await open(whole);
    const made = (await segments(asset, id, 'captions')).map((bytes) => new TextDecoder().decode(bytes));
    expect(made[0]).toBe('WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n1\n00:00:01.000 --> 00:00:03.000 line:0\n<i>one</i>\n\n2\n00:00:05.000 --> 00:00:13.000\ntwo\n');
    expect(made.map((text) => timesOf(utf8(text), 'webvtt'))).toEqual([[[1000, 3000], [5000, 13_000]], [[5000, 13_000]], [[5000, 13_000]], []]);
    expect(asset.notes.join('\n')).toContain('en.vtt: 1 cues lie outside of the presentation');
    expect(new TextDecoder().decode((await segments(asset, id, 'subt_ar'))[1])).toContain('00:00:04.000 --> 00:00:08.000 align:start\n\u0645\u0631\u062d\u0628\u0627');
    await asset.close();
  });

  it('hls-cmaf: WebVTT files where they are asked for, and nothing else changes its URL', async () => {
    const asset = await open(whole);
    const format = formatOf('hls-cmaf');
    const parameters = { ...parametersOf(format), format: 'm3u8-cmaf-webvtt' };
    const captions = setOf(asset, 'captions');
    const [plain, asked] = [parametersOf(format), parameters].map((each) => format.writeManifest(asset.presentation, each).split('\n'));
    expect(asked.filter((line) => line.startsWith('QualityLevels'))).toEqual(plain.filter((line) => line.startsWith('QualityLevels')));
    expect(asked.filter((line) => line.includes('m3u8-cmaf-webvtt')).map((line) => /TYPE=(\w+)/.exec(line)?.[1])).toEqual(['SUBTITLES', 'SUBTITLES', 'SUBTITLES']);
    expect(asked.join('\n')).not.toContain('stpp');
    expect(Number(/BANDWIDTH=(\d+)/.exec(asked.join())?.[1])).toBeLessThan(Number(/BANDWIDTH=(\d+)/.exec(plain.join())?.[1]));
    const playlist = format.writePlaylist?.(asset.presentation, captions, captions.tracks[0], { ...parameters, segmentSuffix: true }) ?? '';
    expect(playlist).not.toContain('EXT-X-MAP');
    expect(playlist).toContain('\nFragments(captions=60060000,format=m3u8-cmaf-webvtt).vtt\n');
    expect(format.writePlaylist?.(asset.presentation, setOf(asset, 'video'), setOf(asset, 'video').tracks[0], parameters)).toBe(format.writePlaylist?.(asset.presentation, setOf(asset, 'video'), setOf(asset, 'video').tracks[0], parametersOf(format)));
    const segment = await run(asset, format.planSegment(asset.presentation, captions, captions.tracks[0], 1, parameters));
    expect(new TextDecoder().decode(segment)).toBe('WEBVTT\n\n2\n00:00:05.000 --> 00:00:13.000\ntwo\n');
    expect([captions, setOf(asset, 'video')].map((set) => format.mimeOf(set, parameters.format).segment)).toEqual(['text/vtt', 'video/mp4']);
    await asset.close();
  });

  it.each(['hls-cmaf', 'dash-csf', 'dash-cmaf'] as const)('%s: one TTML document per fragment, at the video’s cuts', async (id) => {
    const asset = await open(whole);
    for (const name of ['captions', 'subt_ar']) {
      const made = await segments(asset, id, name);
      expect(setOf(asset, name).timeline.names).toEqual(setOf(asset, 'video').timeline.names);
      expect(made.map((segment) => timesOf(mdatOf(segment), 'ttml'))).toEqual(name === 'captions' ? [[[1000, 3000], [5000, 13_000]], [[5000, 13_000]], [[5000, 13_000]], []] : [[[4000, 8000]], [[4000, 8000]], [], []]);
    }
    expect(new TextDecoder().decode(mdatOf((await segments(asset, id, 'subt_ar'))[0]))).toContain('tts:direction="rtl" begin="00:00:04.000"');
    await asset.close();
  });

  it('smooth: one TTML document per fragment, with the part of each cue that shows in it, from the fragment’s start', async () => {
    const asset = await open(whole);
    const made = await Promise.all(['captions', 'subt_ar'].map((name) => segments(asset, 'smooth', name)));
    expect(made.map((list) => list.map((segment) => timesOf(mdatOf(segment), 'ttml')))).toEqual([
      [[[1000, 3000], [5000, 6006]], [[0, 6006]], [[0, 988]], []],
      [[[4000, 6006]], [[0, 1994]], [], []],
    ]);
    await asset.close();
  });

  it('the fragments and headers that it makes are what it reads', async () => {
    const asset = await open(whole);
    const set = setOf(asset, 'captions');
    const stored = concatBytes([formatOf('dash-cmaf').writeInit?.(set, set.tracks[0]) ?? new Uint8Array(), ...(await segments(asset, 'dash-cmaf', 'captions'))]);
    const again = await open({ 'x.ism': ISM('<textstream src="en-us.cmft"/>'), 'v.mp4': VIDEO, 'en-us.cmft': stored });
    expect(again.notes).toEqual([]);
    expect(setOf(again, 'subt_en').roles).toEqual(['subtitle']);
    const times = (await segments(again, 'hls-v3', 'subt_en')).map((bytes) => timesOf(bytes, 'webvtt'));
    expect(times).toEqual([[[1000, 3000], [5000, 13_000]], [[5000, 13_000]], [[5000, 13_000]], []]);
    await Promise.all([asset.close(), again.close()]);
  });
});

describe('text of a folder without a server manifest', () => {
  it('goes by its name: language and role', async () => {
    const asset = await open({ 'x.mp4': VIDEO, 'x.en-us.caption.vtt': VTT, 'x.ar.ttml': TTML, 'other.fr.vtt': VTT, 'x.txt': VTT });
    expect(asset.presentation.switchingSets.filter(({ kind }) => kind === 'text').map(({ name, language, roles }) => [name, language, roles])).toEqual([['subt_ar', 'ar', ['subtitle']], ['subt_en-us', 'en-us', ['caption']]]);
    await asset.close();
  });

  it('is left out with a note when it is damaged, and the media plays', async () => {
    const asset = await open({ 'x.mp4': VIDEO, 'x.en.vtt': utf8('1\n00:00:01,000 --> 00:00:02,000\nsubrip\n') });
    expect(asset.presentation.switchingSets.map(({ kind }) => kind)).toEqual(['video', 'audio']);
    expect(asset.notes.join()).toMatch(/x\.en\.vtt: .*expected WEBVTT.*left out/);
    await asset.close();
  });

  it('is cut every six seconds beside audio alone', async () => {
    const asset = await open({ 'x.m4a': mp4File({ tracks: [audioTrack(938)] }), 'x.en.vtt': VTT });
    expect([...setOf(asset, 'subt_en').timeline.names].map(Number)).toEqual([0, 60_000_000, 120_000_000, 180_000_000, 200_110_000]);
    await asset.close();
  });
});
