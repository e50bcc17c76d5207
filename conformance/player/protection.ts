/** Which player opens what, and why another does not. Protected content comes from `subjects.json`; who asks for its keys says how (`access`). */
import type { Scheme } from '../../spec/subjects.ts';
import type { FormatRow } from '../outputs.ts';
import type { BrowserName } from './model.ts';

export type Protection = { readonly scheme: Scheme; readonly system: 'clear-key' | 'licensed'; /** The first seconds are in the clear. */ readonly clearLead: boolean };

/** Where keys are (W3C Clear Key), and what is sent along to whoever has them. Never in a report. */
export type Access = { readonly licence: string; readonly headers: Readonly<Record<string, string>> };

const WHOLE_SEGMENTS = 'outside HLS no player knows encryption of whole segments';
const NO_SYSTEM = 'the player has no key system of its own, but by a plug-in';
const NO_TOKEN = 'what a browser fetches by itself takes no token along';
/** Null: it opens it. */
type Opens = (format: FormatRow) => string | null;
const opens: Opens = () => null;
const inHls: Opens = ({ kind }) => (kind === 'hls' ? null : WHOLE_SEGMENTS);
const not = (reason: string): Opens => () => reason;

const PLAYERS: Readonly<Record<string, Readonly<Partial<Record<Scheme, Opens>>>>> = {
  'hls.js': {
    'aes-128': inHls,
    'sample-aes': opens,
    // hls.js 1.7.4, Fragment.decryptdata: where there is one it takes the key of format identity, raw and for whole segments alone, and never asks the key system.
    cenc: not('the player takes a key of format identity for one of whole segments, and asks no key system'),
    cbcs: not('the player takes a key of format identity for one of whole segments, and asks no key system'),
  },
  'dash.js': { 'aes-128': inHls, cenc: opens, cbcs: opens },
  shaka: { 'aes-128': inHls, 'sample-aes': not('the player refuses samples that are encrypted in transport streams (its error 4040)'), cenc: opens, cbcs: opens },
  'rx-player': { cenc: opens, cbcs: opens },
  'video.js': { 'aes-128': inHls, 'sample-aes': not(NO_SYSTEM), cenc: not(NO_SYSTEM), cbcs: not(NO_SYSTEM) },
  native: { 'aes-128': not(NO_TOKEN), 'sample-aes': not(NO_TOKEN), cenc: not(NO_TOKEN), cbcs: not(NO_TOKEN) },
};

export function cannotOpen({ scheme, system }: Protection, format: FormatRow, player: string): string | null {
  if (scheme === 'aes-128' && format.kind !== 'hls') return WHOLE_SEGMENTS;
  if (system === 'licensed') return 'its keys are given out by PlayReady, Widevine or FairPlay alone, which none of these browsers has';
  const open = PLAYERS[player]?.[scheme];
  return open === undefined ? `nothing is known of ${scheme} in this player` : open(format);
}

/** With a key system attached a browser gives black to every script that looks: the picture is read from outside. */
export const isBlind = (protection: Protection | null): boolean => protection !== null && (protection.scheme === 'cenc' || protection.scheme === 'cbcs');

/** Firefox attaches no key system to an element whose sound is tapped. */
export const isDeaf = (protection: Protection | null, browser: BrowserName): boolean => isBlind(protection) && browser === 'firefox';
