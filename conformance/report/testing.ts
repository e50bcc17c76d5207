/** A good and a broken specimen, judged, with their traces at hand: what report formats are tested with. */
import { capture } from '../capture/capture.ts';
import { traceReader } from '../capture/store.ts';
import type { ReplayDetail, ReplayEvidence, ReplayRow, ReplaySection } from '../../spec/replay.ts';
import { RUN_SCHEMA, type Run } from '../../spec/report.ts';
import { judge } from '../judge.ts';
import { ASSET, specimenTruth } from '../mutants/content.ts';
import { memoryStore } from '../mutants/judge-origin.ts';
import { goodOrigin, type Origin } from '../mutants/origin.ts';
import { NO_JUDGES } from '../oracle/judges.ts';
import type { TruthView } from '../oracle/truth.ts';
import { masterUrls } from '../outputs.ts';
import { CHECKS, loadRequirements } from '../registry.ts';
import type { TraceReader } from '../trace.ts';
import type { Expectation } from '../expectations.ts';
import type { Reporting } from './model.ts';

export type Judged = Reporting & { readonly reader: TraceReader; readonly truths: ReadonlyMap<string, TruthView> };

export async function judged(change: (origin: Origin) => void = () => undefined, expectations: readonly Expectation[] = [], wanted: (check: string) => boolean = (id) => !id.startsWith('decode/')): Promise<Judged> {
  const origin = goodOrigin();
  change(origin);
  const store = memoryStore();
  const manifests = masterUrls(origin.ism).map(({ format, url }) => ({ asset: ASSET, format, url }));
  const trace = await capture(store, { kind: 'self', profile: 'ams', manifests, concurrency: 4, ask: origin.ask });
  const reader = traceReader(trace, ({ body }) => store.get(body?.sha256 ?? ''));
  const truths = new Map([[ASSET, specimenTruth()]]);
  const requirements = loadRequirements();
  const checks = CHECKS.filter(({ id }) => wanted(id));
  const { report, details, examined, omitted } = await judge({ reader, checks, requirements, truths, judges: NO_JUDGES, expectations, suiteVersion: '0', kind: 'trace' });
  const run: Run = { schema: RUN_SCHEMA, startedAt: '', milliseconds: 0, command: [], targets: [], environment: {}, requests: trace.exchanges.length, examined, details: [...details], omitted };
  return { report, run, checks, requirements, reader, truths };
}

/** Faults of every kind of evidence: a playlist's line, an MPD's line, a box, a packet, a sample, a missing body. */
export function breakOrigin({ resources }: Origin): void {
  const edit = (pick: (path: string) => boolean, change: (body: Buffer) => Buffer): void => {
    const [path, resource] = [...resources].find(([name]) => pick(name)) ?? [];
    if (path === undefined || resource === undefined) throw new Error('the specimen has no such resource');
    resource.body = change(resource.body);
    resource.headers['content-length'] = String(resource.body.length);
  };
  const text = (from: string | RegExp, to: string) => (body: Buffer): Buffer => Buffer.from(body.toString().replace(from, to));
  edit((path) => /Manifest\(video,format=m3u8-aapl\)/.test(path), text(/#EXTINF:[\d.]+/, '#EXTINF:</script>'));
  edit((path) => path === 'manifest(format=mpd-time-csf)', text(/codecs="[^"]+"/, 'codecs="avc1.000000"'));
  edit((path) => /Fragments\(video=\d+,format=mpd-time-cmaf\)/.test(path), (body) => {
    const at = body.indexOf('tfdt');
    body.writeUInt32BE(body.readUInt32BE(at + 8) + 77, at + 8);
    return body;
  });
  edit((path) => /Fragments\(video=\d+,format=m3u8-aapl\)/.test(path), (body) => {
    body[188 * 3] = 0x48;
    return body;
  });
  edit((path) => /Fragments\(aac_[^=]+=\d+,format=m3u8-cmaf\)/.test(path), (body) => {
    body[body.length - 3] ^= 0xff;
    return body;
  });
  for (const name of resources.keys()) if (/Fragments\(video=0,format=mpd-time-csf\)/.test(name)) resources.delete(name);
}

/** A grey picture of one pixel. */
const DOT = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';

export function specimenEvidence(more: Partial<ReplayEvidence> = {}): ReplayEvidence {
  return {
    strip: [0, 12, 40].map((counter, i) => ({ at: 300 + 450 * i, counter, why: i === 2 ? ('gap' as const) : ('time' as const), image: DOT })),
    buffer: [0, 200, 400, 600].map((at) => ({ at, clock: at / 1000, ahead: at === 200 ? 0 : 4 })),
    requests: [
      { at: 4, milliseconds: 12, path: '/specimen/specimen.ism/manifest(format=mpd-time-csf)', status: 200, bytes: 2100 },
      { at: 40, milliseconds: 90, path: '/specimen/specimen.ism/QualityLevels(500000)/Fragments(video=0,format=mpd-time-csf)', status: 404, bytes: null },
    ],
    requestsLeftOut: 0,
    lag: { worst: 31.5, share: 0.004 },
    ...more,
  };
}

const observation: NonNullable<ReplayDetail['observation']> = {
  framesSeen: 70, framesExpected: 75, first: 0, last: 74, missing: [[20, 24]], backwards: [], offsets: { '0': 60, '-5': 10 }, offset: 0, renditions: [1], pilots: [5000],
  tones: { heard: 70, right: 70 }, sync: { min: 0, median: 20, max: 40, count: 3 }, startup: 412, stalls: 0, errors: [], seeks: { asked: 5, right: 5 }, clockMoved: 3.1, unread: 0,
};

/** One replay of each outcome, in two templates and with three clients. */
export function specimenReplays(): { readonly section: ReplaySection; readonly details: ReplayDetail[] } {
  const row = (outcome: ReplayRow['outcome'], template: string, player: string, browser: string, messages: string[], more: Partial<ReplayRow> = {}): ReplayRow => ({ id: `${template} ${ASSET}/dash-csf ${player} ${browser}`, template, asset: ASSET, format: 'dash-csf', player, browser, outcome, messages, ...more });
  const rows = [
    row('fail', 'sequential', 'dash.js', 'chromium', ['n of n pictures were seen; missing n']),
    row('pass', 'sequential', 'shaka', 'chromium', []),
    row('warn', 'slow', 'dash.js', 'chromium', ['playback stalled n times'], { known: { reason: 'stalls on slow networks', bug: 'https://example.org/7' } }),
    row('cantTell', 'slow', 'shaka', 'chromium', ['the machine was too busy: the page\'s own timer was late for n % of the time']),
    row('inapplicable', 'sequential', 'native', 'firefox', ['firefox says that it does not play application/dash+xml by itself']),
  ];
  const details = rows.filter(({ outcome }) => outcome !== 'inapplicable').map(({ id, outcome }): ReplayDetail => ({ id, milliseconds: 4200, attempts: outcome === 'pass' ? 1 : 2, infrastructure: 0, reasons: outcome === 'pass' ? [] : ['70 of 75 pictures were seen; missing 20-24'], observation, evidence: specimenEvidence() }));
  const section: ReplaySection = {
    templates: { sequential: 'plays from the start', slow: 'plays over a slow network' },
    players: { 'dash.js': '5.2.1', shaka: '5.2.12', native: '' },
    browsers: { chromium: { version: 'Chrome/1', mediaSource: {}, native: {} }, firefox: { version: 'Firefox/2', mediaSource: {}, native: {} } },
    rows: rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    staleDefects: [],
  };
  return { section, details };
}

export function withReplays<T extends Reporting>(reporting: T): T {
  const { section, details } = specimenReplays();
  return { ...reporting, report: { ...reporting.report, replay: section }, run: { ...reporting.run, replays: details } };
}
