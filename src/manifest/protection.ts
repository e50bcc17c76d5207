/** What manifests of all kinds say of encrypted tracks; src/protection/signalling.ts has the values. */
import { IsomerError } from '../errors.ts';
import type { SwitchingSet, Track } from '../model/presentation.ts';
import type { TrackProtection } from '../model/protection.ts';
import type { Element } from '../protection/element.ts';
import { formatGuid } from '../protection/guid.ts';
import { dashProtection, hlsKeys } from '../protection/signalling.ts';
import { quoted, tag } from './hlstags.ts';
import { el, textElement, type XmlElement } from './xml.ts';

/** One for each key of the sets, in order. */
export function protectionsOf(sets: readonly Pick<SwitchingSet, 'tracks'>[]): readonly TrackProtection[] {
  const byKey = new Map<string, TrackProtection>();
  for (const { protection } of sets.flatMap(({ tracks }) => tracks)) {
    const name = protection?.keyId.join(' ');
    if (protection !== undefined && name !== undefined && !byKey.has(name)) byKey.set(name, protection);
  }
  return [...byKey.values()];
}

/** Descriptors stand on the AdaptationSet when its tracks share a key (DASH-IF IOP 7.6), else on each Representation. */
export function contentProtection(set: SwitchingSet): { readonly common: readonly XmlElement[]; ofTrack(track: Track): readonly XmlElement[] } {
  const [first, ...more] = protectionsOf([set]);
  const shared = more.length === 0 && first !== undefined && set.tracks.every(({ protection }) => protection !== undefined);
  return {
    common: shared ? dashProtection(first).map(fromElement) : [],
    ofTrack: ({ protection }) => (shared || protection === undefined ? [] : dashProtection(protection).map(fromElement)),
  };
}

function fromElement({ name, attributes, children, text }: Element): XmlElement {
  return text === '' ? el(name, attributes, children.map(fromElement)) : textElement(name, text, attributes);
}

/** `whole`: initialization segments are encrypted too, so their EXT-X-MAP must follow the key (RFC 8216 4.3.2.5). */
export type HlsKeyTags = { readonly whole: boolean; readonly lines: readonly string[] };

/** EXT-X-KEY of entries in a clear lead. */
export const NO_KEY = '#EXT-X-KEY:METHOD=NONE';

/** The tags of a media playlist; `name` is EXT-X-SESSION-KEY in multivariant playlists. */
export function keyTags({ protection }: Pick<Track, 'protection'>, container: 'fmp4' | 'ts', name: 'EXT-X-KEY' | 'EXT-X-SESSION-KEY' = 'EXT-X-KEY'): HlsKeyTags {
  if (protection === undefined) return { whole: false, lines: [] };
  const lines = hlsKeys(protection, container).map((attributes) => tag(name, Object.fromEntries(attributes.map((attribute) => [attribute.name, attribute.quoted ? quoted(attribute.value) : attribute.value]))));
  return { whole: protection.scheme === 'cbc', lines };
}

/** One segment has one key: a muxed output cannot leave one of its streams in the clear, nor give it a key of its own. */
export function checkMuxedKey(video: Track, { set, track }: { readonly set: SwitchingSet; readonly track: Track }): void {
  const [one, other] = [video, track].map(({ protection }) => (protection === undefined ? 'no encryption' : `${protection.scheme}, key ${formatGuid(protection.keyId)}`));
  if (one === other) return;
  throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: `track ${set.name} in muxed segments`, expected: `what the video has: ${one}`, found: other });
}
