/** Smooth Streaming client manifests (MS-SSTR 2.2.2), in the shape of spec/golden/smooth.xml. */
import { IsomerError } from '../errors.ts';
import type { AudioCodec, VideoCodec } from '../model/codec.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { durationRuns, segmentCount } from '../model/timeline.ts';
import { smoothProtection } from '../protection/signalling.ts';
import { HNS_PER_SECOND, type Ticks } from '../time.ts';
import { CARRIES, carriedSets, isDescription } from './common.ts';
import { protectionsOf } from './protection.ts';
import { extentOf } from './rates.ts';
import { inQuality, segmentUrls, type UrlParameters } from './urls.ts';
import { el, textElement, writeDocument, type XmlElement } from './xml.ts';

/** 2: runs of equal durations are one element with `r`. 0: one element per fragment, for clients from before 2016. */
export type SmoothOptions = { readonly version: 2 | 0; readonly extra?: UrlParameters['extra'] };

export function writeSmooth(presentation: Presentation, { version, extra = [] }: SmoothOptions): string {
  const sets = carriedSets(presentation, 'Smooth Streaming', CARRIES.smooth);
  const onlyVideo = sets.filter(({ kind }) => kind === 'video').length === 1;
  return writeDocument(
    el(
      'SmoothStreamingMedia',
      { MajorVersion: 2, MinorVersion: version, Duration: durationOf(presentation, sets), TimeScale: HNS_PER_SECOND },
      protection(sets),
      sets.map((set) => streamIndex(set, version, extra, onlyVideo)),
    ),
  );
}

/** Whole streams start together, near 0; those of a view whose start was cut off start where their segments do, so the longest counts. */
function durationOf({ view }: Presentation, sets: readonly SwitchingSet[]): Ticks {
  const groups = view == null || view.start === null ? [sets] : sets.map((set) => [set]);
  return groups.map(extentOf).reduce((longest, { start, end }) => (end - start > longest ? end - start : longest), 0n);
}

/** One header for all streams (MS-SSTR 2.2.2.2). */
function protection(sets: readonly SwitchingSet[]): XmlElement | null {
  const header = smoothProtection(protectionsOf(sets));
  return header === null ? null : el('Protection', {}, textElement('ProtectionHeader', header.text, { SystemID: header.systemId }));
}

function streamIndex(set: SwitchingSet, version: 2 | 0, extra: UrlParameters['extra'], onlyVideo: boolean): XmlElement {
  const { name, kind, language, roles, tracks, timeline } = set;
  const isVideo = kind === 'video';
  return el(
    'StreamIndex',
    {
      Chunks: segmentCount(timeline),
      Type: kind,
      Url: inQuality('{bitrate}', segmentUrls(name, { format: '', extra })('{start time}')),
      QualityLevels: tracks.length,
      Language: isVideo || language === '' ? undefined : language,
      Subtype: kind === 'text' ? subtypeOf(set) : undefined,
      Name: isVideo && onlyVideo && name === 'video' ? undefined : name,
      Role: roles[0],
      Accessibility: isDescription(set) ? 'description' : set.accessibility[0],
    },
    tracks.map((track, index) => qualityLevel(set, track, index)),
    chunks(timeline.names, version),
  );
}

function qualityLevel({ name }: SwitchingSet, { bitrate, codec }: Track, index: number): XmlElement {
  if (codec.kind === 'video') {
    const { fourCC, sequence, picture, attributes } = VIDEO[codec.family];
    return el(
      'QualityLevel',
      {
        Index: index,
        Bitrate: bitrate,
        FourCC: fourCC(codec),
        MaxWidth: codec.width,
        MaxHeight: codec.height,
        CodecPrivateData: parameterSets(codec, name, sequence, picture),
      },
      attributes(codec),
    );
  }
  if (codec.kind === 'audio') {
    // Encoders of the time wrote the core's rate beside AACH, and clients double it (spec/mapping-smooth.md).
    const { sampleRate, channels } = codec.core ?? codec;
    return el('QualityLevel', {
      AudioTag: AUDIO_TAG,
      Index: index,
      BitsPerSample: BITS_PER_SAMPLE,
      Bitrate: bitrate,
      FourCC: aacFourCC(codec),
      CodecPrivateData: hex(codec.config),
      Channels: channels,
      PacketSize: PACKET_SIZE,
      SamplingRate: sampleRate,
    });
  }
  return el('QualityLevel', { Index: index, Bitrate: bitrate, FourCC: 'TTML', CodecPrivateData: '' });
}

/** MS-SSTR 2.2.2.3: SUBT for subtitles, CAPT for what stands in for the sound. */
function subtypeOf({ roles }: SwitchingSet): string {
  return roles.includes('caption') ? 'CAPT' : 'SUBT';
}

/** WAVE_FORMAT_RAW_AAC1, and what every AAC level of AMS carried: decoders take no notice of the other two. */
const AUDIO_TAG = 255;
const BITS_PER_SAMPLE = 16;
const PACKET_SIZE = 4;

/** MS-SSTR 2.2.2.5: AACH for the profiles with spectral band replication (object types 5 and 29), else AACL. */
function aacFourCC({ rfc6381 }: AudioCodec): string {
  return /^mp4a\.40\.(5|29)$/.test(rfc6381) ? 'AACH' : 'AACL';
}

/** How a level names its video codec. */
type VideoRow = {
  fourCC(codec: VideoCodec): string;
  /** Whether a NAL unit, by its first byte, is a sequence or a picture parameter set. */
  sequence(first: number): boolean;
  picture(first: number): boolean;
  attributes(codec: VideoCodec): XmlElement | null;
};

const VIDEO: Readonly<Record<VideoCodec['family'], VideoRow>> = {
  // nal_unit_type: ISO/IEC 14496-10 table 7-1.
  avc: { fourCC: () => 'H264', sequence: (first) => (first & 0x1f) === 7, picture: (first) => (first & 0x1f) === 8, attributes: () => null },
  /**
   * MS-SSTR amendment for HEVC 2.2.2.5: the sample entry's type; video parameter sets stay out; what a decoder must know beyond that is
   * in the custom attribute "codecs". nal_unit_type: ISO/IEC 23008-2 table 7-1.
   */
  hevc: {
    fourCC: ({ sampleEntry }) => sampleEntry,
    sequence: (first) => ((first >> 1) & 0x3f) === 33,
    picture: (first) => ((first >> 1) & 0x3f) === 34,
    attributes: ({ rfc6381 }) => el('CustomAttributes', {}, el('Attribute', { Name: 'codecs', Value: rfc6381 })),
  },
};

const START_CODE = '00000001';

/** Sequence parameter sets, then picture parameter sets, each after a start code. */
function parameterSets(codec: VideoCodec, name: string, isSequence: VideoRow['sequence'], isPicture: VideoRow['picture']): string {
  const those = (wanted: (first: number) => boolean): string[] => codec.parameterSets.filter((unit) => wanted(unit[0])).map((unit) => START_CODE + hex(unit));
  const [sequence, picture] = [those(isSequence), those(isPicture)];
  if (sequence.length === 0 || picture.length === 0) {
    throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: `CodecPrivateData of track ${name}`, expected: 'an SPS and a PPS in the sample entry', found: `${sequence.length} and ${picture.length}` });
  }
  return [...sequence, ...picture].join('');
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text.toUpperCase();
}

/** MS-SSTR 2.2.2.6: `t` where a fragment does not start where the one before ends; `r` counts the first fragment of its run too. */
function chunks(names: BigInt64Array, version: 2 | 0): XmlElement[] {
  let expected: Ticks | null = null;
  return durationRuns(names).flatMap(({ start, duration, count }) => {
    const t = start === expected ? undefined : start;
    expected = start + duration * BigInt(count);
    if (version === 2) return [el('c', { t, d: duration, r: count > 1 ? count : undefined })];
    return Array.from({ length: count }, (_, i) => el('c', { t: i === 0 ? t : undefined, d: duration }));
  });
}
