/** What the content really is, per track and sample. Comes from the corpus, never from what was served. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { Truth, type HonestyClass, type TruthText, type TruthTrack } from '../../spec/truth.ts';
import { SuiteFault } from '../fault.ts';
import { isAccessUnitDelimiter, isParameterSet, nalUnits, type NalCodec } from './codecs.ts';

export type TruthSample = {
  readonly size: number;
  /** `shortHash` of the stored sample. */
  readonly raw: string;
  /** `normalisedHash` of the sample; null for anything but video. */
  readonly normalised: string | null;
  /** Presentation time in the track's timescale. */
  readonly time: bigint;
  readonly duration: bigint;
  /** Decode time as stored: only differences mean anything. */
  readonly decode: bigint;
  readonly sync: boolean;
};

export type TruthTrackView = Pick<TruthTrack, 'kind' | 'name' | 'trackId' | 'timescale' | 'language' | 'label' | 'roles' | 'accessibility' | 'codec'> & {
  /** The number that URLs carry. */
  readonly bitrate: number;
  /** Absolute path of the source file. */
  readonly file: string;
  /** Presented samples in decoding order: those that an edit removes are left out. */
  readonly samples: readonly TruthSample[];
  /** Sound inside segments of pictures is cut where they are: under a filter it has other bounds than alone. */
  readonly muxed: readonly TruthSample[];
  readonly editedOut: number;
};

export type TruthView = {
  readonly asset: string;
  readonly honesty: HonestyClass;
  /** Name of the server manifest. */
  readonly manifest: string;
  readonly tracks: readonly TruthTrackView[];
  readonly texts: readonly TruthText[];
};

/** Null when the folder has no truth file: the content is unknown then. */
export function loadTruth(folder: string): TruthView | null {
  const file = join(folder, 'truth.json');
  if (!existsSync(file)) return null;
  const parsed = Truth.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new SuiteFault('usage', `${file}: ${z.prettifyError(parsed.error)}`);
  return truthView(parsed.data, folder);
}

export function truthView({ asset, class: honesty, manifest, tracks, texts = [] }: Truth, folder: string): TruthView {
  return {
    asset,
    honesty,
    manifest,
    texts,
    tracks: tracks.map((track) => {
      const { samples, editedOut } = track;
      const sync = track.sync === null ? null : new Set(track.sync);
      const all = samples.size.map((size, i): TruthSample => ({
        size,
        raw: samples.raw[i],
        normalised: samples.normalised?.[i] ?? null,
        time: BigInt(samples.pt[i]),
        duration: BigInt(samples.duration[i]),
        decode: BigInt(samples.dts[i]),
        sync: sync === null || sync.has(i),
      }));
      const kept = all.slice(editedOut);
      return { ...track, bitrate: track.bitrate ?? measuredBitrate(kept, track.timescale), file: join(folder, track.file), samples: kept, muxed: kept, editedOut };
    }),
  };
}

export type Left = Readonly<Record<string, { readonly bitrates?: readonly number[] | undefined; readonly from?: number | undefined; readonly to?: number | undefined }>>;

/** The truth of what filters leave: some tracks, and of them the samples in a range of times. Cues are compared by segment, so text tracks stay whole. */
export function narrowedTruth(truth: TruthView, left: Left): TruthView {
  const pictures = truth.tracks.find(({ kind, name }) => kind === 'video' && left[name] !== undefined);
  const tracks = truth.tracks.flatMap((track): TruthTrackView[] => {
    const rest = left[track.name];
    if (rest === undefined || rest.bitrates?.includes(track.bitrate) === false) return [];
    const nameOf = ({ time }: TruthSample): number => Number((time * 10_000_000n) / BigInt(track.timescale));
    const within = ({ from = 0, to = Infinity }: Left[string] = {}): readonly TruthSample[] => track.samples.filter((sample) => nameOf(sample) >= from && nameOf(sample) < to);
    const samples = within(rest);
    return [{ ...track, samples, muxed: within(pictures === undefined ? rest : left[pictures.name]), editedOut: samples[0] === track.samples[0] ? track.editedOut : 0 }];
  });
  return { ...truth, tracks, texts: truth.texts.filter(({ name }) => left[name] !== undefined) };
}

/** What URLs carry where the asset states no bitrate: the floor of the presented payload over its duration (media rule 3.3). */
function measuredBitrate(samples: readonly TruthSample[], timescale: number): number {
  const bits = 8n * samples.reduce((sum, { size }) => sum + BigInt(size), 0n);
  const ticks = samples.reduce((sum, { duration }) => sum + duration, 0n);
  return ticks === 0n ? 0 : Number((bits * BigInt(timescale)) / ticks);
}

/** The form of hashes in truth files. */
export function shortHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** The hash of a video sample that is the same whatever the packaging did to its framing; null when it is not made of NAL units. */
export function normalisedHash(sample: Uint8Array, lengthSize: number, codec: NalCodec): string | null {
  const units = nalUnits(sample, lengthSize);
  return units === null ? null : hashOfUnits(units, codec);
}

export function hashOfUnits(units: readonly Uint8Array[], codec: NalCodec): string {
  const hash = createHash('sha256');
  for (const unit of units) if (!isParameterSet(unit, codec) && !isAccessUnitDelimiter(unit, codec)) hash.update(unit);
  return hash.digest('hex').slice(0, 16);
}

/** The truth of a served track: by name and bitrate. A generic origin has neither, then the only track of its kind will do. */
export function truthOfTrack(truth: TruthView, track: { readonly kind: string; readonly bitrate: number | null; readonly set: string }, profile: 'ams' | 'generic'): TruthTrackView | null {
  const ofKind = truth.tracks.filter(({ kind }) => kind === track.kind);
  const exact = ofKind.find(({ name, bitrate }) => name === track.set && bitrate === track.bitrate);
  if (exact !== undefined || profile === 'ams') return exact ?? null;
  const byBitrate = ofKind.filter(({ bitrate }) => bitrate === track.bitrate);
  if (byBitrate.length === 1) return byBitrate[0];
  return ofKind.length === 1 ? ofKind[0] : null;
}
