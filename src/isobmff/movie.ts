/** An MP4 file's movie box: found by short reads, read once, indexed into typed arrays. */
import { fourccAt, viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import type { SampleTable } from '../model/samples.ts';
import { readExtends, readFragments } from './fragments.ts';
import { readSampleTable } from './tables.ts';
import { childBoxes, findBox, malformed, needBox, needBytes, printable, unsupported, type RawBox } from './walk.ts';

/** Exactly `length` bytes from `offset`. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

export type MovieEdit = { readonly segmentDuration: bigint; readonly mediaTime: bigint; readonly rate: number };

export type MovieTrack = {
  readonly id: number;
  /** handler_type, e.g. `vide`. */
  readonly handler: string;
  /** ISO 639-2/T, `und` when the file gives none. */
  readonly language: string;
  readonly timescale: number;
  readonly movieTimescale: number;
  readonly edits: readonly MovieEdit[];
  /** Whole sample entry boxes. */
  readonly sampleEntries: readonly Uint8Array[];
  /** With shift 0; base is not 0 where a recording's times are large. */
  readonly samples: SampleTable;
};

export type Movie = {
  readonly brands: readonly string[];
  readonly timescale: number;
  /** There is a movie extends box: samples are in movie fragments, too. */
  readonly fragmented: boolean;
  readonly tracks: readonly MovieTrack[];
};

const MAX_MOOV_BYTES = 256 * 1024 * 1024;
const MAX_TOP_LEVEL_BOXES = 100_000;
const MAX_TRACKS = 256;
const MAX_EDITS = 1024;
const MAX_SAMPLE_ENTRIES = 64;

/** Reads the movie box of a file of `size` bytes. Every defect is a typed error with box path and byte. */
export async function readMovie(read: ReadAt, size: number): Promise<Movie> {
  const top = await findMovie(read, size);
  const moov = childBoxes(await read(top.moov.position, top.moov.length), '', top.moov.position)[0];
  const boxes = childBoxes(moov.body, 'moov', moov.bodyPosition);
  const mvhd = needBox(boxes, 'mvhd', 'moov');
  const timescale = readTimescale(mvhd);
  const traks = boxes.filter(({ type }) => type === 'trak');
  if (traks.length === 0) throw malformed('tracks', 'moov', 'at least one trak', 'none');
  if (traks.length > MAX_TRACKS) throw malformed('tracks', 'moov', `at most ${MAX_TRACKS}`, traks.length);
  const tracks = traks.map((trak) => readTrack(trak, timescale, size));
  const ids = new Set(tracks.map(({ id }) => id));
  if (ids.size !== tracks.length) throw malformed('track_ID', 'moov', 'a different one in every trak', tracks.map(({ id }) => id).join(', '));
  const mvex = findBox(boxes, 'mvex');
  if (mvex === undefined) return { brands: top.brands, timescale, fragmented: false, tracks };
  const tables = await readFragments(read, top.moov.position + top.moov.length, size, new Map(tracks.map(({ id, samples }) => [id, samples])), readExtends(mvex));
  return { brands: top.brands, timescale, fragmented: true, tracks: tracks.map((track) => ({ ...track, samples: tables.get(track.id) ?? track.samples })) };
}

type Place = { readonly position: number; readonly length: number };

/** Walks the top level by 16-byte reads; the movie box may stand before or behind the media. */
async function findMovie(read: ReadAt, size: number): Promise<{ moov: Place; brands: readonly string[] }> {
  let brands: readonly string[] = [];
  let boxes = 0;
  for (let at = 0; at < size; ) {
    if (size - at < 8) throw malformed('box header', `byte ${at}`, '8 bytes', size - at);
    if (++boxes > MAX_TOP_LEVEL_BOXES) throw malformed('top-level boxes', `byte ${at}`, `a moov among the first ${MAX_TOP_LEVEL_BOXES}`, 'none');
    const header = await read(at, Math.min(16, size - at));
    const view = viewOf(header);
    const type = fourccAt(header, 4);
    let length = view.getUint32(0);
    let headerBytes = 8;
    if (length === 1) {
      if (header.length < 16) throw malformed('64-bit box header', `byte ${at}`, '16 bytes', header.length);
      const large = view.getBigUint64(8);
      if (large > BigInt(size)) throw malformed(`size of box ${printable(type)}`, `byte ${at}`, `at most ${size - at}, the rest of the file`, large);
      length = Number(large);
      headerBytes = 16;
    } else if (length === 0) length = size - at;
    if (length < headerBytes || length > size - at) throw malformed(`size of box ${printable(type)}`, `byte ${at}`, `${headerBytes} to ${size - at}, the rest of the file`, length);
    if (type === 'ftyp') brands = await readBrands(read, at + headerBytes, length - headerBytes);
    if (type === 'moov') {
      if (length > MAX_MOOV_BYTES) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'moov', where: `byte ${at}`, expected: `at most ${MAX_MOOV_BYTES} bytes`, found: String(length) });
      return { moov: { position: at, length }, brands };
    }
    at += length;
  }
  throw malformed('movie box', `${size} bytes`, 'a moov', 'none');
}

async function readBrands(read: ReadAt, at: number, length: number): Promise<readonly string[]> {
  const bytes = await read(at, Math.min(length, 4 * 64));
  const brands: string[] = [];
  for (let i = 0; i + 4 <= bytes.length; i += 4) if (i !== 4) brands.push(fourccAt(bytes, i));
  return brands;
}

/** mvhd 8.2.2 and mdhd 8.4.2: the timescale follows two times of 32 or 64 bits. */
function readTimescale(box: RawBox): number {
  const version = needBytes(box, 4).getUint8(0);
  const at = version === 1 ? 20 : 12;
  const timescale = needBytes(box, at + 4).getUint32(at);
  if (timescale === 0) throw malformed('timescale', `${box.path}, byte ${box.bodyPosition + at}`, 'more than 0', 0);
  return timescale;
}

function readTrack(trak: RawBox, movieTimescale: number, fileSize: number): MovieTrack {
  const boxes = childBoxes(trak.body, trak.path, trak.bodyPosition);
  const tkhd = needBox(boxes, 'tkhd', trak.path);
  const idAt = needBytes(tkhd, 4).getUint8(0) === 1 ? 20 : 12;
  const id = needBytes(tkhd, idAt + 4).getUint32(idAt);
  const mdiaBox = needBox(boxes, 'mdia', trak.path);
  const mdia = childBoxes(mdiaBox.body, mdiaBox.path, mdiaBox.bodyPosition);
  const mdhd = needBox(mdia, 'mdhd', mdiaBox.path);
  const hdlr = needBox(mdia, 'hdlr', mdiaBox.path);
  needBytes(hdlr, 12);
  const minfBox = needBox(mdia, 'minf', mdiaBox.path);
  const minf = childBoxes(minfBox.body, minfBox.path, minfBox.bodyPosition);
  const stblBox = needBox(minf, 'stbl', minfBox.path);
  const stbl = childBoxes(stblBox.body, stblBox.path, stblBox.bodyPosition);
  return {
    id,
    handler: fourccAt(hdlr.body, 8),
    language: readLanguage(mdhd, findBox(mdia, 'elng')),
    timescale: readTimescale(mdhd),
    movieTimescale,
    edits: readEdits(findBox(boxes, 'edts')),
    sampleEntries: readSampleEntries(needBox(stbl, 'stsd', stblBox.path)),
    samples: readSampleTable(stbl, stblBox.path, fileSize),
  };
}

/** mdhd 8.4.2.3: three letters of 5 bits; elng (8.4.6) when it holds an ISO 639-2 code. */
function readLanguage(mdhd: RawBox, elng: RawBox | undefined): string {
  if (elng !== undefined && elng.body.length > 4) {
    const tag = Buffer.from(elng.body.subarray(4)).toString('latin1').replace(/\0.*$/s, '').toLowerCase();
    if (/^[a-z]{3}$/.test(tag)) return tag;
  }
  const at = mdhd.body[0] === 1 ? 32 : 20;
  const packed = needBytes(mdhd, at + 2).getUint16(at);
  const language = String.fromCharCode(...[10, 5, 0].map((shift) => ((packed >> shift) & 31) + 0x60));
  return /^[a-z]{3}$/.test(language) ? language : 'und';
}

/** elst 8.6.6. */
function readEdits(edts: RawBox | undefined): readonly MovieEdit[] {
  const elst = edts === undefined ? undefined : findBox(childBoxes(edts.body, edts.path, edts.bodyPosition), 'elst');
  if (elst === undefined) return [];
  const view = needBytes(elst, 8);
  const wide = view.getUint8(0) === 1;
  const count = view.getUint32(4);
  const entry = wide ? 20 : 12;
  if (count > MAX_EDITS || 8 + count * entry > elst.body.length) throw malformed('entries of elst', `${elst.path}, byte ${elst.position}`, `at most ${Math.min(MAX_EDITS, Math.floor((elst.body.length - 8) / entry))}`, count);
  return Array.from({ length: count }, (_, i) => {
    const at = 8 + i * entry;
    return {
      segmentDuration: wide ? view.getBigUint64(at) : BigInt(view.getUint32(at)),
      mediaTime: wide ? view.getBigInt64(at + 8) : BigInt(view.getInt32(at + 4)),
      rate: view.getInt32(at + entry - 4) / 65536,
    };
  });
}

function readSampleEntries(stsd: RawBox): readonly Uint8Array[] {
  const view = needBytes(stsd, 8);
  const count = view.getUint32(4);
  if (count > MAX_SAMPLE_ENTRIES) throw unsupported('entries of stsd', stsd.path, `at most ${MAX_SAMPLE_ENTRIES}`, count);
  const entries = childBoxes(stsd.body.subarray(8), stsd.path, stsd.bodyPosition + 8);
  if (entries.length < count) throw malformed('entries of stsd', stsd.path, String(count), entries.length);
  return entries.slice(0, count).map(({ whole }) => whole.slice());
}
