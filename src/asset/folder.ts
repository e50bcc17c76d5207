/** Assets without a server manifest: the MP4 files of a folder are the asset. */
import { IsomerError } from '../errors.ts';
import type { Movie, MovieTrack } from '../isobmff/movie.ts';
import type { Entry } from '../storage/storage.ts';
import type { IsmTrack } from './ism.ts';

const MEDIA_FILE = /^(.+)\.(?:mp4|m4v|m4a|mp4a|mov)$/i;
const HANDLERS: Readonly<Record<string, IsmTrack['kind']>> = { vide: 'video', soun: 'audio', text: 'text', subt: 'text', sbtl: 'text' };

/** By the handler type (ISO/IEC 14496-12:2022 8.4.3); null for what is no media, e.g. time code. */
export function kindOf({ handler }: MovieTrack): IsmTrack['kind'] | null {
  return HANDLERS[handler] ?? null;
}

/** More files than this are no ladder. */
const MAX_FILES = 64;

/**
 * The tracks that `NAME.ism` stands for: all of the folder's files when NAME is the folder's name, one file's when it is
 * that file's base name. Video first, then audio, by file name.
 */
export async function findTracks(folder: string, name: string, entries: readonly Entry[] | null, movieOf: (file: string) => Promise<Movie>): Promise<readonly IsmTrack[]> {
  if (entries === null) throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: folder });
  const media = entries.filter((entry) => entry.kind === 'file' && MEDIA_FILE.test(entry.name)).map((entry) => entry.name);
  const own = media.filter((file) => MEDIA_FILE.exec(file)?.[1] === name);
  const files = own.length > 0 ? own : name === folder.split('/').at(-1) ? media : [];
  if (files.length === 0) throw new IsomerError('MPE_METADATA_NOT_FOUND', { where: `${name}.ism`, expected: 'a server manifest, or MP4 files under the name of the folder or of one file' });
  if (files.length > MAX_FILES) throw new IsomerError('MPE_FORMAT_NOT_SUPPORTED', { what: 'folder without a server manifest', expected: `at most ${MAX_FILES} media files`, found: String(files.length) });
  const movies = await Promise.all(files.map(async (file) => ({ file, movie: await movieOf(file) })));
  const stems = new Set([name, ...files.map((file) => MEDIA_FILE.exec(file)?.[1] ?? '')]);
  const texts = entries.filter((entry) => entry.kind === 'file').flatMap((entry) => textTrack(entry.name, stems));
  if (texts.length > MAX_FILES) throw new IsomerError('MPE_FORMAT_NOT_SUPPORTED', { what: 'folder without a server manifest', expected: `at most ${MAX_FILES} text files`, found: String(texts.length) });
  const tracks = movies.flatMap(({ file, movie }) => movie.tracks.map((track) => ({ kind: kindOf(track), src: file, trackId: track.id })));
  const listed = (['video', 'audio'] as const).flatMap((kind) =>
    tracks
      .filter((track) => track.kind === kind)
      .map(({ src, trackId }): IsmTrack => ({ kind, src, trackId, bitrate: null, trackName: null, title: null, language: null, roles: [], accessibility: [], line: 0 })),
  );
  return [...listed, ...texts];
}

const TEXT_FILE = /^(.+?)(?:\.([a-z]{2,3}(?:-[a-z0-9]{2,8})*))?(?:\.(caption|subtitle|forced-subtitle))?\.(?:vtt|ttml|dfxp)$/i;

/** `STEM.LANGUAGE.ROLE.vtt`, where language and role may be missing, beside a media file of that stem. */
function textTrack(file: string, stems: ReadonlySet<string>): readonly IsmTrack[] {
  const [, stem, language, role] = TEXT_FILE.exec(file) ?? [];
  if (stem === undefined || !stems.has(stem)) return [];
  return [{ kind: 'text', src: file, trackId: null, bitrate: null, trackName: null, title: null, language: language ?? null, roles: role === undefined ? [] : [role.toLowerCase()], accessibility: [], line: 0 }];
}
