/** All checks and all requirements, and the rules that they obey themselves. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { requirementsFileSchema, type Requirement } from '../spec/requirement.ts';
import { CAPTION_CHECKS } from './checks/captions.ts';
import { CLEAR_LEAD_CHECKS } from './checks/clear-lead.ts';
import { CROSS_CHECKS } from './checks/cross.ts';
import { DECODE_CHECKS } from './checks/decode.ts';
import { FILTERED_CHECKS } from './checks/filtered.ts';
import { FMP4_CHECKS } from './checks/fmp4.ts';
import { FRAGMENT_CHECKS } from './checks/fragments.ts';
import { HEADER_CHECKS } from './checks/header.ts';
import { HLS_CHECKS } from './checks/hls.ts';
import { HTTP_CHECKS } from './checks/http.ts';
import { KEY_FRAME_CHECKS } from './checks/key-frames.ts';
import { MEDIA_CHECKS } from './checks/media.ts';
import { MPD_CHECKS } from './checks/mpd.ts';
import { PROTECTION_SYSTEM_CHECKS } from './checks/protection-systems.ts';
import { PROTECTION_CROSS_CHECKS, PROTECTION_MANIFEST_CHECKS } from './checks/protection-manifests.ts';
import { PROTECTION_ASSET_CHECKS, PROTECTION_CHECKS } from './checks/protection.ts';
import { SHAPE_HLS_CHECKS } from './checks/shape-hls.ts';
import { SHAPE_MPD_CHECKS } from './checks/shape-mpd.ts';
import { ORDER_CHECK, SHAPE_SMOOTH_CHECKS } from './checks/shape.ts';
import { SMOOTH_CHECKS } from './checks/smooth.ts';
import { SOUND_CHECKS } from './checks/sound.ts';
import { SWITCHING_CHECKS } from './checks/switching.ts';
import { TEXT_CHECKS } from './checks/text.ts';
import { TEXT_SIGNAL_CHECKS } from './checks/textsignals.ts';
import { TS_CHECKS } from './checks/ts.ts';
import { VIDEO_CHECKS } from './checks/video.ts';
import type { Check } from './model.ts';

export const CHECKS: readonly Check[] = [...HTTP_CHECKS, ...MPD_CHECKS, ...HLS_CHECKS, ...SMOOTH_CHECKS, ...FMP4_CHECKS, ...FRAGMENT_CHECKS, ...HEADER_CHECKS, ...TS_CHECKS, ...MEDIA_CHECKS, ...KEY_FRAME_CHECKS, ...SHAPE_HLS_CHECKS, ...SHAPE_MPD_CHECKS, ...SHAPE_SMOOTH_CHECKS, ...SWITCHING_CHECKS, ...SOUND_CHECKS, ...TEXT_CHECKS, ...TEXT_SIGNAL_CHECKS, ...VIDEO_CHECKS, ...CAPTION_CHECKS, ...CROSS_CHECKS, ORDER_CHECK, ...FILTERED_CHECKS, ...PROTECTION_CHECKS, ...CLEAR_LEAD_CHECKS, ...PROTECTION_MANIFEST_CHECKS, ...PROTECTION_SYSTEM_CHECKS, ...PROTECTION_ASSET_CHECKS, ...PROTECTION_CROSS_CHECKS, ...DECODE_CHECKS];

const REQUIREMENTS_FOLDER = new URL('../spec/requirements/', import.meta.url);

export function loadRequirements(): readonly Requirement[] {
  return readdirSync(REQUIREMENTS_FOLDER)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .flatMap((name) => requirementsFileSchema.parse(JSON.parse(readFileSync(new URL(name, REQUIREMENTS_FOLDER), 'utf8'))));
}

export const MAX_TITLE = 100;

/** What is wrong with the registry itself; empty when nothing is. */
export function registryFaults(checks: readonly Check[], requirements: readonly Requirement[]): readonly string[] {
  const faults: string[] = [];
  const known = new Map(requirements.map((requirement) => [requirement.id, requirement]));
  const twice = (values: readonly string[], what: string): void => {
    for (const value of values.filter((each, i) => values.indexOf(each) !== i)) faults.push(`${what} occurs twice: ${value}`);
  };
  twice(checks.map(({ id }) => id), 'check id');
  twice(checks.map(({ title }) => title), 'check title');
  twice(requirements.map(({ id }) => id), 'requirement id');
  for (const { id, title, requirements: covered } of checks) {
    if (title.length > MAX_TITLE) faults.push(`${id}: the title is longer than ${MAX_TITLE} characters`);
    if (/\b(must|should|shall)\b/i.test(title)) faults.push(`${id}: a title states a fact`);
    if (covered.length === 0) faults.push(`${id}: no requirement`);
    for (const requirement of covered) if (!known.has(requirement)) faults.push(`${id}: unknown requirement ${requirement}`);
  }
  const used = new Set(checks.flatMap(({ requirements: covered }) => covered));
  for (const { id, open } of requirements) {
    if (open === undefined && !used.has(id)) faults.push(`${id}: no check`);
    if (open !== undefined && used.has(id)) faults.push(`${id}: has a check, and a reason to have none`);
  }
  return faults;
}

/** Changes whenever checks or requirements change, so that two reports can be compared. */
export function registryHash(checks: readonly Check[], requirements: readonly Requirement[]): string {
  const text = JSON.stringify([checks.map(({ id, title, level, requirements: covered }) => [id, title, level, covered]), requirements]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
