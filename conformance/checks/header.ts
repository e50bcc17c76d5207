/** Initialization segments field by field: what the standards fix, and what has to fit the content. */
import { delivered, framingOf, headerTrack, initOf } from '../media.ts';
import { CMAF, type FormatCheck, type FormatContext } from '../model.ts';
import { bodyOf, find, type Box } from '../oracle/boxes.ts';
import { audioSpecificConfig, nalType, parameterSets } from '../oracle/codecs.ts';
import { contentFaults, everyBox, fieldFaults, number } from '../oracle/header-rules.ts';
import { soundOf } from '../oracle/sound.ts';
import { readSps } from '../oracle/sps.ts';
import { truthOfTrack } from '../oracle/truth.ts';
import type { TrackView } from '../view.ts';
import { claimsCmaf } from './fragments.ts';
import { eachTrack, problem, trackPath } from './helpers.ts';

const WITH_INIT = ['hls-cmaf', 'dash-csf', 'dash-cmaf'] as const;

type Init = NonNullable<ReturnType<typeof initOf>>;

function headerCheck(id: string, requirements: readonly string[], title: string, message: string, faultsOf: (init: Init, track: TrackView, context: FormatContext) => readonly string[], more: Partial<Pick<FormatCheck, 'formats' | 'level' | 'amsOnly'>> = {}): FormatCheck {
  return {
    id,
    requirements,
    title,
    level: 'must',
    scope: 'format',
    formats: WITH_INIT,
    ...more,
    run: (context) =>
      eachTrack(context, (track) => {
        const init = initOf(context.reader, track);
        if (init === null || track.init === null || !delivered(track.init.exchange)) return null;
        return faultsOf(init, track, context).slice(0, 5).map((fault) => problem(trackPath(track), message, { actual: fault, at: track.init?.exchange ?? null, pointer: fault.split(':')[0] }));
      }),
  };
}

export const HEADER_CHECKS: readonly FormatCheck[] = [
  headerCheck('header/contents', ['BMFF-011', 'CMAF-003', 'CMAF-004', 'CMAF-013'], 'a header holds the boxes that the standard demands, each as often as it may', 'a box is missing or occurs too often', ({ tree }) => contentFaults(tree)),
  headerCheck('header/fixed-fields', ['BMFF-012', 'CMAF-004'], 'fields that the standard fixes have their values', 'a fixed field has another value', ({ tree }) => fieldFaults(tree, 'fixed')),
  headerCheck('header/defaults', ['CMAF-005', 'CMAF-007', 'CMAF-009'], 'CMAF headers leave rate, volume, matrix and the like at their defaults', 'a field is not at its default', ({ tree }, track, context) => (claimsCmaf(context, track) ? fieldFaults(tree, 'default') : []), { formats: CMAF }),
  headerCheck('header/stored-defaults', ['BMFF-013'], 'CSF headers leave rate, volume, matrix and the like at their defaults', 'a field is not at its default', ({ tree }) => fieldFaults(tree, 'default'), { formats: ['dash-csf'], level: 'should' }),
  headerCheck('header/presentation', ['BMFF-014', 'CMAF-007'], 'tkhd is enabled and in the movie, with the size of the pictures or none', 'tkhd does not fit the track', ({ tree }, track) => trackHeaderFaults(tree, track)),
  headerCheck('header/durations', ['BMFF-015'], 'durations of the movie and the media are 0 or all ones in a fragmented header', 'a header has a duration', ({ tree }) =>
    [['moov/mvhd', 12, 20], ['moov/trak/mdia/mdhd', 12, 20]].flatMap(([path, narrow, wide]) => {
      const box = find(tree.boxes, String(path));
      const body = box === undefined ? new Uint8Array() : bodyOf(tree, box);
      const from = 4 + Number(body[0] === 1 ? wide : narrow);
      const bytes = body.subarray(from, from + (body[0] === 1 ? 8 : 4));
      return bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 255) ? [] : [`${path}: ${Buffer.from(bytes).toString('hex')}`];
    }),
    { level: 'should' },
  ),
  headerCheck('header/avc', ['BMFF-016', 'CMAF-027'], 'avcC repeats profile, level and chroma format of its parameter sets', 'avcC and its parameter sets differ', (init) => avcFaults(init)),
  headerCheck('header/picture', ['BMFF-017', 'ISO-020'], 'sample entry and pixel shape are what the parameter sets say', 'the sample entry and its parameter sets differ', pictureFaults),
  headerCheck('header/audio', ['BMFF-018', 'CMAF-029'], 'esds describes AAC in MP4, and the entry has its rate and channels', 'the audio configuration does not fit', audioFaults),
  headerCheck('header/stored-configuration', ['ISO-012', 'ISO-013'], 'the codec configuration is the stored one', 'the configuration differs from the stored one', storedFaults),
];

function trackHeaderFaults(tree: Init['tree'], track: TrackView): readonly string[] {
  const tkhd = find(tree.boxes, 'moov/trak/tkhd');
  if (tkhd === undefined) return [];
  const body = bodyOf(tree, tkhd);
  const wide = body[0] === 1;
  const faults: string[] = [];
  const mvhd = find(tree.boxes, 'moov/mvhd');
  const next = mvhd === undefined ? 0 : number(bodyOf(tree, mvhd), mvhd.size - mvhd.header - 4, 4);
  const id = number(body, wide ? 20 : 12, 4);
  if (mvhd !== undefined && next <= id) faults.push(`moov/mvhd: next_track_ID ${next}, the track has ${id}`);
  if ((body[3] & 0xf0) !== 0 || body[1] !== 0 || body[2] !== 0) faults.push('moov/trak/tkhd: unknown flags');
  if ((body[3] & 3) !== 3) faults.push(`moov/trak/tkhd: flags ${body[3]}, not enabled and in movie`);
  const [width, height] = [number(body, wide ? 88 : 76, 4), number(body, wide ? 92 : 80, 4)];
  if (track.kind === 'video' ? width === 0 || height === 0 || width % 65536 !== 0 || height % 65536 !== 0 : width !== 0 || height !== 0) faults.push(`moov/trak/tkhd: size ${width / 65536}x${height / 65536}`);
  const volume = number(body, wide ? 48 : 36, 2);
  const wanted = track.kind === 'audio' ? 0x100 : 0;
  if (volume !== wanted) faults.push(`moov/trak/tkhd: volume ${volume}, not ${wanted}`);
  return faults;
}

/** ISO/IEC 14496-15:2022 5.3.2.1.2. */
function avcFaults(init: Init): readonly string[] {
  const entry = headerTrack(init)?.entries[0];
  const config = entry?.config('avcC') ?? null;
  if (entry === undefined || config === null || config.length < 7) return [];
  const sets = parameterSets(entry);
  if (sets === null) return ['avcC: parameter sets cannot be read'];
  const faults: string[] = [];
  if ((config[4] & 0xfc) !== 0xfc || (config[5] & 0xe0) !== 0xe0) faults.push('avcC: reserved bits are not 1');
  if (sets.lengthSize === 3) faults.push('avcC: lengthSizeMinusOne is 2');
  const first = sets.units.find((unit) => nalType(unit, 'avc') === 7);
  const sps = first === undefined ? null : readSps(first);
  if (sps === null) return entry.type === 'avc3' ? faults : [...faults, 'avcC: no readable sequence parameter set'];
  if (!sets.units.some((unit) => nalType(unit, 'avc') === 8)) faults.push('avcC: no picture parameter set');
  if (sps.profile !== config[1] || sps.compatibility !== config[2] || sps.level !== config[3]) faults.push(`avcC: ${[...config.subarray(1, 4)].join(' ')}, its parameter set ${sps.profile} ${sps.compatibility} ${sps.level}`);
  const used = 6 + sets.units.reduce((sum, { length }) => sum + 2 + length, 0) + 1;
  const tail = config.subarray(used);
  const high = [100, 110, 122, 144].includes(sps.profile);
  // Files of the first edition lack the four bytes.
  if (high && tail.length > 0) {
    const told = [tail[0], tail[1], tail[2], tail[3]];
    const wanted = [0xfc | sps.chromaFormat, 0xf8 | (sps.bitDepthLuma - 8), 0xf8 | (sps.bitDepthChroma - 8), 0];
    if (told.some((byte, i) => byte !== wanted[i])) faults.push(`avcC: chroma format ${Buffer.from(tail.subarray(0, 4)).toString('hex')}, not ${Buffer.from(wanted).toString('hex')}`);
  } else if (tail.length > 0) faults.push(`avcC: ${tail.length} bytes behind the parameter sets`);
  return faults;
}

function pictureFaults({ tree, tracks }: Init, track: TrackView, { format }: FormatContext): readonly string[] {
  const entry = tracks[0]?.entries[0];
  if (track.kind !== 'video' || entry === undefined) return [];
  if (entry.width === 0) return [`stsd: ${entry.type} is no sample entry of pictures`];
  const unit = parameterSets(entry)?.units.find((each) => nalType(each, 'avc') === 7);
  const sps = /^avc/.test(entry.type) && unit !== undefined ? readSps(unit) : null;
  const faults: string[] = [];
  if (sps !== null && (sps.width !== entry.width || sps.height !== entry.height)) faults.push(`stsd: ${entry.width}x${entry.height}, the parameter set ${sps.width}x${sps.height}`);
  const tkhd = find(tree.boxes, 'moov/trak/tkhd');
  const pasp = everyBox(tree.boxes, '').find(({ box }) => box.type === 'pasp')?.box;
  const shape: readonly [number, number] = pasp === undefined ? [1, 1] : [number(bodyOf(tree, pasp), 0, 4), number(bodyOf(tree, pasp), 4, 4)];
  const real = sps?.pixelShape ?? null;
  if (real !== null && shape[0] * real[1] !== shape[1] * real[0]) faults.push(`pasp: ${shape.join(':')}, the parameter set ${real.join(':')}`);
  if (tkhd !== undefined && format !== 'dash-csf') faults.push(...shownSizeFaults(bodyOf(tree, tkhd), entry, shape));
  if (tkhd !== undefined && format === 'dash-csf' && real !== null && real[0] === real[1]) faults.push(...shownSizeFaults(bodyOf(tree, tkhd), entry, [1, 1]));
  return faults;
}

/** tkhd counts square pixels: one side stays, the other is stretched. */
function shownSizeFaults(tkhd: Uint8Array, { width, height }: { readonly width: number; readonly height: number }, [across, down]: readonly [number, number]): readonly string[] {
  const at = tkhd[0] === 1 ? 88 : 76;
  const [shownWidth, shownHeight] = [number(tkhd, at, 4) / 65536, number(tkhd, at + 4, 4) / 65536];
  const fits = (a: number, b: number): boolean => Math.abs(a - b) <= 1;
  const square = across === down;
  if (square ? shownWidth === width && shownHeight === height : across > 0 && down > 0 && fits(shownWidth / shownHeight, (width * across) / (height * down))) return [];
  return [`moov/trak/tkhd: size ${shownWidth}x${shownHeight} for ${width}x${height}`];
}

const AAC_RATES = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/** ISO/IEC 14496-1:2010 7.2.6 and ISO/IEC 14496-14:2020 5.6. */
function audioFaults({ tree, tracks }: Init, track: TrackView, context: FormatContext): readonly string[] {
  const entry = tracks[0]?.entries[0];
  const esds = entry?.config('esds') ?? null;
  if (track.kind !== 'audio' || entry === undefined) return [];
  if (entry.channels === 0) return [`stsd: ${entry.type} is no sample entry of sound`];
  if (entry.type !== 'mp4a') return [];
  if (esds === null) return ['mp4a: no esds'];
  const config = audioSpecificConfig(entry);
  if (config === null || config.length < 2) return ['esds: no readable AudioSpecificConfig'];
  const faults: string[] = [];
  const flags = streamFlags(esds);
  if (flags === null) return ['esds: descriptors cannot be read'];
  // CSF keeps the stored entry, and many encoders leave a number here.
  if (flags.esId !== 0 && context.format !== 'dash-csf' && claimsCmaf(context, track)) faults.push(`esds: ES_ID ${flags.esId}, not 0`);
  if (flags.options !== 0) faults.push('esds: the ES descriptor depends on another stream or names a URL');
  if (flags.objectType !== 0x40) faults.push(`esds: objectTypeIndication 0x${flags.objectType.toString(16)}, not 0x40`);
  if (flags.stream !== 0x15) faults.push(`esds: stream type byte 0x${flags.stream.toString(16)}, not 0x15`);
  if (flags.sync !== 2) faults.push('esds: the SL configuration is not predefined 2');
  const objectType = config[0] >> 3;
  const core = AAC_RATES[((config[0] & 7) << 1) | (config[1] >> 7)];
  const sound = soundOf(entry);
  const channels = sound?.channels ?? 0;
  // With SBR the entry may have the rate of the core or of what comes out, and with PS one channel or two.
  const rates = [core, sound?.sampleRate ?? core];
  if (objectType === 2 && core !== undefined && !rates.includes(entry.sampleRate)) faults.push(`mp4a: rate ${entry.sampleRate}, AudioSpecificConfig ${rates.join(' or ')}`);
  if (channels > 2 ? entry.channels !== 2 && entry.channels !== channels : channels > 0 && entry.channels !== channels && !(entry.channels <= 2 && (sound?.codec === 'mp4a.40.29' || sound?.open === true))) faults.push(`mp4a: ${entry.channels} channels, AudioSpecificConfig ${channels}`);
  const end = esdsEnd(tree.boxes);
  if (end !== null && flags.end !== end) faults.push('esds: descriptors do not end where the box ends');
  return faults;
}

function esdsEnd(boxes: readonly Box[]): number | null {
  const box = everyBox(boxes, '').find(({ box: each }) => each.type === 'esds')?.box;
  return box === undefined ? null : box.size - box.header;
}

type StreamFlags = { readonly esId: number; readonly options: number; readonly objectType: number; readonly stream: number; readonly sync: number; readonly end: number };

/** The fixed bytes of ES_Descriptor, DecoderConfigDescriptor and SLConfigDescriptor; null when a length does not fit. */
function streamFlags(esds: Uint8Array): StreamFlags | null {
  let at = 4;
  const open = (tag: number): number | null => {
    if (esds[at++] !== tag) return null;
    let length = 0;
    for (let i = 0; i < 4; i++) {
      const byte = esds[at++];
      if (byte === undefined) return null;
      length = (length << 7) | (byte & 0x7f);
      if ((byte & 0x80) === 0) break;
    }
    return at + length <= esds.length ? at + length : null;
  };
  const end = open(3);
  if (end === null) return null;
  const [esId, options] = [number(esds, at, 2), esds[at + 2] >> 5];
  at += 3;
  const decoderEnd = open(4);
  if (decoderEnd === null || decoderEnd > end) return null;
  const [objectType, stream] = [esds[at], esds[at + 1]];
  at += 13;
  const configEnd = open(5);
  if (configEnd === null || configEnd !== decoderEnd) return null;
  at = decoderEnd;
  const syncEnd = open(6);
  return syncEnd === null || syncEnd !== end ? null : { esId, options, objectType, stream, sync: esds[at], end };
}

function storedFaults(init: Init, track: TrackView, { truth, profile, reader }: FormatContext): readonly string[] {
  const real = truth === null ? null : truthOfTrack(truth, track, profile);
  const entry = headerTrack(init)?.entries[0];
  if (real === null || entry === undefined) return [];
  const { config, parameterSets: stored } = real.codec;
  if (track.kind === 'audio' && config !== '') {
    const actual = Buffer.from(audioSpecificConfig(entry) ?? []).toString('hex');
    return actual.toLowerCase() === config.toLowerCase() ? [] : [`esds: ${actual}, stored ${config}`];
  }
  if (framingOf(reader, track) === null || stored.length === 0) return [];
  const actual = (parameterSets(entry)?.units ?? []).map((unit) => Buffer.from(unit).toString('hex').toLowerCase());
  const missing = stored.filter((unit) => !actual.includes(unit.toLowerCase()));
  return missing.length === 0 && actual.length === stored.length ? [] : [`stsd: ${actual.length} parameter sets, ${missing.length} of ${stored.length} stored ones missing`];
}
