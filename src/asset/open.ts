/** From stored bytes to a Presentation: the server manifest, the movies it names, and what is left out and why. */
import { createHash } from 'node:crypto';
import { IsomerError, withWhere } from '../errors.ts';
import type { Movie, MovieTrack } from '../isobmff/movie.ts';
import { readSampleEntry } from '../isobmff/sampleentry.ts';
import type { Codec } from '../model/codec.ts';
import type { Captions, Presentation } from '../model/presentation.ts';
import { heldBytes } from '../model/samples.ts';
import { buildPresentation, measuredBitrate, type TrackInput } from '../model/sets.ts';
import { joinPath } from '../storage/paths.ts';
import type { Source, Storage } from '../storage/storage.ts';
import { MAX_TEXT_BYTES } from '../text/document.ts';
import type { LineChannel } from '../text/cea608.ts';
import { resolveAac } from './aac.ts';
import { ARCHIVE_FORMATS, openArchiveTrack } from './archive.ts';
import { readCaptions } from './captions.ts';
import { resolveDts, type Stored } from './dts.ts';
import { findTracks, kindOf } from './folder.ts';
import { MAX_MANIFEST_BYTES, readIsm, type Ism, type IsmTrack } from './ism.ts';
import { matchStream, readIsmc, type ClientStream } from './ismc.ts';
import { addressable } from './names.ts';
import { resolveVideo } from './parametersets.ts';
import { addText, readTextSamples, textFormOf, type TextInput } from './text.ts';

export type Asset = {
  readonly presentation: Presentation;
  /** Open sources by the names that tracks carry. */
  readonly sources: ReadonlyMap<string, Source>;
  /** What was left out or done beyond the letter, for the log. */
  readonly notes: readonly string[];
  /** Files that decide what the asset is, with the versions that were read: paths in the storage. */
  readonly files: ReadonlyMap<string, string>;
  /** Estimate of the memory that the index holds. */
  readonly bytes: number;
  close(): Promise<void>;
};

export type OpenOptions = {
  readonly segmentSeconds: number;
  /** Reads a movie, from the sidecar index when that is fresh. */
  readonly readMovie: (path: string, source: Source) => Promise<Movie>;
};

/** Movies that are read at the same time. */
const PARALLEL = 4;
/** Refusals that concern one track; the rest of the asset is still delivered. */
const LEFT_OUT = new Set(['MPE_AUDIO_ENCODING_NOT_SUPPORTED', 'MPE_VIDEO_ENCODING_NOT_SUPPORTED', 'MPE_MEDIA_TYPE_NOT_SUPPORTED']);

/** Kinds of refusals of text tracks; storage that fails may come back. */
const TEXT_LEFT_OUT: ReadonlySet<string> = new Set(['malformed', 'unsupported', 'not-found']);

/** Opens `NAME.ism` in a folder, or, where there is no such file, the MP4 files themselves (folder.ts). */
export async function openAsset(storage: Storage, folder: string, name: string, options: OpenOptions): Promise<Asset> {
  const opening = new Opening(storage, folder, options);
  try {
    return await opening.run(name);
  } catch (error) {
    await opening.close();
    throw error;
  }
}

type Candidate = { readonly want: IsmTrack; readonly file: string; readonly movie: Movie; readonly track: MovieTrack };

class Opening {
  readonly #storage: Storage;
  readonly #folder: string;
  readonly #options: OpenOptions;
  readonly #sources = new Map<string, Source>();
  readonly #movies = new Map<string, Promise<Movie>>();
  readonly #files = new Map<string, string>();
  readonly #notes: string[] = [];
  #archive = false;
  /** Over the manifests' bytes: they are small, and edits within one clock tick must count. */
  readonly #content = createHash('sha256');

  constructor(storage: Storage, folder: string, options: OpenOptions) {
    this.#storage = storage;
    this.#folder = folder;
    this.#options = options;
  }

  async run(name: string): Promise<Asset> {
    const manifest = await this.#readManifest(`${name}.ism`);
    const ism = manifest ?? (await this.#listFiles(name));
    this.#archive = ARCHIVE_FORMATS.has(ism.formats);
    const streams = await this.#readClientManifest(ism);
    const wanted = ism.tracks.filter(({ kind }) => kind !== 'text');
    await runBounded([...new Set(wanted.map(({ src }) => src))], (file) => this.#movie(file));
    const candidates = await Promise.all(wanted.map((want) => this.#locate(want)));

    const inputs: TrackInput[] = [];
    let firstRefusal: Error | null = null;
    const leftOut = new Map<string, IsomerError>();
    for (const candidate of candidates) {
      try {
        inputs.push(await this.#input(candidate, matchStream(streams, candidate.want, ism.tracks)));
      } catch (error) {
        if (!(error instanceof IsomerError) || !LEFT_OUT.has(error.code)) throw withWhere(error, candidate.file);
        firstRefusal ??= withWhere(error, candidate.file) as IsomerError;
        this.#notes.push(`${candidate.file}: ${error.message}; left out`);
        const { trackName, title } = candidate.want;
        const named = addressable(trackName ?? title ?? '');
        if (named !== null) leftOut.set(named, new IsomerError(error.code, { ...error.detail, what: `track ${named}` }));
      }
    }
    if (firstRefusal !== null && inputs.length === 0) throw firstRefusal;
    if (inputs.length === 0) throw new IsomerError('MPE_FORMAT_NOT_SUPPORTED', { where: `${name}.ism`, expected: 'video or audio', found: 'none' });

    const texts = await this.#openTexts(ism.tracks, streams);
    const version = this.#version();
    const chosen = manifest === null ? withoutCopies(inputs) : inputs;
    const { presentation: media, moved, notes } = buildPresentation(chosen, { asset: joinPath(this.#folder, name), version, segmentSeconds: this.#options.segmentSeconds });
    const { presentation, sources, notes: textNotes, bytes } = addText(media, texts, { moved: Math.round((1000 * moved.ticks) / moved.timescale), segmentSeconds: this.#options.segmentSeconds });
    for (const [source, held] of sources) this.#sources.set(source, held);
    return {
      presentation: leftOut.size === 0 ? presentation : { ...presentation, leftOut },
      sources: this.#sources,
      notes: [...this.#notes, ...notes, ...textNotes],
      files: this.#files,
      bytes: 4096 + bytes + inputs.reduce((sum, { samples }) => sum + heldBytes(samples), 0),
      close: () => this.close(),
    };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#movies.values()]);
    await Promise.allSettled(Array.from(this.#sources.values(), (source) => source.close()));
    this.#sources.clear();
  }

  async #readManifest(file: string): Promise<Ism | null> {
    try {
      return readIsm(await this.#readSmall(file), file);
    } catch (error) {
      if (error instanceof IsomerError && error.code === 'MPE_STORAGE_RESOURCE_NOT_FOUND') return null;
      throw error;
    }
  }

  /** Text that cannot be read is left out: it stops nobody from watching. */
  async #openTexts(tracks: readonly IsmTrack[], streams: readonly ClientStream[]): Promise<readonly TextInput[]> {
    const inputs: TextInput[] = [];
    for (const want of tracks.filter(({ kind }) => kind === 'text')) {
      try {
        const form = textFormOf(want.src);
        const channel = want.text?.channel ?? null;
        const content = channel !== null ? await this.#captions(want, channel) : form === null ? await this.#textSamples(want) : { form, bytes: await this.#readSmall(want.src, MAX_TEXT_BYTES) };
        const stream = matchStream(streams, want, tracks);
        inputs.push({ want: { ...want, trackName: this.#nameOf(want.trackName ?? stream?.name ?? null, want.src), language: want.language ?? stream?.language ?? null }, content });
      } catch (error) {
        if (!(error instanceof IsomerError) || !TEXT_LEFT_OUT.has(error.kind)) throw error;
        this.#notes.push(`${want.src}: ${error.message}; left out`);
      }
    }
    return inputs;
  }

  async #textSamples(want: IsmTrack): Promise<TextInput['content']> {
    const { file, track } = await this.#locate(want);
    const source = this.#sources.get(file);
    if (source === undefined) throw new Error(`${file} is not open`);
    return readTextSamples(track, source, file);
  }

  async #captions(want: IsmTrack, channel: LineChannel): Promise<TextInput['content']> {
    const { file, track } = await this.#locate({ ...want, kind: 'video' });
    return readCaptions(track, this.#sources.get(file), { file, channel });
  }

  async #readClientManifest({ clientManifest }: Ism): Promise<readonly ClientStream[]> {
    if (clientManifest === null) return [];
    try {
      return readIsmc(await this.#readSmall(clientManifest), clientManifest);
    } catch (error) {
      if (!(error instanceof IsomerError)) throw error;
      // Names and languages come from elsewhere too. Encoders name a client manifest that they never store.
      if (error.kind !== 'not-found') this.#notes.push(`${clientManifest}: ${error.message}; ignored`);
      return [];
    }
  }

  async #readSmall(file: string, limit = MAX_MANIFEST_BYTES): Promise<Uint8Array> {
    const path = joinPath(this.#folder, file);
    const source = await this.#storage.open(path);
    try {
      if (source.size > limit) throw new IsomerError('ISOMER_ISM_MALFORMED', { where: file, expected: `at most ${limit} bytes`, found: String(source.size) });
      const bytes = new Uint8Array(source.size);
      await source.read(0, bytes);
      this.#files.set(path, source.version);
      this.#content.update(bytes);
      return bytes;
    } finally {
      await source.close();
    }
  }

  async #listFiles(name: string): Promise<Ism> {
    const entries = await this.#storage.list(this.#folder);
    const tracks = await findTracks(this.#folder, name, entries, (file) => this.#movie(file));
    return { formats: '', clientManifest: null, tracks };
  }

  #movie(file: string): Promise<Movie> {
    let movie = this.#movies.get(file);
    if (movie === undefined) {
      movie = this.#openMovie(file);
      movie.catch(() => undefined);
      this.#movies.set(file, movie);
    }
    return movie;
  }

  async #openMovie(file: string): Promise<Movie> {
    const path = joinPath(this.#folder, file);
    try {
      const source = this.#archive ? await openArchiveTrack(this.#storage, this.#folder, file) : await this.#storage.open(path);
      this.#sources.set(file, source);
      // A folder's version cannot be looked at as a file's can: archives are taken as finished.
      if (this.#archive) this.#content.update(`${path}\0${source.version}\n`);
      else this.#files.set(path, source.version);
      return await this.#options.readMovie(path, source);
    } catch (error) {
      // Storage names the path already; the reader does not know its file.
      throw error instanceof IsomerError && error.kind !== 'malformed' && error.detail.where?.includes(file) === true ? error : withWhere(error, file);
    }
  }

  async #locate(want: IsmTrack): Promise<Candidate> {
    const movie = await this.#movie(want.src);
    const ofKind = movie.tracks.filter((track) => kindOf(track) === want.kind);
    const track = want.trackId === null ? ofKind[0] : movie.tracks.find(({ id }) => id === want.trackId);
    if (track !== undefined && kindOf(track) === want.kind) return { want, file: want.src, movie, track };
    throw new IsomerError('ISOMER_ISM_MALFORMED', {
      what: want.trackId === null ? `${want.kind} element` : `trackID of a ${want.kind} element`,
      where: want.src,
      expected: ofKind.length === 0 ? `a file with ${want.kind}` : `one of ${ofKind.map(({ id }) => id).join(', ')}`,
      found: want.trackId === null ? movie.tracks.map((other) => other.handler).join(', ') || 'no track' : String(want.trackId),
    });
  }

  async #input({ want, file, movie, track }: Candidate, stream: ClientStream | null): Promise<TrackInput> {
    if (track.sampleEntries.length !== 1) throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'stsd', where: `track ${track.id}`, expected: 'one sample entry', found: String(track.sampleEntries.length) });
    const [storedEntry] = track.sampleEntries;
    const stored = readSampleEntry(storedEntry).codec;
    if (track.samples.count === 0) throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { where: `track ${track.id}`, expected: 'samples', found: movie.fragmented ? 'movie fragments only' : 'none' });
    const isVideo = stored.kind === 'video';
    const { codec, sampleEntry, inBandSets, accessPoint, captions } = await this.#resolve(stored, storedEntry, track, this.#sources.get(file));
    return {
      kind: want.kind,
      file,
      timescale: track.timescale,
      movieTimescale: track.movieTimescale,
      edits: track.edits,
      samples: track.samples,
      codec,
      sampleEntry,
      inBandSets,
      ...(accessPoint === undefined ? {} : { accessPoint }),
      ...captionsOf(isVideo ? (want.captions ?? captions) : undefined),
      source: file,
      name: this.#nameOf(want.trackName ?? (isVideo ? null : (want.title ?? stream?.name ?? null)), file),
      label: want.title,
      language: isVideo ? '' : (want.language ?? stream?.language ?? storedLanguage(track)),
      roles: want.roles,
      accessibility: want.accessibility,
      bitrate: want.bitrate,
    };
  }

  /** What only the samples tell. */
  async #resolve(codec: Codec, sampleEntry: Uint8Array, track: MovieTrack, source: Source | undefined): Promise<Stored<Codec> & { readonly inBandSets: boolean; readonly accessPoint?: 2 | 3; readonly captions?: readonly Captions[] }> {
    if (codec.kind === 'video') return { sampleEntry, ...(await resolveVideo(codec, track, source)) };
    if (codec.kind === 'audio' && codec.family === 'dts') return { inBandSets: false, ...(await resolveDts({ codec, sampleEntry }, track, source)) };
    if (codec.kind === 'audio' && codec.family === 'aac') return { codec: await resolveAac(codec, track, source), sampleEntry, inBandSets: false };
    return { codec, sampleEntry, inBandSets: false };
  }

  /** Labels keep what was written. */
  #nameOf(wanted: string | null, file: string): string | null {
    const name = wanted === null ? null : addressable(wanted);
    if (name !== wanted) this.#notes.push(`${file}: the track name ${JSON.stringify(wanted?.slice(0, 100))} cannot stand in a URL; it is ${name === null ? 'not used' : JSON.stringify(name.slice(0, 100))}`);
    return name;
  }

  #version(): string {
    for (const [path, version] of [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))) this.#content.update(`${path}\0${version}\n`);
    return this.#content.digest('hex').slice(0, 16);
  }
}

function captionsOf(captions: readonly Captions[] | undefined): { readonly captions?: readonly Captions[] } {
  return captions === undefined ? {} : { captions };
}

/** "und" in a media header means that nobody said anything. */
function storedLanguage({ language }: MovieTrack): string {
  return language === 'und' ? '' : language;
}

/**
 * Files of a ladder without a server manifest often repeat one audio track in each of them. Of audio tracks that share
 * language, codec, rate and channels the one with the highest bitrate is kept.
 */
function withoutCopies(inputs: readonly TrackInput[]): readonly TrackInput[] {
  const best = new Map<string, { input: TrackInput; bitrate: number }>();
  for (const input of inputs) {
    if (input.codec.kind !== 'audio') continue;
    const key = JSON.stringify([input.language, input.codec.rfc6381, input.codec.sampleRate, input.codec.channels]);
    const bitrate = measuredBitrate(input);
    const known = best.get(key);
    if (known === undefined || bitrate > known.bitrate) best.set(key, { input, bitrate });
  }
  const kept = new Set([...best.values()].map(({ input }) => input));
  return inputs.filter((input) => input.codec.kind !== 'audio' || kept.has(input));
}

async function runBounded<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}
