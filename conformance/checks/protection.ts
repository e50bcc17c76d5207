/** Encrypted media as bytes: what headers and fragments say, which bytes are enciphered, with which vectors (ISO/IEC 23001-7:2023; PIFF 1.1; Apple's SAMPLE-AES). */
import { allDelivered, comparableHash, delivered, framingOf, mediaSegments, remembered, samplesOf, type MediaSegment } from '../media.ts';
import { ALL, cantTell, FMP4, inapplicable, type AssetCheck, type Context, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { findAll, fullBox, readBoxes } from '../oracle/boxes.ts';
import { nalUnits } from '../oracle/codecs.ts';
import { auxiliaryOffsets, auxiliarySizes, fragmentEncryption, trackEncryptions, type FragmentEncryption, type SampleInformation, type TrackEncryption } from '../oracle/encryption.ts';
import { sampleBytes, type FragmentSample, type TrackFragment } from '../oracle/fragments.ts';
import { sealingOf, sealingOfTrack } from '../oracle/signalled.ts';
import { leadOfUnit, sliceParameters, type Lead } from '../oracle/slice-header.ts';
import { readTs, type TsSegment } from '../oracle/ts.ts';
import { normalisedHash, shortHash, truthOfTrack } from '../oracle/truth.ts';
import { encryptionOf, isEnciphered, SAMPLE_AES_TYPES } from '../opened.ts';
import { formatRow } from '../outputs.ts';
import type { Exchange, TraceReader } from '../trace.ts';
import { segmentPath, trackName, type TrackView } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';
import { transportSamples } from './transport-samples.ts';

const WITH_INIT = ['hls-cmaf', 'dash-csf', 'dash-cmaf'] as const;
const BLOCK = 16;
const PACKET = 188;
/** The first letter of a text file of cues. */
const WEBVTT = 0x57;
/** ISO/IEC 23001-7:2023 4.2: major version 1, minor version 0. */
const SCHEME_VERSION = 0x00010000;

/** Sample entries of a header that are enciphered, as sent. */
export function headerEncryptions(wire: TraceReader, track: TrackView): readonly TrackEncryption[] {
  const exchange = track.init?.exchange ?? null;
  return delivered(exchange) && !isEnvelope(exchange, wire) ? trackEncryptions(readBoxes(wire.body(exchange))) : [];
}

/** A header inside an envelope has no boxes to show. */
function isEnvelope(exchange: Exchange, wire: TraceReader): boolean {
  return readBoxes(wire.body(exchange)).boxes[0]?.type !== 'ftyp';
}

export const PROTECTION_CHECKS: readonly FormatCheck[] = [
  {
    id: 'protection/header',
    requirements: ['CENC-001', 'CENC-003', 'CMAF-032', 'CMAF-033'],
    title: 'sinf tells format and scheme, and tenc a key identifier with the vectors and pattern of the scheme',
    level: 'must',
    scope: 'format',
    formats: WITH_INIT,
    run: ({ view, wire }) =>
      view.tracks.flatMap((track) =>
        headerEncryptions(wire, track).flatMap((encryption) => judged(trackPath(track), headerFaults(track, encryption).map((fault) => problem(trackPath(track), 'the protection of the sample entry does not fit its scheme', { actual: fault, at: track.init?.exchange ?? null, pointer: `moov/trak/mdia/minf/stbl/stsd/${encryption.entry.type}/sinf` })))),
      ),
  },
  {
    id: 'protection/sample-information',
    requirements: ['CENC-006', 'CMAF-031', 'MSS-036'],
    title: 'a fragment tells vector and ranges of each of its samples, and saiz and saio agree',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) => eachEncrypted(context, ({ media, path, fragment, information, constant }) => informationFaults(media, fragment, information, constant).slice(0, 3).map((fault) => problem(path, 'what the fragment says of its encryption does not fit', { actual: fault, at: media.segment.exchange, pointer: 'moof/traf' }))),
  },
  {
    id: 'protection/ranges',
    requirements: ['CENC-002', 'CENC-003', 'MSS-037'],
    title: 'protected ranges begin behind the slice header and end with their NAL unit; no slice is left out',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachEncrypted(context, ({ media, path, fragment, information, scheme }) => {
        const framing = framingOf(context.reader, media.track);
        if (framing === null || information === null) return [];
        const parameters = sliceParameters(context.reader, media.track);
        for (const [i, sample] of fragment.samples.entries()) {
          const fault = rangeFault(sampleBytes(media.facts, sample), information.samples[i]?.subsamples ?? null, scheme, (unit) => leadOfUnit(unit, framing.codec, parameters), framing.lengthSize);
          if (fault !== null) return [problem(path, 'a protected range lies wrong', { actual: fault, at: media.segment.exchange, pointer: `sample ${i + 1}` })];
        }
        return [];
      }),
  },
  {
    id: 'protection/transport',
    requirements: ['HLS-028'],
    title: 'SAMPLE-AES streams have their stream types, indicators and set-up data',
    level: 'must',
    scope: 'format',
    formats: ['hls-v3', 'hls-v4'],
    run: ({ view, wire }) =>
      view.tracks.flatMap((track) =>
        track.segments.flatMap((segment) => {
          const { exchange } = segment;
          if (!delivered(exchange) || sealingOf(view, track, segment.index)?.kind !== 'sample-aes') return [];
          const path = segmentPath(track, segment);
          return judged(path, transportFaults(sentTransport(wire, exchange)).slice(0, 3).map((fault) => problem(path, 'the program map does not tell an enciphered stream', { actual: fault, at: exchange })));
        }),
      ),
  },
  {
    id: 'protection/envelope',
    requirements: ['HLS-025', 'HLS-027', 'CENC-009'],
    title: 'a resource in an envelope is whole blocks, and opens with its key and vector to what it has to be',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) => envelopeFindings(context),
  },
  {
    id: 'protection/nothing-clear',
    requirements: ['CENC-010'],
    title: 'no sample that is said to be protected is sent as it is stored',
    level: 'must',
    scope: 'format',
    formats: FMP4,
    run: (context) =>
      eachEncrypted(context, ({ media, path, fragment, information }) => {
        const real = context.truth === null ? null : truthOfTrack(context.truth, media.track, context.profile);
        if (real === null || media.segment.exchange === null) return [];
        const wire = context.wire.body(media.segment.exchange);
        const framing = framingOf(context.reader, media.track);
        const stored = new Set(real.samples.flatMap(({ raw, normalised }) => (normalised === null ? [raw] : [raw, normalised])));
        const clear = fragment.samples.findIndex((sample, i) => {
          const { subsamples = null } = information?.samples[i] ?? {};
          const protectedBytes = subsamples === null ? sample.size : subsamples.reduce((sum, each) => sum + each.protected, 0);
          const bytes = wire.subarray(sample.offset, sample.offset + sample.size);
          return protectedBytes >= BLOCK && (stored.has(shortHash(bytes)) || (framing !== null && stored.has(normalisedHash(bytes, framing.lengthSize, framing.codec) ?? '')));
        });
        return clear < 0 ? [] : [problem(path, 'a sample is sent in the clear', { at: media.segment.exchange, pointer: `sample ${clear + 1}` })];
      }),
  },
  {
    id: 'protection/opens-to-stored',
    requirements: ['CENC-007'],
    title: 'opened with its key, an encrypted track gives the stored samples',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) => openedFindings(context),
  },
];

/** The comparison of media/samples-unchanged and media/transport-samples, for tracks that are encrypted. */
function openedFindings(context: FormatContext): readonly Finding[] {
  const { truth, view, reader, wire, profile } = context;
  if (truth === null) return [inapplicable('tracks', 'the content is unknown')];
  return view.tracks.flatMap((track) => {
    const real = track.keyFrames || (sealingOfTrack(view, track) === null && encryptionOf(wire, track) === null) ? null : truthOfTrack(truth, track, profile);
    if (real === null || !allDelivered(track)) return [];
    const inTransport = formatRow(view.format).container === 'ts';
    const opened = inTransport ? (transportSamples(reader, track).find(({ kind }) => kind === track.kind)?.samples.map(({ hash }) => hash) ?? []) : samplesOf(reader, track).map((sample) => comparableHash(view, track, sample));
    const normalised = track.kind === 'video' && formatRow(view.format).samples === 'normalised';
    const bad = real.samples.findIndex((sample, i) => (normalised ? sample.normalised : sample.raw) !== opened[i]);
    return judged(trackPath(track), bad < 0 && opened.length === real.samples.length ? [] : [problem(trackPath(track), 'an opened sample is not the stored one', { wanted: `${real.samples.length} samples`, actual: `${opened.length}, sample ${bad + 1} differs` })]);
  });
}

function headerFaults({ kind }: TrackView, { entry, format, scheme, schemeVersion, tenc, children }: TrackEncryption): readonly string[] {
  const faults: string[] = [];
  const wanted = kind === 'video' ? 'encv' : kind === 'audio' ? 'enca' : null;
  if (entry.type !== wanted) faults.push(`the sample entry of ${kind} is ${entry.type}`);
  if (children.join(' ') !== 'frma schm schi') faults.push(`sinf holds ${children.join(' ')}`);
  if (format === null || !(kind === 'video' ? /^(avc[1-4]|hvc1|hev1)$/ : /^(mp4a|ac-3|ec-3|dts[cehlx])$/).test(format)) faults.push(`frma says ${format}`);
  if (scheme !== 'cenc' && scheme !== 'cbcs') faults.push(`schm says ${scheme}`);
  if (schemeVersion !== SCHEME_VERSION) faults.push(`the scheme has version 0x${schemeVersion?.toString(16)}`);
  if (tenc === null) return [...faults, 'tenc is missing or too short'];
  if (tenc.isProtected !== 1) faults.push(`default_isProtected is ${tenc.isProtected}`);
  if (/^0+$/.test(tenc.keyId)) faults.push('default_KID is zero');
  const { ivSize, constantIv, version, pattern } = tenc;
  if (scheme === 'cenc' && (![8, 16].includes(ivSize) || version !== 0 || pattern.crypt !== 0 || pattern.skip !== 0)) faults.push(`cenc with version ${version}, vectors of ${ivSize} bytes, pattern ${pattern.crypt}:${pattern.skip}`);
  const blocks = kind === 'video' ? pattern.crypt === 1 && pattern.skip === 9 : pattern.skip === 0;
  if (scheme === 'cbcs' && (ivSize !== 0 || constantIv?.length !== BLOCK || version !== 1 || !blocks)) faults.push(`cbcs with version ${version}, vectors of ${ivSize} bytes, a constant one of ${constantIv?.length ?? 0}, pattern ${pattern.crypt}:${pattern.skip}`);
  return faults;
}

type Encrypted = { readonly media: MediaSegment; readonly path: string; readonly fragment: TrackFragment; readonly information: FragmentEncryption | null; readonly constant: Uint8Array | null; readonly scheme: string };

/** One verdict per delivered segment whose samples are said to be enciphered. */
function eachEncrypted(context: FormatContext, judge: (input: Encrypted) => readonly Finding[]): readonly Finding[] {
  const { view, reader, wire } = context;
  return view.tracks.flatMap((track) => {
    const smooth = track.source.kind === 'smooth';
    if (sealingOf(view, track, 0)?.kind === 'envelope') return [];
    const encryption = smooth ? null : encryptionOf(wire, track);
    const isSaid = smooth ? sealingOf(view, track, 0) !== null : encryption !== null;
    if (!isSaid) return [];
    return mediaSegments(reader, track).flatMap((media) => {
      const path = segmentPath(track, media.segment);
      const problems = media.facts.fragments.flatMap((fragment) => {
        const information = fragmentEncryption(media.facts.tree, fragment.traf, encryption?.ivSize ?? null);
        // A clear track beside enciphered ones: Smooth says so nowhere else.
        if (smooth && information === null) return [];
        if (encryption !== null && !isEnciphered(encryption, fragment)) return [];
        return judge({ media, path, fragment, information, constant: encryption?.constantIv ?? null, scheme: encryption?.scheme ?? 'cenc' });
      });
      return judged(path, problems);
    });
  });
}

function informationFaults({ facts: { tree } }: MediaSegment, { traf, moof, samples }: TrackFragment, information: FragmentEncryption | null, constant: Uint8Array | null): readonly string[] {
  const [saiz, saio] = ['saiz', 'saio'].map((type) => findAll(traf.children, type));
  // Whole samples under a constant vector need no information (23001-7:2023 7.1).
  if (information === null) return constant === null ? ['there is no information on the samples'] : [];
  const faults: string[] = [];
  const { problem: broken, count, flags, form, sizes, start } = information;
  if (broken !== null) faults.push(broken);
  if ((flags & ~(form === 'piff' ? 3 : 2)) !== 0) faults.push(`${form} has unknown flags 0x${flags.toString(16)}`);
  if (count !== samples.length) faults.push(`${form} counts ${count} samples, trun ${samples.length}`);
  const wrong = information.samples.findIndex(({ subsamples }, i) => subsamples !== null && samples[i] !== undefined && subsamples.reduce((sum, each) => sum + each.clear + each.protected, 0) !== samples[i].size);
  if (wrong >= 0) faults.push(`the ranges of sample ${wrong + 1} do not sum up to its size`);
  if (form === 'piff') return faults;
  if (saiz.length !== 1 || saio.length !== 1) return [...faults, `traf holds ${saiz.length} saiz and ${saio.length} saio`];
  const auxiliary = auxiliarySizes(tree, saiz[0]);
  // 14496-12:2022 8.7.8.2 and 8.7.9.2: one flag each, and only a type behind it; offsets have 64 bits in version 1.
  for (const box of [...saiz, ...saio]) {
    const { version = 0, flags = 0 } = fullBox(tree, box, 0) ?? {};
    if (flags > 1) faults.push(`${box.type} has unknown flags`);
    if (version > (box.type === 'saio' ? 1 : 0)) faults.push(`${box.type} has version ${version}`);
  }
  if (auxiliary.problem !== null) faults.push(auxiliary.problem);
  else if (auxiliary.sizes.length !== sizes.length || auxiliary.sizes.some((size, i) => size !== sizes[i])) faults.push('saiz gives other sizes than senc has');
  const offsets = auxiliaryOffsets(tree, saio[0]);
  if (offsets?.length !== 1 || moof.start + offsets[0] !== start) faults.push(`saio points at ${offsets?.join(' ')}, the information begins ${start - moof.start} bytes behind moof`);
  return faults;
}

/** ISO/IEC 23001-7:2023 9.5.2. */
function rangeFault(sample: Uint8Array, subsamples: SampleInformation['subsamples'], scheme: string, leadOf: (unit: Uint8Array) => Lead, lengthSize: number): string | null {
  const units = nalUnits(sample, lengthSize);
  if (units === null || subsamples === null) return units === null ? 'the sample is not made of NAL units' : 'a sample of pictures has no ranges';
  const spans = units.map((unit) => {
    const from = unit.byteOffset - sample.byteOffset;
    return { from, to: from + unit.length, ...leadOf(unit) };
  });
  const covered = new Set<number>();
  let at = 0;
  for (const { clear, protected: bytes } of subsamples) {
    const from = at + clear;
    at = from + bytes;
    if (bytes === 0) continue;
    const index = spans.findIndex((span) => from >= span.from && from < span.to);
    const span = spans[index];
    if (span === undefined || at > span.to) return `bytes ${from} to ${at} are not inside one NAL unit`;
    if (!span.isSlice) return `NAL unit ${index + 1} is no slice, and bytes of it are protected`;
    if (from < span.from + span.least) return `slice ${index + 1} is protected from byte ${from - span.from} on, its header ends at byte ${span.least}`;
    if (scheme === 'cenc' && bytes % BLOCK !== 0) return `a protected range has ${bytes} bytes, no whole blocks`;
    if (at !== span.to) return `slice ${index + 1} is clear at its end`;
    // What fills no block may stay clear in front; more may not.
    if (span.exact && from - span.from - span.least >= BLOCK) return `slice ${index + 1} is clear for ${from - span.from} bytes, its header has ${span.least}`;
    covered.add(index);
  }
  const bare = spans.findIndex(({ isSlice, from, to, least }, i) => isSlice && !covered.has(i) && to - from - least >= BLOCK);
  return bare < 0 ? null : `slice ${bare + 1} is not protected at all`;
}

const sent = new WeakMap<Exchange, TsSegment>();

/** A transport stream as it was on the wire. */
export function sentTransport(wire: TraceReader, exchange: Exchange): TsSegment {
  return remembered(sent, exchange, () => readTs(wire.body(exchange)));
}

/** private_data_indicator of each enciphered type (2.0 and 3.0 of Apple's document). */
const INDICATORS: Readonly<Record<number, string>> = { 0xdb: 'zavc', 0xcf: 'aacd', 0xc1: 'ac3d', 0xc2: 'ec3d' };
const AUDIO_SETUP = /^apad(zaac|zach|zacp|zac3|zec3)$/;

function transportFaults({ streams }: TsSegment): readonly string[] {
  return streams.flatMap(({ streamType, descriptors }) => {
    if (SAMPLE_AES_TYPES[streamType] === undefined) return [`stream_type 0x${streamType.toString(16)} is none of an enciphered stream`];
    const faults: string[] = [];
    const text = (tag: number, from: number, to: number): string => Buffer.from(descriptors.find((each) => each.tag === tag)?.data.subarray(from, to) ?? []).toString('latin1');
    if (text(0x0f, 0, 4) !== INDICATORS[streamType]) faults.push(`stream_type 0x${streamType.toString(16)} has the indicator "${text(0x0f, 0, 4)}"`);
    if (streamType === 0xdb) return faults;
    const registration = descriptors.find(({ tag }) => tag === 5)?.data ?? new Uint8Array();
    if (!AUDIO_SETUP.test(text(5, 0, 8))) faults.push(`the audio set-up information begins with "${text(5, 0, 8)}"`);
    // Priming in 16 bits, version 1, then the length of the set-up data.
    else if (registration[10] !== 1 || registration[11] !== registration.length - 12 || registration.length < 14) faults.push('the audio set-up data do not fit their length');
    return faults;
  });
}

function envelopeFindings({ view, wire, reader, keys }: FormatContext): readonly Finding[] {
  const seen = new Set<Exchange>();
  return view.tracks.flatMap((track) =>
    (['init', ...track.segments.map(({ index }) => index)] as const).flatMap((part) => {
      const exchange = (part === 'init' ? track.init?.exchange : track.segments[part].exchange) ?? null;
      const sealing = sealingOf(view, track, part);
      if (!delivered(exchange) || sealing?.kind !== 'envelope' || seen.has(exchange)) return [];
      seen.add(exchange);
      const path = part === 'init' ? `init/${trackName(track)}` : segmentPath(track, track.segments[part]);
      const fault = (message: string, actual?: string): readonly Finding[] => [problem(path, message, { ...(actual === undefined ? {} : { actual }), at: exchange })];
      if (sealing.iv === null) return fault('no vector is told for the envelope');
      if (exchange.body.size % BLOCK !== 0) return fault('the resource is not made of whole blocks', `${exchange.body.size} bytes`);
      if (looksLikeMedia(wire.body(exchange))) return fault('the resource is in the clear');
      if (keys.find(sealing.uri) === null) return [cantTell(path, 'the key is not known')];
      let clear: Uint8Array;
      try {
        clear = reader.body(exchange);
      } catch {
        return fault('the resource does not open with its key and vector');
      }
      return judged(path, looksLikeMedia(clear) && isWhole(clear) ? [] : fault('what the envelope holds is no media'));
    }),
  );
}

function looksLikeMedia(bytes: Uint8Array): boolean {
  const text = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).toString('latin1');
  return (bytes[0] === 0x47 && (bytes[PACKET] ?? 0x47) === 0x47) || /^(ftyp|styp|moof|sidx|prft|emsg)$/.test(text(4, 8)) || text(0, 6) === 'WEBVTT';
}

/** A wrong vector spoils the first block alone: the size of a box, or the first table. */
function isWhole(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x47) return bytes[0] === WEBVTT || readBoxes(bytes).problems.length === 0;
  return bytes.length % PACKET === 0 && readTs(bytes.subarray(0, PACKET)).faults.every(({ kind }) => !['section-crc', 'pat', 'sync-byte'].includes(kind));
}

export const PROTECTION_ASSET_CHECKS: readonly AssetCheck[] = [
  {
    id: 'protection/vectors',
    requirements: ['CENC-004', 'MSS-037'],
    title: 'under one key a vector serves one sample in one form, over all tracks and outputs',
    level: 'must',
    scope: 'asset',
    run: (context) => vectorFindings(context),
  },
];

type Use = { readonly hash: string; readonly path: string };

/** AES-CTR with a vector twice gives away both samples: the same vector may come again with the same bytes only. */
function vectorFindings({ views, reader, wire }: Context): readonly Finding[] {
  const uses = new Map<string, Use>();
  const findings: Finding[] = [];
  for (const view of views.values()) {
    for (const track of view.tracks) {
      const sealing = sealingOf(view, track, 0);
      const encryption = track.source.kind === 'smooth' ? null : encryptionOf(wire, track);
      const keyIds = sealing?.kind === 'samples' ? sealing.keyIds : [];
      if (sealing?.kind === 'envelope' || (encryption === null ? keyIds.length === 0 : encryption.scheme !== 'cenc')) continue;
      // Of several keys of a Smooth manifest it is not told which is the track's: its vectors have to differ from those under any.
      const names = encryption === null ? keyIds : [encryption.keyId];
      for (const media of mediaSegments(reader, track)) {
        const path = `${view.format}/${segmentPath(track, media.segment)}`;
        const twice = media.facts.fragments.flatMap((fragment) => vectorsOf(media, fragment, encryption?.ivSize ?? null)).flatMap(({ vector, hash }) =>
          names.flatMap((keyId) => {
            const known = uses.get(`${keyId} ${vector}`);
            if (known === undefined) uses.set(`${keyId} ${vector}`, { hash, path });
            return known === undefined || known.hash === hash ? [] : [problem(path, 'a vector is used for two samples', { actual: `also in ${known.path}`, at: media.segment.exchange, pointer: 'moof/traf' })];
          }),
        );
        findings.push(...judged(path, twice.slice(0, 1)));
      }
    }
  }
  return findings.length === 0 ? [inapplicable('all', 'nothing is enciphered in counter mode')] : findings;
}

function vectorsOf({ facts }: MediaSegment, { traf, samples }: TrackFragment, ivSize: number | null): readonly { readonly vector: string; readonly hash: string }[] {
  const information = fragmentEncryption(facts.tree, traf, ivSize);
  return (information?.samples ?? []).flatMap(({ iv }, i) => {
    const sample: FragmentSample | undefined = samples[i];
    if (sample === undefined || sample.offset + sample.size > facts.tree.bytes.length) return [];
    // Vectors of 16 bytes are counters: their lower half goes on with each block, so that the upper half has to differ as well.
    return [{ vector: Buffer.from(iv.subarray(0, 8)).toString('hex'), hash: shortHash(facts.tree.bytes.subarray(sample.offset, sample.offset + sample.size)) }];
  });
}

