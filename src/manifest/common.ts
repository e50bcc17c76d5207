/** What all manifest writers share: which streams an output carries, and how its codecs are named. */
import { IsomerError } from '../errors.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import type { UrlParameters } from './urls.ts';

/** The request's part in a manifest. */
export type ManifestParameters = UrlParameters & {
  /** HLS: list the audio-only variant. */
  readonly audioOnly: boolean;
  /** HLS: child URLs end in `.m3u8`, `.ts`, `.m4s` or `.mp4`, for readers that insist on a suffix. */
  readonly segmentSuffix?: boolean;
};

type Family = Track['codec']['family'];

/**
 * Codec families by kind of output (spec/mapping-*.md). What an output cannot carry is left out of its manifest. Text is TTML in the
 * model; transport streams have WebVTT files beside them.
 */
export const CARRIES = {
  fragments: ['avc', 'hevc', 'aac', 'eac3', 'dts', 'ttml'],
  transport: ['avc', 'aac', 'eac3', 'dts', 'ttml'],
  smooth: ['avc', 'hevc', 'aac', 'ttml'],
} as const satisfies Record<string, readonly Family[]>;

export function carries(families: readonly Family[], set: SwitchingSet): boolean {
  return families.includes(set.tracks[0].codec.family);
}

const KINDS: readonly SwitchingSet['kind'][] = ['video', 'audio'];

/**
 * The sets that an output carries, in order. Refused when there is none, and when the asset has video or audio of which none is
 * left: a film without its picture or its sound is not what was asked for.
 */
export function carriedSets({ asset, switchingSets }: Presentation, output: string, families: readonly Family[]): readonly SwitchingSet[] {
  const sets = switchingSets.filter((set) => carries(families, set));
  const lost = KINDS.find((kind) => switchingSets.some((set) => set.kind === kind) && !sets.some((set) => set.kind === kind));
  if (sets.length > 0 && lost === undefined) return sets;
  throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', {
    what: output,
    where: asset,
    expected: `${lost ?? 'a'} track${lost === undefined ? '' : 's'} in ${families.join(', ')}`,
    found: switchingSets.map(({ name, tracks }) => `${name}: ${tracks[0].codec.rfc6381}`).join(', ') || 'no track',
  });
}

/** Type of the stream access points with which segments of a set begin: the most demanding of its tracks. */
export function accessPointOf({ tracks }: SwitchingSet): 1 | 2 | 3 {
  const types = tracks.map(({ accessPoint }) => accessPoint);
  return types.includes(3) ? 3 : types.includes(2) ? 2 : 1;
}

/** Content for everybody: no accessibility purpose, and no role but main. */
export function isMain({ roles, accessibility }: SwitchingSet): boolean {
  return accessibility.length === 0 && roles.every((role) => role === 'main');
}

export function isDescription({ accessibility }: SwitchingSet): boolean {
  return accessibility.includes('description');
}

/** RFC 6381 name of the CMAF form: parameter sets are in the sample entry, so avc3 and hev1 become avc1 and hvc1 (media-rules 4.2). */
export function cmafCodecs({ codec }: Track): string {
  return codec.rfc6381.replace(/^avc3\b/, 'avc1').replace(/^hev1\b/, 'hvc1');
}
