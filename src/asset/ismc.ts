/**
 * A stored client manifest (.ismc). Only names and languages are taken from it; its chunk list is recomputed from the
 * media (media-rules 3.4), so chunk times of any size are never looked at.
 */
import { IsomerError } from '../errors.ts';
import type { IsmTrack } from './ism.ts';
import { readXml } from './xml.ts';

export type ClientStream = {
  readonly kind: 'video' | 'audio' | 'text';
  readonly name: string | null;
  readonly language: string | null;
  /** Bits per second of its QualityLevels. */
  readonly bitrates: readonly number[];
};

/** A chunk list of hours is long; elements beyond this are refused. */
const LIMITS = { elements: 500_000, depth: 16 };

export function readIsmc(bytes: Uint8Array, file: string): readonly ClientStream[] {
  const root = readXml(bytes, file, 'ISOMER_ISM_MALFORMED', LIMITS);
  if (root.name !== 'SmoothStreamingMedia') throw new IsomerError('ISOMER_ISM_MALFORMED', { where: `${file}, line ${root.line}`, expected: 'a SmoothStreamingMedia element', found: root.name });
  return root.children
    .filter(({ name }) => name === 'StreamIndex')
    .flatMap(({ attributes, children }) => {
      const kind = attributes.get('Type')?.toLowerCase();
      if (kind !== 'video' && kind !== 'audio' && kind !== 'text') return [];
      const bitrates = children.filter(({ name }) => name === 'QualityLevel').map((level) => Number(level.attributes.get('Bitrate')));
      return [{ kind, name: attributes.get('Name') || null, language: attributes.get('Language') || null, bitrates }];
    });
}

/**
 * The stream that describes a track of the server manifest: of its kind and with its bitrate, else, where there are as
 * many streams as tracks of the kind, the one at the same place; a single stream of the kind always.
 */
export function matchStream(streams: readonly ClientStream[], track: IsmTrack, tracks: readonly IsmTrack[]): ClientStream | null {
  const candidates = streams.filter(({ kind }) => kind === track.kind);
  if (candidates.length === 1) return candidates[0];
  const byBitrate = candidates.filter(({ bitrates }) => track.bitrate !== null && bitrates.includes(track.bitrate));
  if (byBitrate.length === 1) return byBitrate[0];
  const siblings = tracks.filter(({ kind }) => kind === track.kind);
  return siblings.length === candidates.length ? candidates[siblings.indexOf(track)] : null;
}
