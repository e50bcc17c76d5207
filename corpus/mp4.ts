/** The corpus's own reader of progressive MP4 files: plain and complete rather than fast, and shared with nobody. */

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
  /** avcC or esds content. */
  readonly configuration: Buffer;
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
  return boxes.filter(({ type }) => type === 'trak').map(({ body }) => readTrack(children(body), movieTimescale));
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
    configuration: one(inner, handler === 'vide' ? 'avcC' : 'esds'),
    size,
    offset: readOffsets(stbl, size),
    dts: duration.map((ticks) => (time += ticks) - ticks),
    duration,
    composition: ctts === undefined ? size.map(() => 0) : expand(ctts.body, true),
    sync: stss === undefined ? null : Array.from({ length: stss.body.readUInt32BE(4) }, (_, i) => stss.body.readUInt32BE(8 + 4 * i) - 1),
  };
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
