/** A presentation with its tracks' protection: which key and which initialization vectors each track has. */
import { createHash } from 'node:crypto';
import { IsomerError } from '../errors.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import type { KeySystems, Scheme, TrackProtection } from '../model/protection.ts';
import type { ContentKey } from './contentkey.ts';

export type ProtectionPolicy = {
  readonly scheme: Scheme;
  /** Null leaves the track in the clear. */
  keyOf(set: SwitchingSet, track: Track): ContentKey | null;
  readonly systems: KeySystems;
  /** The constant vector of `cbc` and `cbcs`; without one it is derived from the key's identifier. */
  readonly iv?: Uint8Array;
  /** Segments that begin before this many seconds from the track's beginning are left in the clear; not in envelopes. */
  readonly clearLeadSeconds?: number;
};

const IV_BYTES = 16;
const FORMS = ['stored', 'cmaf'] as const;

/**
 * The same presentation with protected tracks. A vector is 32 bits of a hash over what names the track and the form of
 * its samples, and the sample's index (media-rules 7.1). Asset and version are in the hash too, so that a key that is used
 * for several assets, or for one that was encoded again, never meets its vectors twice. Text is left alone but by the envelope. The result belongs with the
 * opened asset: writers remember sizes by track.
 */
export function protectPresentation(presentation: Presentation, policy: ProtectionPolicy): Presentation {
  const seen = new Map<string, string>();
  const switchingSets = presentation.switchingSets.map((set) => {
    if (set.kind === 'text' && policy.scheme !== 'cbc') return set;
    return { ...set, tracks: set.tracks.map((track) => protectTrack(presentation, set, track, policy, seen)) };
  });
  return { ...presentation, switchingSets };
}

function protectTrack({ asset, version }: Presentation, set: SwitchingSet, track: Track, policy: ProtectionPolicy, seen: Map<string, string>): Track {
  const key = policy.keyOf(set, track);
  if (key === null) return track;
  const name = `${set.name}, ${track.bitrate} bits/s`;
  const prefixOf = (form: string): number => createHash('sha256').update(JSON.stringify([asset, version, set.name, track.bitrate, form])).digest().readUInt32BE(0);
  const ivPrefixes = { stored: prefixOf('stored'), cmaf: prefixOf('cmaf') };
  for (const form of FORMS) {
    // A vector may be used again under another key only.
    const used = `${Buffer.from(key.id).toString('hex')} ${ivPrefixes[form]}`;
    const other = seen.get(used);
    if (other !== undefined) throw new IsomerError('ISOMER_IV_COLLISION', { what: 'prefix of initialization vectors', where: `${name} (${form})`, expected: 'its own', found: `that of ${other}` });
    seen.set(used, `${name} (${form})`);
  }
  const iv = policy.iv ?? derivedIv(key.id);
  if (iv.length !== IV_BYTES) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'initialization vector', expected: `${IV_BYTES} bytes`, found: String(iv.length) });
  const protection: TrackProtection = { scheme: policy.scheme, keyId: key.id, key, iv, ivPrefixes, systems: policy.systems, clearSamples: clearSamples(set, track, policy.clearLeadSeconds ?? 0) };
  return { ...track, protection };
}

/** Whole segments: the one in which the lead ends is clear to its end. Audio and video are cut at other times, so each has its own count. */
function clearSamples({ timeline: { boundaries, timescale } }: SwitchingSet, { cuts }: Track, seconds: number): number {
  const end = boundaries[0] + BigInt(seconds) * BigInt(timescale);
  let segment = 0;
  while (segment < cuts.length - 1 && boundaries[segment] < end) segment++;
  return segment === 0 ? 0 : cuts[segment];
}

/** The same in every answer, and no secret. */
function derivedIv(keyId: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update('initialization vector').update(keyId).digest().subarray(0, IV_BYTES));
}
