/** Damage to index files that their checksum does not show: what a mistake of ours, or somebody with the folder, could leave there. */
import { crc32 } from 'node:zlib';
import type { Random } from './random.ts';

const JSON_AT = 16;
const CHECKSUM_BYTES = 4;
const VALUES = [-1, 0, 0.5, 1, 7, 8, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, null, '', 'x', '-1', '9'.repeat(40), [], {}, [0, 8], [8, 0], [0, 2 ** 40]] as const;
const DOUBLES = [Number.NaN, Infinity, -Infinity, -1, 0.5, 2 ** 53, 2 ** 60, 1e300] as const;

/** A well-sealed index file with other contents. */
export function damageIndex(file: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(file.subarray(0, -CHECKSUM_BYTES));
  const jsonBytes = bytes.readUInt32LE(12);
  let json = bytes.toString('utf8', JSON_AT, JSON_AT + jsonBytes);
  const tail = bytes.subarray(JSON_AT + jsonBytes + (-(JSON_AT + jsonBytes) & 7));
  if (random.chance(0.6)) json = damageJson(json, random);
  else damageTables(tail, random);
  const text = Buffer.from(json);
  const head = Buffer.from(bytes.subarray(0, JSON_AT));
  head.writeUInt32LE(random.chance(0.03) ? random.below(2 ** 32) : text.length, 12);
  const body = Buffer.concat([head, text, new Uint8Array(-(JSON_AT + text.length) & 7), tail]);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, checksum]);
}

function damageJson(json: string, random: Random): string {
  const matches = [...json.matchAll(/(?<=[:[,])(?:-?\d+|"[^"]*"|null|true|false|\[[\d,]*\])(?=[,\]}])/g)];
  const match = random.pick(matches);
  return json.slice(0, match.index) + JSON.stringify(random.pick(VALUES)) + json.slice(match.index + match[0].length);
}

function damageTables(tail: Buffer, random: Random): void {
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = 8 * random.below(tail.length >> 3);
    if (random.chance(0.5)) tail.writeDoubleLE(random.pick(DOUBLES), at);
    else tail.writeUInt32LE(random.chance(0.5) ? 0xffffffff : random.below(2 ** 32), at);
  }
}
