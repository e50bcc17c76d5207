/**
 * The neutral model (names of ISO/IEC 23000-19): Presentation > SwitchingSet > Track > Segment.
 * VOD MP4, fragmented MP4, a live archive and a filtered view are all this one value; manifest writers and segment
 * writers see nothing else.
 */
import type { IsomerError } from '../errors.ts';
import type { Ticks } from '../time.ts';
import type { Codec, Fraction } from './codec.ts';
import type { TrackProtection } from './protection.ts';
import type { SampleTable } from './samples.ts';
import type { Timeline } from './timeline.ts';

/** One encoding of a switching set's content. */
export type Track = {
  /** Bits per second: the exact number in URLs. Unique inside its set. */
  readonly bitrate: number;
  readonly codec: Codec;
  /** Ticks per second of `samples`. */
  readonly timescale: number;
  /** The stored sample entry, whole box with header. */
  readonly sampleEntry: Uint8Array;
  readonly samples: SampleTable;
  /** Segment i is samples [cuts[i], cuts[i + 1]); length = segments + 1. */
  readonly cuts: Uint32Array;
  /** Pictures per second when constant; null for audio, text and variable frame rate. */
  readonly frameRate: Fraction | null;
  /** Samples hold parameter sets or access unit delimiters, so the CMAF form differs from the stored one. */
  readonly inBandSets: boolean;
  /** Type of the stream access points at which segments start, where it is not 1 (ISO/IEC 14496-12:2022 Annex I): pictures in front of the key frame can be decoded (2), or need the GOP before (3). */
  readonly accessPoint?: 2 | 3;
  /** Name of the source that holds the samples, as the asset's sources are named (a path relative to the asset). */
  readonly source: string;
  /** Text: the same segments in other forms, one per sample of `samples`: WebVTT files, and TTML whose times count from the segment's start. */
  readonly webvtt?: HeldText;
  readonly relative?: HeldText;
  /** Absent: in the clear. */
  readonly protection?: TrackProtection;
};

export type HeldText = { readonly source: string; readonly sizes: Uint32Array; readonly offsets: Float64Array };

/** Captions inside the pictures. */
export type Captions = {
  /** `CC1` to `CC4` (CEA-608), `SERVICE1` to `SERVICE63` (CEA-708). */
  readonly channel: string;
  /** ISO 639-2 as stated; empty when nobody says. */
  readonly language: string;
};

export type SwitchingSet = {
  /** Track name of URLs, e.g. `video` or `aac_eng_2_128041_2_1`. Unique inside the presentation. */
  readonly name: string;
  readonly kind: 'video' | 'audio' | 'text';
  /** As stored, normally ISO 639-2 (`eng`, `und`); empty when the asset gives none. */
  readonly language: string;
  /** From the .ism's title; null when there is none. */
  readonly label: string | null;
  /** DASH role scheme values, e.g. `alternate`. */
  readonly roles: readonly string[];
  /** e.g. `description` for audio description. */
  readonly accessibility: readonly string[];
  /** Text: what the server manifest says for HLS. */
  readonly hls?: { readonly isDefault: boolean; readonly characteristics: string | null };
  /** Absent: none that were found. */
  readonly captions?: readonly Captions[];
  readonly timeline: Timeline;
  /** Descending by bitrate, never empty, one codec family. */
  readonly tracks: readonly Track[];
};

export type Presentation = {
  /** Name of the asset, for log lines and messages. */
  readonly asset: string;
  /** In the order of the .ism: the order of manifests. */
  readonly switchingSets: readonly SwitchingSet[];
  /** Changes whenever any stored byte that matters changes. */
  readonly version: string;
  /** Absent when no filter was applied. */
  readonly view?: View;
  /** Tracks of the server manifest that no output can carry, by their names, and why. Absent: none. */
  readonly leftOut?: ReadonlyMap<string, IsomerError>;
};

/** What filters say of a presentation beyond the tracks and segments that they leave out. */
export type View = {
  /** The set whose key frames times are rounded to, whether it is still listed or not. */
  readonly reference: SwitchingSet;
  /** Where presentation starts (10 MHz) although other sets may have earlier samples; null: with the earliest segment. */
  readonly start: Ticks | null;
  /** Bitrate of the quality to start with. */
  readonly firstQuality: number | null;
};

export function findSet(presentation: Presentation, name: string): SwitchingSet | undefined {
  return presentation.switchingSets.find((set) => set.name === name);
}
