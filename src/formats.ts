/**
 * The format table. Each of the six outputs is one row; shared code reads a row's properties and never
 * compares tags.
 */
import type { ManifestParameters } from './manifest/common.ts';
import type { Presentation, SwitchingSet, Track } from './model/presentation.ts';

/** A run of stored bytes in a track's source. */
export type ByteRange = { readonly source: string; readonly offset: number; readonly length: number };

/** Bytes that are made together: the reads land in one buffer of `capacity` bytes, `make` returns a view of it to send. */
export type SegmentWindow = {
  readonly capacity: number;
  /** `at` is the position in the buffer. */
  readonly reads: readonly (ByteRange & { readonly at: number })[];
  make(buffer: Uint8Array): Uint8Array;
};

/**
 * How a segment is made. `copy`: `head`, then the ranges as stored. `build`: the ranges' bytes, read into one buffer,
 * become the body. `windows`: the body in pieces, each made from a few reads, strictly in order; `length` is the sum.
 */
export type SegmentPlan =
  | { readonly kind: 'copy'; readonly head: Uint8Array; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'build'; readonly ranges: readonly ByteRange[]; build(payload: Uint8Array): readonly Uint8Array[] }
  | { readonly kind: 'windows'; readonly length: number; windows(): Iterable<SegmentWindow> };

/** The request's part in manifests and their child URLs. */
export type ChildParameters = ManifestParameters;

export type FormatId = 'hls-v3' | 'hls-v4' | 'hls-cmaf' | 'dash-csf' | 'dash-cmaf' | 'smooth';

export type Format = {
  readonly id: FormatId;
  /** Values of `format=` that select this row; the first is the canonical one, '' means no parameter. */
  readonly tags: readonly string[];
  readonly title: string;
  readonly manifest: { readonly kind: 'ssm' | 'mpd' | 'm3u8'; readonly mime: string; readonly suffix: string };
  readonly container: 'fmp4' | 'ts';
  /** Samples as stored, in CMAF form or in TS form (media-rules 4). */
  readonly sampleForm: 'stored' | 'cmaf' | 'ts';
  /** Audio travels inside the video segments. */
  readonly muxed: boolean;
  /** `parameters.format` is the tag that the request gave. */
  writeManifest(presentation: Presentation, parameters: ChildParameters): string;
  /** HLS only. */
  writePlaylist?(presentation: Presentation, set: SwitchingSet, track: Track, parameters: ChildParameters): string;
  /** HLS from version 4: the I-frame playlist. */
  writeKeyFramePlaylist?(presentation: Presentation, set: SwitchingSet, track: Track, parameters: ChildParameters): string;
  /** Formats with initialization segments only. */
  writeInit?(set: SwitchingSet, track: Track): Uint8Array;
  /** `parameters` matter to muxed formats only: `audiotrack` chooses the audio. */
  planSegment(presentation: Presentation, set: SwitchingSet, track: Track, segment: number, parameters: ChildParameters): SegmentPlan;
  /** HLS from version 4: the I-frame segment whose key frame has exactly this time (10 MHz); null when there is none. */
  planKeyFrame?(set: SwitchingSet, track: Track, time: bigint): SegmentPlan | null;
  mimeOf(set: SwitchingSet): { readonly init: string; readonly segment: string };
};
