import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { audioTrack, avcEntry, mp4File, videoTrack } from '../isobmff/testing.ts';
import { box } from '../isobmff/write.ts';
import { openFileStorage } from '../storage/file.ts';
import { createMemoryStorage, type MemoryStorage } from '../storage/memory.ts';
import type { Source } from '../storage/storage.ts';
import { createLibrary, type Library } from './library.ts';
import { openAsset, type Asset } from './open.ts';
import { createMovieReader } from './reader.ts';
import { createSidecarCache, decodeMovie, encodeMovie } from './sidecar.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const smil = (body: string, head = ''): Uint8Array => text(`<smil><head>${head}</head><body><switch>${body}</switch></body></smil>`);
const VIDEO = mp4File({ tracks: [videoTrack(420, 60)] });
const SMALL = mp4File({ tracks: [videoTrack(420, 60, { samples: videoTrack(420, 60).samples.map((sample) => sample.slice()) })] });
const AUDIO = mp4File({ tracks: [audioTrack(660)] });
const MUXED = mp4File({ tracks: [videoTrack(420, 60), audioTrack(660)] });
const AC3 = mp4File({ tracks: [audioTrack(10, { entry: box('ac-3', new Uint8Array(40)) })] });
const ENCRYPTED = mp4File({ tracks: [videoTrack(60, 60, { entry: box('encv', avcEntry().slice(8)) })] });

const storageOf = (files: Readonly<Record<string, Uint8Array>>): MemoryStorage => createMemoryStorage(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`a/${name}`, bytes])));
const open = (storage: MemoryStorage, name = 'x'): Promise<Asset> => openAsset(storage, 'a', name, { segmentSeconds: 6, readMovie: createMovieReader(null) });
const errorOf = async (promise: Promise<unknown>): Promise<IsomerError> => {
  const error = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (error instanceof IsomerError) return error;
  throw new Error(`nothing was refused: ${String(error)}`);
};
/** Closing goes on behind the release that causes it. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const shape = ({ presentation }: Asset): unknown => presentation.switchingSets.map(({ name, kind, language, label, tracks }) => [name, kind, language, label, tracks.map(({ bitrate }) => bitrate)]);

describe('openAsset', () => {
  it('follows the server manifest: order, names, labels, bitrates', async () => {
    const ism = smil(`<audio src="a.mp4" systemBitrate="64000" title="Commentary" systemLanguage="fra"/>
      <video src="v.mp4" systemBitrate="2000"/><video src="w.mp4" systemBitrate="3000"/>`);
    const storage = storageOf({ 'x.ism': ism, 'v.mp4': VIDEO, 'w.mp4': SMALL, 'a.mp4': AUDIO });
    const asset = await open(storage);
    expect(shape(asset)).toEqual([['Commentary', 'audio', 'fra', 'Commentary', [64000]], ['video', 'video', '', null, [3000, 2000]]]);
    expect(asset.presentation.switchingSets[1].tracks[0]).toMatchObject({ source: 'w.mp4', inBandSets: false, frameRate: { numerator: 30000, denominator: 1001 } });
    await asset.close();
    expect(storage.opened).toBe(0);
  });

  it('takes audio out of a video file, and opens each file once', async () => {
    const storage = storageOf({ 'x.ism': smil('<video src="m.mp4"/><audio src="m.mp4"/>'), 'm.mp4': MUXED });
    const asset = await open(storage);
    expect(storage.opened).toBe(1);
    expect(asset.presentation.switchingSets.map(({ name }) => name)).toEqual(['video', 'audio']);
    await asset.close();
  });

  it('takes names and languages from a stored client manifest', async () => {
    const ismc = text('<SmoothStreamingMedia><StreamIndex Type="audio" Name="sound" Language="deu"><QualityLevel Bitrate="5"/></StreamIndex></SmoothStreamingMedia>');
    const storage = storageOf({ 'x.ism': smil('<audio src="a.mp4"/>', '<meta name="clientManifestRelativePath" content="x.ismc"/>'), 'x.ismc': ismc, 'a.mp4': AUDIO });
    const asset = await open(storage);
    expect(shape(asset)).toMatchObject([['sound', 'audio', 'deu', null, [expect.any(Number)]]]);
    await asset.close();
  });

  it('plays a folder of MP4s under the folder’s name and one MP4 under its own', async () => {
    const storage = storageOf({ '1.mp4': MUXED, '2.mp4': mp4File({ tracks: [videoTrack(420, 60, { samples: videoTrack(420, 60).samples.map(() => Uint8Array.of(0, 0, 0, 2, 0x65, 1)) }), audioTrack(660)] }), 'readme.txt': text('x') });
    const folder = await open(storage, 'a');
    expect(folder.presentation.switchingSets.map(({ name, tracks }) => [name, tracks.length])).toEqual([['video', 2], ['audio', 1]]);
    const single = await open(storage, '1');
    expect(single.presentation.switchingSets.map(({ name, tracks }) => [name, tracks.length])).toEqual([['video', 1], ['audio', 1]]);
    expect((await errorOf(open(storage, 'other'))).code).toBe('MPE_METADATA_NOT_FOUND');
    await Promise.all([folder.close(), single.close()]);
  });

  it('leaves out what it cannot carry, and says so', async () => {
    const storage = storageOf({ 'x.ism': smil('<video src="v.mp4"/><audio src="ac3.mp4"/><textstream src="t.cmft"/>'), 'v.mp4': VIDEO, 'ac3.mp4': AC3 });
    const asset = await open(storage);
    expect(asset.presentation.switchingSets.map(({ name }) => name)).toEqual(['video']);
    expect(asset.notes.join('\n')).toMatch(/ac3\.mp4: .*AC-3[\s\S]*t\.cmft: .*left out/);
    await asset.close();
  });

  it.each([
    ['only AC-3', { 'x.ism': smil('<audio src="ac3.mp4"/>'), 'ac3.mp4': AC3 }, 'MPE_AUDIO_ENCODING_NOT_SUPPORTED', /ac3\.mp4/],
    ['an encrypted file', { 'x.ism': smil('<video src="v.mp4"/><video src="e.mp4"/>'), 'v.mp4': VIDEO, 'e.mp4': ENCRYPTED }, 'MPE_ENC_ALREADY_ENCRYPTED', /e\.mp4/],
    ['a missing file', { 'x.ism': smil('<video src="gone.mp4"/>') }, 'MPE_STORAGE_RESOURCE_NOT_FOUND', /gone\.mp4/],
    ['a damaged file', { 'x.ism': smil('<video src="v.mp4"/>'), 'v.mp4': VIDEO.slice(0, 500) }, 'ISOMER_MP4_MALFORMED', /v\.mp4: /],
    ['a track ID that is not there', { 'x.ism': smil('<video src="v.mp4"><param name="trackID" value="9"/></video>'), 'v.mp4': VIDEO }, 'ISOMER_ISM_MALFORMED', /one of 1; found 9/],
    ['audio where video is wanted', { 'x.ism': smil('<video src="a.mp4"/>'), 'a.mp4': AUDIO }, 'ISOMER_ISM_MALFORMED', /soun/],
    ['two equal bitrates', { 'x.ism': smil('<video src="v.mp4" systemBitrate="5"/><video src="w.mp4" systemBitrate="5"/>'), 'v.mp4': VIDEO, 'w.mp4': SMALL }, 'ISOMER_BITRATES_CLASH', /v\.mp4 and w\.mp4/],
    ['unaligned key frames', { 'x.ism': smil('<video src="v.mp4"/><video src="w.mp4"/>'), 'v.mp4': VIDEO, 'w.mp4': mp4File({ tracks: [videoTrack(420, 50)] }) }, 'ISOMER_KEY_FRAMES_UNALIGNED', /v\.mp4 and w\.mp4/],
    ['no key frame at the start', { 'x.ism': smil('<video src="v.mp4"/>'), 'v.mp4': mp4File({ tracks: [videoTrack(60, 60, { sync: [5] })] }) }, 'ISOMER_NO_KEY_FRAME', /v\.mp4/],
    ['a broken manifest', { 'x.ism': text('<smil>') }, 'ISOMER_ISM_MALFORMED', /x\.ism/],
  ])('refuses %s and closes everything', async (_, files, code, message) => {
    const storage = storageOf(files);
    const error = await errorOf(open(storage));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(storage.opened).toBe(0);
  });

  it('notices parameter sets inside the samples', async () => {
    const sets = videoTrack(60, 60).samples.map((sample, i) => (i === 0 ? Buffer.concat([Buffer.from('00000002' + '67aa', 'hex'), sample]) : sample));
    const asset = await open(storageOf({ 'x.ism': smil('<video src="v.mp4"/>'), 'v.mp4': mp4File({ tracks: [videoTrack(60, 60, { samples: sets })] }) }));
    expect(asset.presentation.switchingSets[0].tracks[0].inBandSets).toBe(true);
    await asset.close();
  });

  it('changes its version with every file', async () => {
    const storage = storageOf({ 'x.ism': smil('<video src="v.mp4"/>'), 'v.mp4': VIDEO });
    const versions = new Set<string>();
    for (const change of [() => undefined, () => storage.put('a/v.mp4', SMALL), () => storage.put('a/x.ism', smil('<video src="v.mp4" systemBitrate="7"/>'))]) {
      change();
      const asset = await open(storage);
      versions.add(asset.presentation.version);
      await asset.close();
    }
    expect(versions.size).toBe(3);
  });
});

describe('library', () => {
  let time = 0;
  const make = (storage: MemoryStorage, more: { maxAssets?: number } = {}): Library =>
    createLibrary({ storage, open: (folder, name) => openAsset(storage, folder, name, { segmentSeconds: 6, readMovie: createMovieReader(null) }), maxAssets: more.maxAssets ?? 10, maxBytes: 1e9, revalidateMs: 1000, failureMs: 500, now: () => time });
  const files = { 'x.ism': smil('<video src="v.mp4"/>'), 'y.ism': smil('<video src="w.mp4"/>'), 'v.mp4': VIDEO, 'w.mp4': SMALL };

  it('opens once for many', async () => {
    const storage = storageOf(files);
    const library = make(storage);
    const leases = await Promise.all(Array.from({ length: 50 }, () => library.open('a', 'x')));
    expect(library.stats()).toMatchObject({ assets: 1, opened: 1, leases: 50 });
    expect(new Set(leases.map(({ asset }) => asset)).size).toBe(1);
    for (const lease of leases) lease.release();
    leases[0].release();
    expect(library.stats().leases).toBe(0);
    await library.close();
    await settle();
    expect(storage.opened).toBe(0);
  });

  it('evicts the one used least recently, but never closes what is read', async () => {
    const storage = storageOf(files);
    const library = make(storage, { maxAssets: 1 });
    const first = await library.open('a', 'x');
    const second = await library.open('a', 'y');
    expect(storage.opened).toBe(2);
    await first.asset.sources.get('v.mp4')?.read(0, new Uint8Array(4));
    first.release();
    second.release();
    (await library.open('a', 'y')).release();
    expect(library.stats()).toMatchObject({ assets: 1, evicted: 1 });
    await settle();
    expect(storage.opened).toBe(1);
  });

  it('opens again when a file was replaced, and keeps the old one for who still reads', async () => {
    const storage = storageOf(files);
    const library = make(storage);
    const before = await library.open('a', 'x');
    storage.put('a/v.mp4', SMALL);
    (await library.open('a', 'x')).release();
    expect(library.stats().opened).toBe(1);
    time += 1000;
    const after = await library.open('a', 'x');
    expect(after.asset.presentation.version).not.toBe(before.asset.presentation.version);
    await before.asset.sources.get('v.mp4')?.read(0, new Uint8Array(4));
    before.release();
    after.release();
    await settle();
    expect(storage.opened).toBe(1);
  });

  it('remembers a failure for a moment', async () => {
    const storage = storageOf({});
    let opens = 0;
    const library = createLibrary({ storage, open: () => Promise.reject(new IsomerError('MPE_METADATA_NOT_FOUND', { what: String(++opens) })), maxAssets: 1, maxBytes: 1, revalidateMs: 1, failureMs: 500, now: () => time });
    for (let i = 0; i < 5; i++) expect((await errorOf(library.open('a', 'x'))).code).toBe('MPE_METADATA_NOT_FOUND');
    expect(opens).toBe(1);
    time += 500;
    await errorOf(library.open('a', 'x'));
    expect(opens).toBe(2);
  });
});

/** A copy in memory of its own, as a read gives it. */
function aligned(bytes: Uint8Array): Buffer<ArrayBuffer> {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

describe('index cache', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isomer-index-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives back what was read, and is not asked again', async () => {
    const storage = storageOf({ 'm.mp4': MUXED });
    const cache = createSidecarCache(folder, 'root', () => undefined);
    const source = await storage.open('a/m.mp4');
    const fresh = await createMovieReader(cache)('a/m.mp4', source);
    expect(await cache.load('a/m.mp4', source)).toEqual(fresh);
    expect(await cache.load('a/other.mp4', source)).toBeNull();
    storage.put('a/m.mp4', MUXED.slice());
    expect(await cache.load('a/m.mp4', await storage.open('a/m.mp4'))).toBeNull();
  });

  it('tells another file of the same name, size and time apart', async () => {
    const other = MUXED.slice();
    other[other.length - 1] ^= 1;
    const early = MUXED.slice();
    early[8] ^= 1;
    // Files have a change time that nobody chooses; elsewhere the start is looked at.
    const at = new Date(1_700_000_000_000);
    const root = join(folder, 'files');
    await mkdir(join(root, 'a'), { recursive: true });
    const files = await openFileStorage(root);
    const place = async (bytes: Uint8Array): Promise<Source> => {
      await writeFile(join(root, 'a/m.mp4'), bytes);
      await utimes(join(root, 'a/m.mp4'), at, at);
      return files.open('a/m.mp4');
    };
    const cache = createSidecarCache(folder, 'same', () => undefined);
    const first = await place(MUXED);
    await createMovieReader(cache)('a/m.mp4', first);
    expect(await cache.load('a/m.mp4', first)).not.toBeNull();
    const second = await place(other);
    expect(second.version).toBe(first.version);
    expect(await cache.load('a/m.mp4', second)).toBeNull();
    const memory = async (bytes: Uint8Array): Promise<Source> => ({ ...(await storageOf({ m: bytes }).open('a/m')), version: 'v' });
    await createMovieReader(cache)('m', await memory(MUXED));
    expect(await cache.load('m', await memory(MUXED))).not.toBeNull();
    expect(await cache.load('m', await memory(early))).toBeNull();
    await Promise.all([first.close(), second.close()]);
  });

  it('believes no damaged file and writes it anew', async () => {
    const storage = storageOf({ 'm.mp4': MUXED });
    const cache = createSidecarCache(folder, 'damaged', () => undefined);
    const source = await storage.open('a/m.mp4');
    const before = new Set(await readdir(folder));
    const movie = await createMovieReader(cache)('a/m.mp4', source);
    const [file] = (await readdir(folder)).filter((name) => !before.has(name));
    await writeFile(join(folder, file), Buffer.from(await readFile(join(folder, file))).fill(0, 200, 210));
    expect(await cache.load('a/m.mp4', source)).toBeNull();
    expect(await createMovieReader(cache)('a/m.mp4', source)).toEqual(movie);
    expect(await cache.load('a/m.mp4', source)).toEqual(movie);
  });

  it('refuses every corruption', async () => {
    const movie = await createMovieReader(null)('m', await storageOf({ m: MUXED }).open('a/m'));
    const bytes = aligned(Buffer.concat(encodeMovie(movie, MUXED.length)));
    expect(decodeMovie(bytes, MUXED.length)).toEqual(movie);
    expect(() => decodeMovie(bytes, MUXED.length + 1)).toThrow(/header/);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const mutant = aligned(bytes);
        mutant[at] ^= change;
        expect(() => decodeMovie(mutant, MUXED.length)).toThrow();
      }),
    );
  });

  it('serves without a folder that can be written, with one warning', async () => {
    const warnings: string[] = [];
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const cache = createSidecarCache(join(file, 'below'), 'x', (message) => warnings.push(message));
    const source = await storageOf({ m: MUXED }).open('a/m');
    for (let i = 0; i < 3; i++) expect((await createMovieReader(cache)('m', source)).tracks).toHaveLength(2);
    expect(warnings).toHaveLength(1);
  });
});
