import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import { plot } from './plot.ts';
import { compare, figuresOf, targetsOf, writePage, type Measured } from './report.ts';

const row = (microseconds: number, what = 'dash-cmaf', asset = 'ten'): Measured['manifests']['floor'] => ({ asset, what, bytes: 10, microseconds: [microseconds], p50: 1 });
const LADDERS = ['1080p', '360p'];
const COSTS = { static: 2, pooled: 1, 'hls-v4.clear': 3, 'hls-v4.aes128': 6, 'dash-cmaf.clear': 2.2, 'dash-cmaf.aes128': 5, 'dash-cmaf.cenc': 4, 'dash-cmaf.cbcs': 2.4 };

const MEASURED: Measured = {
  conditions: 'a test',
  segments: new Map<string, readonly number[]>([...LADDERS.flatMap((ladder) => Object.entries(COSTS).map(([key, cost]) => [`${key}.${ladder}`, [cost + 1, cost, cost - 0.5]] as const)), ['aes-128-cbc', [3]]]),
  offline: [],
  manifests: { floor: row(40), rows: [row(90), row(500, 'dash-cmaf', 'long')] },
  openings: [
    { asset: 'track', way: 'cold', milliseconds: 30, cpuMilliseconds: 20, indexBytes: 4e6 },
    { asset: 'track', way: 'sidecar', milliseconds: 5, cpuMilliseconds: 4, indexBytes: 4e6 },
  ],
  memory: [{ what: 'TS, clear', idle: 1e8, busy: 2e8, stalled: 1.5e8, afterwards: 1.1e8 }],
  clients: [{ what: 'fMP4, clear', clients: 1, cpuPerGigabyte: 2, bytesPerSecond: 1e9 }, { what: 'fMP4, clear', clients: 64, cpuPerGigabyte: 2.2, bytesPerSecond: 1e9 }],
  workers: { ratio: 1.05, one: 2, two: 2.1, shares: [0.45, 0.55] },
  loop: { p99: 11, max: 30, requestsPerSecond: 100 },
  growth: [],
};

describe('the report', () => {
  test('ratios are medians over the static stream of the same quality', () => {
    const { ratios, figures } = figuresOf(MEASURED);
    expect(ratios).toMatchObject({ 'hls-v4.clear.1080p': 1.5, 'dash-cmaf.clear.360p': 1.1, 'pooled.360p': 0.5, 'aes-128-cbc.1080p': 1.5 });
    expect(Object.keys(ratios)).not.toContain('static.1080p');
    expect(figures).toMatchObject({ 'manifest.ten.dash-cmaf.us': 50, 'manifest.long.dash-cmaf.us': 460, 'opening.track.sidecar.ms': 4, 'memory.TS.clear.stalled-bytes': 5e7 });
  });

  test('targets say what is met and what is missed', async () => {
    const found = new Map(targetsOf(MEASURED).map(({ what, wanted, found: value }) => [what, value <= wanted]));
    expect(found.get('fMP4 clear, ratio to static')).toBe(true);
    expect(found.get('TS clear, ratio to static')).toBe(false);
    expect(found.get('manifests of 2 hours, 6 + 2, µs above the floor')).toBe(false);
    expect([...found.values()]).toHaveLength(16);
    const page = await writePage(MEASURED);
    expect(page).toContain('| TS clear, ratio to static | ≤ 1.3 | 1.5 | missed |');
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
