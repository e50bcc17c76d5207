import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import { plot } from './plot.ts';
import { fold, longestStretches, roomOf } from './profile.ts';
import { compare, figuresOf, targetsOf, writePage, type Measured } from './report.ts';

const row = (microseconds: number, what = 'dash-cmaf', asset = 'ten'): Measured['manifests']['floor'] => ({ asset, what, bytes: 10, microseconds: [microseconds], p50: 1, anew: 3 * microseconds });
const LADDERS = ['1080p', '360p'];
const COSTS = { static: 2, pooled: 1, 'hls-v4.clear': 3, 'hls-v4.aes128': 6, 'dash-cmaf.clear': 2.2, 'dash-cmaf.aes128': 5, 'dash-cmaf.cenc': 4, 'dash-cmaf.cbcs': 2.4 };

const THREADS = { cpu: 2, mainUser: 1, mainSystem: 0.9, othersUser: 0.1, othersSystem: 0, switches: 2 };

const MEASURED: Measured = {
  conditions: 'a test',
  segments: {
    rounds: new Map<string, readonly number[]>([...LADDERS.flatMap((ladder) => Object.entries(COSTS).map(([key, cost]) => [`${key}.${ladder}`, [cost + 1, cost, cost - 0.5]] as const)), ['aes-128-cbc', [3]]]),
    bodyBytes: new Map([['hls-v4.clear.1080p', 4e6]]),
  },
  profiles: [{ key: 'hls-v4.clear.1080p', threads: { cpu: 0.71, mainUser: 0.3, mainSystem: 0.4, othersUser: 0, othersSystem: 0.01, switches: 2 }, shares: [['src/mpegts', 0.25], ['native: writev', 0.5]] }],
  offline: [],
  manifests: { floor: row(40), rows: [row(90), row(500, 'dash-cmaf', 'long')] },
  openings: [
    { asset: 'track', first: 'index', way: 'cold', milliseconds: 30, cpuMilliseconds: 20, indexBytes: 4e6 },
    { asset: 'track', first: 'index', way: 'sidecar', milliseconds: 5, cpuMilliseconds: 4, indexBytes: 4e6 },
    { asset: 'track', first: 'index', way: 'again', milliseconds: 2, cpuMilliseconds: 1.5, indexBytes: 0 },
  ],
  memory: [{ what: 'TS, clear', idle: 1e8, busy: 2e8, stalled: 1.5e8, afterwards: 1.1e8 }],
  clients: [{ what: 'fMP4, clear', clients: 1, cpuPerGigabyte: 2, bytesPerSecond: 1e9 }, { what: 'fMP4, clear', clients: 64, cpuPerGigabyte: 2.2, bytesPerSecond: 1e9 }],
  workers: { cost: { one: 2, two: 2.1, strangers: 2.06 }, ratio: { one: 1, two: 1.05, strangers: 1.03 }, threads: { one: THREADS, two: { ...THREADS, mainUser: 1.25 }, strangers: THREADS }, shares: [0.45, 0.55] },
  loop: { p99: 11, max: 30, idle: 10.2, requestsPerSecond: 100, stretches: [{ milliseconds: 12, rooms: [['src/model', 9], ['(garbage collector)', 3]] }] },
  growth: [],
};

describe('the report', () => {
  test('ratios are medians over the static stream of the same quality', () => {
    const { ratios, figures } = figuresOf(MEASURED);
    expect(ratios).toMatchObject({ 'hls-v4.clear.1080p': 1.5, 'dash-cmaf.clear.360p': 1.1, 'pooled.360p': 0.5, 'aes-128-cbc.1080p': 1.5 });
    expect(Object.keys(ratios)).not.toContain('static.1080p');
    expect(figures).toMatchObject({ 'manifest.ten.dash-cmaf.us': 50, 'manifest.ten.dash-cmaf.anew.us': 150, 'manifest.long.dash-cmaf.us': 460, 'opening.track.index.sidecar.ms': 4, 'memory.TS.clear.stalled-bytes': 5e7 });
  });

  test('targets say what is met and what is missed', async () => {
    const found = new Map(targetsOf(MEASURED).map(({ what, wanted, found: value }) => [what, value <= wanted]));
    expect(found.get('fMP4 clear, ratio to static')).toBe(true);
    expect(found.get('TS clear, ratio to static')).toBe(false);
    expect(found.get('manifests of 2 hours, 6 + 2, kept texts, µs above the floor')).toBe(false);
    // Above the same request once more.
    expect(found.get('the same with index file')).toBe(true);
    expect([...found.values()]).toHaveLength(18);
    const page = await writePage(MEASURED);
    expect(page).toContain('| TS clear, ratio to static | ≤ 1.3 | 1.5 | missed | hls-v4.clear.1080p |');
    // 4 MB at 3 s/GB.
    expect(page).toContain('| hls-v4, clear | 1.50 | 3.00 | 3.00 | 2.50–4.00 | 83 |');
    expect(page).toContain('| hls-v4.clear.1080p | 0.30 | 0.40 | 0.00 | 0.01 | 2.0 | src/mpegts 25 %, native: writev 50 % |');
    expect(page).toContain('- **hls-v4, clear.** 1080p: 3.00 s/GB, 1.50 times `static`, 3.00 times its floor (the pooled loop: 1.00). The profile divides 0.70 s/GB of the main thread: system calls and native code 0.35 (writev 0.35); our code 0.17 (src/mpegts 0.17); other threads 0.01.');
    expect(page).toContain('360p: 6.00 s/GB, 3.00 times `static`, 1.50 times its floor (the pooled loop and AES-CBC over every byte: 4.00).');
    expect(page).toContain('| two workers | 2.10 | 1.05 | 1.25 | 0.90 | 0.10 | 0.00 | 2.0 |');
    expect(page).toContain('From one to two the main threads take +0.25 s/GB in user and +0.00 in system time');
    expect(page).toContain('under the profiler: 12.0 ms (src/model 9.0, (garbage collector) 3.0).');
    expect(page).not.toContain('NaN');
  });

  test('a comparison puts the greatest change first', () => {
    const now = figuresOf(MEASURED);
    const old = { ratios: { ...now.ratios, 'hls-v4.clear.1080p': 3 }, figures: {} };
    expect(compare(old, now).split('\n')[0]).toBe('hls-v4.clear.1080p: 3 → 1.5 (0.50)');
  });
});

test('a plot is XML with a mark for each point', () => {
  const svg = plot({ id: 'x', title: 'A & B', x: 'minutes', lines: [{ label: 'a < b', points: [[1, 10], [10, 200], [600, 3000]] }, { label: 'c', points: [[1, 1]] }] });
  let circles = 0;
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name }) => void (circles += name === 'circle' ? 1 : 0));
  parser.write(svg).close();
  expect(circles).toBe(4);
});

describe('a profile', () => {
  const frame = (functionName: string, url = ''): Parameters<typeof roomOf>[0] => ({ functionName, url });
  test('every frame belongs to a room', () => {
    expect(roomOf(frame('sendBody', 'file:///somewhere/src/origin/body.ts'))).toBe('src/origin');
    expect(roomOf(frame('toHns', 'file:///somewhere/src/time.ts'))).toBe('src/time');
    expect(roomOf(frame('wasm-function[1]', 'wasm://wasm/0011'))).toBe('kernels (WebAssembly)');
    expect(roomOf(frame('writeHead', 'node:_http_server'))).toBe('node: HTTP');
    expect(roomOf(frame('read', 'node:internal/fs/promises'))).toBe('node: files');
    expect(roomOf(frame('(garbage collector)'))).toBe('(garbage collector)');
  });

  test('a stretch is what one task takes without a break, the collector within it', () => {
    const frames: readonly (readonly [frame: Parameters<typeof roomOf>[0], children: readonly number[]])[] = [[frame('(root)'), [1, 2, 3, 5]], [frame('(idle)'), []], [frame('(garbage collector)'), []], [frame('open', 'file:///x/src/asset/open.ts'), [4]], [frame('cut', 'file:///x/src/model/cuts.ts'), []], [frame('answer', 'file:///x/src/origin/server.ts'), []]];
    const nodes = frames.map(([callFrame, children], id) => ({ id, callFrame, children }));
    const stretches = longestStretches({ nodes, samples: [3, 4, 2, 4, 5, 1, 3], timeDeltas: [1000, 2000, 3000, 1000, 2000, 9000, 500] }, 2);
    expect(stretches.map(({ milliseconds, rooms }) => [milliseconds, rooms[0]])).toEqual([[7, ['src/model', 3]], [2, ['src/origin', 2]]]);
  });

  test('shares are of the time that was not idle', () => {
    const nodes = [frame('(idle)'), frame('writev'), frame('(program)')].map((callFrame, id) => ({ id, callFrame }));
    expect(fold({ nodes, samples: [0, 1, 2, 1], timeDeltas: [100, 30, 20, 30] })).toEqual([['native: writev', 0.75], ['(program)', 0.25]]);
  });
});
