/** A good and a broken specimen, judged, with their traces at hand: what report formats are tested with. */
import { capture } from '../capture/capture.ts';
import { traceReader } from '../capture/store.ts';
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
