/** MPEG-4 descriptors (ISO/IEC 14496-1:2010 7.2.6), as far as an esds box carries them. */
import { concatBytes, Reader, viewOf } from '../bytes.ts';

export type DecoderConfig = {
  /** 0x40 is MPEG-4 audio (table 5). */
  readonly objectTypeIndication: number;
  /** 5 is audio (table 6). */
  readonly streamType: number;
  readonly bufferSizeDB: number;
  readonly maxBitrate: number;
  readonly avgBitrate: number;
  /** DecoderSpecificInfo; null when there is none. */
  readonly specific: Uint8Array | null;
};

const TAG = { es: 3, decoderConfig: 4, decoderSpecific: 5, slConfig: 6 } as const;
/** Fields of a DecoderConfigDescriptor before its own descriptors. */
const CONFIG_FIELDS = 13;

/** The DecoderConfigDescriptor inside an ES_Descriptor. `bytes` is what follows version and flags of the esds box. */
export function readDecoderConfig(bytes: Uint8Array, where: string, base = 0): DecoderConfig {
  const outer = new Reader(bytes, { code: 'ISOMER_MP4_MALFORMED', where, base });
  const es = need(outer, TAG.es, 'ES_Descriptor');
  es.skip(2); // ES_ID
  const flags = es.u8();
  if ((flags & 0x80) !== 0) es.skip(2); // dependsOn_ES_ID
  if ((flags & 0x40) !== 0) es.skip(es.u8()); // URL
  if ((flags & 0x20) !== 0) es.skip(2); // OCR_ES_Id
  const config = need(es, TAG.decoderConfig, 'DecoderConfigDescriptor');
  const objectTypeIndication = config.u8();
  const streamType = config.u8() >>> 2;
  const bufferSizeDB = config.u24();
  const maxBitrate = config.u32();
  const avgBitrate = config.u32();
  const specific = find(config, TAG.decoderSpecific);
  return { objectTypeIndication, streamType, bufferSizeDB, maxBitrate, avgBitrate, specific: specific === null ? null : specific.rest() };
}

/**
 * An ES_Descriptor as files carry it: ES_ID 0, since the track names the stream (14496-14:2020 4.1.2), and the
 * predefined SL configuration 2.
 */
export function writeEsDescriptor({ objectTypeIndication, streamType, bufferSizeDB, maxBitrate, avgBitrate, specific }: DecoderConfig): Uint8Array {
  const fields = new Uint8Array(CONFIG_FIELDS);
  const view = viewOf(fields);
  view.setUint8(0, objectTypeIndication);
  // streamType, upStream 0, reserved 1; then bufferSizeDB of 24 bits.
  view.setUint32(1, (((streamType << 2) | 1) << 24) | bufferSizeDB);
  view.setUint32(5, maxBitrate);
  view.setUint32(9, avgBitrate);
  const config = descriptor(TAG.decoderConfig, fields, ...(specific === null ? [] : [descriptor(TAG.decoderSpecific, specific)]));
  return descriptor(TAG.es, Uint8Array.of(0, 0, 0), config, descriptor(TAG.slConfig, Uint8Array.of(2)));
}

function descriptor(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(parts);
  const length: number[] = [];
  for (let rest = body.length; ; rest >>>= 7) {
    length.unshift((rest & 0x7f) | (length.length === 0 ? 0 : 0x80));
    if (rest < 0x80) break;
  }
  return concatBytes([Uint8Array.of(tag, ...length), body]);
}

function need(reader: Reader, tag: number, name: string): Reader {
  const found = find(reader, tag);
  if (found === null) throw reader.fail(name, `a descriptor with tag ${tag}`, 'none');
  return found;
}

/** The first descriptor with this tag; others are passed over. The length takes one to four bytes of seven bits (8.3.3). */
function find(reader: Reader, tag: number): Reader | null {
  while (reader.left >= 2) {
    const own = reader.u8();
    let length = 0;
    for (let i = 0; i < 4; i++) {
      const byte = reader.u8();
      length = (length << 7) | (byte & 0x7f);
      if ((byte & 0x80) === 0) break;
    }
    const { place, position } = reader;
    const body = reader.bytes(length);
    if (own === tag) return new Reader(body, { ...place, base: (place.base ?? 0) + position });
  }
  return null;
}
