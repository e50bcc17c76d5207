/** Channel layouts as manifests name them. */
import type { AudioCodec } from '../model/codec.ts';
import { dolbyFacts } from './dolby.ts';

export type Descriptor = { readonly schemeIdUri: string; readonly value: string };

/** AudioChannelConfiguration (ISO/IEC 23009-1 5.8.5.4): each codec family has its scheme (DASH-IF IOP part 8). */
export function audioChannels(codec: AudioCodec): Descriptor {
  return CHANNEL_SCHEMES[codec.family](codec);
}

const CHANNEL_SCHEMES: Readonly<Record<AudioCodec['family'], (codec: AudioCodec) => Descriptor>> = {
  aac: (codec) => ({ schemeIdUri: 'urn:mpeg:mpegB:cicp:ChannelConfiguration', value: String(cicpConfiguration(codec)) }),
  eac3: (codec) => ({
    schemeIdUri: 'tag:dolby.com,2014:dash:audio_channel_configuration:2011',
    value: dolbyFacts(codec).channelMask.toString(16).toUpperCase().padStart(4, '0'),
  }),
  dts: ({ channels }) => ({ schemeIdUri: 'tag:dts.com,2014:dash:audio_channel_configuration:2012', value: String(channels) }),
};

/** Properties that tell Dolby Atmos from plain E-AC-3 (DASH-IF IOP part 8). */
export function objectAudio(codec: AudioCodec): readonly Descriptor[] {
  const objects = codec.family === 'eac3' ? dolbyFacts(codec).objects : null;
  if (objects === null) return [];
  return [
    { schemeIdUri: 'tag:dolby.com,2018:dash:EC3_ExtensionType:2018', value: 'JOC' },
    { schemeIdUri: 'tag:dolby.com,2018:dash:EC3_ExtensionComplexityIndex:2018', value: String(objects) },
  ];
}

/** CHANNELS of EXT-X-MEDIA (RFC 8216 4.3.4.1; objects: rfc8216bis 4.4.6.1). */
export function hlsChannels(codec: AudioCodec): string {
  const objects = codec.family === 'eac3' ? dolbyFacts(codec).objects : null;
  return objects === null ? String(codec.channels) : `${objects}/JOC`;
}

/** Layouts of 8 channels that an AudioSpecificConfig can name (ISO/IEC 23091-3 table 7). */
const EIGHT_CHANNELS = new Set([7, 12, 14]);

/** Index of ISO/IEC 23091-3. Up to 6 it is the channel count; an AudioSpecificConfig uses the same numbers (14496-3 1.6.2.1). */
function cicpConfiguration({ channels, config }: AudioCodec): number {
  const escaped = ((config[0] & 7) << 1) | (config[1] >> 7);
  const stored = ((escaped === 15 ? config[4] : config[1]) >> 3) & 15;
  const spelled = stored === 0 && config.length > 3 ? SPELLED[`${channels} ${frontElements(config)}`] : undefined;
  if (spelled !== undefined) return spelled;
  if (channels <= 6) return channels;
  if (channels === 7) return 11;
  return EIGHT_CHANNELS.has(stored) ? stored : 7;
}

/** Layouts of a program_config_element that differ from those of its channel count: channels, and elements in front (14496-3 4.4.1.1). */
const SPELLED: Readonly<Record<string, number>> = { '4 1': 9, '8 2': 12 };

/** num_front_channel_elements: bits 26 to 29, where the rate is a listed one. */
function frontElements(config: Uint8Array): number {
  return (config[3] >> 2) & 15;
}
