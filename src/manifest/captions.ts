/** How manifests tell of captions inside the pictures. */
import type { Captions, SwitchingSet } from '../model/presentation.ts';
import { optionallyQuoted, quoted, tag, type TagAttributes } from './hlstags.ts';
import type { TextGroup } from './hlstext.ts';
import type { HlsRow } from './hlsversions.ts';
import { el, type XmlElement } from './xml.ts';

const GROUP = 'cc';
/** RFC 8216 7: channels of CEA-708 need this version. */
const SERVICES_VERSION = 7;

type HlsCaptions = { readonly lines: readonly string[]; readonly attributes: TagAttributes };

/** RFC 8216 4.3.4.1; names as the old service wrote them, with the channel's number from the second one on. Variants without video have none. */
export function hlsCaptions(sets: readonly SwitchingSet[], row: HlsRow, { renditions }: Pick<TextGroup, 'renditions'>): HlsCaptions {
  const channels = sets.flatMap(({ captions = [] }) => captions).filter(({ channel }, i, all) => all.findIndex((other) => other.channel === channel) === i && (isLine(channel) || row.version >= SERVICES_VERSION));
  if (channels.length === 0) return { lines: [], attributes: {} };
  // Players show what is the default of each type: both would say the same words over one another.
  const isTextShown = renditions.some(({ isDefault }) => isDefault);
  const lines = channels.map(({ channel, language }, i) => {
    const number = channel.replace(/\D+/, '');
    return tag('EXT-X-MEDIA', {
      TYPE: 'CLOSED-CAPTIONS',
      'GROUP-ID': quoted(GROUP),
      NAME: quoted(`${isLine(channel) ? 'CEA608' : 'CEA708'}_CC${number === '1' ? '' : number}`),
      LANGUAGE: optionallyQuoted(language === '' ? undefined : language),
      DEFAULT: i === 0 && !isTextShown ? 'YES' : undefined,
      AUTOSELECT: i === 0 ? 'YES' : undefined,
      'INSTREAM-ID': quoted(channel),
    });
  });
  return { lines, attributes: { 'CLOSED-CAPTIONS': quoted(GROUP) } };
}

/** SCTE 214-1 2015 8.1.3 and 8.2: channels of CEA-608 with their languages; services of CEA-708 with theirs as `lang`. */
export function captionDescriptors({ captions = [] }: SwitchingSet): readonly XmlElement[] {
  const [lines, services] = [captions.filter(({ channel }) => isLine(channel)), captions.filter(({ channel }) => !isLine(channel))];
  const languageOf = ({ language }: Captions): string => (language === '' ? 'und' : language);
  return [
    ...(lines.length === 0 ? [] : [el('Accessibility', { schemeIdUri: 'urn:scte:dash:cc:cea-608:2015', value: lines.map((each) => `${each.channel}=${languageOf(each)}`).join(';') })]),
    ...(services.length === 0 ? [] : [el('Accessibility', { schemeIdUri: 'urn:scte:dash:cc:cea-708:2015', value: services.map((each) => `${each.channel.slice('SERVICE'.length)}=lang:${languageOf(each)}`).join(';') })]),
  ];
}

function isLine(channel: string): boolean {
  return channel.startsWith('CC');
}
