/** The URL grammar of the streaming host (spec/url.md): text to request and back. Pure; no name here touches storage. */
import { IsomerError } from '../errors.ts';

/** What is asked of the presentation. Times are the 10 MHz names of segments. */
export type Resource =
  | { readonly kind: 'manifest' }
  | { readonly kind: 'playlist'; readonly bitrate: number; readonly track: string; readonly keyFrames: boolean }
  | { readonly kind: 'init'; readonly bitrate: number; readonly track: string }
  | { readonly kind: 'segment'; readonly bitrate: number; readonly track: string; readonly time: bigint }
  | { readonly kind: 'keyFrame'; readonly bitrate: number; readonly track: string; readonly time: bigint };

export type StreamRequest = {
  /** Path segments before the manifest name, decoded: a GUID, or the folders of folder mode. Never empty. */
  readonly locator: readonly string[];
  /** Manifest name without its extension, decoded. */
  readonly name: string;
  readonly extension: 'ism' | 'isml';
  readonly resource: Resource;
  /** `format=` in lower case; empty when absent. */
  readonly format: string;
  /** `encryption=` in lower case. */
  readonly encryption: string | null;
  readonly filters: readonly string[];
  readonly audioTrack: string | null;
  readonly audioOnly: boolean | null;
};

export const MAX_PATH_BYTES = 2048;
const MAX_FOLDERS = 16;
const MAX_FILTERS = 3;
const MAX_TIME = 2n ** 64n - 1n;
/** Tolerated after the closing parenthesis: players and ffmpeg choose by extension. */
const SUFFIX = /\.(?:m3u8|mpd|ts|m4s|mp4|vtt)$/i;
const MANIFEST_NAME = /^(.+)\.(isml?)$/is;
const OUTER_SPACES = /^ +| +$/g;

/** A path segment; `start` is its place in the path as received. */
type Segment = { readonly text: string; readonly raw: string; readonly start: number };
/** One part of a verb's arguments; `at` is its place in the decoded segment. */
type Argument = { readonly text: string; readonly at: number };
type Call = { readonly verb: string; readonly list: readonly Argument[] | null; readonly segment: Segment };
type Parameters = Pick<StreamRequest, 'format' | 'encryption' | 'filters' | 'audioTrack' | 'audioOnly'> & { readonly keyFrames: boolean };

const NO_PARAMETERS: Parameters = { format: '', encryption: null, filters: [], audioTrack: null, audioOnly: null, keyFrames: false };

/** Path and query of a request to what it asks for; MPE_BAD_URL_SYNTAX says which part is wrong and where. */
export function parseUrl(target: string): StreamRequest {
  const segments = splitPath(target);
  const last = segments.length - 1;
  const inQuality = last > 0 && /^qualitylevels(?:\(|$)/i.test(segments[last - 1].text);
  const manifestAt = last - (inQuality ? 2 : 1);
  const match = manifestAt < 0 ? null : MANIFEST_NAME.exec(segments[manifestAt].text);
  if (match === null) throw notAStream(segments);
  if (manifestAt === 0) throw bad(segments[0], 0, 'locator', '/LOCATOR/NAME.ism/…', segments[0].text);
  if (manifestAt > MAX_FOLDERS) throw bad(segments[MAX_FOLDERS], 0, 'locator', `at most ${MAX_FOLDERS} path segments`, `${manifestAt}`);

  const bitrate = inQuality ? readQuality(readCall(segments[last - 1])) : null;
  const { resource, parameters } = readVerb(readCall(segments[last]), bitrate);
  const { format, encryption, filters, audioTrack, audioOnly } = parameters;
  return {
    locator: segments.slice(0, manifestAt).map(({ text }) => text),
    name: match[1],
    extension: match[2].toLowerCase() === 'ism' ? 'ism' : 'isml',
    resource,
    format,
    encryption,
    filters,
    audioTrack,
    audioOnly,
  };
}

/** Splits, decodes each segment exactly once, and refuses what could lead out of a folder. */
function splitPath(target: string): readonly Segment[] {
  const path = withoutQuery(target);
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) throw new IsomerError('MPE_BAD_URL_SYNTAX', { what: 'path', expected: `at most ${MAX_PATH_BYTES} bytes`, found: `${bytes}` });
  if (!path.startsWith('/')) throw new IsomerError('MPE_BAD_URL_SYNTAX', { what: 'path', expected: 'a path that starts with /', found: excerpt(path) });
  if (path === '/') return [];
  const segments: Segment[] = [];
  for (let start = 1; start <= path.length; ) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    segments.push(decodeSegment(path.slice(start, end), start));
    start = end + 1;
  }
  return segments;
}

/** Queries carry CDN tokens: they mean nothing here and belong in no log. */
export function withoutQuery(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** The decoded segments of a path, checked as stream URLs are: for routes that are no streams. */
export function decodePath(target: string): string {
  return `/${splitPath(target).map(({ text }) => text).join('/')}`;
}

function decodeSegment(raw: string, start: number): Segment {
  const segment: Segment = { text: decode(raw, start), raw, start };
  const { text } = segment;
  if (text === '') throw bad(segment, 0, 'path segment', 'a name between two slashes', 'nothing');
  if (text === '.' || text === '..') throw bad(segment, 0, 'path segment', 'a name', text);
  const forbidden = text.search(/[/\\#]/);
  if (forbidden !== -1) throw bad(segment, forbidden, 'path segment', 'no slash, backslash or # inside a name', text[forbidden]);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) throw bad(segment, i, 'path segment', 'no control characters', `U+${code.toString(16).padStart(4, '0')}`);
  }
  return segment;
}

function decode(raw: string, start: number): string {
  try {
    const text = raw.includes('%') ? decodeURIComponent(raw) : raw;
    if (text.isWellFormed()) return text;
  } catch {
    // A URIError says no more than the message below.
  }
  throw new IsomerError('MPE_BAD_URL_SYNTAX', { what: 'percent-encoding', where: `path segment at character ${start + 1}`, expected: 'valid escapes of UTF-8', found: excerpt(raw) });
}

function notAStream(segments: readonly Segment[]): IsomerError {
  const manifest = segments.findIndex(({ text }) => MANIFEST_NAME.test(text));
  if (manifest === -1) return new IsomerError('MPE_RESOURCE_NOT_FOUND', { expected: '/LOCATOR/NAME.ism/manifest' });
  const after = segments[manifest + 1] ?? segments[manifest];
  return bad(after, 0, 'path', 'NAME.ism/manifest or NAME.ism/QualityLevels(BITRATE)/Manifest(…), Fragments(…) or KeyFrames(…)', after.text);
}

function readCall(segment: Segment): Call {
  const { text } = segment;
  const open = text.indexOf('(');
  if (open === -1) return { verb: text.replace(SUFFIX, '').toLowerCase(), list: null, segment };
  const close = text.indexOf(')', open);
  if (close === -1) throw bad(segment, text.length, 'arguments', 'a closing parenthesis', 'the end of the path segment');
  const nested = text.indexOf('(', open + 1);
  if (nested !== -1) throw bad(segment, nested, 'arguments', 'one pair of parentheses', excerpt(text.slice(nested)));
  const suffix = text.slice(close + 1);
  if (suffix.replace(SUFFIX, '') !== '') throw bad(segment, close + 1, 'text after the parenthesis', 'nothing, .m3u8, .mpd, .ts, .m4s, .mp4 or .vtt', suffix);
  return { verb: text.slice(0, open).toLowerCase(), list: splitArguments(segment, open + 1, close), segment };
}

/** Spaces around a comma are no part of a name or value. */
function splitArguments(segment: Segment, start: number, end: number): readonly Argument[] {
  const list: Argument[] = [];
  for (let at = start; at <= end; ) {
    const comma = segment.text.indexOf(',', at);
    const stop = comma === -1 || comma > end ? end : comma;
    const part = segment.text.slice(at, stop);
    const text = part.replace(OUTER_SPACES, '');
    if (text === '') throw bad(segment, at, `argument ${list.length + 1}`, 'a name or name=value', 'nothing');
    list.push({ text, at: at + part.indexOf(text) });
    at = stop + 1;
  }
  return list;
}

function readQuality({ list, segment }: Call): number {
  if (list === null || list.length !== 1) throw bad(segment, 0, 'QualityLevels', 'QualityLevels(BITRATE)', segment.text);
  const bitrate = readNumber(segment, list[0], 'bitrate', BigInt(Number.MAX_SAFE_INTEGER));
  return Number(bitrate);
}

function readVerb(call: Call, bitrate: number | null): { readonly resource: Resource; readonly parameters: Parameters } {
  const { verb, segment } = call;
  const list = call.list ?? [];
  if (verb === 'manifest' && bitrate === null) {
    const parameters = readParameters(segment, list);
    if (parameters.keyFrames) throw bad(segment, 0, 'parameter type', 'type=keyframes on a media playlist', 'on a manifest');
    return { resource: { kind: 'manifest' }, parameters };
  }
  if (verb !== 'manifest' && verb !== 'fragments' && verb !== 'keyframes') throw bad(segment, 0, 'verb', bitrate === null ? 'manifest' : 'Manifest, Fragments or KeyFrames', verb);
  if (bitrate === null) throw bad(segment, 0, 'verb', `QualityLevels(BITRATE)/ before ${verb}`, 'no quality');
  if (list.length === 0) throw bad(segment, segment.text.length, 'track', 'a track in parentheses', 'nothing');

  const parameters = readParameters(segment, list.slice(1));
  if (verb === 'manifest') return { resource: { kind: 'playlist', bitrate, track: readName(segment, list[0]), keyFrames: parameters.keyFrames }, parameters };
  if (parameters.keyFrames) throw bad(segment, 0, 'parameter type', 'type=keyframes on a media playlist', `on ${verb}`);
  const { name: track, value, valueAt } = readPair(segment, list[0], 'track');
  if (value === 'i' && verb === 'fragments') return { resource: { kind: 'init', bitrate, track }, parameters };
  const time = readNumber(segment, { text: value, at: valueAt }, `time of track ${track}`, MAX_TIME);
  return { resource: { kind: verb === 'fragments' ? 'segment' : 'keyFrame', bitrate, track, time }, parameters };
}

function readName(segment: Segment, { text, at }: Argument): string {
  const equals = text.indexOf('=');
  if (equals !== -1) throw bad(segment, at + equals, 'track', 'a bare track name as the first argument', text);
  return text;
}

type Pair = { readonly name: string; readonly value: string; readonly valueAt: number };

function readPair(segment: Segment, { text, at }: Argument, what: string): Pair {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0)).replace(OUTER_SPACES, '');
  const value = text.slice(equals + 1).replace(OUTER_SPACES, '');
  if (name === '' || value === '' || value.includes('=')) throw bad(segment, at, what, 'name=value', text);
  return { name, value, valueAt: at + text.length - value.length };
}

type Fail = (expected: string) => IsomerError;
type Reader = (value: string, fail: Fail) => Partial<Parameters>;

/** The parameters of delivery URLs; well-formed unknown ones are ignored. */
const PARAMETERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['format', (value) => ({ format: value.toLowerCase() })],
  ['encryption', (value) => ({ encryption: value.toLowerCase() })],
  ['filter', (value, fail) => ({ filters: readFilters(value, fail) })],
  ['audiotrack', (value) => ({ audioTrack: value })],
  [
    'audio-only',
    (value, fail) => {
      const text = value.toLowerCase();
      if (text !== 'true' && text !== 'false') throw fail('true or false');
      return { audioOnly: text === 'true' };
    },
  ],
  [
    'type',
    (value, fail) => {
      if (value.toLowerCase() !== 'keyframes') throw fail('keyframes');
      return { keyFrames: true };
    },
  ],
]);

function readParameters(segment: Segment, list: readonly Argument[]): Parameters {
  if (list.length === 0) return NO_PARAMETERS;
  const seen = new Set<string>();
  let parameters = NO_PARAMETERS;
  for (const argument of list) {
    const { name, value, valueAt } = readPair(segment, argument, 'parameter');
    const key = name.toLowerCase();
    if (!/^[a-z][a-z0-9_-]*$/.test(key)) throw bad(segment, argument.at, 'parameter', 'a name of letters, digits, - and _', name);
    if (seen.has(key)) throw bad(segment, argument.at, `parameter ${name}`, 'each parameter once', 'a second one');
    seen.add(key);
    const fail: Fail = (expected) => bad(segment, valueAt, `parameter ${name}`, expected, value);
    parameters = { ...parameters, ...PARAMETERS.get(key)?.(value, fail) };
  }
  return parameters;
}

function readFilters(value: string, fail: Fail): readonly string[] {
  const filters = value.split(';').map((name) => name.replace(OUTER_SPACES, ''));
  if (filters.length > MAX_FILTERS) throw fail(`at most ${MAX_FILTERS} filters`);
  if (filters.includes('')) throw fail('filter names between semicolons');
  return filters;
}

/** Decimal digits without sign or leading zero. */
function readNumber(segment: Segment, { text, at }: Argument, what: string, most: bigint): bigint {
  const number = /^(?:0|[1-9][0-9]{0,19})$/.test(text) ? BigInt(text) : null;
  if (number === null || number > most) throw bad(segment, at, what, `a decimal number up to ${most}`, text);
  return number;
}

function bad({ raw, text, start }: Segment, at: number, what: string, expected: string, found: string): IsomerError {
  const character = start + rawPosition(raw, text, at) + 1;
  return new IsomerError('MPE_BAD_URL_SYNTAX', { what, where: `character ${character} of the path`, expected, found: excerpt(found) });
}

/** Where character `at` of the decoded text begins in the text as received. */
function rawPosition(raw: string, text: string, at: number): number {
  if (raw === text) return at;
  let position = 0;
  for (let i = 0; i < at && position < raw.length; i++) {
    const code = text.charCodeAt(i);
    const lowSurrogate = code >= 0xdc00 && code < 0xe000;
    if (raw[position] !== '%') position++;
    else if (!lowSurrogate) position += 3 * Buffer.byteLength(String.fromCodePoint(text.codePointAt(i) ?? code));
  }
  return position;
}

function excerpt(text: string): string {
  return text.length <= 64 ? text : `${text.slice(0, 61)}…`;
}

/** The canonical URL of a request: `parseUrl` gives the request back. */
export function printUrl(request: StreamRequest): string {
  const folders = request.locator.map(encodeURIComponent).join('/');
  return `/${folders}/${encodeURIComponent(request.name)}.${request.extension}/${printResource(request)}`;
}

/** The part after `NAME.ism/`: what manifests link to. */
export function printResource(request: StreamRequest): string {
  const { resource } = request;
  if (resource.kind === 'manifest') return `manifest${printList(parametersOf(request))}`;
  return `QualityLevels(${resource.bitrate})/${printVerb(request)}`;
}

/** The last path segment of a track's URL: what a media playlist links to. */
export function printVerb(request: StreamRequest): string {
  const { resource } = request;
  const parameters = parametersOf(request);
  switch (resource.kind) {
    case 'manifest':
      return `manifest${printList(parameters)}`;
    case 'playlist':
      return `Manifest${printList([encodeURIComponent(resource.track), ...parameters])}`;
    case 'init':
      return `Fragments${printList([`${encodeURIComponent(resource.track)}=i`, ...parameters])}`;
    case 'segment':
      return `Fragments${printList([`${encodeURIComponent(resource.track)}=${resource.time}`, ...parameters])}`;
    case 'keyFrame':
      return `KeyFrames${printList([`${encodeURIComponent(resource.track)}=${resource.time}`, ...parameters])}`;
  }
}

function printList(list: readonly string[]): string {
  return list.length === 0 ? '' : `(${list.join(',')})`;
}

/** In the order in which manifests print them: encryption and audiotrack change places between playlists and segments. */
function parametersOf({ resource, format, encryption, filters, audioTrack, audioOnly }: StreamRequest): readonly string[] {
  const list: string[] = [];
  const media = resource.kind !== 'manifest' && resource.kind !== 'playlist';
  const print = (name: string, value: string | null): void => void (value !== null && list.push(`${name}=${encodeURIComponent(value)}`));
  print('format', format === '' ? null : format);
  print('type', resource.kind === 'playlist' && resource.keyFrames ? 'keyframes' : null);
  if (media) print('audiotrack', audioTrack);
  print('encryption', encryption);
  if (!media) print('audiotrack', audioTrack);
  print('audio-only', audioOnly === null ? null : String(audioOnly));
  if (filters.length > 0) list.push(`filter=${filters.map(encodeURIComponent).join(';')}`);
  return list;
}
