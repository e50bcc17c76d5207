/** Stored tracks become switching sets (media-rules 3). */
import { IsomerError } from '../errors.ts';
import { greatestCommonDivisor } from '../time.ts';
import type { Codec, Fraction } from './codec.ts';
import { cutAudio, cutVideo, framesPerFragment, unevenStarts, type Cuts } from './cuts.ts';
import { resolveTimes, type EditedTrack, type ResolvedTimes } from './edits.ts';
import type { Captions, Presentation, SwitchingSet, Track } from './presentation.ts';
import { endOf, payloadBytes, presentationTime, type SampleTable } from './samples.ts';

/** One stored track with what the server manifest says of it. */
export type TrackInput = EditedTrack & {
  readonly codec: Codec;
  readonly sampleEntry: Uint8Array;
  readonly inBandSets: boolean;
  readonly accessPoint?: 2 | 3;
  readonly captions?: readonly Captions[];
  readonly source: string;
  /** Track name wanted by the server manifest; null for the default of the kind. */
  readonly name: string | null;
  readonly label: string | null;
  readonly language: string;
  readonly roles: readonly string[];
  readonly accessibility: readonly string[];
  /** Null: measured from the samples. */
  readonly bitrate: number | null;
};

export type BuildOptions = {
  readonly asset: string;
  readonly version: string;
  readonly segmentSeconds: number;
};

/** Throws the refusals of media-rules 1 to 3. `notes` are for the log. */
export function buildPresentation(inputs: readonly TrackInput[], options: BuildOptions): { presentation: Presentation; moved: ResolvedTimes['moved']; notes: readonly string[] } {
  const { tables, moved, notes } = resolveTimes(inputs);
  const resolved = inputs.map((input, i) => ({ ...input, samples: tables[i] }));
  const groups = groupTracks(resolved);
  const names = uniqueNames(groups.map((group) => group[0].name ?? defaultName(group[0])));

  const videoCuts = groups.map((group) => (group[0].kind === 'video' ? cutVideo(group, options.segmentSeconds) : null));
  const firstVideo = videoCuts.find((cuts) => cuts !== null)?.timeline ?? null;
  const switchingSets = groups.map((group, i): SwitchingSet => {
    const cuts = videoCuts[i] ?? cutAudio(group, framesPerFragment(group[0], firstVideo, options.segmentSeconds));
    return makeSet(names[i], group, cuts);
  });
  const uneven = groups.flatMap((group, i) => (videoCuts[i] === null ? [] : unevenStarts(group, videoCuts[i])));
  return { presentation: { asset: options.asset, version: options.version, switchingSets }, moved, notes: [...notes, ...uneven] };
}

/** In order of first appearance. Video: by codec family. Audio: by everything that a player may not switch between. */
function groupTracks(inputs: readonly TrackInput[]): TrackInput[][] {
  const groups = new Map<string, TrackInput[]>();
  for (const input of inputs) {
    const key = JSON.stringify(groupKey(input));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [input]);
    else group.push(input);
  }
  return [...groups.values()];
}

function groupKey({ codec, name, language, roles, accessibility }: TrackInput): readonly unknown[] {
  if (codec.kind === 'video') return ['video', codec.family];
  if (codec.kind === 'audio') return ['audio', name, language, codec.rfc6381, codec.sampleRate, codec.channels, roles, accessibility];
  return ['text', name, language, codec.family, roles];
}

function defaultName(input: TrackInput): string {
  return input.kind === 'text' ? 'textstream' : input.kind;
}

/** Clashing names get `_2`, `_3`, in order. */
export function uniqueNames(wanted: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return wanted.map((name) => {
    let unique = name;
    for (let n = 2; taken.has(unique); n++) unique = `${name}_${n}`;
    taken.add(unique);
    return unique;
  });
}

function makeSet(name: string, group: readonly TrackInput[], { timeline, cuts }: Cuts): SwitchingSet {
  const [{ kind, language, label, roles, accessibility }] = group;
  const tracks = group
    .map((input, i): Track & { readonly file: string } => ({
      file: input.file,
      bitrate: input.bitrate ?? measuredBitrate(input),
      codec: input.codec,
      timescale: input.timescale,
      sampleEntry: input.sampleEntry,
      samples: input.samples,
      cuts: cuts[i],
      frameRate: input.kind === 'video' ? constantRate(input.samples, input.timescale) : null,
      inBandSets: input.inBandSets,
      ...(input.accessPoint === undefined ? {} : { accessPoint: input.accessPoint }),
      source: input.source,
    }))
    .sort((a, b) => b.bitrate - a.bitrate);
  for (let i = 1; i < tracks.length; i++) {
    if (tracks[i].bitrate !== tracks[i - 1].bitrate) continue;
    throw new IsomerError('ISOMER_BITRATES_CLASH', {
      what: `track ${name}`,
      where: `${tracks[i - 1].file} and ${tracks[i].file}`,
      expected: 'different bitrates (systemBitrate in the server manifest)',
      found: `${tracks[i].bitrate} in both`,
    });
  }
  // Qualities show one content: what one of them carries is said of all.
  const captions = group.find((input) => input.captions !== undefined)?.captions;
  return { name, kind, language, label, roles, accessibility, ...(captions === undefined ? {} : { captions }), timeline, tracks: tracks.map(withoutFile) };
}

function withoutFile({ file: _file, ...track }: Track & { readonly file: string }): Track {
  return track;
}

/** floor(8 x payload bytes / duration), media-rules 3.3. */
export function measuredBitrate({ samples, timescale }: Pick<TrackInput, 'samples' | 'timescale'>): number {
  const start = presentationTime(samples, 0);
  const ticks = BigInt(endOf(samples) - start);
  if (ticks <= 0n) return 0;
  return Number((8n * BigInt(payloadBytes(samples, 0, samples.count)) * BigInt(timescale)) / ticks);
}

/** Pictures per second when every sample but the last has one duration. */
export function constantRate({ decode, count }: SampleTable, timescale: number): Fraction | null {
  const delta = decode.delta[0];
  const constant = decode.delta.every((other, run) => other === delta || (run === decode.delta.length - 1 && decode.first[run] === count - 1));
  if (!constant || delta === 0) return null;
  const divisor = greatestCommonDivisor(timescale, delta);
  return { numerator: timescale / divisor, denominator: delta / divisor };
}
