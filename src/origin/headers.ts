/** HTTP semantics of the origin as tables and small functions: caching, conditions, ranges, CORS (spec/url.md "Headers"). */
import { hash } from 'node:crypto';
import type { ErrorKind } from '../errors.ts';
import { createRecent } from './recent.ts';

export type Headers = Readonly<Record<string, string>>;
/** Names in lower case, as node:http gives them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export const METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

const EXPOSED = 'Accept-Ranges, CDN-Origin-Assist-Prefetch-Path, Content-Length, Content-Range, Date, ETag, x-ms-error-code, x-ms-request-id, x-ms-streaming-duration';

/** On every reply. Allow-Origin is never per origin: caches in between have stored such answers for the wrong one. */
export const COMMON_HEADERS: Headers = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': EXPOSED,
  'Timing-Allow-Origin': '*',
  'X-Content-Type-Options': 'nosniff',
};

export function header(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.join(', ');
}

/** Preflight: Fetch standard, "CORS-preflight fetch". `*` would leave Authorization out, so the asked-for names are repeated. */
export function preflightHeaders(headers: RequestHeaders): Headers {
  const wanted = header(headers, 'access-control-request-headers') ?? '';
  const names = /^[\w!#$%&'*+.^`|~, -]{1,1024}$/.test(wanted) ? wanted : '*';
  return {
    Allow: METHODS.join(', '),
    'Access-Control-Allow-Methods': METHODS.join(', '),
    'Access-Control-Allow-Headers': names,
    'Access-Control-Max-Age': '86400',
    Vary: 'Access-Control-Request-Headers',
  };
}

/** Seconds that a refusal may be cached; null: not at all. */
const ERROR_MAX_AGE: Readonly<Record<ErrorKind, number | null>> = {
  'bad-request': 10,
  // Of this request's headers: a cache would give it to requests without them.
  condition: null,
  denied: 10,
  'not-found': 10,
  gone: 10,
  malformed: 10,
  unsupported: 10,
  'not-yet': null,
  storage: null,
  internal: null,
};

export function errorCaching(kind: ErrorKind): Headers {
  const maxAge = ERROR_MAX_AGE[kind];
  return { 'Cache-Control': maxAge === null ? 'no-store' : `max-age=${maxAge}` };
}

/** `Expires` says the same for caches of HTTP/1.0, as AMS did. What is not served from `end` on is kept no longer. */
export function caching(maxAge: number, now: number, end?: number | null): Headers {
  const seconds = Math.max(0, Math.min(maxAge, Math.floor(((end ?? Infinity) - now) / 1000)));
  return { 'Cache-Control': `max-age=${seconds}`, Expires: dateText(Math.floor(now / 1000) + seconds) };
}

/** The last date that was written: the requests of one second have the same. */
let lastDate = { seconds: Number.NaN, text: '' };

function dateText(seconds: number): string {
  if (lastDate.seconds !== seconds) lastDate = { seconds, text: new Date(1000 * seconds).toUTCString() };
  return lastDate.text;
}

const tagOf = createRecent(1024, (text) => `"${hash('sha256', text, 'base64url').slice(0, 22)}"`);

/** Strong: equal parts mean equal bytes. */
export function entityTag(...parts: readonly string[]): string {
  return tagOf(JSON.stringify(parts));
}

/** Content codings of text in order of preference. */
export const CODINGS = ['br', 'gzip'] as const;
export type Coding = (typeof CODINGS)[number];

/** RFC 9110 12.5.3: the heaviest of our codings that is named, or covered by `*`, and not with a weight of 0; the first of equals. */
export function chosenCoding(headers: RequestHeaders): Coding | null {
  const weights = new Map<string, number>();
  for (const coding of (header(headers, 'accept-encoding') ?? '').toLowerCase().split(',')) {
    const [name, weight = 'q=1'] = coding.split(';').map((part) => part.trim());
    weights.set(name, Number(weight.replace(/^q=/, '')));
  }
  let chosen: Coding | null = null;
  let most = 0;
  for (const coding of CODINGS) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0;
    if (!(weight > most)) continue;
    chosen = coding;
    most = weight;
  }
  return chosen;
}

/** Compressed bytes are other bytes. */
export function codedTag(etag: string, coding: Coding): string {
  return etag.replace(/"$/, `-${coding}"`);
}

/** RFC 9110 13.1.1: strong comparison; `*` wants anything that is there. */
export function holdsMatch(headers: RequestHeaders, etag: string | null): boolean {
  const condition = header(headers, 'if-match');
  return condition === undefined || condition.trim() === '*' || condition.split(',').some((candidate) => candidate.trim() === etag);
}

/** RFC 9110 13.1.2: weak comparison, also against `*`. */
export function noneMatch(headers: RequestHeaders, etag: string): boolean {
  const condition = header(headers, 'if-none-match');
  if (condition === undefined) return true;
  if (condition.trim() === '*') return false;
  return !condition.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}

export type Range = { readonly start: number; readonly length: number };

/**
 * RFC 9110 14.2: the one range that is asked for; null to send everything, 'unsatisfiable' when it begins after the end. Several
 * ranges, other units, bad syntax and a failed If-Range send everything.
 */
export function requestedRange(headers: RequestHeaders, etag: string | null, total: number): Range | 'unsatisfiable' | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header(headers, 'range')?.replace(/\s/g, '') ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const condition = header(headers, 'if-range');
  if (condition !== undefined && condition.trim() !== etag) return null;
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), total);
    return length === 0 ? 'unsatisfiable' : { start: total - length, length };
  }
  const start = Number(match[1]);
  const end = match[2] === '' ? total - 1 : Math.min(Number(match[2]), total - 1);
  if (start >= total) return 'unsatisfiable';
  return end < start ? null : { start, length: end - start + 1 };
}
