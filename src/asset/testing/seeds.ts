/** Small whole assets, one of each stored form: what the corruption tests start from. Paths are relative to the asset. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { concatBytes } from '../../bytes.ts';
import { writeFragmentHead } from '../../isobmff/fragment.ts';
import { writeInit } from '../../isobmff/init.ts';
import { aacEntry, audioTrack, avcEntry, mp4File, nalSample, videoTrack, type TrackFixture } from '../../isobmff/testing.ts';
import { box, fourcc, fullBox, u16, u32 } from '../../isobmff/write.ts';

export type Files = Readonly<Record<string, Uint8Array>>;
export type Seed = { readonly form: string; readonly name: string; readonly files: Files };

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const smil = (elements: string, head = ''): Uint8Array =>
  utf8(`<?xml version="1.0" encoding="utf-8"?>\n<smil xmlns="http://www.w3.org/2001/SMIL20/Language"><head>${head}</head><body><switch>${elements}</switch></body></smil>`);

/** One GOP is 1.001 s. */
const GOP = 30;
const REORDERED = [1001, 3003, 0, 0];
const reordered = (count: number): number[] => Array.from({ length: count }, (_, i) => (i % GOP === 0 ? 1001 : REORDERED[i % 4]));
const VIDEO = videoTrack(270, GOP, { compositions: reordered(270), edits: [[9009, 1001]] });
const SMALL = videoTrack(270, GOP, { compositions: reordered(270), edits: [[9009, 1001]], samples: Array.from({ length: 270 }, (_, i) => nalSample(i % GOP === 0 ? 0x65 : 0x41, 9, i)) });
const AUDIO = audioTrack(430, { edits: [[9000, 1024]] });

/** Samples in the sets' own form: the parameter sets of avcEntry stand in front of each key frame. */
function withInBandSets(track: TrackFixture): TrackFixture {
  const entry = avcEntry('avc3');
  const record = entry.subarray(8 + 78 + 8);
  const sps = record.subarray(8, 8 + (record[6] << 8) + record[7]);
  const at = 8 + sps.length + 1;
  const pps = record.subarray(at + 2, at + 2 + (record[at] << 8) + record[at + 1]);
  const sets = concatBytes([u32(sps.length), sps, u32(pps.length), pps]);
  return { ...track, entry, samples: track.samples.map((sample, i) => (track.sync?.includes(i) === true ? concatBytes([sets, sample]) : sample)) };
}

type FragmentOptions = { readonly timescale: number; readonly duration: number; readonly perFragment: number; readonly styp: string | null; readonly tfxd: boolean };

/** Fragments of a track, and their times; with `tfxd` as PIFF has them: no tfdt, times in the box of Smooth Streaming. */
function fragmentsOf({ samples, sync, compositions }: TrackFixture, { duration, perFragment, styp, tfxd }: FragmentOptions): { readonly time: number; readonly bytes: Uint8Array }[] {
  return Array.from({ length: Math.ceil(samples.length / perFragment) }, (_, f) => {
    const first = f * perFragment;
    const own = samples.slice(first, first + perFragment);
    const time = first * duration;
    const head = writeFragmentHead({
      sequence: f + 1,
      trackId: 1,
      baseMediaDecodeTime: BigInt(time),
      durations: Uint32Array.from(own, () => duration),
      sizes: Uint32Array.from(own, ({ length }) => length),
      compositions: compositions === undefined ? null : Int32Array.from(own, (_sample, i) => compositions[first + i]),
      sync: sync === undefined ? null : (i) => sync.includes(first + i),
      styp,
      ...(tfxd ? { tfxd: { fragment_absolute_time: BigInt(time + (compositions?.[first] ?? 0)), fragment_duration: BigInt(own.length * duration) } } : {}),
    });
    return { time, bytes: concatBytes([head, ...own]) };
  });
}

const initOf = (kind: 'video' | 'audio', timescale: number): Uint8Array =>
  writeInit({ brand: 'cmfc', kind, timescale, language: kind === 'audio' ? 'deu' : 'und', sampleEntry: kind === 'video' ? avcEntry() : aacEntry(), width: kind === 'video' ? 320 : 0, height: kind === 'video' ? 180 : 0, duration: 90_000n });

const sidx = (references: readonly number[]): Uint8Array => fullBox('sidx', 0, 0, u32(1, 30000, 0, 0), u16(0, references.length), ...references.map((size) => u32(size, 30030, 0x90000000)));
const mfra = (moofs: readonly number[]): Uint8Array => {
  const tfra = fullBox('tfra', 1, 0, u32(1, 0, moofs.length), ...moofs.flatMap((offset, i) => [u32(0, i * 30030, 0, offset), Uint8Array.of(1, 1, 1)]));
  return box('mfra', tfra, fullBox('mfro', 0, 0, u32(24 + tfra.length)));
};

function fragmentedFile(track: TrackFixture, options: FragmentOptions, extra: { readonly index?: boolean; readonly access?: boolean } = {}): Uint8Array {
  const fragments = fragmentsOf(track, options).map(({ bytes }) => bytes);
  const init = initOf(track.kind, options.timescale);
  const index = extra.index === true ? [sidx(fragments.map(({ length }) => length))] : [];
  let at = init.length;
  const positions = fragments.map(({ length }) => (at += length) - length);
  return concatBytes([init, ...index, ...fragments, ...(extra.access === true ? [mfra(positions)] : [])]);
}

/** Written by x265: 426x240. */
const HVCC = Buffer.from('0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003003c959409a10001002942010101600000030090000003000003003ca00d880f1c9e595952930bc05a02000007d20000ea6010a2000100064401c073c189', 'hex');
const hevcEntry = (type: string): Uint8Array =>
  box(type, new Uint8Array(6), u16(1), new Uint8Array(16), u16(426, 240), u32(0x480000, 0x480000, 0), u16(1), new Uint8Array(32), u16(0x18, 0xffff), box('hvcC', HVCC));
/** ETSI TS 102 366 F.5 and F.6. */
const EAC3_ENTRY = box('ec-3', new Uint8Array(6), u16(1), u32(0, 0), u16(2, 16, 0, 0), u32(48000 * 65536), box('dec3', Uint8Array.of(6, 0, 0x20, 4, 0)));
const hevcTrack = (type: string): TrackFixture => ({ ...VIDEO, entry: hevcEntry(type), samples: VIDEO.samples.map((sample, i) => nalSample(i % GOP === 0 ? 0x26 : 0x02, sample.length - 4, i)) });

/** A folder with a header and one file per fragment. */
function archiveOf(folder: string, track: TrackFixture, options: FragmentOptions): Files {
  const files: Record<string, Uint8Array> = { [`${folder}/header`]: initOf(track.kind, options.timescale) };
  for (const { time, bytes } of fragmentsOf(track, options)) files[`${folder}/${Math.floor((time * 10_000_000) / options.timescale)}`] = bytes;
  return files;
}

const VIDEO_FRAGMENTS = { timescale: 30000, duration: 1001, perFragment: GOP, styp: null, tfxd: false } as const;
const AUDIO_FRAGMENTS = { timescale: 48000, duration: 1024, perFragment: 47, styp: null, tfxd: false } as const;
const BOTH = '<video src="v.mp4"/>\n<audio src="a.mp4" systemBitrate="64000"/>';
const ISMC = utf8(
  '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2" MinorVersion="1" Duration="90090000"><StreamIndex Type="video" Name="video" Chunks="2" QualityLevels="1" Url="x"><QualityLevel Index="0" Bitrate="250000" FourCC="H264"/><c t="0" d="60060000"/><c d="30030000"/></StreamIndex>' +
    '<StreamIndex Type="audio" Name="sound" Language="eng" Chunks="1" QualityLevels="1" Url="x"><QualityLevel Index="0" Bitrate="64000"/><c d="90000000"/></StreamIndex></SmoothStreamingMedia>',
);

export const SEEDS: readonly Seed[] = [
  {
    form: 'progressive',
    name: 'x',
    files: {
      'x.ism': smil('<video src="v.mp4" systemBitrate="300000"><param name="trackID" value="1"/></video><video src="w.mp4" systemBitrate="200000"/><audio src="v.mp4" title="Commentary" systemLanguage="eng"><param name="role" value="alternate"/></audio>', '<meta name="formats" content="mp4-v3"/>'),
      'v.mp4': mp4File({ tracks: [VIDEO, AUDIO] }),
      'w.mp4': mp4File({ tracks: [SMALL], moovLast: true, wide: true }),
    },
  },
  { form: 'no server manifest', name: 'film', files: { 'film.mp4': mp4File({ tracks: [withInBandSets(VIDEO), AUDIO] }) } },
  { form: 'fragmented', name: 'x', files: { 'x.ism': smil(BOTH), 'v.mp4': fragmentedFile(VIDEO, VIDEO_FRAGMENTS), 'a.mp4': fragmentedFile(AUDIO, AUDIO_FRAGMENTS) } },
  {
    form: 'CMAF',
    name: 'x',
    files: {
      'x.ism': smil(BOTH),
      'v.mp4': fragmentedFile(VIDEO, { ...VIDEO_FRAGMENTS, styp: 'cmfs' }, { index: true }),
      'a.mp4': fragmentedFile(AUDIO, { ...AUDIO_FRAGMENTS, styp: 'cmfs' }, { index: true }),
    },
  },
  {
    form: 'PIFF',
    name: 'x',
    files: {
      'x.ism': smil('<video src="v.ismv" systemBitrate="250000"/><audio src="a.isma" systemBitrate="64000"/>', '<meta name="clientManifestRelativePath" content="x.ismc"/>'),
      'x.ismc': ISMC,
      'v.ismv': fragmentedFile(VIDEO, { ...VIDEO_FRAGMENTS, tfxd: true }, { access: true }),
      'a.isma': fragmentedFile(AUDIO, { ...AUDIO_FRAGMENTS, tfxd: true }, { access: true }),
    },
  },
  {
    form: 'live archive',
    name: 'x',
    files: {
      'x.ism': smil('<video src="ev" systemBitrate="250000"/><audio src="ea" systemBitrate="64000"/>', '<meta name="formats" content="vod-fmp4"/>'),
      ...archiveOf('ev', VIDEO, { ...VIDEO_FRAGMENTS, tfxd: true }),
      ...archiveOf('ea', AUDIO, { ...AUDIO_FRAGMENTS, tfxd: true }),
    },
  },
  {
    form: 'HEVC and E-AC-3',
    name: 'other',
    files: { 'other.mp4': mp4File({ tracks: [hevcTrack('hev1'), audioTrack(282, { entry: EAC3_ENTRY, durations: Array.from({ length: 282 }, () => 1536) }), AUDIO] }) },
  },
  {
    form: 'QuickTime',
    name: 'clip',
    files: { 'clip.mov': concatBytes([box('ftyp', fourcc('qt  '), u32(0x200), fourcc('qt  ')), box('wide'), mp4File({ tracks: [VIDEO, AUDIO], moovLast: true }).subarray(28)]) },
  },
];

/** Assets of the corpus, as encoders and ffmpeg wrote them: boxes that the small ones do not have. */
export async function storedSeeds(folder: string, assets: Readonly<Record<string, string>>): Promise<readonly Seed[]> {
  return Promise.all(
    Object.entries(assets).map(async ([asset, name]): Promise<Seed> => {
      const entries = await readdir(join(folder, asset), { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile() && !/^\.|\.json$/.test(entry.name)).map((entry) => relative(join(folder, asset), join(entry.parentPath, entry.name)));
      return { form: `corpus: ${asset}`, name, files: Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, asset, path))] as const))) };
    }),
  );
}
