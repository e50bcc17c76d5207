/** What is asked for: every output under every protection that it has, as URLs of the media that media.ts makes. */
import { LOCATORS } from './media.ts';

export type Output = { readonly id: string; readonly tag: string; readonly protections: readonly Protection[] };
export type Protection = keyof typeof LOCATORS;

/** Value of `encryption=`; null: none in the URL. */
const ENCRYPTIONS: Readonly<Record<Protection, string | null>> = { clear: null, aes128: 'cbc', 'sample-aes': 'cbcs-aapl', cbcs: 'cbcs-aapl', cenc: 'cenc', piff: 'piff' };

export const OUTPUTS: readonly Output[] = [
  { id: 'hls-v3', tag: 'm3u8-aapl-v3', protections: ['clear', 'aes128', 'sample-aes'] },
  { id: 'hls-v4', tag: 'm3u8-aapl', protections: ['clear', 'aes128', 'sample-aes'] },
  { id: 'hls-cmaf', tag: 'm3u8-cmaf', protections: ['clear', 'aes128', 'cenc', 'cbcs'] },
  { id: 'dash-csf', tag: 'mpd-time-csf', protections: ['clear', 'aes128', 'cenc', 'cbcs'] },
  { id: 'dash-cmaf', tag: 'mpd-time-cmaf', protections: ['clear', 'aes128', 'cenc', 'cbcs'] },
  { id: 'smooth', tag: '', protections: ['clear', 'aes128', 'cenc', 'piff'] },
];

export type Place = { readonly origin: string; readonly asset: string };

function parameters(tag: string, protection: Protection, ...first: readonly string[]): string {
  const encryption = ENCRYPTIONS[protection];
  const list = [...first, ...(tag === '' ? [] : [`format=${tag}`]), ...(encryption === null ? [] : [`encryption=${encryption}`])];
  return list.length === 0 ? '' : `(${list.join(',')})`;
}

/** Locators of the long asset and of the growth assets are their folders. */
function base({ origin, asset }: Place, protection: Protection): string {
  return `${origin}/${asset === 'bench' ? LOCATORS[protection] : asset}/${asset}.ism`;
}

export function manifestUrl(place: Place, { tag }: Pick<Output, 'tag'>, protection: Protection = 'clear'): string {
  return `${base(place, protection)}/manifest${parameters(tag, protection)}`;
}

export function playlistUrl(place: Place, tag: string, bitrate: number, type = ''): string {
  return `${base(place, 'clear')}/QualityLevels(${bitrate})/Manifest${parameters(tag, 'clear', 'video').replace(/\)$/, type === '' ? ')' : `,type=${type})`)}`;
}

export function segmentUrl(place: Place, { tag }: Pick<Output, 'tag'>, protection: Protection, bitrate: number, time: string): string {
  return `${base(place, protection)}/QualityLevels(${bitrate})/Fragments${parameters(tag, protection, `video=${time}`)}`;
}

export function initUrl(place: Place, { tag }: Pick<Output, 'tag'>, bitrate: number): string {
  return `${base(place, 'clear')}/QualityLevels(${bitrate})/Fragments${parameters(tag, 'clear', 'video=i')}`;
}
