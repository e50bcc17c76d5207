/**
 * Crawls an origin: manifests first, then what they list, as a player would find it. URLs are expanded from what was served and
 * from nothing else. Probes ask the questions that players do not: HEAD, ranges, preflight, things that are not there.
 */
import { formatRow, readAmsUrl } from '../outputs.ts';
import { rangeHeader, type ByteRange, type Exchange, type ManifestTarget, type ProbeKind, type Profile, type Role, type Trace } from '../trace.ts';
import { readView, trackName, type TrackView, type View } from '../view.ts';
import { DEFAULT_LIMITS, request, type Ask, type Limits } from './request.ts';
import { traceReader, type BodyStore } from './store.ts';

export type CaptureOptions = {
  readonly kind: Trace['target']['kind'];
  readonly profile: Profile;
  readonly manifests: readonly ManifestTarget[];
  readonly concurrency: number;
  readonly limits?: Limits;
  /** Most segments fetched per track; the rest is left out, evenly. Absent: all. */
  readonly segmentsPerTrack?: number;
  /** How requests are made; over HTTP when absent. */
  readonly ask?: Ask;
  progress?(done: number, known: number): void;
};

type Wanted = { readonly url: string; readonly method: string; readonly headers: Readonly<Record<string, string>>; readonly role: Role };

export async function capture(store: BodyStore, options: CaptureOptions): Promise<Trace> {
  const { manifests, profile, kind } = options;
  const limits = options.limits ?? DEFAULT_LIMITS;
  const ask = options.ask ?? request;
  const exchanges: Exchange[] = [];
  const asked = new Set<string>();
  let known = 0;

  const fetchAll = async (wanted: readonly Wanted[]): Promise<void> => {
    const fresh = wanted.filter(({ url, method, headers, role }) => {
      const key = role.kind === 'probe' ? `${method} ${url} ${role.probe} ${role.asset}/${role.format}` : `${method} ${url} ${headers['range'] ?? ''}`;
      return url !== '' && !asked.has(key) && asked.add(key);
    });
    known += fresh.length;
    const results = Array.from<Exchange>({ length: fresh.length });
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < fresh.length) {
        const index = next++;
        results[index] = await exchangeOf(fresh[index], exchanges.length + index);
        options.progress?.(exchanges.length + next, known);
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, Math.min(options.concurrency, fresh.length)) }, worker));
    exchanges.push(...results);
  };

  const exchangeOf = async ({ url, method, headers, role }: Wanted, id: number): Promise<Exchange> => {
    const answer = await ask(url, method, headers, limits);
    const body = answer.body === null || method === 'HEAD' ? null : store.put(answer.body);
    return { id, method, url, requestHeaders: headers, status: answer.status, headers: answer.headers, body, error: answer.error, role };
  };

  const views = (): View[] => {
    const reader = traceReader({ schema: 'isomer-trace/1', target: { kind, profile }, manifests, exchanges }, ({ body }) => store.get(body?.sha256 ?? ''));
    return manifests.map((manifest) => readView(manifest, reader));
  };

  await fetchAll(manifests.map(({ asset, format, url }) => get(url, { kind: 'manifest', asset, format, set: '', track: '', time: null })));
  await fetchAll(views().flatMap(playlistRequests));
  const complete = views();
  await fetchAll(complete.flatMap((view) => mediaRequests(view, options.segmentsPerTrack ?? Infinity)));
  const reread = views();
  await fetchAll(reread.flatMap((view) => probeRequests(view, profile)));
  return { schema: 'isomer-trace/1', target: { kind, profile }, manifests, exchanges };
}

function get(url: string, role: Role, range: ByteRange | null = null): Wanted {
  return { url, method: 'GET', headers: range === null ? {} : { range: rangeHeader(range) }, role };
}

function playlistRequests({ asset, format, playlists }: View): Wanted[] {
  return playlists.map(({ url }) => {
    const ams = readAmsUrl(url);
    return get(url, { kind: 'playlist', asset, format, set: ams?.track ?? '', track: ams === null ? '' : String(ams.bitrate), time: null });
  });
}

function mediaRequests({ asset, format, tracks }: View, most: number): Wanted[] {
  return tracks.flatMap((track) => {
    const common = { asset, format, set: track.set, track: trackName(track) };
    const chosen = spread(track.segments, most);
    return [
      ...(track.init === null ? [] : [get(track.init.url, { kind: 'init', ...common, time: null }, track.init.range)]),
      ...chosen.map(({ url, time, range }) => get(url, { kind: track.keyFrames ? 'keyframe' : 'segment', ...common, time: time === null ? null : String(time) }, range)),
    ];
  });
}

/** The first, the last and evenly between: borders matter most. */
export function spread<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  if (most <= 1) return items.slice(0, Math.max(0, most));
  return Array.from({ length: most }, (_, i) => items[Math.round((i * (items.length - 1)) / (most - 1))]);
}

/** One manifest and one segment of each output are asked every question; more would only repeat them. */
function probeRequests(view: View, profile: Profile): Wanted[] {
  const { asset, format, manifest, tracks } = view;
  const track = tracks.find(({ keyFrames, segments }) => !keyFrames && segments.length > 0);
  const segment = track?.segments.find(({ exchange, range }) => range === null && exchange?.status === 200)?.exchange ?? null;
  const probe = (url: string, kind: ProbeKind, original: Exchange, method = 'GET', headers: Record<string, string> = {}): Wanted => ({ url, method, headers, role: { kind: 'probe', asset, format, probe: kind, of: original.url } });
  const wanted: Wanted[] = [];
  for (const original of [manifest, segment]) {
    if (original === null || original.status !== 200) continue;
    const size = original.body?.size ?? 0;
    wanted.push(
      probe(original.url, 'head', original, 'HEAD'),
      probe(original.url, 'repeat', original),
      probe(original.url, 'preflight', original, 'OPTIONS', { origin: 'https://player.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'range' }),
      probe(escapeUrl(original.url), 'escaped', original),
    );
    if (size > 1) wanted.push(probe(original.url, 'range', original, 'GET', { range: `bytes=1-${Math.min(99, size - 1)}` }), probe(original.url, 'range-outside', original, 'GET', { range: `bytes=${size}-` }));
    const etag = original.headers['etag'];
    if (etag !== undefined) wanted.push(probe(original.url, 'conditional', original, 'GET', { 'if-none-match': etag }));
  }
  const { kind } = formatRow(format);
  const playlist = view.playlists.find(({ exchange }) => exchange?.status === 200)?.exchange ?? null;
  for (const original of kind === 'hls' ? [manifest, playlist] : []) if (original?.status === 200) wanted.push(probe(original.url, 'compressed', original, 'GET', { 'accept-encoding': 'gzip' }));
  for (const original of kind === 'smooth' ? [manifest, segment] : []) if (original?.status === 200) wanted.push(probe(inOtherCase(original.url), 'other-case', original));
  if (kind === 'smooth' && segment !== null) wanted.push(...OTHER_NOUNS.map((noun) => probe(withNoun(segment.url, noun), 'other-noun', segment)));
  if (profile === 'ams' && track !== undefined && segment !== null && manifest !== null) wanted.push(...refusals(track, segment, manifest).map(([url, kind]) => probe(url, kind, segment)));
  return wanted;
}

function escapeUrl(url: string): string {
  const parsed = new URL(url);
  parsed.pathname = parsed.pathname.replace(/[(),=]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return parsed.href;
}

/** Keywords of the path with other letters; empty when there are none ([MS-SSTR] 2.2.1 and 2.2.3: ABNF knows no case, RFC 5234 2.3). */
function inOtherCase(url: string): string {
  const parsed = new URL(url);
  const path = parsed.pathname.replace(/\/(manifest|qualitylevels|fragments)(?=\(|%28|$)/gi, (word) => (word === word.toLowerCase() ? `/${word[1].toUpperCase()}${word.slice(2)}` : word.toLowerCase()));
  if (path === parsed.pathname) return '';
  parsed.pathname = path;
  return parsed.href;
}

/** What a fragment may be asked for beside the whole: its metadata, its key frame, its sample data ([MS-SSTR] 2.2.3). */
const OTHER_NOUNS = ['FragmentInfo', 'KeyFrames', 'RawFragments'] as const;

function withNoun(url: string, noun: string): string {
  return /\/Fragments(?=\(|%28)/i.test(url) ? url.replace(/\/Fragments(?=\(|%28)/i, `/${noun}`) : '';
}

/** Things that are not there (AMS streaming error codes). */
function refusals(track: TrackView, segment: Exchange, manifest: Exchange): [string, ProbeKind][] {
  const ams = readAmsUrl(segment.url);
  if (ams === null || typeof ams.time !== 'bigint') return [];
  const last = track.segments.at(-1)?.time ?? 0n;
  const at = (time: bigint): string => segment.url.replace(/=\d+(?=[,)])/, `=${time}`);
  const urls: [string, ProbeKind][] = [
    [at(ams.time + 1n), 'unknown-time'],
    [at(last + 36_000_000_000n), 'unknown-time'],
    [segment.url.replace(/QualityLevels\(\d+\)/i, 'QualityLevels(1)'), 'unknown-bitrate'],
    [segment.url.replace(/Fragments\(/i, 'Fragments'), 'bad-syntax'],
  ];
  const ism = manifest.url.replace(/\/manifest[^/]*$/i, '');
  return [...urls, [`${ism}/manifest(format=m3u9-none)`, 'unknown-format']];
}
