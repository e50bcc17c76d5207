/** Tags and attribute lists (RFC 8216 4.1, 4.2). */
import { IsomerError } from '../errors.ts';
import { secondsText, type Ticks } from '../time.ts';

/** An attribute value as it stands in the list, or undefined to leave the attribute out. */
export type TagAttributes = Readonly<Record<string, string | number | undefined>>;

export function tag(name: string, attributes: TagAttributes): string {
  const list = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return `#${name}:${list.map(([key, value]) => `${key}=${value}`).join(',')}`;
}

/** A quoted string of text that we choose. Nothing can be escaped in it (RFC 8216 4.2), so what it may not hold is refused. */
export function quoted(text: string): string {
  const found = /["\p{Cc}]|\p{Surrogate}/u.exec(text);
  if (found === null) return `"${text}"`;
  throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: 'quoted string of a playlist', where: 'attribute', expected: 'no quotation mark or control character', found: JSON.stringify(text) });
}

/** Text for people: quotation marks become apostrophes, control characters spaces; NFC, as RFC 8216 4.1 wants of playlists. */
export function displayText(text: string): string {
  return text.toWellFormed().replace(/"/g, "'").replace(/\p{Cc}+/gu, ' ').normalize('NFC');
}

export function optionallyQuoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : quoted(text);
}

/** `avc1.64001f,mp4a.40.2` from several lists of names, each once. */
export function codecsText(...lists: readonly (readonly string[])[]): string {
  return quoted([...new Set(lists.flat())].join(','));
}

/** ISO 8601 date of an instant of the presentation's timeline, which starts with 1970. */
export function dateText(hns: Ticks): string {
  return new Date(Number(hns / 10_000n)).toISOString().replace('.000Z', 'Z');
}

/** FRAME-RATE: three decimals (RFC 8216 4.3.4.2). */
export function frameRateText(rate: { readonly numerator: number; readonly denominator: number } | null): string | undefined {
  return rate === null ? undefined : secondsText(BigInt(rate.numerator), rate.denominator, 3);
}
