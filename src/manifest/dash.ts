/**
 * DASH MPDs (ISO/IEC 23009-1) of on-demand presentations. CSF is literal: the shape of spec/golden/dash-csf.mpd. CMAF is strict:
 * ISO/IEC 23000-19 and the DASH-IF interoperability points. What differs and why: spec/mapping-dash.md.
 */
import type { Codec } from '../model/codec.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { durationRuns } from '../model/timeline.ts';
import { greatestCommonDivisor, HNS_PER_SECOND, type Ticks } from '../time.ts';
import { captionDescriptors } from './captions.ts';
import { audioChannels, objectAudio } from './channels.ts';
import { accessPointOf, CARRIES, carriedSets, cmafCodecs, type ManifestParameters } from './common.ts';
import { languageTag } from '../model/languages.ts';
import { contentProtection } from './protection.ts';
import { bitRates, ceilDivide, ceilSeconds, extentOf, longestSegment, minimumBuffer, oncePerTrack, startOf, type Sizes } from './rates.ts';
import { encodeName, inQuality, segmentUrls, type Quality, type UrlParameters } from './urls.ts';
import { el, textElement, writeDocument, type XmlElement } from './xml.ts';

const MPD_NAMESPACE = 'urn:mpeg:dash:schema:mpd:2011';
const XSI_NAMESPACE = 'http://www.w3.org/2001/XMLSchema-instance';
const LIVE_PROFILE = 'urn:mpeg:dash:profile:isoff-live:2011';
const CMAF_PROFILE = 'urn:mpeg:dash:profile:cmaf:2019';
const ROLE_SCHEME = 'urn:mpeg:dash:role:2011';

/** ISO/IEC 23009-1:2022 5.8.5.5, 5.8.5.8: a client may drop what carries a value that the scheme does not define. */
const ROLES = new Set(
  'caption subtitle main alternate supplementary commentary dub description sign metadata enhanced-audio-intelligibility emergency forced-subtitle easyreader karaoke'.split(' '),
);

/** ISO/IEC 14496-30 tracks are neither audio nor video (RFC 4337). */
const MIME_TYPES = { video: 'video/mp4', audio: 'audio/mp4', text: 'application/mp4' } as const;

export function writeMpdCsf(presentation: Presentation, parameters: ManifestParameters): string {
  const sets = carriedSets(presentation, 'DASH', CARRIES.fragments);
  const [start, { end }] = [startOf(presentation, sets), extentOf(sets)];
  return writeDocument(
    el(
      'MPD',
      {
        xmlns: MPD_NAMESPACE,
        'xmlns:xsi': XSI_NAMESPACE,
        profiles: LIVE_PROFILE,
        type: 'static',
        mediaPresentationDuration: durationText(end - start),
        minBufferTime: `PT${ceilSeconds(longestSegment(sets))}S`,
      },
      el(
        'Period',
        {},
        sets.map((set, i) => csfAdaptationSet(set, i + 1, start, parameters)),
      ),
    ),
  );
}

/** Group number and letter of Representation ids (spec/mapping-dash.md). */
const CSF_GROUPS = { video: { group: 1, letter: 'V' }, audio: { group: 5, letter: 'A' }, text: { group: 3, letter: 'T' } } as const;

function csfAdaptationSet(set: SwitchingSet, id: number, start: Ticks, parameters: UrlParameters): XmlElement {
  const { name, kind, tracks } = set;
  const { group, letter } = CSF_GROUPS[kind];
  const codecs = csfCodecs(tracks[0]);
  const protection = contentProtection(set);
  const isVideo = kind === 'video';
  return el(
    'AdaptationSet',
    {
      id,
      group,
      profiles: 'ccff',
      bitstreamSwitching: false,
      segmentAlignment: true,
      contentType: kind,
      mimeType: MIME_TYPES[kind],
      codecs,
      lang: isVideo ? undefined : languageTag(set.language),
      ...(isVideo ? { ...largestPicture(tracks), startWithSAP: accessPointOf(set), scanType: scanType(tracks) } : {}),
    },
    protection.common,
    descriptors(set, set.roles),
    el('SegmentTemplate', { timescale: HNS_PER_SECOND, presentationTimeOffset: nonZero(start), ...templateUrls(name, '$Bandwidth$', parameters) }, segmentTimeline(set)),
    tracks.map((track, i) =>
      el(
        'Representation',
        {
          id: `${group}_${letter}_${encodeName(name)}_${i + 1}`,
          bandwidth: track.bitrate,
          codecs: csfCodecs(track) === codecs ? undefined : csfCodecs(track),
          ...pictureSize(track),
          audioSamplingRate: track.codec.kind === 'audio' ? track.codec.sampleRate : undefined,
        },
        described(track.codec, track.codec.kind === 'audio' && track.codec.family !== 'aac', protection.ofTrack(track)),
      ),
    ),
  );
}

/** The golden, whose audio is AAC, has none. Of E-AC-3 and DTS the codec string does not tell how many channels there are, nor of objects. */
/** Channels, protection, objects: in the schema's order. */
function described(codec: Codec, channels: boolean, protection: readonly XmlElement[]): readonly XmlElement[] {
  if (codec.kind !== 'audio' || !channels) return protection;
  return [el('AudioChannelConfiguration', audioChannels(codec)), ...protection, ...objectAudio(codec).map((property) => el('SupplementalProperty', property))];
}

/** As stored; the hexadecimal digits of H.264's profile and level are upper-case, as in the golden. */
function csfCodecs({ codec }: Track): string {
  return codec.rfc6381.replace(/^(avc[13]\.)([0-9a-f]{6})$/, (_, entry: string, digits: string) => entry + digits.toUpperCase());
}

export function writeMpdCmaf(presentation: Presentation, parameters: ManifestParameters, sizes: Pick<Sizes, 'segmentBytes'>): string {
  const sets = carriedSets(presentation, 'DASH', CARRIES.fragments);
  const [start, { end }] = [startOf(presentation, sets), extentOf(sets)];
  const target = ceilSeconds(longestSegment(sets));
  let minBuffer = 0n;
  const adaptationSets = sets.map((set, i) => {
    const { names } = set.timeline;
    const bandwidths = set.tracks.map((track) => {
      const bytesOf = (segment: number): number => sizes.segmentBytes(track, segment);
      const { peak } = oncePerTrack(sizes, set, track, `segments ${target}`, () => bitRates(names, bytesOf, target));
      const needed = oncePerTrack(sizes, set, track, `buffer ${peak}`, () => minimumBuffer(names, bytesOf, peak));
      if (needed > minBuffer) minBuffer = needed;
      return peak;
    });
    return cmafAdaptationSet(set, i + 1, start, parameters, bandwidths);
  });
  return writeDocument(
    el(
      'MPD',
      {
        xmlns: MPD_NAMESPACE,
        profiles: `${LIVE_PROFILE},${CMAF_PROFILE}`,
        type: 'static',
        mediaPresentationDuration: durationText(end - start),
        minBufferTime: durationText(minBuffer),
      },
      el('Period', { id: 1 }, adaptationSets),
    ),
  );
}

function cmafAdaptationSet(set: SwitchingSet, id: number, start: Ticks, parameters: UrlParameters, bandwidths: readonly number[]): XmlElement {
  const { name, kind, tracks } = set;
  const codecs = tracks.map(cmafCodecs);
  const protection = contentProtection(set);
  const common = codecs.every((other) => other === codecs[0]);
  const isVideo = kind === 'video';
  return el(
    'AdaptationSet',
    {
      id,
      contentType: kind,
      mimeType: MIME_TYPES[kind],
      codecs: common ? codecs[0] : undefined,
      lang: isVideo ? undefined : languageTag(set.language),
      ...(isVideo ? { ...largestPicture(tracks), maxFrameRate: largestFrameRate(tracks), par: pictureAspectRatio(tracks[0]), scanType: scanType(tracks) } : {}),
      segmentAlignment: true,
      startWithSAP: accessPointOf(set),
    },
    protection.common,
    descriptors(set, set.roles.length === 0 && set.accessibility.length === 0 ? ['main'] : set.roles),
    el('SegmentTemplate', { timescale: HNS_PER_SECOND, presentationTimeOffset: nonZero(start) }, segmentTimeline(set)),
    tracks.map((track, i) => {
      const { codec, frameRate } = track;
      return el(
        'Representation',
        {
          id: `${encodeName(name)}_${track.bitrate}`,
          bandwidth: bandwidths[i],
          codecs: common ? undefined : codecs[i],
          ...pictureSize(track),
          frameRate: frameRate === null ? undefined : frameRateText(frameRate),
          sar: codec.kind === 'video' ? `${codec.sampleAspectRatio.numerator}:${codec.sampleAspectRatio.denominator}` : undefined,
          audioSamplingRate: codec.kind === 'audio' ? codec.sampleRate : undefined,
        },
        described(codec, codec.kind === 'audio', protection.ofTrack(track)),
        // The bitrate of the URL is not @bandwidth, which is measured here, so it cannot be $Bandwidth$; the rest is inherited (5.3.9.1).
        el('SegmentTemplate', templateUrls(name, track.bitrate, parameters)),
      );
    }),
  );
}

function templateUrls(name: string, quality: Quality, parameters: UrlParameters): { readonly media: string; readonly initialization: string } {
  const segment = segmentUrls(name, parameters);
  return { media: inQuality(quality, segment('$Time$')), initialization: inQuality(quality, segment('i')) };
}

function descriptor(element: 'Accessibility' | 'Role', value: string): XmlElement {
  return el(element, { schemeIdUri: ROLE_SCHEME, value });
}

/** In the schema's order: Label, Accessibility, Role. */
function descriptors(set: SwitchingSet, roles: readonly string[]): XmlElement[] {
  const { label, accessibility } = set;
  return [
    ...(label === null || label === '' ? [] : [textElement('Label', label)]),
    ...accessibility.filter((value) => ROLES.has(value)).map((value) => descriptor('Accessibility', value)),
    ...captionDescriptors(set),
    ...roles.filter((value) => ROLES.has(value)).map((value) => descriptor('Role', value)),
  ];
}

/** ISO/IEC 23009-1 5.3.9.6: `t` only where it is not the end of the S before (0 at the start); `r` counts repetitions, not segments. */
function segmentTimeline({ timeline }: SwitchingSet): XmlElement {
  let expected = 0n;
  return el(
    'SegmentTimeline',
    {},
    durationRuns(timeline.names).map(({ start, duration, count }) => {
      const t = start === expected ? undefined : start;
      expected = start + duration * BigInt(count);
      return el('S', { t, d: duration, r: count > 1 ? count - 1 : undefined });
    }),
  );
}

function pictureSize({ codec }: Track): { readonly width?: number; readonly height?: number } {
  return codec.kind === 'video' ? { width: codec.width, height: codec.height } : {};
}

/** ISO/IEC 23009-1 table 14: told where pictures may be fields; whole pictures are what clients expect. */
function scanType(tracks: readonly Track[]): 'interlaced' | undefined {
  return tracks.some(({ codec }) => codec.kind === 'video' && codec.interlaced === true) ? 'interlaced' : undefined;
}

function largestPicture(tracks: readonly Track[]): { readonly maxWidth: number; readonly maxHeight: number } {
  const sizes = tracks.map(pictureSize);
  return { maxWidth: Math.max(...sizes.map(({ width = 0 }) => width)), maxHeight: Math.max(...sizes.map(({ height = 0 }) => height)) };
}

/** Undefined when a track's rate varies: then no largest one is known. */
function largestFrameRate(tracks: readonly Track[]): string | undefined {
  let largest = tracks[0].frameRate;
  for (const { frameRate } of tracks) {
    if (frameRate === null || largest === null) return undefined;
    if (frameRate.numerator * largest.denominator > largest.numerator * frameRate.denominator) largest = frameRate;
  }
  return largest === null ? undefined : frameRateText(largest);
}

function frameRateText({ numerator, denominator }: { readonly numerator: number; readonly denominator: number }): string {
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}

/** Of the best quality: scaled ones may differ from it by rounding. */
function pictureAspectRatio({ codec }: Track): string | undefined {
  if (codec.kind !== 'video') return undefined;
  const across = codec.width * codec.sampleAspectRatio.numerator;
  const down = codec.height * codec.sampleAspectRatio.denominator;
  const divisor = greatestCommonDivisor(across, down);
  return divisor === 0 ? undefined : `${across / divisor}:${down / divisor}`;
}

function nonZero(time: Ticks): Ticks | undefined {
  return time === 0n ? undefined : time;
}

/** xs:duration from 10 MHz, rounded up to milliseconds, so that no media lies after the end. */
export function durationText(hns: Ticks): string {
  const milliseconds = Number(ceilDivide(hns, 10_000n));
  const hours = Math.floor(milliseconds / 3_600_000);
  const minutes = Math.floor(milliseconds / 60_000) % 60;
  const rest = milliseconds % 60_000;
  const fraction = rest % 1000 === 0 ? '' : `.${String(rest % 1000).padStart(3, '0').replace(/0+$/, '')}`;
  const seconds = rest > 0 || milliseconds === 0 ? `${Math.floor(rest / 1000)}${fraction}S` : '';
  return `PT${hours > 0 ? `${hours}H` : ''}${minutes > 0 ? `${minutes}M` : ''}${seconds}`;
}
