/**
 * Filters over the real origin: what each of the six formats lists under each filter, every refusal once, that the suite finds nothing
 * against it, and that ffmpeg plays what is left with picture and sound where they belong. The asset has 24.024 s of video in four segments (GOPs of 2.002 s) and four audio tracks
 * whose segments last 6.016 s.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'hls-parser';
import type { types } from 'hls-parser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FORMATS, type FormatId } from '../formats.ts';

const ASSET = 'h264-multiaudio';
const CORPUS = new URL(`../../corpus/.assets/${ASSET}`, import.meta.url);
const S = 10_000_000;

const english = { property: 'Language', operation: 'Equal', value: 'en' };
const french = { property: 'Language', operation: 'Equal', value: 'fr' };
const video = { property: 'Type', operation: 'Equal', value: 'Video' };
const low = { property: 'Bitrate', operation: 'Equal', value: '0-300000' };
const select = (...alternatives: readonly (readonly object[])[]): object => ({ tracks: alternatives.map((trackSelections) => ({ trackSelections })) });
const range = (presentationTimeRange: object): object => ({ presentationTimeRange });
const first = (bitrate?: number): object => ({ firstQuality: { bitrate } });

const ACCOUNT_FILTERS: Readonly<Record<string, object>> = {
  english: select([english], [video]),
  french: select([french], [video]),
  low: select([low]),
  small: select([video, low], [{ ...video, operation: 'NotEqual' }]),
  sound: select([{ property: 'Type', operation: 'NotEqual', value: 'Video' }]),
  clip: range({ startTimestamp: 7 * S, endTimestamp: 13 * S }),
  tail: range({ startTimestamp: 12_012, timescale: 1000 }),
  head: range({ endTimestamp: 60_060_000 }),
  start: first(250_000),
  begin: first(600_000),
  overridden: select([low]),
  shape: { tracks: 'all' },
  range: range({ startTimestamp: 2, endTimestamp: 1 }),
  track: select([{ property: 'Height', operation: 'Equal', value: '720' }]),
  window: range({ presentationWindowDuration: 60 * S }),
  backoff: range({ liveBackoffDuration: 30 * S }),
  long: range({ liveBackoffDuration: 100 * S }),
  quality: first(),
  none: range({ startTimestamp: 30 * S }),
  // What JSON cannot hold as a number of JavaScript is put in below: 2^63-1, the service's word for no end.
  wide: range({ startTimestamp: 1_081_080, endTimestamp: 'MOST', presentationWindowDuration: 'MOST', timescale: 90_000 }),
  beyond: range({ startTimestamp: 'MOST' }),
};
const textOfAccount = (account: object): string => JSON.stringify(account).replaceAll('"MOST"', String(2n ** 63n - 1n));
const locator = (name: string, more: object = {}): object => ({ name, properties: { assetName: ASSET, streamingPolicyName: 'Predefined_ClearStreamingOnly', ...more } });
const ID = '21b17732-0112-4d76-b526-763dcd843449';
const ACCOUNT = {
  streamingLocators: [
    locator('all', { streamingLocatorId: ID }),
    locator('always', { filters: ['english', 'low'] }),
    locator('clipped', { filters: ['clip', 'begin'] }),
    locator('tailed', { filters: ['tail', 'french', 'small'] }),
    locator('headed', { filters: ['head'] }),
    locator('silent', { filters: ['clip', 'overridden'] }),
    locator('sound', { filters: ['tail', 'sound'] }),
    locator('eleven', { filters: Array.from({ length: 11 }, (_, i) => `f${i}`) }),
    locator('astray', { filters: ['english', 'gone'] }),
    locator('hls', { streamingPolicyName: 'hls' }),
    locator('aes', { streamingPolicyName: 'Predefined_ClearKey' }),
    locator('early', { startTime: '2999-01-01T00:00:00Z' }),
    locator('late', { endTime: '2020-01-01T00:00:00Z' }),
  ],
  streamingPolicies: [{ name: 'hls', properties: { noEncryption: { enabledProtocols: { download: false, dash: false, hls: true, smoothStreaming: false } } } }],
  accountFilters: Object.entries(ACCOUNT_FILTERS).map(([name, properties]) => ({ name, properties })),
};
const ASSET_FILTERS = (bitrate: string): string => JSON.stringify({ assetFilters: [{ name: 'overridden', properties: select([{ ...low, value: bitrate }]) }] });

const run = promisify(execFile);

let root: string;
let child: ChildProcess;
let origin: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-filters-'));
  await cp(CORPUS, join(root, ASSET), { recursive: true });
  await writeFile(join(root, 'isomer.json'), textOfAccount(ACCOUNT));
  await writeFile(join(root, ASSET, 'asset.json'), ASSET_FILTERS('600000'));
  child = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', '--root', root, '--port', '0', '--revalidate-ms', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  origin = await new Promise((resolve) => child.stdout?.on('data', (text: Buffer) => resolve(/http:\S+/.exec(text.toString())?.[0] ?? '')));
});
afterAll(async () => {
  child?.kill();
  await rm(root, { recursive: true, force: true });
});

const tagOf = (id: FormatId): string => FORMATS.find((format) => format.id === id)?.tags[0] ?? '';
const manifestUrl = (id: FormatId, filters: string, name = 'all'): string => {
  const parameters = [tagOf(id) === '' ? '' : `format=${tagOf(id)}`, filters === '' ? '' : `filter=${filters}`].filter((text) => text !== '');
  return `${origin}/${name}/multiaudio.ism/manifest${parameters.length === 0 ? '' : `(${parameters.join(',')})`}`;
};

async function text(url: string): Promise<string> {
  const response = await fetch(url);
  const body = await response.text();
  expect(response.status, `${url}: ${body}`).toBe(200);
  return body;
}

/** `name bitrate: times in milliseconds`, sorted: what a manifest offers. */
async function offered(id: FormatId, filters: string, name?: string): Promise<readonly string[]> {
  const url = manifestUrl(id, filters, name);
  const body = await text(url);
  const lists = body.startsWith('#EXTM3U') ? await hlsLists(url, body) : xmlLists(body);
  return lists.map(({ track, bitrate, times }) => `${track} ${bitrate}: ${times.map((time) => Math.floor(time / 10_000)).join(' ')}`).toSorted();
}

type List = { readonly track: string; readonly bitrate: string; readonly times: readonly number[] };

async function hlsLists(url: string, master: string): Promise<readonly List[]> {
  const urls = new Set([...master.matchAll(/QualityLevels\((\d+)\)\/Manifest\(([^,)]*)[^"\s]*/g)].map((match) => match[0]).filter((link) => !link.includes('type=keyframes')));
  return Promise.all(
    [...urls].map(async (link) => {
      const [, bitrate, track] = /QualityLevels\((\d+)\)\/Manifest\(([^,)]*)/.exec(link) ?? [];
      const playlist = parse(await text(new URL(link, url).href)) as types.MediaPlaylist;
      return { track: decodeURIComponent(track), bitrate, times: playlist.segments.map(({ uri }) => Number(/=(\d+)/.exec(uri)?.[1])) };
    }),
  );
}

function xmlLists(body: string): readonly List[] {
  return [...body.matchAll(/<(AdaptationSet|StreamIndex) [^]*?<\/\1>/g)].flatMap(([set]) => {
    const track = decodeURIComponent(/Fragments\(([^=]*)=/.exec(set)?.[1] ?? '');
    const bitrates = [...set.matchAll(/QualityLevels\((\d+)\)\/Fragments\([^=]*=\$Time|<Representation [^>]*bandwidth="(\d+)"[^>]*\/>|<QualityLevel [^>]*Bitrate="(\d+)"/g)].map(([, cmaf, csf, smooth]) => cmaf ?? csf ?? smooth);
    const times: number[] = [];
    let at = 0;
    for (const [, element, attributes] of set.matchAll(/<(S|c) ([^>]*)\/>/g)) {
      const value = (name: string, otherwise: number): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? otherwise);
      at = value('t', at);
      // DASH counts repetitions, Smooth fragments.
      for (let i = element === 'S' ? value('r', 0) + 1 : value('r', 1); i > 0; i--) {
        times.push(at);
        at += value('d', 0);
      }
    }
    return bitrates.map((bitrate) => ({ track, bitrate, times }));
  });
}

const V = [0, 6006, 12012, 18018];
const A = [0, 6016, 12032, 18048];
const AUDIO = ['Deutsch 128000', 'English 128000', 'Français 128000', 'aac_eng_audio_description 96000'];
const VIDEO = ['video 250000', 'video 600000'];

type Expected = { readonly audio: readonly string[]; readonly video: readonly string[]; readonly segments: readonly [from: number, to: number]; readonly audioSegments: readonly [from: number, to: number]; readonly muxed: string };
const WHOLE: Expected = { audio: AUDIO, video: VIDEO, segments: [0, 4], audioSegments: [0, 4], muxed: 'English' };
const CLIP: Partial<Expected> = { segments: [1, 3], audioSegments: [1, 3] };
const ENGLISH: Partial<Expected> = { audio: [AUDIO[1], AUDIO[3]] };
const FRENCH: Partial<Expected> = { audio: [AUDIO[2]], muxed: 'Français' };
const LOW: Partial<Expected> = { video: [VIDEO[0]] };

type Row = { readonly filters: string; readonly expected: Partial<Expected>; readonly name?: string };
const MATRIX: readonly Row[] = [
  { filters: '', expected: {} },
  { filters: 'clip', expected: CLIP },
  { filters: 'tail', expected: { segments: [2, 4], audioSegments: [2, 4] } },
  { filters: 'wide', expected: { segments: [2, 4], audioSegments: [2, 4] } },
  { filters: 'head', expected: { segments: [0, 1], audioSegments: [0, 1] } },
  { filters: 'english', expected: ENGLISH },
  { filters: 'low', expected: LOW },
  { filters: 'sound', expected: { video: [] } },
  { filters: 'overridden', expected: { audio: [], video: [VIDEO[1]] } },
  { filters: 'clip;french', expected: { ...CLIP, ...FRENCH } },
  { filters: 'french;low;clip', expected: { ...CLIP, ...FRENCH, ...LOW } },
  { filters: 'clip;low;french', expected: { ...CLIP, ...FRENCH, ...LOW } },
  { filters: 'start', expected: {} },
  { filters: '', expected: { ...ENGLISH, ...LOW }, name: 'always' },
  { filters: 'clip', expected: { ...ENGLISH, ...LOW, ...CLIP }, name: 'always' },
];

function listedFor(id: FormatId, expected: Expected): readonly string[] {
  const line = (times: readonly number[], [from, to]: readonly [number, number]) => (track: string): string => `${track}: ${times.slice(from, to).join(' ')}`;
  // Version 3 has its audio inside the video segments, and lists one audio when there is no video.
  const audio = id !== 'hls-v3' ? expected.audio : expected.video.length > 0 ? [] : expected.audio.filter((track) => track.startsWith(expected.muxed));
  return [...audio.map(line(A, expected.audioSegments)), ...expected.video.map(line(V, expected.segments))].toSorted();
}

describe.each(FORMATS.map(({ id }) => id))('%s', (id) => {
  // The audio-only variant of version 3 is left out, so that it lists what it carries.
  test.each(MATRIX)('filter=$filters of locator $name', async ({ filters, expected, name }) => {
    const whole = { ...WHOLE, ...expected };
    const found = await offered(id, filters, name);
    const audioOnly = id === 'hls-v3' && whole.video.length > 0 && whole.audio.length > 0;
    expect(audioOnly ? found.filter((line) => line.startsWith('video')) : found).toEqual(listedFor(id, whole));
    if (audioOnly) expect(await text(manifestUrl(id, filters, name))).toContain(`,audiotrack=${encodeURIComponent(whole.muxed)}`);
  });
});

const hls = FORMATS.filter(({ manifest }) => manifest.kind === 'm3u8').map(({ id }) => id);

test.each(hls)('%s: the first quality is the first variant', async (id) => {
  const firstVariant = async (filter: string): Promise<string | undefined> => /#EXT-X-STREAM-INF.*\nQualityLevels\((\d+)\)/.exec(await text(manifestUrl(id, filter)))?.[1];
  expect(await Promise.all(['', 'start', 'begin', 'begin;low'].map(firstVariant))).toEqual(['250000', '250000', '600000', '250000']);
});

test('locators are found by id in any case, and folders are not locators', async () => {
  expect((await fetch(`${origin}/${ID.toUpperCase()}/multiaudio.ism/manifest`)).status).toBe(200);
  expect((await fetch(`${origin}/${ASSET}/multiaudio.ism/manifest`)).headers.get('x-ms-error-code')).toBe('MPE_RESOURCE_NOT_FOUND');
});

test('what a filter leaves out stays addressable, with the same bytes and tag whatever the filter', async () => {
  const segment = `${origin}/all/multiaudio.ism/QualityLevels(600000)/Fragments(video=0,format=m3u8-cmaf)`;
  const filtered = await fetch(segment.replace('/all/', '/always/'));
  expect([filtered.status, Buffer.from(await filtered.arrayBuffer()).equals(Buffer.from(await (await fetch(segment)).arrayBuffer()))]).toEqual([200, true]);
});

test('another filter content is another entity, and is seen without a restart', async () => {
  const url = manifestUrl('dash-csf', 'overridden');
  const tag = async (): Promise<string | null> => (await fetch(url)).headers.get('etag');
  const before = await tag();
  expect([await tag(), await offered('dash-csf', 'overridden')]).toEqual([before, [`video 600000: ${V.join(' ')}`]]);
  await writeFile(join(root, ASSET, 'asset.json'), ASSET_FILTERS('200000-300000'));
  expect(await tag()).not.toBe(before);
  expect(await offered('dash-csf', 'overridden')).toEqual([`video 250000: ${V.join(' ')}`]);
  await writeFile(join(root, ASSET, 'asset.json'), ASSET_FILTERS('600000'));
  expect(await offered('dash-csf', 'overridden')).toEqual([`video 600000: ${V.join(' ')}`]);
});

test('locators and policies that change are followed at once; a file that cannot be used, or is gone, changes nothing', async () => {
  const file = join(root, 'isomer.json');
  const answers = async (): Promise<readonly unknown[]> => Promise.all([manifestUrl('hls-v4', ''), manifestUrl('dash-csf', ''), manifestUrl('smooth', '', 'always')].map(async (url) => (await fetch(url)).headers.get('x-ms-error-code')));
  const write = (text: string): Promise<void> => writeFile(file, text);
  expect(await answers()).toEqual([null, null, null]);
  await write(textOfAccount({ ...ACCOUNT, streamingLocators: [locator('all', { streamingPolicyName: 'hls' })] }));
  const after = [null, 'MPE_OUTPUT_FORMAT_BLOCKED', 'MPE_RESOURCE_NOT_FOUND'];
  expect(await answers()).toEqual(after);
  for (const change of [(): Promise<void> => write('{"streamingLocators": [{'), (): Promise<void> => write(textOfAccount({ ...ACCOUNT, streamingPolicies: [{ name: 'hls' }] })), (): Promise<void> => rm(file)]) {
    await change();
    expect(await answers()).toEqual(after);
  }
  await write(textOfAccount(ACCOUNT));
  expect(await answers()).toEqual([null, null, null]);
});

describe('refusals', () => {
  const BASE = 'multiaudio.ism';
  test.each([
    [`all/${BASE}/manifest(filter=a;b;c;d)`, 400, 'MPE_BAD_URL_SYNTAX'],
    [`all/${BASE}/manifest(filter=unknown)`, 404, 'MPE_EGRESS_FILTER_NOT_FOUND'],
    [`all/${BASE}/QualityLevels(600000)/Manifest(video,format=m3u8-aapl,filter=unknown)`, 404, 'MPE_EGRESS_FILTER_NOT_FOUND'],
    [`all/${BASE}/QualityLevels(600000)/Manifest(video,format=m3u8-aapl,filter=low)`, 404, 'MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND'],
    [`all/${BASE}/QualityLevels(128000)/Manifest(English,format=m3u8-aapl,filter=french)`, 404, 'MPE_EGRESS_TRACK_NOT_FOUND'],
    [`all/${BASE}/manifest(format=m3u8-aapl-v3,audiotrack=English,filter=french)`, 404, 'MPE_EGRESS_TRACK_NOT_FOUND'],
    [`all/${BASE}/manifest(filter=shape)`, 415, 'MPE_FILTER_INVALID'],
    [`all/${BASE}/manifest(filter=range)`, 415, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
    [`all/${BASE}/manifest(filter=track)`, 415, 'MPE_FILTER_TRACK_ATTRIBUTE_INVALID'],
    [`all/${BASE}/manifest(filter=window)`, 415, 'MPE_FILTER_PRESENTATION_WINDOW_INVALID'],
    [`all/${BASE}/manifest(filter=backoff)`, 415, 'MPE_FILTER_LIVE_BACKOFF_INVALID'],
    [`all/${BASE}/manifest(filter=window;long)`, 415, 'MPE_FILTER_LIVE_BACKOFF_OVER_PRESENTATION_WINDOW'],
    [`all/${BASE}/manifest(filter=quality)`, 415, 'MPE_FILTER_FIRST_QUALITY_ATTRIBUTE_INVALID'],
    [`all/${BASE}/manifest(filter=start;begin)`, 415, 'MPE_FILTER_COMPOSITION_MULTIPLE_FIRST_QUALITY_OPERATOR_NOT_ALLOWED'],
    [`all/${BASE}/manifest(filter=none)`, 415, 'MPE_FILTER_REMOVED_ALL_STREAMS'],
    [`all/${BASE}/manifest(filter=beyond)`, 415, 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID'],
    [`astray/${BASE}/manifest(format=mpd-time-csf)`, 404, 'MPE_EGRESS_FILTER_NOT_FOUND'],
    [`all/${BASE}/manifest(filter=head;tail)`, 415, 'MPE_FILTER_REMOVED_ALL_STREAMS'],
    [`eleven/${BASE}/manifest`, 415, 'MPE_FILTER_COMPOSITION_FILTER_COUNT_OVER_LIMIT'],
    [`hls/${BASE}/manifest(format=m3u8-cmaf)`, 200, null],
    [`hls/${BASE}/manifest(format=mpd-time-csf)`, 403, 'MPE_OUTPUT_FORMAT_BLOCKED'],
    [`hls/${BASE}/QualityLevels(250000)/Fragments(video=0)`, 403, 'MPE_OUTPUT_FORMAT_BLOCKED'],
    [`hls/${BASE}/manifest(format=m3u8-aapl,encryption=cbc)`, 403, 'MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY'],
    [`aes/${BASE}/manifest(format=mpd-time-cmaf)`, 400, 'MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL'],
    [`early/${BASE}/manifest`, 404, 'MPE_UNAUTHORIZED'],
    [`late/${BASE}/manifest`, 404, 'MPE_UNAUTHORIZED'],
  ])('%s: %d %s', async (path, status, code) => {
    const response = await fetch(`${origin}/${path}`);
    expect([response.status, response.headers.get('x-ms-error-code')]).toEqual([status, code]);
    if (code !== null) expect(await response.json()).toMatchObject({ code });
  });

  test('nothing that a policy wants encrypted leaves in the clear', async () => {
    for (const resource of ['manifest(format=m3u8-aapl)', 'QualityLevels(250000)/Fragments(video=0)', 'QualityLevels(250000)/Fragments(video=i,format=mpd-time-csf)', 'QualityLevels(250000)/Fragments(video=0,format=mpd-time-cmaf)']) {
      expect((await fetch(`${origin}/aes/${BASE}/${resource}`)).status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('the suite, as a stranger, finds every rule kept under a filter that the locator applies (DASH-062)', () => {
  test.each(['always', 'clipped', 'tailed', 'headed', 'silent', 'sound'])('%s', async (name) => {
    const cli = join(import.meta.dirname, '../../conformance/cli.ts');
    const { stdout } = await run(process.execPath, [cli, 'run', '--origin', `${origin}/${name}/multiaudio.ism`, '--no-java', '--quiet', '--out', join(root, `.out-${name}`)]);
    expect(stdout).toMatch(/^must: \d{3} pass/m);
    expect(stdout).not.toMatch(/\bfail\b/);
  });
});

type Packet = { readonly pts_time?: string };

/** Presentation times of one kind of packets, in milliseconds, ascending, as ffprobe reads the stream. */
async function played(url: string, kind: 'v:0' | 'a:0'): Promise<readonly number[]> {
  const { stdout: help } = await run('ffmpeg', ['-hide_banner', '-h', 'demuxer=hls']);
  const anyName = url.includes('m3u8') ? ['-allowed_extensions', 'ALL', ...(help.includes('extension_picky') ? ['-extension_picky', '0'] : [])] : [];
  const { stdout } = await run('ffprobe', ['-v', 'error', ...anyName, '-select_streams', kind, '-show_entries', 'packet=pts_time', '-of', 'json', url], { maxBuffer: 1 << 26 });
  const { packets } = JSON.parse(stdout) as { readonly packets: readonly Packet[] };
  return packets.flatMap(({ pts_time: time }) => (time === undefined ? [] : [Math.round(Number(time) * 1000)])).toSorted((a, b) => a - b);
}

/** Audio inside a transport stream with video starts with the video; audio of its own starts with its own segment. Milliseconds. */
const CLIPPED: readonly (readonly [FormatId, audio: readonly [from: number, to: number]])[] = [
  ['hls-v3', [6006, 18018]],
  ['hls-v4', [6016, 18048]],
  ['hls-cmaf', [6016, 18048]],
  ['dash-csf', [6016, 18048]],
  ['dash-cmaf', [6016, 18048]],
];

describe('ffprobe', () => {
  test.each(CLIPPED)('%s: the packets of the clip are packets of the whole, at the same times', async (id, [from, to]) => {
    for (const [kind, start, end] of [['v:0', 6006, 18018], ['a:0', from, to]] as const) {
      const [whole, clip] = [await played(manifestUrl(id, 'small;french'), kind), await played(manifestUrl(id, 'clip;small;french'), kind)];
      // What ffmpeg makes of the first time stamp is its own affair; the distances are the media's.
      const wanted = whole.filter((time) => time - whole[0] >= start - 1 && time - whole[0] < end - 1);
      expect(clip.filter((time) => !wanted.includes(time))).toEqual([]);
      // A transport stream's packets hold several audio frames with one time stamp, of which ffprobe may print that one only.
      expect(clip.length).toBeGreaterThanOrEqual(kind === 'v:0' ? 360 : wanted.length / 8);
      expect([clip[0], wanted[wanted.length - 1] - clip[clip.length - 1] < 150]).toEqual([wanted[0], true]);
    }
  });
});
