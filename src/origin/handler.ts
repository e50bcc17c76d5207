/**
 * One request to one reply, without a socket. Routes, look-ups and HTTP semantics; what is sent is decided by the
 * format's row, how it is sent by body.ts and server.ts.
 */
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { ERRORS, IsomerError, row, type ErrorCode } from '../errors.ts';
import type { Format, SegmentPlan } from '../formats.ts';
import type { Log } from '../log.ts';
import { applyFilters, filtersText, selectFilters, type Filter } from '../model/filter.ts';
import { findSet, type Presentation, type SwitchingSet, type Track } from '../model/presentation.ts';
import { findSegment, segmentCount } from '../model/timeline.ts';
import { planBody, sliceBody, type BodyPlan, type ReadableSources } from './body.ts';
import type { Catalog, Publication } from './catalog.ts';
import { chooseEncryption, type Encryption, type Protector } from './encryption.ts';
import { checkDownload, openDownload, parseDownload, type Download, type Files } from './download.ts';
import { caching, chosenCoding, codedTag, COMMON_HEADERS, entityTag, errorCaching, header, holdsMatch, METHODS, noneMatch, preflightHeaders, requestedRange, type Coding, type Headers, type RequestHeaders } from './headers.ts';
import type { BufferPool } from './pool.ts';
import { createRecent } from './recent.ts';
import type { TextCache } from './texts.ts';
import { decodePath, parseUrl, printUrl, printVerb, withoutQuery, type StreamRequest } from './url.ts';

export type Request = {
  readonly method: string;
  /** Path and query as received. */
  readonly path: string;
  readonly headers: RequestHeaders;
  /** Names the request in the log and in error answers. */
  readonly id: string;
};

/** `headers` are complete but for what the connection adds. A BodyPlan must be sent or released. */
export type Reply = { readonly status: number; readonly headers: Headers; readonly body: Uint8Array | string | BodyPlan | null };

/** An open asset. The sources stay readable until `release`, which is called exactly once. */
export type Lease = { readonly asset: { readonly presentation: Presentation; readonly sources: ReadableSources }; release(): void };
export type Library = { open(folder: string, name: string): Promise<Lease> };

/** Files of the demo page by path. `immutable`: the path names the version. */
export type Page = (path: string) => Promise<{ readonly mime: string; readonly bytes: Uint8Array; readonly immutable: boolean } | null>;

export type HandlerSettings = {
  /** Seconds that caches may keep manifests and media. */
  readonly maxAge: number;
  /** HLS masters list the audio-only variant unless the URL says otherwise. */
  readonly audioOnly: boolean;
  /** HLS child URLs end in a file extension. */
  readonly segmentSuffix: boolean;
  /** Changes when the same request on the same asset may give other bytes: the program's version. */
  readonly generation: string;
};

export type HandlerDeps = {
  readonly catalog: Catalog;
  readonly library: Library;
  readonly protector: Protector;
  readonly formats: readonly Format[];
  /** Files of the demo page; null when it is not shown. */
  readonly page: Page | null;
  /** Stored files, for publications that allow downloads. */
  readonly files: Files;
  /** Text of `/metrics`; null when it is not shown. */
  readonly metrics: (() => Promise<string>) | null;
  /** Content-Security-Policy of the page. */
  readonly pagePolicy: string;
  readonly pool: BufferPool;
  /** Manifests and playlists that were made before. */
  readonly texts: TextCache;
  readonly settings: HandlerSettings;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Texts that no answer may hold: absolute paths of this machine. */
  readonly secrets: readonly string[];
};

/** What a route found. The body is made only when it is wanted. */
type Content = {
  readonly headers: Headers;
  readonly etag: string | null;
  /** For a manifest or playlist the stored asset that it tells of: it is kept, and sent compressed to whom accepts that. */
  readonly textOf: Presentation | null;
  /** Gives back what the content holds; a made body has taken it over. */
  readonly release: () => void;
  makeBody(): Made | Promise<Made>;
};
type Made = string | Uint8Array | { readonly body: BodyPlan; readonly plan: SegmentPlan };

const parsed = createRecent(1024, parseUrl);
const PREFLIGHT = 'OPTIONS';
const PAGE_PREFIX = '/-/';
const NOTHING = (): void => undefined;
const NO_NEXT = (): null => null;

/** Never rejects. */
export async function handle(request: Request, deps: HandlerDeps): Promise<Reply> {
  try {
    if (request.method === PREFLIGHT) return { status: 204, headers: { ...COMMON_HEADERS, ...preflightHeaders(request.headers) }, body: null };
    if (!METHODS.includes(request.method)) throw new IsomerError('ISOMER_METHOD_NOT_ALLOWED', { expected: METHODS.join(', '), found: request.method });
    return await deliver(request, await route(request, deps), deps);
  } catch (error) {
    return replyToError(error, request, deps);
  }
}

async function route(request: Request, deps: HandlerDeps): Promise<Content> {
  const path = withoutQuery(request.path);
  const fixed = FIXED.get(path);
  if (fixed !== undefined) return plainContent(fixed.mime, fixed.text, fixed.maxAge);
  if (path === '/' || path.startsWith(PAGE_PREFIX)) return pageContent(path, deps);
  if (path === '/metrics' && deps.metrics !== null) return plainContent('text/plain; version=0.0.4; charset=utf-8', await deps.metrics(), 'no-store');
  const download = parseDownload(request.path);
  if (download !== null) return downloadContent(download, deps);
  return streamContent(parsed(path), request, deps);
}

type FixedFile = { readonly mime: string; readonly text: string; readonly maxAge: string };
const DAY = 'max-age=86400';

/** The policy files let Silverlight and Flash players of the time read from any site. */
const FIXED: ReadonlyMap<string, FixedFile> = new Map([
  ['/healthz', { mime: 'text/plain; charset=utf-8', maxAge: 'no-store', text: 'ok\n' }],
  [
    '/crossdomain.xml',
    { mime: 'text/xml; charset=utf-8', maxAge: DAY, text: '<?xml version="1.0" encoding="utf-8"?>\n<cross-domain-policy><allow-access-from domain="*"/></cross-domain-policy>\n' },
  ],
  [
    '/clientaccesspolicy.xml',
    {
      mime: 'text/xml; charset=utf-8',
      maxAge: DAY,
      text:
        '<?xml version="1.0" encoding="utf-8"?>\n<access-policy><cross-domain-access><policy>' +
        '<allow-from http-request-headers="*"><domain uri="http://*"/><domain uri="https://*"/></allow-from>' +
        '<grant-to><resource path="/" include-subpaths="true"/></grant-to></policy></cross-domain-access></access-policy>\n',
    },
  ],
]);

function plainContent(mime: string, body: string | Uint8Array, cacheControl: string): Content {
  return { headers: { 'Content-Type': mime, 'Cache-Control': cacheControl }, etag: null, textOf: null, release: NOTHING, makeBody: () => body };
}

async function pageContent(path: string, { page, pagePolicy }: HandlerDeps): Promise<Content> {
  const file = (await page?.(decodePath(path))) ?? null;
  if (file === null) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { expected: '/LOCATOR/NAME.ism/manifest' });
  const content = plainContent(file.mime, file.bytes, file.immutable ? 'max-age=31536000, immutable' : 'no-cache');
  return { ...content, headers: { ...content.headers, 'Content-Security-Policy': pagePolicy } };
}

async function downloadContent(download: Download, { catalog, files, settings, now, pool }: HandlerDeps): Promise<Content> {
  const publication = await catalog.resolve(download);
  if (publication === null) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { expected: 'a published locator' });
  checkDownload(publication);
  const source = await openDownload(files, publication.folder, download);
  const release = onceOnly({ release: () => void source.close().catch(NOTHING) });
  const plan: SegmentPlan = { kind: 'copy', head: new Uint8Array(), ranges: [{ source: download.file, offset: 0, length: source.size }] };
  return {
    headers: { 'Content-Type': download.mime, ...caching(settings.maxAge, now(), publication.locator?.endTime) },
    etag: entityTag(settings.generation, source.version, download.file),
    textOf: null,
    release,
    makeBody: async () => ({ plan, body: await planBody(plan, { sources: new Map([[download.file, source]]), pool, release }) }),
  };
}

async function streamContent(stream: StreamRequest, request: Request, deps: HandlerDeps): Promise<Content> {
  const format = findRow(stream, deps.formats);
  const publication = await deps.catalog.resolve(stream);
  if (publication === null) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: stream.locator.join('/'), expected: 'a published locator' });
  const { encryption, filters } = checkPolicy(stream, format, publication);
  const lease = await deps.library.open(publication.folder, stream.name);
  const release = onceOnly(lease);
  try {
    const { presentation, sources } = lease.asset;
    const whole = encryption === null ? { presentation, tag: '' } : deps.protector.protect(presentation, publication, encryption);
    const asset = { sources, presentation: applyFilters(whole.presentation, filters, { live: false }) };
    const found = findContent(stream, format, asset, release, deps);
    const prefetch = header(request.headers, 'cdn-origin-assist-prefetch-enabled') === '1' ? found.next() : null;
    const { settings } = deps;
    const etag = entityTag(settings.generation, presentation.version, printUrl(stream), filtersText(filters), ...(whole.tag === '' ? [] : [whole.tag]), ...(found.text ? textSettings(settings) : []));
    const headers = {
      'Content-Type': found.mime,
      ...found.headers,
      ...caching(settings.maxAge, deps.now(), publication.locator?.endTime),
      ...(prefetch === null ? {} : { 'CDN-Origin-Assist-Prefetch-Path': prefetch }),
    };
    return { headers, etag, textOf: found.text ? presentation : null, release, makeBody: found.makeBody };
  } catch (error) {
    release();
    throw error;
  }
}

function onceOnly(lease: Pick<Lease, 'release'>): () => void {
  let released = false;
  return () => {
    if (released) return;
    released = true;
    lease.release();
  };
}

function findRow({ format }: StreamRequest, formats: readonly Format[]): Format {
  const found = formats.find(({ tags }) => tags.includes(format));
  if (found !== undefined) return found;
  const known = formats.flatMap(({ tags }) => tags).filter((tag) => tag !== '');
  throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: 'parameter format', expected: known.join(', '), found: format });
}

/** What the locator's policy refuses is refused here, before anything is opened. Filters act on manifests and playlists only. */
function checkPolicy(stream: StreamRequest, format: Format, publication: Publication): { readonly encryption: Encryption | null; readonly filters: readonly Filter[] } {
  const encryption = chooseEncryption(stream, format, publication.policy);
  const { resource } = stream;
  const isManifest = resource.kind === 'manifest' || resource.kind === 'playlist';
  return { encryption, filters: isManifest ? selectFilters(publication.filters, stream.filters, (name) => publication.findFilter(name)) : [] };
}

type Found = Pick<Content, 'makeBody'> & { readonly text: boolean; readonly mime: string; readonly headers: Headers; /** The request for the next segment. */ readonly next: () => string | null };

/** All look-ups: what this returns exists, and only its bytes are still to be made. */
function findContent(stream: StreamRequest, format: Format, { presentation, sources }: Lease['asset'], release: () => void, deps: HandlerDeps): Found {
  const { resource } = stream;
  const parameters = childParameters(stream, format, presentation, deps.settings);
  const written = (write: () => string | Uint8Array | Promise<string>, mime: string, text: boolean): Found => ({ mime, headers: {}, next: NO_NEXT, text, makeBody: () => releasing(write, release) });
  if (resource.kind === 'manifest') {
    const write = async (): Promise<string> => {
      await format.prepare?.(presentation);
      return format.writeManifest(presentation, parameters);
    };
    return written(write, format.manifest.mime, true);
  }

  const { set, track } = findTrack(presentation, resource.track, resource.bitrate);
  const planned = (plan: () => SegmentPlan): Content['makeBody'] => async () => {
    const segment = plan();
    return { plan: segment, body: await planBody(segment, { sources, pool: deps.pool, release }) };
  };
  switch (resource.kind) {
    case 'playlist': {
      const write = resource.keyFrames ? format.writeKeyFramePlaylist?.bind(format) : format.writePlaylist?.bind(format);
      if (write === undefined) throw notInFormat(format, resource.keyFrames ? 'I-frame playlists' : 'media playlists');
      return written(() => write(presentation, set, track, parameters), format.manifest.mime, true);
    }
    case 'init': {
      const write = format.writeInit?.bind(format);
      if (write === undefined) throw notInFormat(format, 'initialization segments');
      return written(() => write(set, track), format.mimeOf(set, parameters.format).init, false);
    }
    case 'keyFrame': {
      if (format.planKeyFrame === undefined) throw notInFormat(format, 'key frame segments');
      const plan = format.planKeyFrame(set, track, resource.time);
      if (plan === null) throw new IsomerError('MPE_EGRESS_TIMESTAMP_NOT_FOUND', { what: `track ${set.name}`, expected: 'the time of a key frame', found: `${resource.time}` });
      return { mime: format.mimeOf(set, parameters.format).segment, headers: {}, next: NO_NEXT, text: false, makeBody: planned(() => plan) };
    }
    case 'segment': {
      const { timeline } = set;
      const index = findSegment(timeline, resource.time);
      if (index === -1) throw new IsomerError('MPE_EGRESS_TIMESTAMP_NOT_FOUND', { what: `track ${set.name}`, expected: 'the start of a segment', found: `${resource.time}` });
      const milliseconds = (timeline.names[index + 1] - timeline.names[index] + 5000n) / 10_000n;
      return {
        mime: format.mimeOf(set, parameters.format).segment,
        headers: { 'x-ms-streaming-duration': `${set.kind}=${milliseconds}` },
        next: () => (index + 1 < segmentCount(timeline) ? printVerb({ ...stream, filters: [], audioOnly: null, resource: { ...resource, time: timeline.names[index + 1] } }) : null),
        text: false,
        makeBody: planned(() => format.planSegment(presentation, set, track, index, parameters)),
      };
    }
  }
}

async function releasing<T>(make: () => T | Promise<T>, release: () => void): Promise<T> {
  try {
    return await make();
  } finally {
    release();
  }
}

function notInFormat({ title }: Format, what: string): IsomerError {
  return new IsomerError('MPE_BAD_URL_SYNTAX', { what: 'parameter format', expected: `a format with ${what}`, found: title });
}

function findTrack(presentation: Presentation, name: string, bitrate: number): { readonly set: SwitchingSet; readonly track: Track } {
  const set = findSet(presentation, name);
  if (set === undefined) throw presentation.leftOut?.get(name) ?? new IsomerError('MPE_EGRESS_TRACK_NOT_FOUND', { expected: presentation.switchingSets.map((other) => other.name).join(', '), found: name });
  const track = set.tracks.find((other) => other.bitrate === bitrate);
  if (track === undefined) {
    throw new IsomerError('MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND', { what: `track ${name}`, expected: set.tracks.map((other) => other.bitrate).join(', '), found: `${bitrate}` });
  }
  return { set, track };
}

/** What manifests and playlists depend on beside the request: origins that are set otherwise must not give one tag to two texts. */
function textSettings({ audioOnly, segmentSuffix }: HandlerSettings): readonly string[] {
  return [`audioOnly=${audioOnly} segmentSuffix=${segmentSuffix}`];
}

function childParameters({ format: tag, encryption, audioTrack, audioOnly, filters }: StreamRequest, format: Format, presentation: Presentation, settings: HandlerSettings): Parameters<Format['writeManifest']>[1] {
  if (audioTrack !== null && findSet(presentation, audioTrack)?.kind !== 'audio') {
    const names = presentation.switchingSets.filter(({ kind }) => kind === 'audio').map(({ name }) => name);
    throw new IsomerError('MPE_EGRESS_TRACK_NOT_FOUND', { what: 'parameter audioTrack', expected: names.join(', ') || 'none: the asset has no audio', found: audioTrack });
  }
  return {
    format: tag,
    extra: [
      ...(encryption === null ? [] : [['encryption', encryption] as const]),
      ...(audioTrack !== null && format.muxed ? [['audiotrack', audioTrack] as const] : []),
      ...(filters.length > 0 ? [['filter', filters.join(';')] as const] : []),
    ],
    audioOnly: audioOnly ?? settings.audioOnly,
    segmentSuffix: settings.segmentSuffix,
  };
}

/** Conditions, compression, ranges and HEAD over what a route found. */
async function deliver(request: Request, content: Content, { texts }: Pick<HandlerDeps, 'texts'>): Promise<Reply> {
  const { release, textOf } = content;
  const coding = textOf !== null && request.headers['range'] === undefined ? chosenCoding(request.headers) : null;
  const etag = content.etag !== null && coding !== null ? codedTag(content.etag, coding) : content.etag;
  const headers: Record<string, string> = { ...COMMON_HEADERS, ...content.headers, ...(textOf === null ? {} : { Vary: 'Accept-Encoding' }), ...(etag === null ? {} : { ETag: etag }) };
  if (!holdsMatch(request.headers, etag)) {
    release();
    throw new IsomerError('ISOMER_PRECONDITION_FAILED', { what: 'header If-Match', expected: etag ?? '*', found: header(request.headers, 'if-match') ?? '' });
  }
  if (etag !== null && !noneMatch(request.headers, etag)) {
    release();
    delete headers['Content-Type'];
    return { status: 304, headers, body: null };
  }
  let made: Made;
  try {
    if (textOf === null || etag === null) made = await content.makeBody();
    else {
      made = await texts.take(textOf, etag, async () => asBytes(await content.makeBody(), coding));
      release();
    }
  } catch (error) {
    release();
    throw error;
  }
  if (coding !== null) headers['Content-Encoding'] = coding;
  const whole = typeof made === 'string' || made instanceof Uint8Array ? made : made.body;
  const total = typeof whole === 'string' ? Buffer.byteLength(whole) : whole.length;
  const range = request.method === 'GET' ? requestedRange(request.headers, etag, total) : null;
  headers['Accept-Ranges'] = 'bytes';
  if (range === 'unsatisfiable') {
    if (isPlan(whole)) whole.release();
    throw new UnsatisfiableRange(header(request.headers, 'range') ?? '', total);
  }
  const body = range === null ? whole : cut(made, range.start, range.length);
  headers['Content-Length'] = String(range?.length ?? total);
  if (range !== null) headers['Content-Range'] = `bytes ${range.start}-${range.start + range.length - 1}/${total}`;
  if (request.method !== 'HEAD') return { status: range === null ? 200 : 206, headers, body };
  if (isPlan(body)) body.release();
  return { status: 200, headers, body: null };
}

const asGzip = promisify(gzip);
const asBrotli = promisify(brotliCompress);

/** Qualities that cost about the same; brotli's default is made for files that are compressed once. */
const COMPRESS: Readonly<Record<Coding, (text: string) => Promise<Uint8Array>>> = {
  br: (text) => asBrotli(text, { params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: (text) => asGzip(text),
};

/** A text as it is sent. Only routes of texts come here. */
async function asBytes(made: Made, coding: Coding | null): Promise<Uint8Array> {
  if (typeof made === 'string') return coding === null ? Buffer.from(made) : COMPRESS[coding](made);
  if (made instanceof Uint8Array) return made;
  throw new TypeError('a text has no plan');
}

function cut(made: Made, start: number, length: number): Uint8Array | BodyPlan {
  if (typeof made === 'string') return Buffer.from(made).subarray(start, start + length);
  if (made instanceof Uint8Array) return made.subarray(start, start + length);
  return sliceBody(made.body, made.plan, start, length);
}

export function isPlan(body: Reply['body']): body is BodyPlan {
  return body !== null && typeof body !== 'string' && !(body instanceof Uint8Array);
}

/** Its answer says how long the whole is (RFC 9110 15.5.17). */
class UnsatisfiableRange extends IsomerError {
  readonly total: number;

  constructor(found: string, total: number) {
    super('MPE_STORAGE_INVALID_RANGE', { what: 'header Range', expected: `a start below ${total}`, found });
    this.total = total;
  }
}

/** The JSON of spec/url.md "Errors". Impossibilities are logged in full and answered without detail. */
export function replyToError(error: unknown, request: Pick<Request, 'id' | 'method' | 'path'>, { log, secrets }: Pick<HandlerDeps, 'log' | 'secrets'>): Reply {
  const known = error instanceof IsomerError ? error : new IsomerError('ISOMER_INTERNAL');
  const { code: cause, contractCode: code, status, kind, detail } = known;
  const fields = { request: request.id, path: withoutQuery(request.path), code: cause };
  if (status >= 500) log.error(known.message, { ...fields, stack: error instanceof Error ? describeCauses(error) : String(error) });
  else log.debug(known.message, fields);
  const { number } = row(isCode(code) ? code : cause);
  const text = JSON.stringify({ code, number: number === undefined ? undefined : `0x${number.toString(16).toUpperCase()}`, cause, message: known.message, detail, requestId: request.id });
  const body = `${hide(text, secrets)}\n`;
  const headers: Record<string, string> = {
    ...COMMON_HEADERS,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    ...errorCaching(kind),
    'x-ms-error-code': code,
    'x-ms-request-id': request.id,
  };
  if (cause === 'ISOMER_METHOD_NOT_ALLOWED') Object.assign(headers, { Allow: METHODS.join(', '), Connection: 'close' });
  if (known instanceof UnsatisfiableRange) headers['Content-Range'] = `bytes */${known.total}`;
  if (status === 503) headers['Retry-After'] = '1';
  return { status, headers, body: request.method === 'HEAD' ? null : body };
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

function describeCauses(error: Error): string {
  const { cause } = error;
  const text = error.stack ?? error.message;
  return cause instanceof Error ? `${text}\ncaused by ${describeCauses(cause)}` : text;
}

function hide(text: string, secrets: readonly string[]): string {
  // A root of `/` would hide every slash.
  return secrets.filter((secret) => secret.length > 1).reduce((hidden, secret) => hidden.replaceAll(JSON.stringify(secret).slice(1, -1), '…'), text);
}
