/**
 * The suite's own reader of HLS playlists (RFC 8216), lexical part: lines, tags, typed attribute lists. It reads on after a
 * fault; what is wrong comes back as problems, each with the requirement it breaks.
 */

export type HlsProblem = { readonly requirement: string; readonly line: number; readonly message: string };

export type AttributeType = 'integer' | 'hex' | 'float' | 'signed' | 'quoted' | 'enum' | 'resolution';

export type Attribute = { readonly type: AttributeType | 'unknown'; readonly value: string };

export type Tag = { readonly name: string; readonly value: string; readonly attributes: ReadonlyMap<string, Attribute>; readonly line: number };

export type HlsSegment = {
  readonly uri: string;
  readonly line: number;
  /** Text of the EXTINF duration; null without EXTINF. */
  readonly duration: string | null;
  readonly map: Tag | null;
  /** Keys that apply to the initialization segment of `map`. */
  readonly mapKeys: readonly Tag[];
  readonly byteRange: string | null;
  readonly discontinuity: boolean;
  /** EXT-X-KEY tags that apply, one of each KEYFORMAT at most; METHOD=NONE leaves none. */
  readonly keys: readonly Tag[];
};

export type Variant = { readonly tag: Tag; readonly uri: string };

export type HlsDocument = {
  readonly kind: 'multivariant' | 'media';
  readonly tags: readonly Tag[];
  readonly segments: readonly HlsSegment[];
  readonly variants: readonly Variant[];
  readonly media: readonly Tag[];
  readonly keyFrameVariants: readonly Tag[];
  readonly problems: readonly HlsProblem[];
};

type TagClass = 'basic' | 'segment' | 'media' | 'multivariant' | 'either';

/** Tags of RFC 8216 4.3 and their form. Unknown tags are comments (RFC 8216 6.3.1). */
const TAGS: Readonly<Record<string, readonly [TagClass, 'none' | 'text' | 'attributes']>> = {
  EXTM3U: ['basic', 'none'],
  'EXT-X-VERSION': ['basic', 'text'],
  EXTINF: ['segment', 'text'],
  'EXT-X-BYTERANGE': ['segment', 'text'],
  'EXT-X-DISCONTINUITY': ['segment', 'none'],
  'EXT-X-KEY': ['segment', 'attributes'],
  'EXT-X-MAP': ['segment', 'attributes'],
  'EXT-X-PROGRAM-DATE-TIME': ['segment', 'text'],
  'EXT-X-DATERANGE': ['segment', 'attributes'],
  'EXT-X-TARGETDURATION': ['media', 'text'],
  'EXT-X-MEDIA-SEQUENCE': ['media', 'text'],
  'EXT-X-DISCONTINUITY-SEQUENCE': ['media', 'text'],
  'EXT-X-ENDLIST': ['media', 'none'],
  'EXT-X-PLAYLIST-TYPE': ['media', 'text'],
  'EXT-X-I-FRAMES-ONLY': ['media', 'none'],
  'EXT-X-ALLOW-CACHE': ['media', 'text'],
  'EXT-X-MEDIA': ['multivariant', 'attributes'],
  'EXT-X-STREAM-INF': ['multivariant', 'attributes'],
  'EXT-X-I-FRAME-STREAM-INF': ['multivariant', 'attributes'],
  'EXT-X-SESSION-DATA': ['multivariant', 'attributes'],
  'EXT-X-SESSION-KEY': ['multivariant', 'attributes'],
  'EXT-X-INDEPENDENT-SEGMENTS': ['either', 'none'],
  'EXT-X-START': ['either', 'attributes'],
};

/** Types of attributes (RFC 8216 4.3); one table, since no name has two types. */
const ATTRIBUTE_TYPES: Readonly<Record<string, AttributeType>> = {
  BANDWIDTH: 'integer',
  'AVERAGE-BANDWIDTH': 'integer',
  'PROGRAM-ID': 'integer',
  CODECS: 'quoted',
  RESOLUTION: 'resolution',
  'FRAME-RATE': 'float',
  'HDCP-LEVEL': 'enum',
  'VIDEO-RANGE': 'enum',
  AUDIO: 'quoted',
  VIDEO: 'quoted',
  SUBTITLES: 'quoted',
  TYPE: 'enum',
  URI: 'quoted',
  'GROUP-ID': 'quoted',
  LANGUAGE: 'quoted',
  'ASSOC-LANGUAGE': 'quoted',
  NAME: 'quoted',
  DEFAULT: 'enum',
  AUTOSELECT: 'enum',
  FORCED: 'enum',
  'INSTREAM-ID': 'quoted',
  CHARACTERISTICS: 'quoted',
  CHANNELS: 'quoted',
  METHOD: 'enum',
  IV: 'hex',
  KEYFORMAT: 'quoted',
  KEYFORMATVERSIONS: 'quoted',
  BYTERANGE: 'quoted',
  ID: 'quoted',
  CLASS: 'quoted',
  'START-DATE': 'quoted',
  'END-DATE': 'quoted',
  DURATION: 'float',
  'PLANNED-DURATION': 'float',
  'END-ON-NEXT': 'enum',
  'DATA-ID': 'quoted',
  VALUE: 'quoted',
  'TIME-OFFSET': 'signed',
  PRECISE: 'enum',
};

/** RFC 8216 4.2. `quoted` is recognised by its quotes before the pattern applies. */
const VALUE_PATTERNS: Readonly<Record<AttributeType, RegExp>> = {
  integer: /^\d{1,20}$/,
  hex: /^0[xX][0-9A-F]+$/,
  float: /^\d+(\.\d+)?$/,
  signed: /^-?\d+(\.\d+)?$/,
  quoted: /^"[^"]*"$/,
  enum: /^[^\s",]+$/,
  resolution: /^\d+x\d+$/,
};

export function readM3u8(bytes: Uint8Array): HlsDocument {
  const problems: HlsProblem[] = [];
  const problem = (requirement: string, line: number, message: string): void => {
    problems.push({ requirement, line, message });
  };
  const text = decode(bytes, problem);
  const tags: Tag[] = [];
  const segments: HlsSegment[] = [];
  const variants: Variant[] = [];
  let extinf: Tag | null = null;
  let stream: Tag | null = null;
  let map: Tag | null = null;
  let mapKeys: readonly Tag[] = [];
  let keys: readonly Tag[] = [];
  let byteRange: string | null = null;
  let discontinuity = false;

  const lines = text.split(/\r?\n/);
  for (const [index, content] of lines.entries()) {
    const line = index + 1;
    if (content === '') continue;
    if (content.startsWith('#')) {
      if (!content.startsWith('#EXT')) continue;
      const tag = readTag(content, line, problem);
      tags.push(tag);
      if (stream !== null) {
        problem('HLS-035', stream.line, 'EXT-X-STREAM-INF is not followed by a URI line');
        stream = null;
      }
      if (tag.name === 'EXTINF') {
        if (extinf !== null) problem('HLS-011', line, 'a segment has two EXTINF');
        extinf = tag;
      }
      else if (tag.name === 'EXT-X-STREAM-INF') stream = tag;
      else if (tag.name === 'EXT-X-MAP') [map, mapKeys] = [tag, keys];
      else if (tag.name === 'EXT-X-KEY') keys = withKey(keys, tag);
      else if (tag.name === 'EXT-X-BYTERANGE') byteRange = tag.value;
      else if (tag.name === 'EXT-X-DISCONTINUITY') discontinuity = true;
      continue;
    }
    if (/\s/.test(content)) problem('HLS-008', line, 'a URI line holds white space');
    if (stream !== null) {
      variants.push({ tag: stream, uri: content });
      stream = null;
    } else {
      segments.push({ uri: content, line, duration: extinf === null ? null : durationOf(extinf), map, mapKeys, byteRange, discontinuity, keys });
      extinf = null;
      byteRange = null;
      discontinuity = false;
    }
  }
  if (stream !== null) problem('HLS-035', stream.line, 'EXT-X-STREAM-INF is not followed by a URI line');
  const is = (tagClass: TagClass): boolean => tags.some(({ name }) => TAGS[name]?.[0] === tagClass);
  const kind = is('multivariant') ? 'multivariant' : 'media';
  if (kind === 'multivariant' && (is('media') || is('segment') || segments.length > 0)) problem('HLS-007', 1, 'tags of media and multivariant playlists are mixed');
  const named = (name: string): Tag[] => tags.filter((tag) => tag.name === name);
  return { kind, tags, segments, variants, media: named('EXT-X-MEDIA'), keyFrameVariants: named('EXT-X-I-FRAME-STREAM-INF'), problems };
}

/** RFC 8216 4.3.2.4: a tag takes the place of the one before with the same KEYFORMAT. */
function withKey(keys: readonly Tag[], tag: Tag): readonly Tag[] {
  if (attributeOf(tag, 'METHOD') === 'NONE') return [];
  const formatOf = (key: Tag): string => attributeOf(key, 'KEYFORMAT') ?? 'identity';
  return [...keys.filter((key) => formatOf(key) !== formatOf(tag)), tag];
}

type Report = (requirement: string, line: number, message: string) => void;

/** RFC 8216 4.1: UTF-8 without byte order mark, no control characters but CR and LF, normalised to form C. */
function decode(bytes: Uint8Array, problem: Report): string {
  let body = bytes;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    problem('HLS-002', 1, 'the playlist begins with a byte order mark');
    body = bytes.subarray(3);
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(body);
  const bad = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffd]/.exec(text);
  if (bad !== null) problem('HLS-002', lineAt(text, bad.index), 'the playlist holds a control character or bytes that are no UTF-8');
  if (text.normalize('NFC') !== text) problem('HLS-002', 1, 'the playlist is not in Unicode form C');
  return text;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function readTag(content: string, line: number, problem: Report): Tag {
  const colon = content.indexOf(':');
  const name = content.slice(1, colon === -1 ? undefined : colon);
  const value = colon === -1 ? '' : content.slice(colon + 1);
  const known = TAGS[name];
  if (known !== undefined && known[1] === 'none' && colon !== -1) problem('HLS-008', line, `${name} carries a value`);
  if (known !== undefined && known[1] !== 'none' && colon === -1) problem('HLS-008', line, `${name} carries no value`);
  return { name, value, line, attributes: known?.[1] === 'attributes' ? readAttributes(value, line, problem) : new Map() };
}

/** RFC 8216 4.2. */
function readAttributes(text: string, line: number, problem: Report): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>();
  let rest = text;
  while (rest !== '') {
    const match = /^([^=,]*)=("[^"]*"|[^,]*)(,|$)/.exec(rest);
    if (match === null) {
      problem('HLS-008', line, 'the attribute list is not made of name=value pairs');
      return attributes;
    }
    const [whole, name, raw, separator] = match;
    rest = rest.slice(whole.length);
    if (separator === ',' && rest === '') problem('HLS-008', line, 'the attribute list ends in a comma');
    if (!/^[A-Z0-9-]+$/.test(name)) problem('HLS-008', line, 'an attribute name has characters outside A-Z, 0-9 and -');
    if (raw !== raw.trim()) problem('HLS-008', line, 'white space stands around an attribute value');
    const key = name.trim();
    if (attributes.has(key)) problem('HLS-008', line, `attribute ${key} occurs twice`);
    const type = typeOf(key, raw);
    if (type !== 'unknown' && !VALUE_PATTERNS[type].test(raw)) problem('HLS-008', line, `attribute ${key} is not of type ${type}`);
    attributes.set(key, { type, value: raw.startsWith('"') ? raw.slice(1, -1) : raw });
  }
  return attributes;
}

function typeOf(name: string, raw: string): AttributeType | 'unknown' {
  if (/^X-/.test(name)) return 'unknown';
  // The one attribute with two types: a group name, or NONE (RFC 8216 4.3.4.2).
  if (name === 'CLOSED-CAPTIONS') return raw === 'NONE' ? 'enum' : 'quoted';
  return ATTRIBUTE_TYPES[name] ?? 'unknown';
}

function durationOf({ value }: Tag): string {
  return value.split(',', 1)[0];
}

export function attributeOf(tag: Tag, name: string): string | null {
  return tag.attributes.get(name)?.value ?? null;
}

/** Decimal seconds to nanoseconds; null when the text is no non-negative decimal. */
export function nanosecondsOf(seconds: string): bigint | null {
  const match = /^(\d+)(?:\.(\d{1,9})\d*)?$/.exec(seconds);
  return match === null ? null : BigInt(match[1]) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}
