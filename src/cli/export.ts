/** isomer export: writes to a folder what the origin would serve of one asset in one format, under the same relative paths. */
import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { openAsset, type Asset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { IsomerError } from '../errors.ts';
import { findFormat, FORMATS, type Format, type SegmentPlan } from '../formats.ts';
import { muxedAudio } from '../formats/transport.ts';
import { carries } from '../manifest/common.ts';
import { inQuality, playlistUrl, segmentUrls, type UrlParameters } from '../manifest/urls.ts';
import type { SwitchingSet, Track } from '../model/presentation.ts';
import { presentationTime } from '../model/samples.ts';
import { planBody, sendBody } from '../origin/body.ts';
import { createPool, type BufferPool } from '../origin/pool.ts';
import { withRoot } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';
import { toHns } from '../time.ts';
import { findAssets } from './assets.ts';
import type { CliDeps, Command } from './deps.ts';

export type ExportArgs = { readonly root: string; readonly asset: string; readonly format: string; readonly folder: string; readonly segmentSeconds: number };

export const exportAsset: Command<ExportArgs> = (args, deps) => withRoot(args.root, deps, ({ storage }) => exportFrom(storage, args, deps));

async function exportFrom(storage: Storage, { asset, format: tag, folder, segmentSeconds }: ExportArgs, { out }: CliDeps): Promise<number> {
  const format = findFormat(tag.toLowerCase()) ?? FORMATS.find(({ id }) => id === tag.toLowerCase());
  if (format === undefined) throw new IsomerError('MPE_OUTPUT_FORMAT_NOT_SUPPORTED', { what: 'format', expected: FORMATS.map(({ id }) => id).join(', '), found: tag });
  const [found] = await findAssets(storage, asset);
  if (found === undefined) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: asset, expected: 'a folder with a server manifest or MP4 files below the root' });
  const opened = await openAsset(storage, found.folder, found.name, { segmentSeconds, readMovie: createMovieReader(null) });
  try {
    const base = join(resolve(folder), `${found.name}.ism`);
    const files = await writeAll(opened, format, base);
    out(`${files} files in ${base}\n`);
  } finally {
    await opened.close();
  }
  return 0;
}

async function writeAll(asset: Asset, format: Format, base: string): Promise<number> {
  const { presentation } = asset;
  const parameters = { format: format.tags[0], extra: [], audioOnly: true };
  const pool = createPool();
  let files = 0;
  const text = async (path: string, content: string | Uint8Array): Promise<void> => {
    const target = await makeRoom(base, path);
    await writeFile(target, content);
    files++;
  };
  const segment = async (path: string, plan: SegmentPlan): Promise<void> => {
    await writePlan(plan, asset, await makeRoom(base, path), pool);
    files++;
  };
  await text(`manifest${parameters.format === '' ? '' : `(format=${parameters.format})`}`, format.writeManifest(presentation, parameters));
  for (const set of presentation.switchingSets.filter((other) => carries(format.families, other))) {
    for (const track of set.tracks) await writeTrack({ set, track, format, parameters, asset, text, segment });
  }
  return files;
}

type Writing = {
  readonly set: SwitchingSet;
  readonly track: Track;
  readonly format: Format;
  readonly parameters: UrlParameters & { readonly audioOnly: boolean };
  readonly asset: Asset;
  readonly text: (path: string, content: string | Uint8Array) => Promise<void>;
  readonly segment: (path: string, plan: SegmentPlan) => Promise<void>;
};

async function writeTrack({ set, track, format, parameters, asset: { presentation }, text, segment }: Writing): Promise<void> {
  // The audio of muxed video segments is named in their URLs.
  const audio = muxedAudio(presentation, null);
  const own = format.muxed && set.kind === 'video' && audio !== null ? { ...parameters, extra: [['audiotrack', audio.set.name] as const] } : parameters;
  if (format.writePlaylist !== undefined) await text(playlistUrl(track.bitrate, set.name, own), format.writePlaylist(presentation, set, track, own));
  if (format.writeInit !== undefined) await text(inQuality(track.bitrate, segmentUrls(set.name, own)('i')), format.writeInit(set, track));
  const url = segmentUrls(set.name, own);
  for (let i = 0; i + 1 < track.cuts.length; i++) await segment(inQuality(track.bitrate, url(set.timeline.names[i])), format.planSegment(presentation, set, track, i, own));
  if (format.writeKeyFramePlaylist === undefined || format.planKeyFrame === undefined || set.kind !== 'video') return;
  await text(playlistUrl(track.bitrate, set.name, own, true), format.writeKeyFramePlaylist(presentation, set, track, own));
  const keyUrl = segmentUrls(set.name, own, 'KeyFrames');
  const { samples, timescale } = track;
  for (const sample of samples.sync ?? Uint32Array.from({ length: samples.count }, (_, i) => i)) {
    const time = toHns(samples.base + BigInt(presentationTime(samples, sample)), timescale);
    const plan = format.planKeyFrame(set, track, time);
    if (plan !== null) await segment(inQuality(track.bitrate, keyUrl(time)), plan);
  }
}

async function makeRoom(base: string, path: string): Promise<string> {
  const target = join(base, decodeURIComponent(path));
  await mkdir(dirname(target), { recursive: true });
  return target;
}

async function writePlan(plan: SegmentPlan, asset: Asset, target: string, pool: BufferPool): Promise<void> {
  const body = await planBody(plan, { sources: asset.sources, pool, release: () => undefined });
  const file = await open(target, 'w');
  try {
    await sendBody(body, { write: async (chunk) => void (await file.write(chunk)), abort: () => undefined }, pool);
  } finally {
    await file.close();
  }
}
