import { expect, test } from 'vitest';
import * as api from './index.ts';
import { mp4File, videoTrack } from './isobmff/testing.ts';

test('the public names', () => {
  expect(Object.keys(api).toSorted()).toEqual([
    'ContentKey',
    'ERRORS',
    'FOLDER_CATALOG',
    'FORMATS',
    'IsomerError',
    'NO_LOG',
    'applyFilters',
    'createFileCatalog',
    'createLibrary',
    'createLog',
    'createMemoryStorage',
    'createMovieReader',
    'createPool',
    'createProtector',
    'createSidecarCache',
    'findFormat',
    'handle',
    'openAsset',
    'openFileStorage',
    'openRoot',
    'parseUrl',
    'planBody',
    'printUrl',
    'sendBody',
    'startServer',
  ]);
});

test('an asset in memory to a manifest and a segment', async () => {
  const storage = api.createMemoryStorage({ 'film/film.mp4': mp4File({ tracks: [videoTrack(60, 30)] }) });
  const asset = await api.openAsset(storage, 'film', 'film', { segmentSeconds: 6, readMovie: api.createMovieReader(null) });
  const { presentation, sources } = asset;
  const format = api.findFormat('mpd-time-cmaf');
  const parameters = { format: 'mpd-time-cmaf', extra: [], audioOnly: false };
  expect(format?.writeManifest(presentation, parameters)).toContain('<MPD');
  const [set] = presentation.switchingSets;
  const plan = format?.planSegment(presentation, set, set.tracks[0], 0, parameters) ?? { kind: 'copy', head: new Uint8Array(), ranges: [] };
  const pool = api.createPool();
  const chunks: Uint8Array[] = [];
  const body = await api.planBody(plan, { sources, pool, release: () => undefined });
  await api.sendBody(body, { write: (chunk) => Promise.resolve(void chunks.push(chunk.slice())), abort: () => undefined }, pool);
  expect(Buffer.concat(chunks)).toHaveLength(body.length);
  expect(Buffer.concat(chunks).toString('latin1', 4, 8)).toBe('styp');
  await asset.close();
  expect(storage.opened).toBe(0);
});
