/** The corpus's own reader of MP4 files, progressive and fragmented: plain and complete rather than fast, and shared with nobody. */

export type StoredTrack = {
  readonly id: number;
  readonly handler: string;
  readonly language: string;
  readonly timescale: number;
  readonly movieTimescale: number;
  readonly edits: readonly { readonly duration: number; readonly mediaTime: number }[];
  readonly sampleEntry: string;
  readonly width: number;
  readonly height: number;
  /** Content of avcC, hvcC, esds, dec3, dac3 or ddts. */
  readonly configuration: Buffer;
  /** ISO/IEC 14496-12 12.2.3. */
  readonly sampleRate: number;
  readonly channels: number;
  readonly size: readonly number[];
  readonly offset: readonly number[];
  readonly dts: readonly number[];
  readonly duration: readonly number[];
  readonly composition: readonly number[];
  readonly sync: readonly number[] | null;
};

type Box = { readonly type: string; readonly body: Buffer };

export function readTracks(file: Buffer): readonly StoredTrack[] {
  const moov = children(file).find(({ type }) => type === 'moov');
  if (moov === undefined) throw new Error('no moov');
  const boxes = children(moov.body);
  const mvhd = one(boxes, 'mvhd');
  const movieTimescale = mvhd[0] === 1 ? mvhd.readUInt32BE(20) : mvhd.readUInt32BE(12);
  const tracks = boxes.filter(({ type }) => type === 'trak').map(({ body }) => readTrack(children(body), movieTimescale));
  const mvex = boxes.find(({ type }) => type === 'mvex');
  if (mvex === undefined) return tracks;
  const defaults = new Map(children(mvex.body).filter(({ type }) => type === 'trex').map(({ body }) => [body.readUInt32BE(4), { duration: body.readUInt32BE(12), size: body.readUInt32BE(16), flags: body.readUInt32BE(20) }]));
  return tracks.map((track) => appendFragments(file, track, defaults.get(track.id) ?? { duration: 0, size: 0, flags: 0 }));
}

/** TFXD of MS-SSTR 2.2.4.4. */
const TFXD = '6d1d9b0542d544e680e2141daff757b2';

/** Samples of all movie fragments behind those of the moov; times from tfdt or tfxd, both signed. */
function appendFragments(file: Buffer, track: StoredTrack, trex: { duration: number; size: number; flags: number }): StoredTrack {
  const [size, offset, dts, duration, composition] = [[...track.size], [...track.offset], [...track.dts], [...track.duration], [...track.composition]];
  const sync: number[] = track.sync === null ? size.map((_, i) => i) : [...track.sync];
  for (const { body, start } of topLevel(file)) {
    for (const traf of children(body).filter(({ type }) => type === 'traf')) {
      const boxes = children(traf.body);
      const tfhd = one(boxes, 'tfhd');
      if (tfhd.readUInt32BE(4) !== track.id) continue;
      const flags = tfhd.readUIntBE(1, 3);
      let at = 8;
      const optional = (flag: number, bytes: number): number | null => {
        if ((flags & flag) === 0) return null;
        at += bytes;
        return bytes === 8 ? Number(tfhd.readBigUInt64BE(at - 8)) : tfhd.readUInt32BE(at - 4);
      };
      const base = optional(1, 8) ?? start;
      optional(2, 4);
      const standard = { duration: optional(8, 4) ?? trex.duration, size: optional(16, 4) ?? trex.size, flags: optional(32, 4) ?? trex.flags };
      const rows = boxes.filter(({ type }) => type === 'trun').flatMap(({ body: trun }) => readRun(trun, base, standard));
      let time = fragmentTime(boxes, rows[0]?.composition ?? 0) ?? (dts.at(-1) ?? 0) + (duration.at(-1) ?? 0);
      for (const row of rows) {
        if (row.sync) sync.push(size.length);
        size.push(row.size);
        offset.push(row.offset);
        dts.push(time);
        duration.push(row.duration);
        composition.push(row.composition);
        time += row.duration;
      }
    }
  }
  return { ...track, size, offset, dts, duration, composition, sync: sync.length === size.length ? null : sync };
}

function* topLevel(file: Buffer): Generator<{ body: Buffer; start: number }> {
  for (let at = 0; at + 8 <= file.length; ) {
    const length = file.readUInt32BE(at) === 1 ? Number(file.readBigUInt64BE(at + 8)) : file.readUInt32BE(at) || file.length - at;
    if (file.toString('latin1', at + 4, at + 8) === 'moof') yield { body: file.subarray(at + 8, at + length), start: at };
    at += length;
  }
}

function fragmentTime(boxes: readonly Box[], composition: number): number | null {
  const tfdt = boxes.find(({ type }) => type === 'tfdt');
  if (tfdt !== undefined) return tfdt.body[0] === 1 ? Number(tfdt.body.readBigInt64BE(4)) : tfdt.body.readUInt32BE(4);
  const tfxd = boxes.find(({ type, body }) => type === 'uuid' && body.toString('hex', 0, 16) === TFXD);
  if (tfxd === undefined) return null;
  return (tfxd.body[16] === 1 ? Number(tfxd.body.readBigInt64BE(20)) : tfxd.body.readUInt32BE(20)) - composition;
}

type Row = { readonly size: number; readonly offset: number; readonly duration: number; readonly composition: number; readonly sync: boolean };

function readRun(trun: Buffer, base: number, standard: { duration: number; size: number; flags: number }): Row[] {
  const flags = trun.readUIntBE(1, 3);
  let at = 8;
  const next = (flag: number): number | null => {
    if ((flags & flag) === 0) return null;
    at += 4;
    return trun.readInt32BE(at - 4);
  };
  let offset = base + (next(1) ?? 0);
  const first = next(4);
  return Array.from({ length: trun.readUInt32BE(4) }, (_, i) => {
    const duration = next(0x100) ?? standard.duration;
    const size = next(0x200) ?? standard.size;
    const own = next(0x400) ?? (i === 0 && first !== null ? first : standard.flags);
    const row = { size, offset, duration, composition: next(0x800) ?? 0, sync: (own & 0x10000) === 0 };
    offset += size;
    return row;
  });
}

function children(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    let size = bytes.readUInt32BE(at);
    let header = 8;
    if (size === 1) {
      size = Number(bytes.readBigUInt64BE(at + 8));
      header = 16;
    } else if (size === 0) size = bytes.length - at;
    if (size < header || at + size > bytes.length) throw new Error(`box of ${size} bytes at ${at} leaves its parent`);
    boxes.push({ type: bytes.toString('latin1', at + 4, at + 8), body: bytes.subarray(at + header, at + size) });
    at += size;
  }
  return boxes;
}

function one(boxes: readonly Box[], type: string): Buffer {
  const found = boxes.find((box) => box.type === type);
  if (found === undefined) throw new Error(`no ${type}`);
  return found.body;
}

function readTrack(trak: readonly Box[], movieTimescale: number): StoredTrack {
  const tkhd = one(trak, 'tkhd');
  const mdia = children(one(trak, 'mdia'));
  const mdhd = one(mdia, 'mdhd');
  const stbl = children(one(children(one(mdia, 'minf')), 'stbl'));
  const packed = mdhd.readUInt16BE(mdhd[0] === 1 ? 32 : 20);
  const edts = trak.find(({ type }) => type === 'edts');
  const entry = one(stbl, 'stsd');
  const entrySize = entry.readUInt32BE(8);
  const handler = one(mdia, 'hdlr').toString('latin1', 8, 12);
  const fields = entry.subarray(16, 8 + entrySize);
  const inner = children(fields.subarray(handler === 'vide' ? 78 : 28));
  const size = readSizes(one(stbl, 'stsz'));
  const duration = expand(one(stbl, 'stts'), false);
  const ctts = stbl.find(({ type }) => type === 'ctts');
  const stss = stbl.find(({ type }) => type === 'stss');
  let time = 0;
  return {
    id: tkhd.readUInt32BE(tkhd[0] === 1 ? 20 : 12),
    handler,
    language: String.fromCharCode(...[10, 5, 0].map((shift) => ((packed >> shift) & 31) + 0x60)),
    timescale: mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12),
    movieTimescale,
    edits: edts === undefined ? [] : readEdits(one(children(edts.body), 'elst')),
    sampleEntry: entry.toString('latin1', 12, 16),
    width: handler === 'vide' ? fields.readUInt16BE(24) : 0,
    height: handler === 'vide' ? fields.readUInt16BE(26) : 0,
    configuration: configurationOf(inner),
    sampleRate: handler === 'vide' ? 0 : fields.readUInt16BE(24),
    channels: handler === 'vide' ? 0 : fields.readUInt16BE(16),
    size,
    offset: readOffsets(stbl, size),
    dts: duration.map((ticks) => (time += ticks) - ticks),
    duration,
    composition: ctts === undefined ? size.map(() => 0) : expand(ctts.body, true),
    sync: stss === undefined ? null : Array.from({ length: stss.body.readUInt32BE(4) }, (_, i) => stss.body.readUInt32BE(8 + 4 * i) - 1),
  };
}

const CONFIGURATIONS = ['avcC', 'hvcC', 'esds', 'dec3', 'dac3', 'ddts'];

function configurationOf(boxes: readonly Box[]): Buffer {
  const found = boxes.find(({ type }) => CONFIGURATIONS.includes(type));
  if (found === undefined) throw new Error(`none of ${CONFIGURATIONS.join(', ')}`);
  return found.body;
}

function readEdits(elst: Buffer): { duration: number; mediaTime: number }[] {
  return Array.from({ length: elst.readUInt32BE(4) }, (_, i) =>
    elst[0] === 1
      ? { duration: Number(elst.readBigUInt64BE(8 + 20 * i)), mediaTime: Number(elst.readBigInt64BE(16 + 20 * i)) }
      : { duration: elst.readUInt32BE(8 + 12 * i), mediaTime: elst.readInt32BE(12 + 12 * i) },
  );
}

function readSizes(stsz: Buffer): number[] {
  const fixed = stsz.readUInt32BE(4);
  return Array.from({ length: stsz.readUInt32BE(8) }, (_, i) => (fixed === 0 ? stsz.readUInt32BE(12 + 4 * i) : fixed));
}

function expand(table: Buffer, signed: boolean): number[] {
  const values: number[] = [];
  for (let i = 0; i < table.readUInt32BE(4); i++) {
    const count = table.readUInt32BE(8 + 8 * i);
    const value = signed ? table.readInt32BE(12 + 8 * i) : table.readUInt32BE(12 + 8 * i);
    for (let k = 0; k < count; k++) values.push(value);
  }
  return values;
}

function readOffsets(stbl: readonly Box[], sizes: readonly number[]): number[] {
  const co64 = stbl.find(({ type }) => type === 'co64');
  const stco = co64?.body ?? one(stbl, 'stco');
  const chunks = Array.from({ length: stco.readUInt32BE(4) }, (_, i) => (co64 === undefined ? stco.readUInt32BE(8 + 4 * i) : Number(stco.readBigUInt64BE(8 + 8 * i))));
  const stsc = one(stbl, 'stsc');
  const runs = Array.from({ length: stsc.readUInt32BE(4) }, (_, i) => ({ first: stsc.readUInt32BE(8 + 12 * i) - 1, samples: stsc.readUInt32BE(12 + 12 * i) }));
  const offsets: number[] = [];
  chunks.forEach((start, chunk) => {
    const run = runs.findLast(({ first }) => first <= chunk);
    let at = start;
    for (let k = 0; k < (run?.samples ?? 0); k++) {
      offsets.push(at);
      at += sizes[offsets.length - 1];
    }
  });
  if (offsets.length !== sizes.length) throw new Error(`${offsets.length} sample offsets for ${sizes.length} samples`);
  return offsets;
}
