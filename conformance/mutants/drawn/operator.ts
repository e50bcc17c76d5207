/** What an operator of the drawn mutants is: a way to go wrong, and where it can. */
import type { Exchange } from '../../trace.ts';
import type { Random } from './random.ts';

export type Area = 'mpd' | 'smooth manifest' | 'multivariant playlist' | 'media playlist' | 'header' | 'fragment' | 'transport stream' | 'webvtt' | 'ttml' | 'delivery' | 'http' | 'protection';

export type Kind = 'drop' | 'duplicate' | 'reorder' | 'attribute' | 'tag' | 'box' | 'field' | 'packet' | 'timestamp' | 'bit' | 'encoding' | 'exchange' | 'answer' | 'neutral';

/** What the origin answers instead, consistently. */
export type Change = {
  /** Where and what, for the report. */
  readonly where: string;
  readonly body?: Buffer;
  readonly status?: number;
  /** Null removes. */
  readonly headers?: Readonly<Record<string, string | null>>;
};

export type Operator = {
  readonly name: string;
  readonly kind: Kind;
  readonly area: Area;
  /** Exchanges that it can be applied to. */
  on(exchange: Exchange): boolean;
  /** Null when the drawn exchange has no such place. */
  alter(input: { readonly exchange: Exchange; readonly body: Buffer; readonly random: Random; readonly others: Others }): Change | null;
};

/** Bodies of other exchanges of the asset, for those that serve the wrong thing. */
export type Others = { among(wanted: (exchange: Exchange) => boolean): readonly Exchange[]; body(exchange: Exchange): Buffer };

/** Replaces bytes `from` to `to`. */
export function splice(body: Buffer, from: number, to: number, inserted: Uint8Array | string = ''): Buffer {
  return Buffer.concat([body.subarray(0, from), typeof inserted === 'string' ? Buffer.from(inserted) : inserted, body.subarray(to)]);
}

export function flipBit(body: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(body);
  copy[at] ^= 1 << bit;
  return copy;
}

/** Exchanges two neighbouring runs of bytes. */
export function exchangeRuns(body: Buffer, a: readonly [number, number], b: readonly [number, number]): Buffer {
  return Buffer.concat([body.subarray(0, a[0]), body.subarray(b[0], b[1]), body.subarray(a[1], b[0]), body.subarray(a[0], a[1]), body.subarray(b[1])]);
}

/** Another number of the same text: one more, one less, one digit changed, a zero more. */
export function otherNumber(text: string, random: Random): string {
  const value = BigInt(text);
  const at = random.below(text.length);
  const digit = String((Number(text[at]) + 1 + random.below(9)) % 10);
  return random.pick([String(value + 1n), value > 0n ? String(value - 1n) : '1', text.slice(0, at) + digit + text.slice(at + 1), `${text}0`]);
}

export function otherLetter(letter: string, random: Random): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  const other = letters[(letters.indexOf(letter.toLowerCase()) + 1 + random.below(25)) % 26];
  return letter === letter.toLowerCase() ? other : other.toUpperCase();
}
