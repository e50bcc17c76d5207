/** What holds between the formats, whatever the presentation. */
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import type { Presentation } from '../model/presentation.ts';
import { timelineOf, type Timeline } from '../model/timeline.ts';
import { writeMpdCmaf, writeMpdCsf } from './dash.ts';
import { writeMaster, writeMediaPlaylist } from './hls.ts';
import { writeSmooth } from './smooth.ts';
import { aacCodec, audioSet, audioTrack, avcCodec, bytesOf, parametersOf, presentationOf, videoSet, videoTrack } from './testing.ts';

type Entry = { readonly t: bigint; readonly d: bigint };
type Run = { readonly t: bigint | null; readonly d: bigint; readonly r: number | null };
type XmlNode = { readonly name: string; readonly attributes: Readonly<Record<string, string>>; readonly path: string };

const PARAMETER_SETS = [bytesOf('6764000dac'), bytesOf('68ebe3')];

/** Boundaries in any timescale, from any start (the last in seconds: live archives count from 1970), with runs and odd segments. */
const timelines = fc.record({
  timescale: fc.constantFrom(1, 600, 12800, 30000, 44100, 48000, 90000, 10_000_000),
  start: fc.constantFrom([0, 0], [0, 0], [1, 0], [1001, 0], [1, 1_700_000_000]),
  runs: fc.array(fc.tuple(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 6 })), { minLength: 1, maxLength: 6 }),
});

const names = fc.oneof(fc.constantFrom('audio', 'a b', 'ü(1)', 'x,y=z', '"q"', '<&>', '$Time$', '{bitrate}', "it's", 'tab\there'), fc.string({ minLength: 1, unit: 'grapheme-ascii' }));

const models = fc.record({ audio: timelines, video: timelines, name: names, label: fc.option(names), language: fc.constantFrom('', 'eng', 'und', 'fre', 'qaa') });

type Value<T> = T extends fc.Arbitrary<infer V> ? V : never;

function timelineFrom({ timescale, start: [ticks, seconds], runs }: Value<typeof timelines>): Timeline {
  const edges = [BigInt(ticks) + BigInt(seconds) * BigInt(timescale)];
  for (const [duration, count] of runs) for (let i = 0; i < count; i++) edges.push(edges[edges.length - 1] + BigInt(duration) * BigInt(Math.ceil(timescale / 600)));
  return timelineOf(BigInt64Array.from(edges), timescale);
}

const AUDIO = audioTrack(128000, aacCodec());
const VIDEO = videoTrack(300000, avcCodec('64000d', 320, 180, PARAMETER_SETS));

function presentationFrom({ audio, video, name, label, language }: Value<typeof models>): Presentation {
  return presentationOf(audioSet(name, [AUDIO], { timeline: timelineFrom(audio), label, language }), videoSet([VIDEO], { name: 'video', timeline: timelineFrom(video) }));
}

const SIZES = { segmentBytes: () => 1000, keyFrameBytes: () => 100 };
const csf = (presentation: Presentation): string => writeMpdCsf(presentation, parametersOf('mpd-time-csf'));
const cmaf = (presentation: Presentation): string => writeMpdCmaf(presentation, parametersOf('mpd-time-cmaf'), SIZES);
const check = (property: (presentation: Presentation) => void): void => fc.assert(
    fc.property(models, (model) => property(presentationFrom(model))),
    { seed: 20, numRuns: 200 },
  );

describe('between formats', () => {
  test('every format names the same times, with the same durations, and they are the model’s', () => {
    check((presentation) => {
      const expected = presentation.switchingSets.map(({ timeline }) => timeline.names);
      const documents = [listsOf(csf(presentation), 'AdaptationSet', 'S', 1), listsOf(cmaf(presentation), 'AdaptationSet', 'S', 1), ...([2, 0] as const).map((version) => listsOf(writeSmooth(presentation, { version }), 'StreamIndex', 'c', 0))];
      for (const lists of documents) {
        lists.map(expand).forEach((entries, i) => {
          const edges = [...entries.map(({ t }) => t), entries[entries.length - 1].t + entries[entries.length - 1].d];
          expect(edges).toEqual([...expected[i]]);
        });
      }
      presentation.switchingSets.forEach((set, i) => {
        for (const [version, format] of [[3, 'm3u8-aapl-v3'], [4, 'm3u8-aapl'], [7, 'm3u8-cmaf']] as const) {
          const text = writeMediaPlaylist(presentation, set, set.tracks[0], parametersOf(format), version);
          expect([...text.matchAll(/^Fragments\(.*?=(\d+),/gm)].map((match) => BigInt(match[1]))).toEqual([...expected[i].slice(0, -1)]);
          const microseconds = [...text.matchAll(/#EXTINF:(\d+)\.(\d{6}),/g)].reduce((sum, match) => sum + BigInt(match[1] + match[2]), 0n);
          const exact = expected[i][expected[i].length - 1] - expected[i][0];
          expect(Math.abs(Number(10n * microseconds - exact))).toBeLessThanOrEqual(10);
        }
      });
    });
  });

  test('DASH counts repetitions, Smooth counts fragments; equal neighbours are always joined', () => {
    check((presentation) => {
      const dash = listsOf(csf(presentation), 'AdaptationSet', 'S', 1);
      const smooth = listsOf(writeSmooth(presentation, { version: 2 }), 'StreamIndex', 'c', 0);
      expect(dash.map((list) => list.map(({ d, r }) => [d, r === null ? null : r + 1]))).toEqual(smooth.map((list) => list.map(({ d, r }) => [d, r])));
      for (const list of dash) for (let i = 1; i < list.length; i++) expect(list[i].d).not.toBe(list[i - 1].d);
      for (const list of smooth) for (const { r } of list) expect(r ?? 2).toBeGreaterThanOrEqual(2);
    });
  });

  test('Chunks, QualityLevels and Duration count what is there', () => {
    check((presentation) => {
      const nodes = readXml(writeSmooth(presentation, { version: 2 }));
      const indexes = nodes.filter(({ name }) => name === 'StreamIndex');
      expect(indexes.map(({ attributes }) => Number(attributes['Chunks']))).toEqual(presentation.switchingSets.map(({ timeline }) => timeline.names.length - 1));
      const ends = presentation.switchingSets.map(({ timeline }) => timeline.names[timeline.names.length - 1]);
      const starts = presentation.switchingSets.map(({ timeline }) => timeline.names[0]);
      const [start, end] = [starts.reduce((a, b) => (a < b ? a : b)), ends.reduce((a, b) => (a > b ? a : b))];
      expect(nodes[0].attributes['Duration']).toBe(String(end - start));
    });
  });

  test('names and labels survive an XML reader, and URLs decode to the name', () => {
    check((presentation) => {
      const [{ name, label }] = presentation.switchingSets;
      const smooth = readXml(writeSmooth(presentation, { version: 2 })).find((node) => node.name === 'StreamIndex');
      expect(smooth?.attributes['Name']).toBe(name);
      expect(/^QualityLevels\(\{bitrate\}\)\/Fragments\(([^()=,{}]*)=\{start time\}\)$/.exec(smooth?.attributes['Url'] ?? '')?.slice(1).map(decodeURIComponent)).toEqual([name]);
      for (const text of [csf(presentation), cmaf(presentation)]) {
        const template = readXml(text).find((node) => node.attributes['media'] !== undefined);
        expect(/Fragments\(([^()=,$]*)=\$Time\$,format=/.exec(template?.attributes['media'] ?? '')?.slice(1).map(decodeURIComponent)).toEqual([name]);
        expect(readXml(text).filter((node) => node.name === 'Label')).toHaveLength(label === null || label === '' ? 0 : 1);
        for (const node of readXml(text).filter(({ name: element }) => element === 'Representation')) expect(node.attributes['id']).toMatch(/^\S+$/);
      }
    });
  });

  test('a master playlist has one line per line, and its quoted strings close', () => {
    check((presentation) => {
      for (const text of [writeMaster(presentation, parametersOf('m3u8-aapl'), { version: 4 }), writeMaster(presentation, parametersOf('m3u8-cmaf'), { version: 7, sizes: SIZES })]) {
        for (const line of text.split('\n').slice(0, -1)) {
          expect(line).toMatch(/^(#EXTM3U|#EXT-X-VERSION:\d|#EXT-X-INDEPENDENT-SEGMENTS|#EXT-X-(MEDIA|STREAM-INF|I-FRAME-STREAM-INF):([A-Z-]+=("[^"\p{Cc}]*"|[^",\s]+)(,(?!$)|$))+|QualityLevels\(\d+\)\/Manifest\([!-~]+\))$/u);
        }
      }
    });
  });

  test('the same model gives the same text', () => {
    check((presentation) => {
      expect(cmaf(presentation)).toBe(cmaf(structuredClone(presentation)));
      expect(writeSmooth(presentation, { version: 2 })).toBe(writeSmooth(structuredClone(presentation), { version: 2 }));
    });
  });
});

test('a day of two-second segments is written in time', () => {
  const edges = BigInt64Array.from({ length: 43_201 }, (_, i) => BigInt(i * 60 + (i % 7)) * 1001n);
  const video = videoSet([videoTrack(300000, avcCodec('64000d', 320, 180, PARAMETER_SETS))], { timeline: timelineOf(edges, 30000) });
  const presentation = presentationOf(video);
  const started = performance.now();
  const texts = [csf(presentation), cmaf(presentation), writeSmooth(presentation, { version: 0 }), writeMediaPlaylist(presentation, video, video.tracks[0], parametersOf('m3u8-aapl'), 4)];
  const milliseconds = performance.now() - started;
  expect(texts.every((text) => text.length > 1_000_000)).toBe(true);
  expect(milliseconds, 'about 0.3 s on one slow core; a quadratic writer takes minutes').toBeLessThan(10_000);
});

function readXml(document: string): XmlNode[] {
  const nodes: XmlNode[] = [];
  const open: string[] = [];
  const parser = new SaxesParser();
  parser.on('opentag', ({ name, attributes }) => {
    open.push(name);
    nodes.push({ name, attributes: { ...attributes }, path: open.join('/') });
  });
  parser.on('closetag', () => void open.pop());
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(document).close();
  return nodes;
}

/** The timeline elements of each set, `r` as written. `repeatsAre` is what `r` lacks of the count of fragments. */
function listsOf(document: string, set: string, element: string, repeatsAre: 0 | 1): (Run & { readonly count: number })[][] {
  const lists: (Run & { readonly count: number })[][] = [];
  for (const { name, attributes } of readXml(document)) {
    if (name === set) lists.push([]);
    if (name !== element) continue;
    const r = attributes['r'] === undefined ? null : Number(attributes['r']);
    lists[lists.length - 1].push({ t: attributes['t'] === undefined ? null : BigInt(attributes['t']), d: BigInt(attributes['d']), r, count: r === null ? 1 : r + repeatsAre });
  }
  return lists;
}

function expand(runs: readonly (Run & { readonly count: number })[]): Entry[] {
  const entries: Entry[] = [];
  let at = 0n;
  for (const { t, d, count } of runs) {
    at = t ?? at;
    for (let i = 0; i < count; i++, at += d) entries.push({ t: at, d });
  }
  return entries;
}
