/** Renditions and groups of HLS audio (RFC 8216 4.3.4.1, 4.3.4.2.1), and the audio that muxed playlists carry. */
import { IsomerError } from '../errors.ts';
import type { SwitchingSet, Track } from '../model/presentation.ts';
import { isMain, type ManifestParameters } from './common.ts';
import { displayText } from './hlstags.ts';
import type { HlsRow } from './hlsversions.ts';

export type Rendition = {
  readonly set: SwitchingSet;
  readonly track: Track;
  readonly name: string;
  readonly language: string | undefined;
  readonly characteristics: string | undefined;
  readonly isDefault: boolean;
  readonly autoselect: boolean;
};

/** Never empty. */
export type AudioGroup = { readonly id: string; readonly renditions: readonly Rendition[] };

/** Place of a rendition in every group: what a listener chooses between. */
type Member = { readonly key: string; readonly attributes: Omit<Rendition, 'set' | 'track'> };

export function audioGroups(sets: readonly SwitchingSet[], row: HlsRow): readonly AudioGroup[] {
  if (sets.length === 0) return [];
  const families = new Set(sets.map(({ tracks }) => tracks[0].codec.family));
  return row.groupPerQuality || families.size > 1 ? groupsPerCodec(sets, row) : [oneGroup(sets, row)];
}

/** Every track of every set, in order: the form of the old service, whose audio was AAC. */
function oneGroup(sets: readonly SwitchingSet[], row: HlsRow): AudioGroup {
  const entries = sets.flatMap((set) => set.tracks.map((track) => ({ set, track })));
  const attributes = memberAttributes(entries.map(({ set }) => set), row);
  return { id: 'audio', renditions: entries.map((entry, i) => ({ ...entry, ...attributes[i] })) };
}

/**
 * One group per codec and rank of quality, so that a client without a codec still finds a group that it can play, and so that members
 * of a group differ in content. Groups must have the same members: what exists in the first codec only is repeated in the other groups.
 * What exists in another codec only is not added to the first group, since that would make it unplayable where it is needed most.
 */
function groupsPerCodec(sets: readonly SwitchingSet[], row: HlsRow): AudioGroup[] {
  const codecOf = (set: SwitchingSet): string => row.codecsOf(set.tracks[0]);
  const base = codecOf(sets.find(({ tracks }) => tracks[0].codec.family === 'aac') ?? sets[0]);
  const codecs = [...new Set([base, ...sets.map(codecOf)])];
  const keys = memberKeys(sets, codecOf, row);
  const members = membersOf(sets, keys, row);
  const ofMember = (codec: string, key: string): SwitchingSet | undefined => sets.find((set, i) => keys[i] === key && codecOf(set) === codec);

  const groups: AudioGroup[] = [];
  for (const codec of codecs) {
    const ranks = Math.max(...sets.filter((set) => codecOf(set) === codec).map(({ tracks }) => tracks.length));
    for (let rank = 0; rank < ranks; rank++) {
      const renditions = members.flatMap(({ key, attributes }) => {
        const set = ofMember(codec, key) ?? ofMember(base, key);
        return set === undefined ? [] : [{ set, track: set.tracks[Math.min(rank, set.tracks.length - 1)], ...attributes }];
      });
      groups.push({ id: groups.length === 0 ? 'audio' : `audio-${groups.length + 1}`, renditions: withDefault(renditions) });
    }
  }
  return groups;
}

/** The n-th set of a codec with some content is the same member as the n-th of another codec with that content. */
function memberKeys(sets: readonly SwitchingSet[], codecOf: (set: SwitchingSet) => string, row: HlsRow): string[] {
  const seen = new Map<string, number>();
  return sets.map((set) => {
    const content = JSON.stringify([row.languageOf(set) ?? '', set.roles, set.accessibility]);
    const ordinal = seen.get(content + codecOf(set)) ?? 0;
    seen.set(content + codecOf(set), ordinal + 1);
    return `${content}${ordinal}`;
  });
}

function membersOf(sets: readonly SwitchingSet[], keys: readonly string[], row: HlsRow): Member[] {
  const firsts = sets.filter((_, i) => keys.indexOf(keys[i]) === i);
  const attributes = memberAttributes(firsts, row);
  return firsts.map((set, i) => ({ key: keys[sets.indexOf(set)], attributes: attributes[i] }));
}

/** A group that lacks the default member has a default of its own. */
function withDefault(renditions: readonly Rendition[]): readonly Rendition[] {
  if (renditions.some(({ isDefault }) => isDefault)) return renditions;
  return renditions.map((rendition, i) => (i === 0 ? { ...rendition, isDefault: true, autoselect: true } : rendition));
}

/**
 * DEFAULT goes to the first main audio: real masters of the old service put it on the last rendition, the lowest quality, but every
 * client starts with it. AUTOSELECT goes to the first rendition of each language and purpose: members with AUTOSELECT=YES must differ in
 * these (RFC 8216 4.3.4.1.1).
 */
function memberAttributes(sets: readonly SwitchingSet[], row: HlsRow): Omit<Rendition, 'set' | 'track'>[] {
  const main = Math.max(0, sets.findIndex(isMain));
  const purpose = (set: SwitchingSet): string => JSON.stringify([row.languageOf(set) ?? '', row.characteristicsOf(set) ?? '']);
  const names = new Set<string>();
  return sets.map((set, i) => ({
    name: uniqueName(displayText(set.label ?? set.name), names),
    language: row.languageOf(set),
    characteristics: row.characteristicsOf(set),
    isDefault: i === main,
    autoselect: i === main || (purpose(set) !== purpose(sets[main]) && sets.findIndex((other) => purpose(other) === purpose(set)) === i),
  }));
}

/** NAMEs differ inside a group. */
export function uniqueName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name); n++) name = `${wanted} (${n})`;
  taken.add(name);
  return name;
}

/** Nobody can choose inside muxed segments: the first AAC, which every client plays, else the first. */
export function defaultMuxedAudio(audio: readonly SwitchingSet[]): SwitchingSet | null {
  return audio.find(({ tracks }) => tracks[0].codec.family === 'aac') ?? audio[0] ?? null;
}

/** The audio of muxed segments: the one that the request names, else the default; null without audio. */
export function muxedAudio(sets: readonly SwitchingSet[], { extra }: ManifestParameters): SwitchingSet | null {
  const audio = sets.filter(({ kind }) => kind === 'audio');
  const wanted = extra.find(([name]) => name.toLowerCase() === 'audiotrack')?.[1];
  if (wanted === undefined) return defaultMuxedAudio(audio);
  const found = audio.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new IsomerError('MPE_EGRESS_TRACK_NOT_FOUND', { what: 'audioTrack', expected: audio.map(({ name }) => name).join(', ') || 'no audioTrack: there is no audio', found: wanted });
}

/** The parameters of child URLs, with or without the muxed audio's name. */
export function withAudioTrack<T extends ManifestParameters>(parameters: T, audio: SwitchingSet | null): T {
  const others = parameters.extra.filter(([name]) => name.toLowerCase() !== 'audiotrack');
  return { ...parameters, extra: audio === null ? others : [...others, ['audiotrack', audio.name] as const] };
}
