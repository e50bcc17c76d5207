import { describe, expect, test } from 'vitest';
import { FORMAT_IDS } from '../../spec/requirement.ts';
import type { Scheme } from '../../spec/subjects.ts';
import type { ReplayRow, ReplaySection } from '../../spec/replay.ts';
import { compatOf } from '../report/compat.ts';
import type { Content, ContentTrack } from './content.ts';
import { defectOf } from './defects.ts';
import type { BrowserName } from './model.ts';
import { planReplays } from './plan.ts';
import { PLAYERS } from './players.ts';
import type { Probe } from './probe.ts';
import { TEMPLATES } from './templates.ts';
import { THRESHOLDS } from './thresholds.ts';

const picture = (rendition: number, codec = 'avc1.64001f'): ContentTrack => ({ kind: 'video', codec, language: '', rendition, pilot: null });
const sound = (language: string, pilot: number, codec = 'mp4a.40.2'): ContentTrack => ({ kind: 'audio', codec, language, rendition: null, pilot });
const PLAIN = [picture(1), picture(2), sound('eng', 5000), sound('fra', 6000)];

const content = (asset: string, more: Partial<Content> = {}): Content => ({
  asset,
  protection: null,
  filtered: false,
  cut: 0,
  texts: [],
  truth: { frameRate: { num: 25, den: 1 }, first: 0, frames: 300, videoStart: 0, renditions: [1, 2], strides: {}, pilots: [{ language: 'eng', hertz: 5000, start: 0 }, { language: 'fra', hertz: 6000, start: 0 }], secondTones: { first: 500, step: 100, count: 24 } },
  frameRate: 25,
  seconds: 12,
  qualities: [1, 2],
  languages: [{ language: 'eng', pilot: 5000 }, { language: 'fra', pilot: 6000 }],
  syncFrames: [0, 50, 100, 150, 200, 250],
  tracks: PLAIN,
  sampleEntries: ['avc1', 'mp4a'],
  mostPixels: 640 * 360,
  ...more,
});
const probe = (change: Partial<Probe> = {}): Probe => ({
  userAgent: '',
  mediaSource: { 'video/mp4; codecs="avc1.64001f"': true, 'audio/mp4; codecs="mp4a.40.2"': true, 'video/mp4; codecs="hvc1.1.6.L93.B0"': false },
  native: { 'application/vnd.apple.mpegurl': 'maybe' },
  frameCallback: true,
  encryptedMedia: true,
  ...change,
});
const BOTH = new Map<BrowserName, Probe>([['chromium', probe()], ['firefox', probe({ native: { 'application/vnd.apple.mpegurl': '' } })]]);
const targets = (...contents: readonly Content[]) => contents.flatMap((each) => FORMAT_IDS.map((format) => ({ content: each, format, url: `http://127.0.0.1/${each.asset}/${format}` })));
const plan = (tier: 'ci' | 'full', ...contents: readonly Content[]) => planReplays({ targets: targets(...contents), players: PLAYERS, probes: BOTH, tier });

describe('the plan', () => {
  test('has legal pairs only, each once', () => {
    const cells = plan('full', content('a'), content('b'));
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
    for (const { player, format } of cells) expect(player.kinds).toContain(format.kind);
  });

  test('of a short run stays short, and plays every output with every player that can', () => {
    const cells = plan('ci', content('a'), content('b'), content('c')).filter(({ cannot }) => cannot === null);
    expect(cells.length).toBeLessThan(120);
    const sequential = cells.filter(({ template, browser }) => template.id === 'sequential' && browser === 'chromium').map(({ player, format }) => `${player.name} ${format.id}`);
    expect(sequential).toHaveLength(23);
    for (const { id } of TEMPLATES.filter(({ of }) => of(content('a')))) for (const kind of ['hls', 'dash', 'smooth']) expect(cells.some(({ template, format }) => template.id === id && format.kind === kind), `${id} ${kind}`).toBe(true);
  });

  test('plays protected and filtered content in its own way alone, and says what no player opens', () => {
    const scheme = (name: Scheme, system: 'clear-key' | 'licensed' = 'clear-key') => content(name, { protection: { scheme: name, system, clearLead: false } });
    const cells = plan('ci', scheme('aes-128'), scheme('cenc'), scheme('piff', 'licensed'), content('late', { filtered: true, cut: 6 }));
    for (const { template, target } of cells) expect(template.id).toBe(target.content.asset === 'late' ? 'filtered' : target.content.asset);
    const played = cells.filter(({ cannot }) => cannot === null).map(({ id }) => id);
    expect(played).toContain('cenc cenc/dash-cmaf dash.js firefox');
    expect(played).toContain('aes-128 aes-128/hls-cmaf hls.js chromium');
    expect(played.filter((id) => id.startsWith('filtered')).map((id) => /smooth|hls|dash/.exec(id)?.[0])).toEqual(expect.arrayContaining(['hls', 'dash', 'smooth']));
    const startIn = (player: string) => cells.find((cell) => cell.template.id === 'filtered' && cell.format.kind === 'smooth' && cell.player.name === player)?.target.content.truth.videoStart;
    expect([startIn('dash.js'), startIn('rx-player')], 'who moves a trimmed presentation to 0, and who does not').toEqual([0, 6]);
    expect(played.filter((id) => id.startsWith('piff'))).toEqual([]);
    expect(cells.find(({ id }) => id === 'cenc cenc/hls-cmaf hls.js chromium')?.cannot).toMatch(/key of format identity/);
  });

  test('says why something is not played, by what the browser answered', () => {
    const cells = plan('full', content('hevc', { tracks: [picture(1, 'hvc1.1.6.L60.90'), sound('eng', 5000)], sampleEntries: ['hvc1', 'mp4a'] }));
    expect(cells.every(({ cannot }) => cannot !== null)).toBe(true);
    expect(cells[0].cannot).toBe('chromium says that it does not decode video/mp4; codecs="hvc1.1.6.L93.B0"');
    const native = plan('ci', content('a')).filter(({ player, browser }) => player.name === 'native' && browser === 'firefox');
    expect(native.map(({ cannot }) => cannot)).toContain('firefox says that it does not play application/vnd.apple.mpegurl by itself');
  });

  test("says what a player's own reader does not know, be it decoded there or not", () => {
    const hevc = content('hevc', { tracks: [picture(1, 'hvc1.1.6.L60.90'), sound('eng', 5000)], sampleEntries: ['hvc1', 'mp4a'] });
    const probes = new Map<BrowserName, Probe>([['firefox', probe({ mediaSource: { ...probe().mediaSource, 'video/mp4; codecs="hvc1.1.6.L93.B0"': true } })]]);
    const cells = planReplays({ targets: targets(hevc), players: PLAYERS, probes, tier: 'full', templates: ['sequential'] });
    const reasonOf = (format: string) => cells.find((cell) => cell.player.name === 'dash.js' && cell.format.id === format)?.cannot;
    expect([reasonOf('smooth'), reasonOf('dash-cmaf')]).toEqual(['dash.js does not know hvc1 in application/vnd.ms-sstr+xml', null]);
  });

  test('plays what a browser decodes, and says what that leaves out', () => {
    const dts = content('dts', { tracks: [picture(1), picture(2), sound('eng', 5000), sound('eng', 6000, 'dtsc')], sampleEntries: ['avc1', 'dtsc', 'mp4a'] });
    const noDts = new Map<BrowserName, Probe>([['chromium', probe({ mediaSource: { ...probe().mediaSource, 'audio/mp4; codecs="dtsc"': false } })]]);
    const cells = planReplays({ targets: targets(dts), players: PLAYERS, probes: noDts, tier: 'full', templates: ['sequential'] });
    const of = (id: string) => cells.filter(({ format, cannot }) => format.id === id && cannot === null);
    expect(of('dash-cmaf').length).toBeGreaterThan(1);
    for (const { leftOut, target } of of('dash-cmaf')) {
      expect(leftOut).toEqual(['dtsc']);
      expect(target.content).toMatchObject({ sampleEntries: ['avc1', 'mp4a'], languages: [{ language: 'eng', pilot: 5000 }], truth: { pilots: [{ hertz: 5000 }] } });
    }
    // Smooth has no DTS, and in HLS v3 the sound inside the segments is the AAC.
    for (const { leftOut } of [...of('smooth'), ...of('hls-v3')]) expect(leftOut).toEqual([]);
  });

  test('has what the origin refuses, with its code, and does not play it', () => {
    const refused = targets(content('hevc')).map((target) => (target.format === 'hls-v4' ? { ...target, refusal: '415 MPE_OUTPUT_FORMAT_NOT_SUPPORTED' } : target));
    const cells = planReplays({ targets: refused, players: PLAYERS, probes: BOTH, tier: 'full' });
    const own = cells.filter(({ format }) => format.id === 'hls-v4');
    expect(own.length).toBeGreaterThan(5);
    expect(new Set(own.map(({ cannot }) => cannot))).toEqual(new Set(['the origin refuses this output, as it has to: 415 MPE_OUTPUT_FORMAT_NOT_SUPPORTED']));
    expect(cells.some(({ format, cannot }) => format.id === 'hls-cmaf' && cannot === null)).toBe(true);
  });

  test('does without a browser that is not there, and says why', () => {
    const own = new Map<BrowserName, Probe>([['chromium', probe({ mediaSource: { ...probe().mediaSource, 'audio/mp4; codecs="ec-3"': false } })]]);
    const dolby = content('dolby', { tracks: [picture(1), sound('eng', 5000, 'ec-3')], sampleEntries: ['avc1', 'ec-3'] });
    const both = content('both', { tracks: [picture(1), sound('eng', 5000), sound('eng', 8000, 'ec-3')], sampleEntries: ['avc1', 'ec-3', 'mp4a'], qualities: [1], languages: [], mostPixels: 1 });
    const common = { targets: targets(content('a'), dolby, both), players: PLAYERS, tier: 'ci' } as const;
    const webkit = (cells: ReturnType<typeof planReplays>) => cells.filter(({ browser }) => browser === 'webkitgtk');
    const missing = webkit(planReplays({ ...common, probes: own, absent: new Map([['webkitgtk', 'not here; install it']]) }));
    expect(missing).toHaveLength(2);
    expect(new Set(missing.map(({ cannot }) => cannot))).toEqual(new Set(['not here; install it']));
    const there = webkit(planReplays({ ...common, probes: new Map([...own, ['webkitgtk', probe({ native: { 'application/vnd.apple.mpegurl': 'maybe', 'application/dash+xml': 'maybe' } })]]) }));
    expect(new Set(there.map(({ player, template }) => `${player.name} ${template.id}`))).toEqual(new Set(['native sequential']));
    // Codecs beside those of the asset that stands for all are left to native clients.
    expect(new Set(there.map(({ target }) => target.content.asset)).size).toBe(1);
  });

  test('of a short run has every codec once, where somebody can play it, and once with the reason where nobody can', () => {
    const hevc = content('hevc', { tracks: [picture(1, 'hvc1.1.6.L60.90'), sound('eng', 5000)], sampleEntries: ['hvc1', 'mp4a'], mostPixels: 1e6 });
    const dts = content('dts', { tracks: [picture(1), sound('eng', 5000, 'dtsc')], sampleEntries: ['avc1', 'dtsc'], mostPixels: 1e6 });
    const type = (name: string, value: boolean) => ({ [name]: value });
    const probes = new Map<BrowserName, Probe>([
      ['chromium', probe({ mediaSource: { ...probe().mediaSource, ...type('audio/mp4; codecs="dtsc"', false) } })],
      ['firefox', probe({ mediaSource: { ...probe().mediaSource, 'video/mp4; codecs="hvc1.1.6.L93.B0"': true, ...type('audio/mp4; codecs="dtsc"', false) } })],
    ]);
    const cells = planReplays({ targets: targets(content('a'), hevc, dts), players: PLAYERS, probes, tier: 'ci' });
    const of = (asset: string) => cells.filter(({ target }) => target.content.asset === asset);
    expect(of('hevc').map(({ browser, cannot }) => ({ browser, cannot }))).toEqual([{ browser: 'firefox', cannot: null }]);
    expect(of('dts')).toHaveLength(1);
    expect(of('dts')[0].cannot).toMatch(/does not decode .*dtsc/);
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
  });

  test('takes the lightest asset that a template can be tried on', () => {
    const cells = plan('ci', content('heavy', { mostPixels: 1e6 }), content('light'), content('single', { tracks: [picture(1), sound('eng', 5000), sound('fra', 6000)], qualities: [1], mostPixels: 1 }));
    expect(new Set(cells.map(({ target }) => target.content.asset))).toEqual(new Set(['light']));
  });
});

test('a defect covers what its row names, and nothing else', () => {
  const [cell] = plan('ci', content('a'));
  const row = { id: 'x', player: cell.player.name, templates: [cell.template.id], statement: '', reference: '' };
  expect(defectOf(cell, [row])).toBe(row);
  expect(defectOf(cell, [{ ...row, browsers: ['firefox'] }])).toBeNull();
  expect(defectOf(cell, [{ ...row, formats: ['smooth'] }])).toBeNull();
});

test('every threshold has a reason', () => {
  for (const { value, reason } of Object.values(THRESHOLDS)) {
    expect(value).toBeGreaterThan(0);
    expect(reason.length).toBeGreaterThan(20);
  }
});

test('support is told from all replays of a feature', () => {
  const row = (outcome: ReplayRow['outcome'], asset: string): ReplayRow => ({ id: `t ${asset}/smooth p b`, template: 't', asset, format: 'smooth', player: 'p', browser: 'b', outcome, messages: outcome === 'pass' ? [] : ['why'] });
  const support = (...rows: readonly ReplayRow[]) => {
    const section: ReplaySection = { templates: { t: 'title' }, players: { p: '1' }, browsers: {}, rows: [...rows], staleDefects: [] };
    return compatOf(section).features['smooth']['t'].support['p@b'];
  };
  expect(support(row('pass', 'a'), row('pass', 'b'))).toMatchObject({ support: 'supported', notes: [], version: '1' });
  expect(support(row('pass', 'a'), row('fail', 'b'))).toMatchObject({ support: 'partial', notes: ['b: why'] });
  expect(support(row('inapplicable', 'a'))).toMatchObject({ support: 'no' });
  expect(support(row('cantTell', 'a'))).toMatchObject({ support: 'unknown' });
  const rest: ReplayRow = { ...row('pass', 'a'), template: 'sequential', codecs: ['avc1', 'mp4a'], leftOut: ['dtsc'] };
  const { features } = compatOf({ templates: { sequential: 'title' }, players: { p: '1' }, browsers: {}, rows: [rest], staleDefects: [] });
  expect(features['smooth']['codec-mp4a'].support['p@b']).toMatchObject({ support: 'supported', notes: [] });
  expect(features['smooth']['codec-dtsc'].support['p@b']).toMatchObject({ support: 'no', notes: ['a: b does not decode dtsc: the rest was played'] });
});
