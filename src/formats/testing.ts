/** A reader of encrypted fragments for tests: boxes, subsamples and ciphers by the texts of the standards, without the packager's own. */
import { createDecipheriv } from 'node:crypto';
import { expect } from 'vitest';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Boxes by path, without the packager's reader. Sample entries hold boxes behind fields of fixed length. */
export function boxes(bytes: Buffer, found: Map<string, Buffer> = new Map(), path = ''): Map<string, Buffer> {
  const HOLDERS: Readonly<Record<string, number>> = { moov: 0, trak: 0, mdia: 0, minf: 0, stbl: 0, stsd: 8, encv: 78, enca: 28, sinf: 0, schi: 0, moof: 0, traf: 0 };
  for (let from = 0; from < bytes.length; ) {
    const size = bytes.readUInt32BE(from);
    const type = bytes.toString('latin1', from + 4, from + 8);
    const name = path === '' ? type : `${path}/${type}`;
    const body = bytes.subarray(from + 8, from + size);
    found.set(type === 'uuid' ? `${path}/${hex(body.subarray(0, 16))}` : name, type === 'uuid' ? body.subarray(16) : body);
    if (type in HOLDERS) boxes(body.subarray(HOLDERS[type]), found, name);
    from += size;
  }
  return found;
}

export type Tenc = { scheme: string; crypt: number; skip: number; ivBytes: number; kid: string; constant: Buffer };

export function tencOf(init: Buffer): Tenc {
  const found = boxes(init);
  const entry = [...found.keys()].find((path) => /\/enc[va]$/.test(path));
  if (entry === undefined) throw new Error('no protected sample entry');
  const tenc = found.get(`${entry}/sinf/schi/tenc`) as Buffer;
  expect(tenc[6]).toBe(1);
  return {
    scheme: (found.get(`${entry}/sinf/schm`) as Buffer).toString('latin1', 4, 8),
    crypt: tenc[0] === 1 ? tenc[5] >> 4 : 0,
    skip: tenc[0] === 1 ? tenc[5] & 15 : 0,
    ivBytes: tenc[7],
    kid: tenc.toString('hex', 8, 24),
    constant: tenc[7] === 0 ? tenc.subarray(25, 25 + tenc[24]) : Buffer.alloc(0),
  };
}

export type Sample = { clear: Buffer; sent: Buffer; iv: string };

/** ISO/IEC 23001-7 read as its text goes: senc or PIFF's uuid box, one cipher per sample or per protected range. */
export function decipher(segment: Buffer, tenc: Tenc, key: Uint8Array): Sample[] {
  const found = boxes(segment);
  const senc = found.get('moof/traf/senc') ?? found.get('moof/traf/a2394f525a9b4f14a2446c427c648df4');
  const trun = found.get('moof/traf/trun') as Buffer;
  const tfhd = found.get('moof/traf/tfhd') as Buffer;
  const [runFlags, headFlags] = [trun.readUIntBE(1, 3), tfhd.readUIntBE(1, 3)];
  const constantSize = headFlags & 16 ? tfhd.readUInt32BE(8 + (headFlags & 8 ? 4 : 0)) : 0;
  const stride = [0x100, 0x200, 0x400, 0x800].reduce((sum, flag) => sum + (runFlags & flag ? 4 : 0), 0);
  const first = 12 + (runFlags & 4 ? 4 : 0);
  const mdat = Buffer.from(found.get('mdat') as Buffer);
  const information = found.get('moof/traf/saio');
  if (information !== undefined) {
    // saio counts from the moof, here behind a styp; the entries begin behind senc's header.
    const moof = segment.indexOf('moof', 0, 'latin1') - 4;
    expect(moof + information.readUInt32BE(8)).toBe(segment.indexOf('senc', 0, 'latin1') + 12);
    const saiz = found.get('moof/traf/saiz') as Buffer;
    const sizes = saiz[4] === 0 ? [...saiz.subarray(9)] : Array.from({ length: saiz.readUInt32BE(5) }, () => saiz[4]);
    expect(sizes.length).toBe(trun.readUInt32BE(4));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe((senc as Buffer).length - 8);
  }
  let start = 0;
  let place = 8;
  if (senc !== undefined) expect(senc.readUInt32BE(4)).toBe(trun.readUInt32BE(4));
  return Array.from({ length: trun.readUInt32BE(4) }, (_, i) => {
    const size = runFlags & 0x200 ? trun.readUInt32BE(first + i * stride + (runFlags & 0x100 ? 4 : 0)) : constantSize;
    const sent = mdat.subarray(start, start + size);
    start += size;
    const iv = tenc.ivBytes === 0 ? tenc.constant : Buffer.concat([(senc as Buffer).subarray(place, place + 8), Buffer.alloc(8)]);
    place += tenc.ivBytes;
    const ranges: [number, number][] = [];
    if (senc !== undefined && (senc.readUIntBE(1, 3) & 2) !== 0) {
      let from = 0;
      const count = senc.readUInt16BE(place);
      place += 2;
      for (let k = 0; k < count; k++, place += 6) {
        from += senc.readUInt16BE(place);
        ranges.push([from, senc.readUInt32BE(place + 2)]);
        from += senc.readUInt32BE(place + 2);
      }
      expect(from).toBe(size);
    } else ranges.push([0, size]);
    const clear = Buffer.from(sent);
    const counter = createDecipheriv('aes-128-ctr', key, iv);
    for (const [from, bytes] of ranges) {
      if (tenc.scheme === 'cenc') {
        clear.set(counter.update(clear.subarray(from, from + bytes)), from);
        continue;
      }
      const chain = createDecipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
      for (let block = 0; 16 * block + 16 <= bytes; block++) {
        if (tenc.skip > 0 && block % (tenc.crypt + tenc.skip) >= tenc.crypt) continue;
        clear.set(chain.update(clear.subarray(from + 16 * block, from + 16 * block + 16)), from + 16 * block);
      }
    }
    return { clear, sent, iv: hex(iv) };
  });
}
