/** Writes down what an asset holds: read with the corpus's own reader, and cross-checked with ffprobe. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AssetRecipe, AudioRecipe, ElementRecipe, VideoRecipe } from '../spec/asset.ts';
import type { Truth, TruthTrack } from '../spec/truth.ts';
import { OBJECTS } from './bitstream/write.ts';
import { FFPROBE } from './encode.ts';
import { readTracks, type StoredTrack } from './mp4.ts';

const run = promisify(execFile);

export async function writeTruth(recipe: AssetRecipe, folder: string, elements: readonly ElementRecipe[]): Promise<Omit<Truth, 'texts'>> {
  const files = new Map<string, Buffer>();
  // An archive's elements name folders that are cut from files afterwards.
  const fileOf = (src: string): string => recipe.files.find(({ file }) => recipe.archive && file.startsWith(`${src}.`))?.file ?? src;
  for (const { src } of elements) if (!files.has(src)) files.set(src, await readFile(join(folder, fileOf(src))));
  const chosen = elements.map((element) => {
    const bytes = files.get(element.src) as Buffer;
    const stored = readTracks(bytes).find(({ id }) => id === element.trackId);
    if (stored === undefined) throw new Error(`${element.src} has no track ${element.trackId}`);
    return { element, stored, bytes };
  });
  const shifts = presentationShifts(chosen.map(({ stored }) => stored));
  const tracks = chosen.map(({ element, stored, bytes }, i) => describe(recipe, element, stored, bytes, shifts[i]));
  for (const [src] of files) await crossCheck(join(folder, fileOf(src)), readTracks(files.get(src) as Buffer));
  return { schema: 'isomer-truth/1', asset: recipe.id, title: recipe.title, class: recipe.class, manifest: `${recipe.name}.ism`, tracks };
}

/**
 * Ticks from DTS + composition to presentation time, per track (media-rules 1.1, 1.2): one media edit and leading empty
 * ones; where a video edit starts inside a GOP, all tracks move by the distance back to the key frame.
 */
function presentationShifts(tracks: readonly StoredTrack[]): { shift: number; drop: number }[] {
  const shifts = tracks.map(({ edits, timescale, movieTimescale }) => {
    const empty = edits.filter(({ mediaTime }) => mediaTime < 0).reduce((sum, { duration }) => sum + duration, 0);
    return Math.round((empty * timescale) / movieTimescale) - (edits.find(({ mediaTime }) => mediaTime >= 0)?.mediaTime ?? 0);
  });
  const back = tracks.map((track, i) => {
    if (track.handler !== 'vide') return 0;
    const before = keyFrames(track).map((k) => track.dts[k] + track.composition[k] + shifts[i]).filter((time) => time <= 0);
    return before.length === 0 ? 0 : -before[before.length - 1] / track.timescale;
  });
  const seconds = Math.max(0, ...back);
  return tracks.map((track, i) => {
    const shift = shifts[i] + Math.round(seconds * track.timescale);
    const end = (k: number): number => track.dts[k] + track.composition[k] + shift + track.duration[k];
    let drop = 0;
    if (track.handler === 'vide') drop = keyFrames(track).findLast((k) => track.dts[k] + track.composition[k] + shift <= 0) ?? 0;
    else while (drop < track.size.length && end(drop) <= 0) drop++;
    return { shift, drop };
  });
}

function keyFrames({ sync, size }: StoredTrack): readonly number[] {
  return sync ?? size.map((_, i) => i);
}

function describe(recipe: AssetRecipe, element: ElementRecipe, stored: StoredTrack, bytes: Buffer, { shift, drop }: { shift: number; drop: number }): TruthTrack {
  const isVideo = stored.handler === 'vide';
  const made = recipe.files.find(({ file }) => file === element.src || (recipe.archive && file.startsWith(`${element.src}.`)));
  const audioIndex = stored.id - (made?.video === undefined ? 1 : 2);
  const sample = (i: number): Buffer => bytes.subarray(stored.offset[i], stored.offset[i] + stored.size[i]);
  const kept = stored.size.map((_, i) => i).slice(drop);
  const pt = stored.dts.map((dts, i) => dts + stored.composition[i] + shift);
  // The counter of the first kept picture: pictures before it in presentation order.
  const firstTime = Math.min(...kept.map((i) => pt[i]));
  const first = pt.filter((time) => time < firstTime).length;
  const language = element.language ?? (stored.language === 'und' ? '' : stored.language);
  return {
    file: element.src,
    trackId: element.trackId,
    kind: isVideo ? 'video' : 'audio',
    name: element.trackName ?? (isVideo ? 'video' : (element.title ?? 'audio')),
    bitrate: element.bitrate ?? null,
    language: isVideo ? '' : language,
    label: element.title ?? null,
    roles: element.roles,
    accessibility: element.accessibility,
    codec: codecFacts(stored, made?.video, made?.audio[audioIndex]),
    timescale: stored.timescale,
    samples: {
      size: [...stored.size],
      raw: stored.size.map((_, i) => hash(sample(i))),
      normalised: isVideo ? stored.size.map((_, i) => hash(nalPayloads(sample(i), stored))) : null,
      dts: [...stored.dts],
      duration: [...stored.duration],
      composition: [...stored.composition],
      pt: pt.map((time, i) => (i >= drop && time < 0 ? 0 : time)),
    },
    sync: stored.sync === null ? null : [...stored.sync],
    editedOut: drop,
    pictures: isVideo && made?.video !== undefined ? { rendition: made.video.rendition, first, count: kept.length } : null,
    pilot: isVideo ? null : (made?.audio[audioIndex]?.pilot ?? null),
  };
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** How a family of video frames its NAL units: ISO/IEC 14496-15 5.3.3.1 and 8.3.3.1; parameter sets and delimiters by type. */
type NalForm = { lengthSize(configuration: Buffer): number; typeOf(first: number): number; readonly leftOut: ReadonlySet<number> };
const AVC: NalForm = { lengthSize: (avcC) => (avcC[4] & 3) + 1, typeOf: (first) => first & 31, leftOut: new Set([7, 8, 9, 13, 15]) };
const HEVC: NalForm = { lengthSize: (hvcC) => (hvcC[21] & 3) + 1, typeOf: (first) => (first >> 1) & 63, leftOut: new Set([32, 33, 34, 35]) };

function nalPayloads(sample: Buffer, { sampleEntry, configuration }: StoredTrack): Buffer {
  const form = sampleEntry.startsWith('avc') ? AVC : HEVC;
  const lengthSize = form.lengthSize(configuration);
  const units: Buffer[] = [];
  for (let at = 0; at < sample.length; ) {
    const length = sample.readUIntBE(at, lengthSize);
    const unit = sample.subarray(at + lengthSize, at + lengthSize + length);
    if (unit.length !== length) throw new Error('a NAL unit leaves its sample');
    if (!form.leftOut.has(form.typeOf(unit[0]))) units.push(unit);
    at += lengthSize + length;
  }
  return Buffer.concat(units);
}

type Facts = TruthTrack['codec'];

/** What the stream says that its sample entry may not: codecs that corpus/bitstream wrote, and DTS in mp4a (object type 0xA9). */
const STATED: { readonly [codec in AudioRecipe['codec']]?: Pick<Facts, 'rfc6381'> & Partial<Pick<Facts, 'objects'>> } = {
  'he-aac': { rfc6381: 'mp4a.40.5' }, 'he-aac-v2': { rfc6381: 'mp4a.40.29' },
  'eac3-71': { rfc6381: 'ec-3' }, 'eac3-joc': { rfc6381: 'ec-3', objects: OBJECTS },
  dts: { rfc6381: 'dtsc' }, 'dts-lossless': { rfc6381: 'dtsl' }, 'dts-ma': { rfc6381: 'dtsh' }, 'dts-hra': { rfc6381: 'dtsh' }, 'dts-express': { rfc6381: 'dtse' },
};

function codecFacts(stored: StoredTrack, video: VideoRecipe | undefined, made: AudioRecipe | undefined): Facts {
  const range = video?.range ?? 'SDR';
  const { sampleEntry } = stored;
  if (sampleEntry.startsWith('avc')) return videoFacts(stored, `${sampleEntry}.${stored.configuration.toString('hex', 1, 4)}`, avcSets(stored.configuration), range);
  if (sampleEntry.startsWith('h')) return videoFacts(stored, `${sampleEntry}.${hevcProfile(stored.configuration)}`, hevcSets(stored.configuration), range);
  const stated = made === undefined ? undefined : STATED[made.codec];
  const aac = sampleEntry === 'mp4a' && (stated === undefined || stated.rfc6381.startsWith('mp4a'));
  const { sampleRate } = stored;
  const facts = aac ? aacFacts(stored, made) : { sampleEntry, rfc6381: sampleEntry, width: null, height: null, frameRate: null, sampleRate, channels: made?.channels ?? null, config: '', parameterSets: [] };
  return made === undefined || stated === undefined ? facts : { ...facts, ...stated, sampleRate: made.sampleRate, channels: made.channels };
}

function videoFacts({ sampleEntry, width, height, duration, timescale }: StoredTrack, rfc6381: string, parameterSets: string[], range: Facts['range']): Facts {
  const constant = duration.slice(0, -1).every((ticks) => ticks === duration[0]);
  return { sampleEntry, rfc6381, width, height, frameRate: constant ? reduce(timescale, duration[0]) : null, sampleRate: null, channels: null, config: '', range, parameterSets };
}

function avcSets(avcC: Buffer): string[] {
  const parameterSets: string[] = [];
  let at = 6;
  for (const count of [avcC[5] & 31, -1]) {
    const sets = count < 0 ? avcC[at++] : count;
    for (let i = 0; i < sets; i++) {
      const length = avcC.readUInt16BE(at);
      parameterSets.push(avcC.toString('hex', at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return parameterSets;
}

/** Of all arrays: x265 stores a SEI message there too. */
function hevcSets(hvcC: Buffer): string[] {
  const parameterSets: string[] = [];
  let at = 23;
  for (let array = 0; array < hvcC[22]; array++) {
    const count = hvcC.readUInt16BE(at + 1);
    at += 3;
    for (let i = 0; i < count; i++) {
      const length = hvcC.readUInt16BE(at);
      parameterSets.push(hvcC.toString('hex', at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return parameterSets;
}

/** ISO/IEC 14496-15 E.3. */
function hevcProfile(hvcC: Buffer): string {
  const flags = [...hvcC.readUInt32BE(2).toString(2).padStart(32, '0')].toReversed().join('');
  const constraints = [...hvcC.subarray(6, 12)];
  while (constraints.at(-1) === 0) constraints.pop();
  const space = ['', 'A', 'B', 'C'][hvcC[1] >> 6];
  return [`${space}${hvcC[1] & 31}`, Number.parseInt(flags, 2).toString(16), `${(hvcC[1] & 0x20) === 0 ? 'L' : 'H'}${hvcC[12]}`, ...constraints.map((byte) => byte.toString(16))].join('.');
}

const AAC_RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
/** By channelConfiguration (ISO/IEC 14496-3 table 1.19). */
const AAC_CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];

/** Behind version and flags: ES_Descriptor with 3 bytes, DecoderConfigDescriptor with 13, DecoderSpecificInfo (ISO/IEC 14496-1 7.2.6). */
function specificInfo(esds: Buffer): Buffer {
  let at = 4;
  let length = 0;
  for (const fields of [3, 13, 0]) {
    length = 0;
    at++;
    do length = (length << 7) | (esds[at] & 0x7f);
    while ((esds[at++] & 0x80) !== 0);
    at += fields;
  }
  return esds.subarray(at, at + length);
}

function aacFacts({ sampleEntry, configuration }: StoredTrack, made: AudioRecipe | undefined): Facts {
  const config = specificInfo(configuration);
  const objectType = config[0] >> 3;
  const sampleRate = AAC_RATES[((config[0] & 7) << 1) | (config[1] >> 7)];
  // 0: the layout is spelled out in a program_config_element.
  const layout = (config[1] >> 3) & 15;
  return { sampleEntry, rfc6381: `mp4a.40.${objectType}`, width: null, height: null, frameRate: null, sampleRate, channels: layout === 0 ? (made?.channels ?? null) : AAC_CHANNELS[layout], config: config.toString('hex'), parameterSets: [] };
}

function reduce(a: number, b: number): [number, number] {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return [a / x, b / x];
}

/** ffprobe, told to ignore edit lists, must see the same samples at the same times. */
async function crossCheck(file: string, tracks: readonly StoredTrack[]): Promise<void> {
  const { stdout } = await run(FFPROBE, ['-v', 'error', '-ignore_editlist', '1', '-show_entries', 'stream=index,id:packet=stream_index,pts,dts,size,flags', '-of', 'json', file], { maxBuffer: 256 * 1024 * 1024 });
  const probe = JSON.parse(stdout) as { streams: { index: number; id: string }[]; packets: { stream_index: number; pts: number; dts: number; size: string; flags: string }[] };
  for (const track of tracks) {
    const index = probe.streams.find(({ id }) => Number(id) === track.id)?.index;
    const packets = probe.packets.filter((packet) => packet.stream_index === index);
    const keys = new Set(keyFrames(track));
    const mine = track.size.map((size, i) => `${size} ${track.composition[i] + track.dts[i] - track.dts[0] - track.composition[0]} ${keys.has(i) ? 'K' : '_'}`);
    const theirs = packets.map(({ size, pts, flags }) => `${size} ${pts - packets[0].pts} ${flags[0]}`);
    const differs = mine.findIndex((line, i) => line !== theirs[i]);
    if (mine.length !== theirs.length || differs >= 0) {
      throw new Error(`${file}, track ${track.id}: ffprobe sees ${theirs.length} samples, the reader ${mine.length}; first difference at sample ${differs}: ${theirs[differs]} and ${mine[differs]}`);
    }
  }
}
