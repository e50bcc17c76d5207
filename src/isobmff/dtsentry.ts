/** A DTS sample entry from the bitstream, for files that store none: mp4a with object type 0xA9, or dtsc without ddts. */
import { dtsChannels, writeDtsConfiguration, type DtsConfiguration } from '../codec/dts.ts';
import type { DtsFrame } from '../codec/dtsframe.ts';
import type { AudioCodec } from '../model/codec.ts';
import { box, writeBoxes } from './box.ts';
import { DDTS, MP4A, type AudioSampleEntry } from './entryboxes.ts';

export type DtsRates = Pick<DtsConfiguration, 'maxBitrate' | 'avgBitrate'>;

/** ETSI TS 102 114 V1.6.1 E.2.2.1: the ddts box is mandatory. */
export function dtsSampleEntry({ sampleEntry, ...frame }: DtsFrame, rates: DtsRates): { readonly codec: AudioCodec; readonly sampleEntry: Uint8Array } {
  const config = writeDtsConfiguration({ ...frame, ...rates });
  const channels = dtsChannels(frame);
  const sampleRate = frame.DTSSamplingFrequency;
  const fields: AudioSampleEntry = {
    data_reference_index: 1, entry_version: 0, channelcount: channels, samplesize: 16, pre_defined: 0, extension: new Uint8Array(0),
    samplerate: sampleRate < 65536 ? sampleRate * 65536 : 0,
  };
  return {
    codec: { kind: 'audio', family: 'dts', sampleEntry, rfc6381: sampleEntry, sampleRate, channels, config },
    sampleEntry: writeBoxes([{ ...box(MP4A, fields, { children: [box(DDTS, { data: config })] }), type: sampleEntry }]),
  };
}
