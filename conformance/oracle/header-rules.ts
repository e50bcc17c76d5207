/**
 * What an initialization segment holds whatever its content is: which boxes, how often, and the fields that the standards fix
 * (ISO/IEC 14496-12:2022, ISO/IEC 14496-14:2020, ISO/IEC 14496-15:2022). Tables: adding a rule is adding a row.
 */
import { bodyOf, latin, type Box, type BoxTree } from './boxes.ts';

/** Children per container: exactly one of each in `one`, at most one of each in `most`. */
const CONTENTS: readonly { readonly parent: string; readonly one: readonly string[]; readonly most: readonly string[] }[] = [
  { parent: '', one: ['ftyp', 'moov'], most: [] },
  { parent: 'moov', one: ['mvhd', 'mvex'], most: ['iods', 'meta', 'udta'] },
  { parent: 'trak', one: ['tkhd', 'mdia'], most: ['edts', 'tref', 'meta', 'udta'] },
  { parent: 'mdia', one: ['mdhd', 'hdlr', 'minf'], most: ['elng'] },
  { parent: 'minf', one: ['dinf', 'stbl'], most: ['vmhd', 'smhd', 'sthd', 'nmhd', 'hmhd'] },
  { parent: 'dinf', one: ['dref'], most: [] },
  { parent: 'stbl', one: ['stsd', 'stts', 'stsc', 'stco'], most: ['stsz', 'stz2', 'ctts', 'cslg', 'stss', 'stsh', 'padb', 'stdp', 'sdtp'] },
  { parent: 'mvex', one: ['trex'], most: ['mehd', 'leva'] },
  { parent: 'avc1', one: ['avcC'], most: ['btrt', 'pasp', 'clap'] },
  { parent: 'avc3', one: ['avcC'], most: ['btrt', 'pasp', 'clap'] },
  { parent: 'hvc1', one: ['hvcC'], most: ['btrt', 'pasp', 'clap'] },
  { parent: 'hev1', one: ['hvcC'], most: ['btrt', 'pasp', 'clap'] },
  { parent: 'mp4a', one: ['esds'], most: ['btrt'] },
];

/** Media header box of each handler (12). */
const MEDIA_HEADERS: Readonly<Record<string, string>> = { vide: 'vmhd', soun: 'smhd', subt: 'sthd' };

/** Kinds of data entries (8.7.2). */
const DATA_ENTRIES: ReadonlySet<string> = new Set(['url ', 'urn ', 'imdt', 'snim']);

export function contentFaults(tree: BoxTree): readonly string[] {
  const faults: string[] = [];
  const visit = (type: string, children: readonly Box[]): void => {
    const row = CONTENTS.find(({ parent }) => parent === type);
    const count = (name: string): number => children.filter((child) => child.type === name).length;
    for (const name of row?.one ?? []) if (count(name) !== 1) faults.push(`${type === '' ? 'the file' : type} holds ${count(name)} ${name}`);
    for (const name of row?.most ?? []) if (count(name) > 1) faults.push(`${type} holds ${count(name)} ${name}`);
    for (const child of children) visit(child.type, child.children);
  };
  visit('', tree.boxes);
  for (const { path, box } of everyBox(tree.boxes, '')) {
    if (box.type === 'mdia') faults.push(...mediaHeaderFaults(tree, box));
    if (box.type === 'stbl' && box.children.filter(({ type }) => type === 'stsz' || type === 'stz2').length !== 1) faults.push(`${path} has not one stsz or stz2`);
    if ((box.type === 'stsd' || box.type === 'dref') && box.children.length !== number(bodyOf(tree, box), 4, 4)) faults.push(`${path} does not hold as many entries as it counts`);
    if (box.type === 'dref' && box.children.length === 0) faults.push(`${path} is empty`);
    for (const { type } of box.type === 'dref' ? box.children : []) if (!DATA_ENTRIES.has(type)) faults.push(`${path} holds the entry ${type}`);
  }
  return faults;
}

function mediaHeaderFaults(tree: BoxTree, mdia: Box): readonly string[] {
  const hdlr = mdia.children.find(({ type }) => type === 'hdlr');
  const minf = mdia.children.find(({ type }) => type === 'minf');
  if (hdlr === undefined || minf === undefined) return [];
  const handler = latin(bodyOf(tree, hdlr), 8, 4);
  const wanted = MEDIA_HEADERS[handler];
  return wanted === undefined || minf.children.some(({ type }) => type === wanted) ? [] : [`minf of handler ${handler} has no ${wanted}`];
}

type FieldRule = {
  readonly box: string;
  /** Behind version and flags for full boxes. */
  readonly at: number | { readonly narrow: number; readonly wide: number };
  readonly length: number;
  readonly hex: string;
  readonly what: string;
  /** Fixed by the standard for everybody, or a default that a derived specification may change and CMAF does not. */
  readonly kind: 'fixed' | 'default';
};

const MATRIX = '00010000000000000000000000000000000100000000000000000000000000004000000'.padEnd(72, '0');
const full = (narrow: number, wide = narrow): { readonly narrow: number; readonly wide: number } => ({ narrow: 4 + narrow, wide: 4 + wide });

const FIELDS: readonly FieldRule[] = [
  { box: 'mvhd', at: full(16, 28), length: 4, hex: '00010000', what: 'rate', kind: 'default' },
  { box: 'mvhd', at: full(20, 32), length: 2, hex: '0100', what: 'volume', kind: 'default' },
  { box: 'mvhd', at: full(22, 34), length: 10, hex: '00'.repeat(10), what: 'reserved', kind: 'fixed' },
  { box: 'mvhd', at: full(32, 44), length: 36, hex: MATRIX, what: 'matrix', kind: 'default' },
  { box: 'mvhd', at: full(68, 80), length: 24, hex: '00'.repeat(24), what: 'pre_defined', kind: 'fixed' },
  { box: 'tkhd', at: full(12, 20), length: 4, hex: '00000000', what: 'reserved', kind: 'fixed' },
  { box: 'tkhd', at: full(20, 32), length: 8, hex: '00'.repeat(8), what: 'reserved', kind: 'fixed' },
  { box: 'tkhd', at: full(28, 40), length: 2, hex: '0000', what: 'layer', kind: 'default' },
  { box: 'tkhd', at: full(34, 46), length: 2, hex: '0000', what: 'reserved', kind: 'fixed' },
  { box: 'tkhd', at: full(36, 48), length: 36, hex: MATRIX, what: 'matrix', kind: 'default' },
  ...['mvhd', 'mdhd'].map((box): FieldRule => ({ box, at: 1, length: 3, hex: '000000', what: 'flags', kind: 'fixed' })),
  { box: 'mdhd', at: full(18, 30), length: 2, hex: '0000', what: 'pre_defined', kind: 'fixed' },
  { box: 'hdlr', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'hdlr', at: full(0), length: 4, hex: '00000000', what: 'pre_defined', kind: 'default' },
  { box: 'hdlr', at: full(8), length: 12, hex: '00'.repeat(12), what: 'reserved', kind: 'default' },
  { box: 'vmhd', at: 0, length: 4, hex: '00000001', what: 'version and flags', kind: 'fixed' },
  { box: 'vmhd', at: full(0), length: 8, hex: '00'.repeat(8), what: 'graphicsmode and opcolor', kind: 'default' },
  { box: 'smhd', at: 0, length: 8, hex: '00'.repeat(8), what: 'version, flags, balance and reserved', kind: 'default' },
  { box: 'sthd', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'dref', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'url ', at: 0, length: 4, hex: '00000001', what: 'flags: the media are in the same file', kind: 'fixed' },
  { box: 'stsd', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'default' },
  { box: 'stts', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'stsc', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'stsz', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'stsz', at: full(0), length: 8, hex: '00'.repeat(8), what: 'sample_size and sample_count', kind: 'default' },
  { box: 'stco', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'trex', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
  { box: 'trex', at: full(4), length: 4, hex: '00000001', what: 'default_sample_description_index', kind: 'default' },
  ...['avc1', 'avc3', 'hvc1', 'hev1'].flatMap((box): FieldRule[] => [
    { box, at: 0, length: 8, hex: '0000000000000001', what: 'reserved and data_reference_index', kind: 'fixed' },
    { box, at: 8, length: 4, hex: '00000000', what: 'pre_defined and reserved', kind: 'fixed' },
    { box, at: 12, length: 12, hex: '00'.repeat(12), what: 'pre_defined', kind: 'default' },
    { box, at: 28, length: 8, hex: '0048000000480000', what: 'resolution', kind: 'default' },
    { box, at: 36, length: 4, hex: '00000000', what: 'reserved', kind: 'fixed' },
    { box, at: 40, length: 2, hex: '0001', what: 'frame_count', kind: 'default' },
    { box, at: 74, length: 4, hex: '0018ffff', what: 'depth and pre_defined', kind: 'default' },
  ]),
  { box: 'mp4a', at: 0, length: 16, hex: '0000000000000001'.padEnd(32, '0'), what: 'reserved and data_reference_index', kind: 'fixed' },
  { box: 'mp4a', at: 18, length: 6, hex: '001000000000', what: 'samplesize, pre_defined and reserved', kind: 'default' },
  { box: 'avcC', at: 0, length: 1, hex: '01', what: 'configurationVersion', kind: 'fixed' },
  { box: 'hvcC', at: 0, length: 1, hex: '01', what: 'configurationVersion', kind: 'fixed' },
  { box: 'esds', at: 0, length: 4, hex: '00000000', what: 'version and flags', kind: 'fixed' },
];

export function fieldFaults(tree: BoxTree, kind: FieldRule['kind']): readonly string[] {
  return everyBox(tree.boxes, '').flatMap(({ path, box }) => {
    const body = bodyOf(tree, box);
    // meta has a hdlr of its own kind (8.11.1).
    return FIELDS.filter((rule) => rule.box === box.type && rule.kind === kind && !path.includes('meta/')).flatMap(({ at, length, hex, what }) => {
      const from = typeof at === 'number' ? at : body[0] === 1 ? at.wide : at.narrow;
      const actual = Buffer.from(body.subarray(from, from + length)).toString('hex');
      return actual === hex ? [] : [`${path}: ${what} is ${actual}, not ${hex}`];
    });
  });
}

export function everyBox(boxes: readonly Box[], parent: string): readonly { readonly path: string; readonly box: Box }[] {
  return boxes.flatMap((box) => {
    const path = parent === '' ? box.type : `${parent}/${box.type}`;
    return [{ path, box }, ...everyBox(box.children, path)];
  });
}

/** Big-endian; 0 when it is not there. */
export function number(body: Uint8Array, at: number, length: number): number {
  return at + length > body.length ? 0 : Buffer.from(body.buffer, body.byteOffset, body.byteLength).readUIntBE(at, length);
}
