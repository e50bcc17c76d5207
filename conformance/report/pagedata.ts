/** What report.html carries: short keys and indexes for what repeats, since there are thousands of results. */
import type { ReplayDetail } from '../../spec/replay.ts';
import type { Outcome } from '../../spec/report.ts';

export type TextExcerpt = {
  readonly kind: 'text';
  /** Number of the first line shown, from 1. */
  readonly first: number;
  readonly lines: readonly string[];
  /** Index into `lines`. */
  readonly mark: number | null;
  /** Columns of the marked line that hold the value that was found. */
  readonly columns: readonly [from: number, to: number] | null;
  readonly total: number;
  readonly opened?: true;
};

/** `mark`: 2 is what was meant, 1 what holds it. */
export type TreeRow = readonly [depth: number, type: string, start: number, size: number, mark: 0 | 1 | 2];

export type PacketRow = { readonly number: number; readonly pid: number; readonly starts: boolean; readonly counter: number; readonly fields: number; readonly sync: number };

export type BytesExcerpt = {
  readonly kind: 'bytes';
  /** Offset of the first byte shown. */
  readonly base: number;
  readonly hex: string;
  readonly mark: readonly [from: number, to: number] | null;
  readonly size: number;
  /** What is marked, in words. */
  readonly what: string;
  readonly tree: readonly TreeRow[];
  readonly packets: readonly PacketRow[];
  /** What is inside the envelope that was served. */
  readonly opened?: true;
};

export type HttpExcerpt = {
  readonly kind: 'http';
  readonly method: string;
  readonly requestHeaders: readonly (readonly [string, string])[];
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly error: string | null;
  readonly size: number | null;
};

export type Excerpt = TextExcerpt | BytesExcerpt | HttpExcerpt;

/** Seconds; null where the media says nothing. */
export type SegmentRow = readonly [listedStart: number, listedDuration: number, mediaStart: number | null, mediaEnd: number | null];

export type TrackRow = {
  readonly name: string;
  readonly kind: string;
  readonly segments: readonly SegmentRow[];
  /** Segments behind the last that is shown. */
  readonly more: number;
  readonly truth: { readonly start: number; readonly end: number; readonly sync: readonly number[] } | null;
};

export type PageFinding = {
  readonly outcome: Outcome;
  readonly path: string;
  readonly message: string;
  readonly wanted?: string;
  readonly actual?: string;
  /** `excerpt`: index into `excerpts`; null where there is none. */
  readonly evidence: readonly { readonly kind: string; readonly ref: string; readonly pointer: string; readonly excerpt: number | null }[];
};

/** Indexes into checks, assets, formats, outcomes, messages and known failures; -1 for none. */
export type PageResult = readonly [check: number, asset: number, format: number, outcome: number, examined: number, messages: readonly number[], known: number];

export type PageReplay = {
  readonly id: string;
  /** Indexes into templates, formats and clients. */
  readonly template: number;
  readonly format: number;
  readonly client: number;
  readonly asset: string;
  readonly outcome: Outcome;
  readonly messages: readonly string[];
  readonly known: { readonly reason: string; readonly bug: string } | null;
  /** Null where nothing was played. */
  readonly detail: ReplayDetail | null;
};

export type PageReplays = {
  readonly clients: readonly { readonly player: string; readonly browser: string; readonly playerVersion: string; readonly browserVersion: string }[];
  readonly templates: readonly (readonly [id: string, title: string])[];
  readonly formats: readonly string[];
  /** The worst first. */
  readonly rows: readonly PageReplay[];
  readonly stale: readonly string[];
  readonly left: { readonly rows: number; readonly evidence: number };
};

export type PageData = {
  readonly target: string;
  readonly suite: string;
  readonly facts: readonly (readonly [string, string])[];
  readonly outcomes: readonly Outcome[];
  readonly formats: readonly string[];
  readonly assets: readonly { readonly id: string; readonly honesty: string }[];
  readonly checks: readonly { readonly id: string; readonly title: string; readonly level: string; readonly requirements: readonly number[] }[];
  readonly requirements: readonly {
    readonly id: string;
    readonly clause: string;
    readonly level: string;
    readonly statement: string;
    readonly provenance: string;
    /** The worst over all checks and subjects. */
    readonly outcome: string;
    readonly deviations: readonly { readonly formats: readonly string[]; readonly reason: string }[];
  }[];
  readonly messages: readonly string[];
  readonly known: readonly { readonly reason: string; readonly bug: string }[];
  readonly results: readonly PageResult[];
  /** By index of the result. */
  readonly findings: Readonly<Record<number, readonly PageFinding[]>>;
  readonly excerpts: readonly Excerpt[];
  /** By `asset index/format index`. */
  readonly timelines: Readonly<Record<string, readonly TrackRow[]>>;
  readonly replays: PageReplays | null;
  readonly stale: readonly string[];
  /** What was left out to keep the file small. */
  readonly left: { readonly results: number; readonly findings: number; readonly excerpts: number; readonly timelines: number };
};
