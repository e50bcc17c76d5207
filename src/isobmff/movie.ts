/** An MP4 file's movie box: found by short reads, read once, indexed into typed arrays. */
import { fourccAt, viewOf } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import type { SampleTable } from '../model/samples.ts';
import { readBox } from './box.ts';
import { ELNG, ELST, HDLR, MDHD, MVHD, SELF_CONTAINED, TKHD, type Mdhd } from './boxes.ts';
import { readExtends, readFragments } from './fragments.ts';
import { loadMoov, type ReadInto } from './moov.ts';
import { EMPTY_TABLE, MAX_SAMPLES, readSampleTable, type TableLimits } from './tables.ts';
import { childBoxes, findBox, malformed, needBox, needBytes, printable, unsupported, type RawBox } from './walk.ts';

/** Exactly `length` bytes from `offset`, in `target` where that is given. */
export type ReadAt = (offset: number, length: number, target?: Uint8Array) => Promise<Uint8Array>;

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

export type MovieLimits = {
  /** Of the movie box; checked before it is read. */
  readonly maxMoovBytes: number;
};

const DEFAULT_LIMITS: MovieLimits = { maxMoovBytes: 256 * 1024 * 1024 };
/** In front of the movie box; each costs a read. */
const MAX_TOP_LEVEL_BOXES = 10_000;
const MAX_TRACKS = 256;
const MAX_EDITS = 1024;
const MAX_SAMPLE_ENTRIES = 64;

/** Reads the movie box of a file of `size` bytes. Every defect is a typed error with box path and byte. */
export async function readMovie(readAt: ReadAt, size: number, limits: MovieLimits = DEFAULT_LIMITS): Promise<Movie> {
  const read = exactly(readAt);
  const top = await findMovie(read, size, limits);
  const readInto: ReadInto = async (offset, target) => {
    const bytes = await read(offset, target.length, target);
    if (bytes !== target) target.set(bytes);
  };
  const moov = childBoxes(await loadMoov(readInto, top.moov.position, top.moov.length), '', top.moov.position)[0];
  const boxes = childBoxes(moov.body, 'moov', moov.bodyPosition);
  const mvhd = needBox(boxes, 'mvhd', 'moov');
  const timescale = checkTimescale(mvhd, readBox(MVHD, mvhd).fields);
  const traks = boxes.filter(({ type }) => type === 'trak');
  if (traks.length === 0) throw malformed('tracks', 'moov', 'at least one trak', 'none');
  if (traks.length > MAX_TRACKS) throw malformed('tracks', 'moov', `at most ${MAX_TRACKS}`, traks.length);
  let left = MAX_SAMPLES;
  const tracks: MovieTrack[] = [];
  for (const trak of traks) {
    const track = await readTrack(trak, timescale, { fileSize: size, samples: left, read: readInto });
    left -= track.samples.count;
    tracks.push(track);
  }
  const ids = new Set(tracks.map(({ id }) => id));
  if (ids.size !== tracks.length) throw malformed('track_ID', 'moov', 'a different one in every trak', tracks.map(({ id }) => id).join(', '));
  const mvex = findBox(boxes, 'mvex');
  if (mvex === undefined) return { brands: top.brands, timescale, fragmented: false, tracks };
  const tables = await readFragments(read, top.moov.position + top.moov.length, size, new Map(tracks.map(({ id, samples }) => [id, samples])), readExtends(mvex));
  return { brands: top.brands, timescale, fragmented: true, tracks: tracks.map((track) => ({ ...track, samples: tables.get(track.id) ?? track.samples })) };
}

type Place = { readonly position: number; readonly length: number };

/** A file that shrinks while it is read gives fewer bytes. */
function exactly(read: ReadAt): ReadAt {
  return async (offset, length, target) => {
    const bytes = await read(offset, length, target);
    if (bytes.length < length) throw malformed('file', `byte ${offset}`, `${length} bytes`, bytes.length);
    return bytes;
  };
}

/** Walks the top level by 16-byte reads; the movie box may stand before or behind the media. */
async function findMovie(read: ReadAt, size: number, { maxMoovBytes }: MovieLimits): Promise<{ moov: Place; brands: readonly string[] }> {
  let brands: readonly string[] = [];
  let boxes = 0;
  for (let at = 0; at < size; ) {
    if (size - at < 8) throw malformed('box header', `byte ${at}`, '8 bytes', size - at);
    if (++boxes > MAX_TOP_LEVEL_BOXES) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'top-level boxes', where: `byte ${at}`, expected: `a moov among the first ${MAX_TOP_LEVEL_BOXES}`, found: 'none' });
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
      if (length > maxMoovBytes) throw new IsomerError('ISOMER_MP4_LIMIT', { what: 'moov', where: `byte ${at}`, expected: `at most ${maxMoovBytes} bytes`, found: String(length) });
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

function checkTimescale(box: RawBox, { timescale }: { readonly timescale: number }): number {
  if (timescale === 0) throw malformed('timescale', `${box.path}, byte ${box.bodyPosition}`, 'more than 0', 0);
  return timescale;
}

/** Handlers whose samples can be delivered. Others (time codes, hints) may keep their data wherever they like. */
const MEDIA_HANDLERS: ReadonlySet<string> = new Set(['vide', 'soun', 'text', 'subt', 'sbtl', 'clcp']);

async function readTrack(trak: RawBox, movieTimescale: number, limits: TableLimits): Promise<MovieTrack> {
  const boxes = childBoxes(trak.body, trak.path, trak.bodyPosition);
  const tkhd = needBox(boxes, 'tkhd', trak.path);
  const id = readBox(TKHD, tkhd).fields.track_ID;
  if (id === 0) throw malformed('track_ID', `${tkhd.path}, byte ${tkhd.bodyPosition}`, 'more than 0', 0);
  const mdia = needBox(boxes, 'mdia', trak.path);
  const media = childBoxes(mdia.body, mdia.path, mdia.bodyPosition);
  const mdhd = needBox(media, 'mdhd', mdia.path);
  const header = readBox(MDHD, mdhd).fields;
  const handler = readBox(HDLR, needBox(media, 'hdlr', mdia.path)).fields.handler_type;
  const minf = needBox(media, 'minf', mdia.path);
  const information = childBoxes(minf.body, minf.path, minf.bodyPosition);
  const stbl = needBox(information, 'stbl', minf.path);
  const tables = childBoxes(stbl.body, stbl.path, stbl.bodyPosition);
  const sampleEntries = readSampleEntries(needBox(tables, 'stsd', stbl.path));
  return {
    id,
    handler,
    language: languageOf(header, findBox(media, 'elng')),
    timescale: checkTimescale(mdhd, header),
    movieTimescale,
    edits: readEdits(findBox(boxes, 'edts')),
    sampleEntries,
    samples: isInFile(findBox(information, 'dinf'), handler) ? await readSampleTable(tables, stbl.path, limits, sampleEntries.length) : EMPTY_TABLE,
  };
}

/** dref 8.7.2: whether the media data is in this file. Files without data references mean their own data. */
function isInFile(dinf: RawBox | undefined, handler: string): boolean {
  const dref = dinf === undefined ? undefined : findBox(childBoxes(dinf.body, dinf.path, dinf.bodyPosition), 'dref');
  if (dref === undefined) return true;
  needBytes(dref, 8);
  const references = childBoxes(dref.body.subarray(8), dref.path, dref.bodyPosition + 8);
  if (references.every((reference) => (needBytes(reference, 4).getUint32(0) & SELF_CONTAINED) !== 0)) return true;
  if (!MEDIA_HANDLERS.has(handler)) return false;
  throw unsupported('data reference', `${dref.path}, byte ${dref.position}`, 'media data in this file', 'a reference to another one');
}

/** mdhd 8.4.2.3: three letters of 5 bits; elng (8.4.6) when it holds an ISO 639-2 code. */
function languageOf({ language }: Mdhd, elng: RawBox | undefined): string {
  const extended = elng === undefined ? '' : readBox(ELNG, elng).fields.extended_language.toLowerCase();
  if (ISO_639_2.test(extended)) return extended;
  const packed = String.fromCharCode(...[10, 5, 0].map((shift) => ((language >> shift) & 31) + 0x60));
  return ISO_639_2.test(packed) ? packed : 'und';
}

const ISO_639_2 = /^[a-z]{3}$/;

/** elst 8.6.6. */
function readEdits(edts: RawBox | undefined): readonly MovieEdit[] {
  const elst = edts === undefined ? undefined : findBox(childBoxes(edts.body, edts.path, edts.bodyPosition), 'elst');
  if (elst === undefined) return [];
  const count = needBytes(elst, 8).getUint32(4);
  if (count > MAX_EDITS) throw malformed('entries of elst', `${elst.path}, byte ${elst.position}`, `at most ${MAX_EDITS}`, count);
  return readBox(ELST, elst).fields.entries.map(({ segment_duration, media_time, media_rate_integer, media_rate_fraction }) => ({
    segmentDuration: segment_duration,
    mediaTime: media_time,
    rate: media_rate_integer + (media_rate_fraction & 0xffff) / 65536,
  }));
}

function readSampleEntries(stsd: RawBox): readonly Uint8Array[] {
  const view = needBytes(stsd, 8);
  const count = view.getUint32(4);
  if (count > MAX_SAMPLE_ENTRIES) throw unsupported('entries of stsd', stsd.path, `at most ${MAX_SAMPLE_ENTRIES}`, count);
  const entries = childBoxes(stsd.body.subarray(8), stsd.path, stsd.bodyPosition + 8);
  if (entries.length < count) throw malformed('entries of stsd', stsd.path, String(count), entries.length);
  return entries.slice(0, count).map(({ whole }) => whole.slice());
}
