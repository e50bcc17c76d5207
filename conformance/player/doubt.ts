/** When a replay proves nothing: the machine was too busy to show or to read it, or there was too little to go by. Each doubt names its number. */
import type { ReplayEvidence } from '../../spec/replay.ts';
import type { Observation, ReplayTruth, SoundReading } from './model.ts';
import type { Template } from './templates.ts';
import { THRESHOLDS } from './thresholds.ts';

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** Why what went wrong may be the machine's doing; null: it is not. What a player itself reports as an error is no doubt. */
export function starvation({ framesSeen, unread, errors }: Observation, { lag }: Pick<ReplayEvidence, 'lag'>): string | null {
  if (errors.length > 0) return null;
  if (lag.share > THRESHOLDS.lagShare.value) return `the machine was too busy: the page's own timer was late for ${percent(lag.share)} of the time`;
  if (framesSeen > 0 && unread > framesSeen * THRESHOLDS.unreadShare.value) return `the machine was too busy: ${unread} pictures were dropped or not read beside ${framesSeen} that were`;
  return null;
}

/** Why a replay without blame is no pass: too little was seen or heard. */
export function thinness({ framesSeen, sync }: Observation, { sounds }: { readonly sounds: readonly SoundReading[] }, truth: ReplayTruth, { tolerates, seconds }: Pick<Template, 'tolerates' | 'seconds'>): string | null {
  // Nothing on show can be what such a template is about: then the player's own error is the evidence.
  if (tolerates.includes('nothing')) return null;
  if (truth.frameRate !== null && framesSeen < THRESHOLDS.leastPictures.value) return `only ${framesSeen} pictures were read`;
  if (truth.pilots.length === 0 || tolerates.includes('silence')) return null;
  if (sounds.length < THRESHOLDS.leastSounds.value) return `sound was read only ${sounds.length} times`;
  return truth.frameRate !== null && seconds >= THRESHOLDS.syncSeconds.value && sync === null ? 'picture and sound could be compared 0 times' : null;
}
