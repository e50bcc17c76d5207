/** Writers for the specimen: just enough ISO base media and transport stream to be right, and to be made wrong on purpose. */

export function u8(...values: readonly number[]): Buffer {
  return Buffer.from(values);
}

export function u16(value: number): Buffer {
  return u8((value >> 8) & 255, value & 255);
}

export function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value >>> 0, 4 * i));
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export function box(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([u32(8 + body.length), Buffer.from(type, 'latin1'), body]);
}

export function fullBox(type: string, version: number, flags: number, ...content: readonly Uint8Array[]): Buffer {
  return box(type, u32((version << 24) | flags), ...content);
}

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

export type HeaderFacts = { readonly brand: string; readonly kind: 'video' | 'audio' | 'text'; readonly timescale: number; readonly language: string; readonly width: number; readonly height: number; readonly entry: Buffer };

/** ftyp and moov of one fragmented track. */
export function initSegment({ brand, kind, timescale, language, width, height, entry }: HeaderFacts): Buffer {
  const packed = [...language].reduce((code, letter) => (code << 5) | (letter.charCodeAt(0) - 0x60), 0);
  const tkhd = fullBox('tkhd', 0, 7, u32(0, 0, 1, 0, 0, 0, 0), u16(0), u16(0), u16(kind === 'audio' ? 0x100 : 0), u16(0), MATRIX, u32(width * 65536, height * 65536));
  const mediaHeader = { video: fullBox('vmhd', 0, 1, Buffer.alloc(8)), audio: fullBox('smhd', 0, 0, Buffer.alloc(4)), text: fullBox('sthd', 0, 0) }[kind];
  const tables = box('stbl', fullBox('stsd', 0, 0, u32(1), entry), fullBox('stts', 0, 0, u32(0)), fullBox('stsc', 0, 0, u32(0)), fullBox('stsz', 0, 0, u32(0, 0)), fullBox('stco', 0, 0, u32(0)));
  const minf = box('minf', mediaHeader, box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1))), tables);
  const mdia = box('mdia', fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), u16(packed), u16(0)), fullBox('hdlr', 0, 0, u32(0), Buffer.from({ video: 'vide', audio: 'soun', text: 'subt' }[kind]), Buffer.alloc(13)), minf);
  const mvhd = fullBox('mvhd', 0, 0, u32(0, 0, timescale, 0, 0x10000), u16(0x100), Buffer.alloc(10), MATRIX, Buffer.alloc(24), u32(2));
  return Buffer.concat([box('ftyp', Buffer.from(brand), u32(0), Buffer.from(brand), Buffer.from('iso6'), Buffer.from(kind === 'text' && brand === 'cmfc' ? 'im1t' : '')), box('moov', mvhd, box('trak', tkhd, mdia), box('mvex', fullBox('trex', 0, 0, u32(1, 1, 0, 0, 0))))]);
}

export function visualEntry(type: string, width: number, height: number, config: Buffer): Buffer {
  return box(type, Buffer.alloc(6), u16(1), Buffer.alloc(16), u16(width), u16(height), u32(0x480000, 0x480000, 0), u16(1), Buffer.alloc(32), u16(24), u16(0xffff), config);
}

export function avcConfiguration(sps: Buffer, pps: Buffer): Buffer {
  return box('avcC', u8(1), sps.subarray(1, 4), u8(0xff, 0xe1), u16(sps.length), sps, u8(1), u16(pps.length), pps);
}

export function aacEntry(rate: number, channels: number, config: Buffer): Buffer {
  const specific = Buffer.concat([u8(5, config.length), config]);
  const decoder = Buffer.concat([u8(4, 13 + specific.length, 0x40, 0x15), Buffer.alloc(11), specific]);
  const es = Buffer.concat([u8(3, 3 + decoder.length + 3, 0, 0, 0), decoder, u8(6, 1, 2)]);
  return box('mp4a', Buffer.alloc(6), u16(1), Buffer.alloc(8), u16(channels), u16(16), Buffer.alloc(4), u32(rate * 65536), fullBox('esds', 0, 0, es));
}

export type FragmentFacts = {
  readonly sequence: number;
  readonly time: bigint;
  readonly samples: readonly { readonly bytes: Buffer; readonly duration: number; readonly composition: number; readonly sync: boolean }[];
  readonly tfxd?: { readonly time: bigint; readonly duration: bigint };
};

export const NON_SYNC_FLAGS = 0x01010000;
export const SYNC_FLAGS = 0x02000000;

/** moof and mdat with every value in trun; tfxd stands instead of tfdt, as in Smooth Streaming. */
export function fragment({ sequence, time, samples, tfxd }: FragmentFacts): Buffer {
  const uuid = tfxd === undefined ? [] : [box('uuid', Buffer.from('6d1d9b0542d544e680e2141daff757b2', 'hex'), u32(0x01000000), u64(tfxd.time), u64(tfxd.duration))];
  const moof = (offset: number): Buffer =>
    box(
      'moof',
      fullBox('mfhd', 0, 0, u32(sequence)),
      box(
        'traf',
        fullBox('tfhd', 0, 0x20000, u32(1)),
        ...(tfxd === undefined ? [fullBox('tfdt', 1, 0, u64(time))] : []),
        fullBox('trun', 1, 0xf01, u32(samples.length, offset), ...samples.map(({ bytes, duration, composition, sync }) => u32(duration, bytes.length, sync ? SYNC_FLAGS : NON_SYNC_FLAGS, composition))),
        ...uuid,
      ),
    );
  return Buffer.concat([moof(moof(0).length + 8), box('mdat', ...samples.map(({ bytes }) => bytes))]);
}

/** Length-prefixed NAL units. */
export function nalSample(...units: readonly Uint8Array[]): Buffer {
  return Buffer.concat(units.flatMap((unit) => [u32(unit.length), unit]));
}

export function annexB(...units: readonly Uint8Array[]): Buffer {
  return Buffer.concat(units.flatMap((unit) => [u32(1), unit]));
}

export function adts(payload: Uint8Array): Buffer {
  const length = payload.length + 7;
  // AAC-LC, 48 kHz, two channels.
  return Buffer.concat([u8(0xff, 0xf1, 0x4c, 0x80 | (length >> 11), (length >> 3) & 255, ((length & 7) << 5) | 0x1f, 0xfc), payload]);
}
