/** Operators on what tells of encryption, and on what is enciphered: boxes, EXT-X-KEY, descriptors of manifests, samples and envelopes. */
import { formatRow } from '../../outputs.ts';
import { readBoxes, type Box } from '../../oracle/boxes.ts';
import type { Exchange } from '../../trace.ts';
import { flipBit, otherLetter, splice, type Change, type Kind, type Operator } from './operator.ts';
import type { Random } from './random.ts';

const kindOf = ({ role }: Exchange): 'dash' | 'hls' | 'smooth' => formatRow(role.format).kind;
const isMedia = ({ role }: Exchange): boolean => role.kind === 'segment' || role.kind === 'keyframe';
const isFragmented = ({ role }: Exchange): boolean => formatRow(role.format).container === 'fmp4';
const isEnvelope = ({ url }: Exchange): boolean => /encryption=cbc[,)]/.test(decodeURIComponent(url));

type Draw = (body: Buffer, random: Random) => Change | null;

const PIFF_SAMPLES = 'a2394f525a9b4f14a2446c427c648df4';

function boxesOf(body: Buffer, wanted: (box: Box) => boolean): readonly Box[] {
  const within = (list: readonly Box[]): readonly Box[] => list.flatMap((box) => [...(wanted(box) ? [box] : []), ...within(box.children)]);
  return within(readBoxes(body).boxes);
}

const isInformation = ({ type, uuid }: Box): boolean => ['senc', 'saiz', 'saio'].includes(type) || uuid === PIFF_SAMPLES;
const isOfHeader = ({ type }: Box): boolean => ['pssh', 'tenc', 'schm', 'frma'].includes(type);

const bitOf = (wanted: (box: Box) => boolean): Draw => (body, random) => {
  const found = boxesOf(body, wanted).filter(({ size, header }) => size > header);
  if (found.length === 0) return null;
  const { type, start, header, size } = random.pick(found);
  const at = random.below(size - header);
  const bit = random.below(8);
  return { where: `bit ${bit} of byte ${at} of ${type}`, body: flipBit(body, start + header + at, bit) };
};

/** No size changes: the box is a free one. */
const freed = (wanted: (box: Box) => boolean): Draw => (body, random) => {
  const found = boxesOf(body, wanted);
  if (found.length === 0) return null;
  const { type, start } = random.pick(found);
  return { where: `${type} is free`, body: splice(body, start + 4, start + 8, 'free') };
};

const sampleEntry: Draw = (body) => {
  const tfhd = boxesOf(body, ({ type }) => type === 'tfhd').find(({ start, header }) => (body[start + header + 3] & 2) !== 0);
  if (tfhd === undefined) return null;
  const at = tfhd.start + tfhd.header + 8;
  const copy = Buffer.from(body);
  copy.writeUInt32BE(body.readUInt32BE(at) === 1 ? 2 : 1, at);
  return { where: `sample_description_index ${body.readUInt32BE(at)}`, body: copy };
};

const anyBit = (from: (body: Buffer) => number): Draw => (body, random) => {
  const first = from(body);
  if (first >= body.length) return null;
  const at = first + random.below(body.length - first);
  const bit = random.below(8);
  return { where: `bit ${bit} of byte ${at} of ${body.length}`, body: flipBit(body, at, bit) };
};

const mediaData = (body: Buffer): number => body.indexOf('mdat', 0, 'latin1') + 4;

/** Lines that tell keys; `change` gives the lines that stand there instead. */
const keyLine = (change: (line: string, random: Random) => readonly string[] | null): Draw => (body, random) => {
  const lines = body.toString().split('\n');
  const found = lines.flatMap((line, i) => (/^#EXT-X-(SESSION-)?KEY:/.test(line) ? [i] : []));
  if (found.length === 0) return null;
  const at = random.pick(found);
  const by = change(lines[at], random);
  if (by === null) return null;
  const where = `"${lines[at].slice(0, 90)}" becomes "${by.join(' | ').slice(0, 160)}"`;
  lines.splice(at, 1, ...by);
  return { where, body: Buffer.from(lines.join('\n')) };
};

/** Name, colon and attributes of a tag. */
function attributesOf(line: string): { readonly name: string; readonly attributes: readonly string[] } {
  const colon = line.indexOf(':');
  return { name: line.slice(0, colon + 1), attributes: [...line.slice(colon + 1).matchAll(/[A-Z0-9-]+=(?:"[^"]*"|[^,]*)/g)].map(([text]) => text) };
}

const without = <T>(list: readonly T[], index: number): readonly T[] => list.filter((_, i) => i !== index);

/** Another letter or digit of a text; blanks and punctuation stay. */
function otherCharacter(text: string, random: Random): string | null {
  const found = [...text.matchAll(/[A-Za-z0-9]/g)];
  if (found.length === 0) return null;
  const { index, 0: character } = random.pick(found);
  const by = /\d/.test(character) ? String((Number(character) + 1 + random.below(9)) % 10) : otherLetter(character, random);
  return text.slice(0, index) + by + text.slice(index + 1);
}

/** The first segment's key tags behind it. */
const keysBehindSegment: Draw = (body) => {
  const lines = body.toString().split('\n');
  const keys = lines.filter((line) => line.startsWith('#EXT-X-KEY:'));
  const rest = lines.filter((line) => !line.startsWith('#EXT-X-KEY:'));
  const first = rest.findIndex((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0 || first < 0) return null;
  rest.splice(first + 1, 0, ...keys);
  return { where: `${keys.length} keys behind the first segment`, body: Buffer.from(rest.join('\n')) };
};

/** Elements that tell of protection, as text. */
const ELEMENTS = /<(ContentProtection|ProtectionHeader)\b[^>]*?(?:\/>|>[\s\S]*?<\/\1>)/g;

const inElement = (change: (element: string, random: Random) => string | null): Draw => (body, random) => {
  const text = body.toString();
  const found = [...text.matchAll(ELEMENTS)];
  if (found.length === 0) return null;
  const { index, 0: element } = random.pick(found);
  const by = change(element, random);
  return by === null ? null : { where: `${element.slice(0, 70)}…: ${difference(element, by)}`, body: Buffer.from(text.slice(0, index) + by + text.slice(index + element.length)) };
};

function difference(before: string, after: string): string {
  let at = 0;
  while (at < after.length && before[at] === after[at]) at++;
  return `"${before.slice(Math.max(0, at - 20), at + 40)}" becomes "${after.slice(Math.max(0, at - 20), at + 40)}"`.replaceAll(/\s+/g, ' ');
}

/** The part of an element that a pattern finds, otherwise. */
const part = (pattern: RegExp, change: (text: string, random: Random) => string | null) => (element: string, random: Random): string | null => {
  const found = [...element.matchAll(pattern)].filter(([text]) => text !== '');
  if (found.length === 0) return null;
  const { index, 0: text } = random.pick(found);
  const by = change(text, random);
  return by === null ? null : element.slice(0, index) + by + element.slice(index + text.length);
};

const ATTRIBUTE = / (?!xmlns)[\w:]+="[^"]*"/g;

type Row = { readonly name: string; readonly kind: Kind; readonly on: (exchange: Exchange) => boolean; readonly draw: Draw };

const isPlaylist = (exchange: Exchange): boolean => exchange.role.kind === 'playlist' || (exchange.role.kind === 'manifest' && kindOf(exchange) === 'hls');
const isMarkup = (exchange: Exchange): boolean => exchange.role.kind === 'manifest' && kindOf(exchange) !== 'hls';
const isClearFragment = (exchange: Exchange): boolean => isMedia(exchange) && isFragmented(exchange) && !isEnvelope(exchange);
const isHeader = (exchange: Exchange): boolean => exchange.role.kind === 'init' && !isEnvelope(exchange);
const isSealed = (exchange: Exchange): boolean => (isMedia(exchange) || exchange.role.kind === 'init') && isEnvelope(exchange);

const ROWS: readonly Row[] = [
  { name: 'bit of sample information', kind: 'field', on: isClearFragment, draw: bitOf(isInformation) },
  { name: 'sample information left out', kind: 'box', on: isClearFragment, draw: freed(isInformation) },
  { name: 'sample entry of a fragment', kind: 'field', on: isClearFragment, draw: sampleEntry },
  { name: 'bit of a sample', kind: 'bit', on: isClearFragment, draw: anyBit(mediaData) },
  { name: 'bit of a protection box', kind: 'field', on: isHeader, draw: bitOf(isOfHeader) },
  { name: 'protection box left out', kind: 'box', on: isHeader, draw: freed((box) => isOfHeader(box) || box.type === 'sinf' || box.type === 'schi') },
  { name: 'bit of an envelope', kind: 'bit', on: isSealed, draw: anyBit(() => 0) },
  { name: 'last block of an envelope left out', kind: 'drop', on: isSealed, draw: (body) => ({ where: '16 bytes', body: body.subarray(0, -16) }) },
  { name: 'key left out', kind: 'drop', on: isPlaylist, draw: keyLine(() => []) },
  { name: 'key of another method', kind: 'attribute', on: isPlaylist, draw: keyLine((line, random) => [line.replace(/METHOD=[A-Z0-9-]+/, `METHOD=${random.pick(['NONE', 'AES-128', 'SAMPLE-AES', 'SAMPLE-AES-CTR'].filter((method) => !line.includes(`METHOD=${method},`)))}`)]) },
  {
    name: 'attribute of a key left out',
    kind: 'attribute',
    on: isPlaylist,
    draw: keyLine((line, random) => {
      const { name, attributes } = attributesOf(line);
      return attributes.length < 2 ? null : [name + without(attributes, random.below(attributes.length)).join(',')];
    }),
  },
  {
    name: 'character of a key',
    kind: 'attribute',
    on: isPlaylist,
    draw: keyLine((line, random) => {
      const { name, attributes } = attributesOf(line);
      const at = random.below(attributes.length);
      const by = otherCharacter(attributes[at], random);
      return by === null ? null : [name + attributes.map((text, i) => (i === at ? by : text)).join(',')];
    }),
  },
  { name: 'keys behind the first segment', kind: 'reorder', on: isPlaylist, draw: keysBehindSegment },
  {
    name: 'attributes of a key exchanged',
    kind: 'neutral',
    on: isPlaylist,
    draw: keyLine((line) => {
      const { name, attributes } = attributesOf(line);
      return attributes.length < 2 ? null : [name + attributes.toReversed().join(',')];
    }),
  },
  { name: 'descriptor left out', kind: 'drop', on: isMarkup, draw: inElement(() => '') },
  { name: 'attribute of a descriptor left out', kind: 'attribute', on: isMarkup, draw: inElement(part(ATTRIBUTE, () => '')) },
  { name: 'character of an attribute', kind: 'attribute', on: isMarkup, draw: inElement(part(ATTRIBUTE, (text, random) => { const from = text.indexOf('"'); const by = otherCharacter(text.slice(from), random); return by === null ? null : text.slice(0, from) + by; })) },
  { name: 'character of a descriptor’s text', kind: 'field', on: isMarkup, draw: inElement(part(/(?<=>)[^<>]*\S[^<>]*(?=<)/g, otherCharacter)) },
  { name: 'child of a descriptor left out', kind: 'drop', on: isMarkup, draw: inElement(part(/<(cenc:pssh|mspr:pro|sea:\w+|dashif:Laurl|ms:laurl)\b[^>]*?(?:\/>|>[^<]*<\/\1>)/g, () => '')) },
];

export const PROTECTION_OPERATORS: readonly Operator[] = ROWS.map(({ name, kind, on, draw }) => ({ name, kind, area: 'protection', on, alter: ({ body, random }) => draw(body, random) }));
