/**
 * A trace: every request that was made of an origin and what came back. Bodies are named by hash and stored once, so a vendor
 * can send a trace instead of opening its network.
 */
import type { FormatId } from '../spec/requirement.ts';
import type { TsSegment } from './oracle/ts.ts';

/** What a request was made for. */
export type Role =
  | { readonly kind: 'manifest' | 'playlist' | 'init' | 'segment' | 'keyframe'; readonly asset: string; readonly format: FormatId; readonly set: string; readonly track: string; readonly time: string | null }
  | { readonly kind: 'probe'; readonly asset: string; readonly format: FormatId; readonly probe: ProbeKind; readonly of: string };

/** What is asked beside what players ask. */
export const PROBE_KINDS = ['head', 'range', 'range-outside', 'conditional', 'preflight', 'repeat', 'escaped', 'compressed', 'other-case', 'other-noun', 'unknown-time', 'unknown-bitrate', 'unknown-format', 'bad-syntax'] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

export type Exchange = {
  readonly id: number;
  readonly method: string;
  /** Absolute, as requested. */
  readonly url: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  /** 0 when no response came; `error` then says why. */
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly sha256: string; readonly size: number } | null;
  readonly error: string | null;
  readonly role: Role;
};

export type ManifestTarget = { readonly asset: string; readonly format: FormatId; readonly url: string };

export type Trace = {
  readonly schema: 'isomer-trace/1';
  readonly target: { readonly kind: 'self' | 'origin'; readonly profile: Profile };
  readonly manifests: readonly ManifestTarget[];
  readonly exchanges: readonly Exchange[];
};

/** `ams`: the URL grammar and manifest shapes of Azure Media Services are expected; `generic`: only the standards. */
export type Profile = 'ams' | 'generic';

/** Part of a resource that a manifest addresses: first and last byte. */
export type ByteRange = { readonly first: number; readonly last: number };

export function rangeHeader({ first, last }: ByteRange): string {
  return `bytes=${first}-${last}`;
}

/** Exchanges by what a manifest asked for: a URL, or a part of it. The first of each counts. */
export function findIn(exchanges: readonly Exchange[]): TraceReader['find'] {
  const known = new Map<string, Exchange>();
  const keyOf = (url: string, range: string | undefined): string => (range === undefined ? url : `${range} ${url}`);
  for (const exchange of exchanges) {
    const key = keyOf(exchange.url, exchange.requestHeaders['range']);
    if (exchange.method === 'GET' && exchange.role.kind !== 'probe' && !known.has(key)) known.set(key, exchange);
  }
  return (url, range = null) => known.get(keyOf(url, range === null ? undefined : rangeHeader(range))) ?? null;
}

/** A trace with its bodies at hand. */
export type TraceReader = {
  readonly trace: Trace;
  /** The GET of this URL, or of this part of it, that no probe made. */
  find(url: string, range?: ByteRange | null): Exchange | null;
  /** Throws when the body is missing or does not match its hash: a damaged trace is no evidence. */
  body(exchange: Exchange): Uint8Array;
  /** Of a trace that was opened with keys (opened.ts): the samples of this segment are enciphered, and their key is not known. */
  isLocked?(exchange: Exchange): boolean;
  /** Likewise: the whole resource is inside an envelope. */
  isEnveloped?(exchange: Exchange): boolean;
  /** Likewise: streams and units of a transport stream in the clear. */
  openTransport?(exchange: Exchange, segment: TsSegment): TsSegment;
};
