/** Text tracks in clients: ffmpeg reads the cues' times, hls.js, dash.js and Shaka in Chromium show them. */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENTS, openStage, type Stage } from './testing/cues.ts';
import { run } from './testing/decode.ts';

const STORED = join(import.meta.dirname, '../../corpus/.assets/h264-multiaudio');
const VTT = 'WEBVTT\n\none\n00:01.000 --> 00:03.000 line:0\n<i>first</i> cue\n\ntwo\n00:05.000 --> 00:08.500\nover a cut\n\nthree\n00:10.000 --> 00:11.000\nthird\n';
const TTML = '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang="ar"><head/><body><div><p begin="4s" end="8s" tts:direction="rtl">\u0645\u0631\u062d\u0628\u0627</p></div></body></tt>';
const ISM = `<smil><head/><body><switch><video src="multi_320x180.mp4" systemBitrate="250000"/><audio src="multi_eng.mp4" systemBitrate="128000" systemLanguage="eng"/>
  <textstream src="en.vtt" systemBitrate="1000" systemLanguage="eng"><param name="trackName" value="captions"/><param name="textIsDefault" value="TRUE"/><param name="role" value="caption"/></textstream>
  <textstream src="ar.ttml" systemBitrate="1000"/></switch></body></smil>`;

let folder: string;
let stage: Stage;
let base: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-text-'));
  const asset = join(folder, 'text');
  await mkdir(asset);
  for (const file of ['multi_320x180.mp4', 'multi_eng.mp4']) await copyFile(join(STORED, file), join(asset, file));
  await Promise.all([writeFile(join(asset, 'text.ism'), ISM), writeFile(join(asset, 'en.vtt'), VTT), writeFile(join(asset, 'ar.ttml'), TTML)]);
  stage = await openStage(folder);
  base = `${stage.origin}/text/text.ism`;
}, 60_000);
afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

describe('ffmpeg', () => {
  test('reads the cues of WebVTT segments at their times', async () => {
    const packets = await run('ffprobe', '-v', 'error', '-extension_picky', '0', '-allowed_extensions', 'ALL', '-show_entries', 'packet=pts_time,duration_time', '-of', 'csv=p=0', `${base}/QualityLevels(1000)/Manifest(captions,format=m3u8-aapl)`);
    const times = [...packets.matchAll(/^(\d+\.\d+),(\d+\.\d+)/gm)].map((match) => [Number(match[1]), Number(match[2])]);
    expect(times).toEqual([[1, 2], [5, 3.5], [5, 3.5], [10, 1]]);
  });

  test.each(['m3u8-cmaf', 'mpd-time-csf', 'mpd-time-cmaf'])('%s: finds TTML samples at the video’s cuts', async (format) => {
    const child = `${base}/QualityLevels(1000)/Fragments(captions=`;
    const parts = await Promise.all(['i', '0', '60060000', '120120000'].map(async (time) => Buffer.from(await (await fetch(`${child}${time},format=${format})`)).arrayBuffer())));
    const file = join(folder, `${format}.mp4`);
    await writeFile(file, Buffer.concat(parts));
    const packets = await run('ffprobe', '-v', 'error', '-show_entries', 'packet=pts_time:stream=codec_tag_string:stream_tags=language', '-of', 'csv=p=0', file);
    expect(packets).toMatch(/stpp,eng/);
    expect([...packets.matchAll(/^(\d+\.\d+)/gm)].map((match) => Number(match[1]))).toEqual([0, 6.006, 12.012]);
  });
});

/** Transport stream clients put the first decode time at 0; pictures and cues are later by the reordering delay, two pictures. */
const DELAY = 2002 / 30000;

describe('Chromium', () => {
  test.each([
    ['hls.js', 'm3u8-aapl-v3', DELAY],
    ['hls.js', 'm3u8-aapl', DELAY],
    ['hls.js', 'm3u8-cmaf', 0],
    ['hls.js', 'm3u8-cmaf-webvtt', 0],
    ['Shaka', 'm3u8-aapl', DELAY],
    ['Shaka', 'm3u8-cmaf', 0],
    ['Shaka', 'm3u8-cmaf-webvtt', 0],
    ['Shaka', 'mpd-time-csf', 0],
    ['Shaka', 'mpd-time-cmaf', 0],
    ['dash.js', 'mpd-time-csf', 0],
    ['dash.js', 'mpd-time-cmaf', 0],
    ['dash.js with Smooth', '', 0],
  ] as const)('%s with "%s" has every cue once, at its time', async (client, format, delay) => {
    const { scripts, load } = CLIENTS[client];
    const { tracks, cues } = await stage.play(scripts, load, `${base}/manifest${format === '' ? '' : `(format=${format})`}`, 'third');
    expect(tracks.map((language) => language.slice(0, 2)).sort()).toEqual(['ar', 'en']);
    // On the DASH side players cut cues at the segments: what goes on is joined.
    const joined: [number, number, string][] = [];
    for (const [start, end, marked] of cues) {
      const text = marked.replace(/<[^>]*>/g, '');
      const last = joined.at(-1);
      if (last !== undefined && last[2] === text && Math.abs(last[1] - start) < 0.002) last[1] = end;
      else joined.push([start, end, text]);
    }
    const wanted = [[1, 3, 'first cue'], [5, 8.5, 'over a cut'], [10, 11, 'third']] as const;
    expect(joined.map(([, , text]) => text)).toEqual(wanted.map(([, , text]) => text));
    joined.forEach(([start, end], i) => {
      expect(Math.abs(start - wanted[i][0] - delay), `start of ${wanted[i][2]}: ${start}`).toBeLessThan(0.01);
      expect(Math.abs(end - wanted[i][1] - delay), `end of ${wanted[i][2]}: ${end}`).toBeLessThan(0.01);
    });
  }, 60_000);
});
