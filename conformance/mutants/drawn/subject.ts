/**
 * A good trace as the origin that served it: one answer is changed, consistently, and the trace is what a capture of that origin
 * would hold. Exchanges that stay the same stay the same objects, so what was read from them is not read again.
 */
import { createHash } from 'node:crypto';
import type { TruthView } from '../../oracle/truth.ts';
import { findIn, type Exchange, type ProbeKind, type Role, type Trace, type TraceReader } from '../../trace.ts';
import { readView, trackName } from '../../view.ts';
import type { Change, Others } from './operator.ts';

export type Subject = { readonly asset: string; readonly trace: Trace; readonly truth: TruthView; body(exchange: Exchange): Buffer };

export function subjectOf(asset: string, { trace, body }: TraceReader, truth: TruthView): Subject {
  const own: Trace = { ...trace, manifests: trace.manifests.filter((manifest) => manifest.asset === asset), exchanges: trace.exchanges.filter(({ role }) => role.asset === asset) };
  return { asset, trace: own, truth, body: (exchange) => Buffer.from(body(exchange)) };
}

export function othersOf({ trace, body }: Subject, exchange: Exchange): Others {
  return { among: (wanted) => trace.exchanges.filter((other) => other !== exchange && other.status === 200 && wanted(other)), body };
}

/** The exchange as it comes out after the change. */
export type Altered = { readonly exchange: Exchange; readonly body: Buffer };

export function alter(exchange: Exchange, old: Buffer, change: Change): Altered {
  const status = change.status ?? exchange.status;
  if (status === 0) return { exchange: { ...exchange, status, headers: {}, body: null, error: 'socket hang up' }, body: Buffer.alloc(0) };
  const body = change.body ?? old;
  const headers: Record<string, string> = { ...exchange.headers };
  if (change.body !== undefined && headers['content-length'] !== undefined) headers['content-length'] = String(body.length);
  for (const [name, value] of Object.entries(change.headers ?? {})) {
    if (value === null) delete headers[name];
    else headers[name] = value;
  }
  const stored = exchange.body === null && change.body === undefined ? null : change.body === undefined ? exchange.body : { sha256: createHash('sha256').update(body).digest('hex'), size: body.length };
  return { exchange: { ...exchange, status, headers, body: stored }, body };
}

export function readerOf(subject: Subject, original: Exchange, altered: Altered): TraceReader {
  const bodies = new Map<Exchange, Buffer>([[altered.exchange, altered.body]]);
  let exchanges = subject.trace.exchanges.map((exchange) => {
    if (exchange === original) return altered.exchange;
    const followed = original.role.kind === 'probe' ? null : follow(exchange, original, altered);
    if (followed === null) return exchange;
    bodies.set(followed.exchange, followed.body);
    return followed.exchange;
  });
  const body = (exchange: Exchange): Uint8Array => bodies.get(exchange) ?? (exchange.body === null ? Buffer.alloc(0) : subject.body(exchange));
  if (original.role.kind === 'manifest' || original.role.kind === 'playlist') exchanges = crawled(subject, exchanges, original.role, body, bodies);
  return { trace: { ...subject.trace, exchanges }, find: findIn(exchanges), body };
}

/** The same in objects that nothing is remembered of. */
export function renewed(reader: TraceReader): TraceReader {
  const originals = new Map(reader.trace.exchanges.map((exchange) => [exchange.id, exchange]));
  const exchanges = reader.trace.exchanges.map((exchange) => ({ ...exchange }));
  return { trace: { ...reader.trace, exchanges }, find: findIn(exchanges), body: ({ id }) => reader.body(originals.get(id) as Exchange) };
}

/** Probes that get what the original got. */
const SAME_BODY: ReadonlySet<ProbeKind> = new Set(['repeat', 'escaped', 'other-case', 'compressed']);

/** What a probe of the changed answer gets. */
function follow(probe: Exchange, original: Exchange, { exchange: { status, headers, body: stored }, body }: Altered): Altered | null {
  const { role } = probe;
  if (role.kind !== 'probe' || role.of !== original.url || role.format !== original.role.format) return null;
  if (role.probe === 'head') return { exchange: { ...probe, status, headers }, body: Buffer.alloc(0) };
  // What tells the forms apart stays: coding, tag, and what both depend on.
  const own = Object.fromEntries(role.probe === 'compressed' ? ['content-encoding', 'etag', 'vary'].flatMap((name) => (probe.headers[name] === undefined ? [] : [[name, probe.headers[name]]])) : []);
  if (SAME_BODY.has(role.probe)) return { exchange: { ...probe, status, headers: { ...headers, ...own }, body: stored }, body };
  if (role.probe !== 'range' || status !== 200) return null;
  const [first, last] = (/bytes=(\d+)-(\d+)/.exec(probe.requestHeaders['range'] ?? '') ?? []).slice(1).map(Number);
  const part = body.subarray(first, last + 1);
  const partHeaders = { ...probe.headers, 'content-length': String(part.length), 'content-range': `bytes ${first}-${Math.min(last, body.length - 1)}/${body.length}` };
  return { exchange: { ...probe, headers: partHeaders, body: { sha256: createHash('sha256').update(part).digest('hex'), size: part.length } }, body: part };
}

const NOT_FOUND = Buffer.from('not found');

/** The crawl again: what the changed manifest lists, 404 for what is not there, and nothing that it no longer lists. */
function crawled(subject: Subject, exchanges: readonly Exchange[], { format, asset }: Role, body: (exchange: Exchange) => Uint8Array, bodies: Map<Exchange, Buffer>): Exchange[] {
  const target = subject.trace.manifests.find((manifest) => manifest.format === format);
  if (target === undefined) throw new Error(`no manifest of ${format}`);
  const find = findIn(exchanges);
  const view = readView(target, { find, body });
  const common = { asset, format };
  const wanted = new Map<string, Role>([[target.url, { kind: 'manifest', ...common, set: '', track: '', time: null }]]);
  const want = (url: string, role: Role): void => {
    if (url !== '' && !wanted.has(url)) wanted.set(url, role);
  };
  for (const { url } of view.playlists) want(url, { kind: 'playlist', ...common, set: '', track: '', time: null });
  for (const track of view.tracks) {
    const own = { ...common, set: track.set, track: trackName(track) };
    if (track.init !== null) want(track.init.url, { kind: 'init', ...own, time: null });
    for (const { url, time } of track.segments) want(url, { kind: track.keyFrames ? 'keyframe' : 'segment', ...own, time: time === null ? null : String(time) });
  }
  const missing = [...wanted].filter(([url]) => find(url) === null).map(([url, role], i): Exchange => ({ id: exchanges.length + i, method: 'GET', url, requestHeaders: {}, status: 404, headers: {}, body: { sha256: '', size: NOT_FOUND.length }, error: null, role }));
  for (const exchange of missing) bodies.set(exchange, NOT_FOUND);
  const kept = exchanges.filter(({ role, url }) => role.format !== format || wanted.has(role.kind === 'probe' ? role.of : url));
  return [...kept, ...missing];
}
