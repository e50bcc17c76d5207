/** The server manifest (.ism): a SMIL 2.0 document that lists an asset's tracks. Shapes of real files: spec/url.md and delivery notes there. */
import { IsomerError, type ErrorDetail } from '../errors.ts';
import type { Captions } from '../model/presentation.ts';
import { LINE_CHANNELS, type LineChannel } from '../text/cea608.ts';
import { readXml, type XmlNode } from './xml.ts';

export type IsmTrack = {
  readonly kind: 'video' | 'audio' | 'text';
  /** File name inside the asset's folder, possibly in a sub-folder. */
  readonly src: string;
  /** Bits per second; null when the manifest does not say. */
  readonly bitrate: number | null;
  /** track_ID in the file's moov; null: the first track of the kind. */
  readonly trackId: number | null;
  readonly trackName: string | null;
  readonly title: string | null;
  /** As written; null when there is none or it is empty. */
  readonly language: string | null;
  readonly roles: readonly string[];
  readonly accessibility: readonly string[];
  /** Of video: the caption channels that it carries, with their languages; null: the pictures are looked at. */
  readonly captions?: readonly Captions[];
  /** Of text: name for people, what HLS says of it, and the channel of captions in the pictures of `src` that it is read from; null: `src` is the text. */
  readonly text?: { readonly displayName: string | null; readonly isDefault: boolean; readonly characteristics: string | null; readonly channel: LineChannel | null };
  /** Line of the element, for messages. */
  readonly line: number;
};

export type Ism = {
  readonly tracks: readonly IsmTrack[];
  /** Stored client manifest, if named. */
  readonly clientManifest: string | null;
  /** `formats` meta in lower case, empty when absent. */
  readonly formats: string;
};

export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Each costs an index in memory. */
const MAX_TRACKS = 256;
const KINDS: Readonly<Record<string, IsmTrack['kind']>> = { video: 'video', audio: 'audio', textstream: 'text' };
/** Forms of the stored media that are read; not those of events that still run. */
const STORED_FORMATS = new Set(['', 'mp4', 'mp4-v2', 'mp4-v3', 'fmp4', 'vod-fmp4', 'vod-cmaf']);

export function readIsm(bytes: Uint8Array, file: string): Ism {
  const malformed = (detail: ErrorDetail): IsomerError => new IsomerError('ISOMER_ISM_MALFORMED', detail);
  const smil = readXml(bytes, file, 'ISOMER_ISM_MALFORMED');
  if (smil.name !== 'smil') throw malformed({ where: place(file, smil), expected: 'a smil element', found: smil.name });
  const metas = new Map(descendants(smil, 'meta').map((meta) => [meta.attributes.get('name')?.toLowerCase() ?? '', meta.attributes.get('content') ?? '']));
  const formats = (metas.get('formats') ?? '').toLowerCase();
  if (!STORED_FORMATS.has(formats)) {
    throw new IsomerError('ISOMER_ISM_UNSUPPORTED', { what: 'formats', where: file, expected: [...STORED_FORMATS].filter((name) => name !== '').join(', '), found: formats });
  }
  const body = smil.children.find(({ name }) => name === 'body');
  if (body === undefined) throw malformed({ where: place(file, smil), expected: 'a body element', found: 'none' });
  const timed = body.children.find(({ name }) => name === 'seq' || name === 'par');
  if (timed !== undefined) throw new IsomerError('ISOMER_ISM_UNSUPPORTED', { where: place(file, timed), expected: 'one switch element', found: timed.name });
  const elements = body.children.filter(({ name }) => name === 'switch').flatMap(({ children }) => children).filter(({ name }) => Object.hasOwn(KINDS, name));
  if (elements.length === 0) throw malformed({ where: place(file, body), expected: 'a switch with video, audio or textstream elements', found: 'none' });
  if (elements.length > MAX_TRACKS) throw malformed({ where: place(file, elements[MAX_TRACKS]), expected: `at most ${MAX_TRACKS} tracks`, found: String(elements.length) });
  const client = metas.get('clientmanifestrelativepath');
  return { formats, clientManifest: client === undefined || client === '' ? null : checkedSource(client, file, 'clientManifestRelativePath'), tracks: elements.map((element) => readTrack(element, file)) };
}

function readTrack(element: XmlNode, file: string): IsmTrack {
  const where = place(file, element);
  const attributes = new Map([...element.attributes].map(([name, value]) => [name.toLowerCase(), value]));
  const params = new Map<string, string>();
  for (const param of descendants(element, 'param')) params.set((param.attributes.get('name') ?? '').toLowerCase(), param.attributes.get('value') ?? '');
  const value = (name: string): string | null => {
    const found = params.get(name.toLowerCase()) ?? attributes.get(name.toLowerCase()) ?? '';
    return found.trim() === '' ? null : found.trim();
  };
  const number = (name: string, most: number): number | null => {
    const text = value(name);
    if (text === null) return null;
    const parsed = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (parsed >= 1 && parsed <= most) return parsed;
    throw new IsomerError('ISOMER_ISM_MALFORMED', { what: name, where, expected: `a whole number from 1 to ${most}`, found: JSON.stringify(text.slice(0, 40)) });
  };
  const source = attributes.get('src');
  if (source === undefined) throw new IsomerError('ISOMER_ISM_MALFORMED', { what: `${element.name} element`, where, expected: 'a src attribute', found: 'none' });
  const list = (name: string): readonly string[] => value(name)?.split(/[\s,]+/) ?? [];
  return {
    kind: KINDS[element.name],
    src: checkedSource(source, file, `src, line ${element.line}`),
    // A bitrate of 0 stands for "unknown" in sparse tracks.
    bitrate: value('systemBitrate') === '0' ? null : number('systemBitrate', 10_000_000_000),
    trackId: number('trackID', 0xffff_ffff),
    trackName: checkedName(value('trackName'), where),
    title: checkedName(value('title'), where),
    language: value('systemLanguage'),
    roles: list('role'),
    accessibility: list('accessibility'),
    ...(KINDS[element.name] === 'video' && value('closedCaptions') !== null ? { captions: readCaptions(value('closedCaptions') ?? '', where) } : {}),
    ...(KINDS[element.name] === 'text' ? { text: { displayName: checkedName(value('textDisplayName'), where), isDefault: value('textIsDefault')?.toLowerCase() === 'true', characteristics: checkedName(value('textHlsCharacteristic'), where), channel: readChannel(value('captionChannel'), where) } } : {}),
    line: element.line,
  };
}

function readChannel(text: string | null, where: string): LineChannel | null {
  const channel = LINE_CHANNELS.find((each) => each === text?.toUpperCase()) ?? null;
  if (channel === null && text !== null) throw new IsomerError('ISOMER_ISM_MALFORMED', { what: 'captionChannel', where, expected: LINE_CHANNELS.join(', '), found: JSON.stringify(text.slice(0, 40)) });
  return channel;
}

/** `CC1=eng;SERVICE1=eng`, as SCTE 214-1 writes them; languages may be missing. */
function readCaptions(text: string, where: string): readonly Captions[] {
  const parts = text.split(/\s*;\s*/).filter((part) => part !== '');
  const captions = parts.flatMap((part): Captions[] => {
    const [, channel, language = ''] = /^(CC[1-4]|SERVICE(?:[1-9]|[1-5]\d|6[0-3]))(?:=([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}))?$/.exec(part) ?? [];
    return channel === undefined ? [] : [{ channel, language }];
  });
  const unique = new Set(captions.map(({ channel }) => channel));
  if (captions.length > 0 && captions.length === parts.length && unique.size === parts.length) return captions;
  throw new IsomerError('ISOMER_ISM_MALFORMED', { what: 'closedCaptions', where, expected: 'channels like CC1=eng;SERVICE1=eng, each once', found: JSON.stringify(text.slice(0, 60)) });
}

/** A file inside the asset's folder: no scheme, no absolute path, no way up, also not in percent-escapes. */
function checkedSource(text: string, file: string, what: string): string {
  const trimmed = text.trim();
  const refuse = (expected: string): IsomerError => new IsomerError('ISOMER_ISM_SOURCE_REFUSED', { what, where: file, expected, found: JSON.stringify(trimmed.slice(0, 100)) });
  let decoded = trimmed;
  if (/%[0-9a-fA-F]{2}/.test(trimmed)) {
    try {
      decoded = decodeURIComponent(trimmed);
    } catch {
      throw refuse('percent-escapes of UTF-8');
    }
  }
  for (const form of [trimmed, decoded]) {
    if (form === '' || form.length > 1024) throw refuse('a file name of 1 to 1024 characters');
    if (/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(form)) throw refuse('a file name inside the asset, not a URL');
    if (/[\0-\x1f\\]/.test(form) || form.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) throw refuse('a file name inside the asset');
  }
  if (/\.(?:wmv|asf|wma)$/i.test(decoded)) throw new IsomerError('ISOMER_ISM_UNSUPPORTED', { what, where: file, expected: 'MP4 media', found: decoded });
  return decoded;
}

/** Names travel in URLs, playlists and XML: characters that could break out of any of them are refused. */
function checkedName(name: string | null, where: string): string | null {
  if (name !== null && (name.length > 256 || /[\0-\x1f\x7f"<>\\]/.test(name) || !name.isWellFormed())) {
    throw new IsomerError('ISOMER_ISM_MALFORMED', { what: 'track name', where, expected: 'at most 256 characters without quotes, angle brackets, backslashes and controls', found: JSON.stringify(name.slice(0, 60)) });
  }
  return name;
}

function descendants(node: XmlNode, name: string): readonly XmlNode[] {
  return node.children.flatMap((child) => (child.name === name ? [child] : descendants(child, name)));
}

function place(file: string, { line }: XmlNode): string {
  return `${file}, line ${line}`;
}
