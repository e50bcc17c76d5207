import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLibrary } from '../asset/library.ts';
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { audioTrack, mp4File, videoTrack } from '../isobmff/testing.ts';
import { createProtector } from '../origin/encryption.ts';
import type { PageAsset } from '../page/assets.ts';
import { createFileCatalog } from '../policy/catalog.ts';
import { ContentKey } from '../protection/contentkey.ts';
import { openFileStorage } from '../storage/file.ts';
import { listForPage } from './pagelist.ts';
import { urls } from './urls.ts';

const ID = '11111111-2222-4333-8444-555555555555';
const key = (label: string): object => ({ id: '00112233-4455-6677-8899-aabbccddeeff', labelReferenceInStreamingPolicy: label, value: Buffer.alloc(16, 7).toString('base64') });
const locator = (name: string, streamingPolicyName: string, more: object = {}): object => ({ name, properties: { assetName: 'film', streamingPolicyName, ...more } });
const policy = (name: string, restriction: object): object => ({ name, properties: { options: [{ configuration: { '@odata.type': '#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration' }, restriction }] } });
const TOKEN = { '@odata.type': '#Microsoft.Media.ContentKeyPolicyTokenRestriction', issuer: 'i', audience: 'a', restrictionTokenType: 'Jwt', primaryVerificationKey: { '@odata.type': '#Microsoft.Media.ContentKeyPolicySymmetricTokenKey', keyValue: Buffer.alloc(32, 3).toString('base64') } };
const ACCOUNT = {
  streamingLocators: [
    locator('plain', 'Predefined_ClearStreamingOnly', { streamingLocatorId: ID, filters: ['small'] }),
    locator('aes', 'Predefined_ClearKey', { contentKeys: [key('clearKeyDefault')], defaultContentKeyPolicyName: 'open' }),
    locator('token', 'Predefined_ClearKey', { contentKeys: [key('clearKeyDefault')], defaultContentKeyPolicyName: 'token' }),
    locator('drm', 'Predefined_MultiDrmStreaming', { contentKeys: [key('cencKeyDefault')] }),
    locator('early', 'Predefined_ClearStreamingOnly', { startTime: '2999-01-01T00:00:00Z' }),
    locator('gone', 'Predefined_ClearStreamingOnly', { assetName: 'nothing' }),
  ],
  contentKeyPolicies: [policy('open', { '@odata.type': '#Microsoft.Media.ContentKeyPolicyOpenRestriction' }), policy('token', TOKEN)],
  accountFilters: [{ name: 'small', properties: { tracks: [{ trackSelections: [{ property: 'Type', operation: 'Equal', value: 'Video' }] }] } }],
};

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-published-'));
  for (const folder of ['film', 'double']) await mkdir(join(root, folder));
  const file = mp4File({ tracks: [videoTrack(420, 60), audioTrack(660)] });
  for (const path of ['film/film.mp4', 'double/v.mp4']) await writeFile(join(root, path), file);
  for (const name of ['one', 'two']) await writeFile(join(root, `double/${name}.ism`), '<smil xmlns="http://www.w3.org/2001/SMIL20/Language"><body><switch><video src="v.mp4"/><audio src="v.mp4"/></switch></body></smil>');
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(() => rm(join(root, 'isomer.json'), { force: true }));

async function list(): Promise<ReadonlyMap<string, PageAsset>> {
  const storage = await openFileStorage(root);
  const now = (): number => 0;
  const catalog = await createFileCatalog({ storage, revalidateMs: 0, now, note: () => undefined });
  const library = createLibrary({ storage, open: (folder, name) => openAsset(storage, folder, name, { segmentSeconds: 6, readMovie: createMovieReader(null) }), maxAssets: 10, maxBytes: 1 << 24, revalidateMs: 0, failureMs: 0, now, note: () => undefined });
  const protector = createProtector({ keyDeliveryUrl: 'https://keys.example/', readKey: (id, stored) => new ContentKey(id, Buffer.from(stored, 'base64')) });
  const listed = await listForPage({ storage, catalog, library, protector });
  await library.close();
  return new Map(listed.map((asset) => [asset.id, asset]));
}
const outputs = (asset: PageAsset | undefined): readonly string[] => (asset?.outputs ?? []).filter(({ available }) => available).map(({ id }) => id);
const output = (asset: PageAsset | undefined, id: string): PageAsset['outputs'][number] | undefined => asset?.outputs.find((one) => one.id === id);

test('folders: one row per server manifest, each under its own id', async () => {
  const all = await list();
  expect([...all.keys()].toSorted()).toEqual(['double/one', 'double/two', 'film']);
  expect(all.get('double/two')).toMatchObject({ terms: null, name: 'two.ism' });
  expect(output(all.get('double/two'), 'smooth')?.url).toBe('/double/two.ism/manifest');
});

test('isomer.json: one row per locator and encryption, with its terms, and never the folders', async () => {
  await writeFile(join(root, 'isomer.json'), JSON.stringify(ACCOUNT));
  const all = await list();
  expect([...all.keys()]).toEqual(['plain', 'aes, cbc', 'token, cbc', 'drm, cenc', 'drm, piff', 'drm, cbcs-aapl', 'early', 'gone']);
  expect(all.get('plain')).toMatchObject({ terms: { policy: 'Predefined_ClearStreamingOnly', filters: ['small'], encryption: null } });
  expect(output(all.get('plain'), 'hls-cmaf')?.url).toBe(`/${ID}/film.ism/manifest(format=m3u8-cmaf)`);
  expect(output(all.get('aes, cbc'), 'hls-cmaf')).toMatchObject({ url: '/aes/film.ism/manifest(format=m3u8-cmaf,encryption=cbc)', player: 'hls.js', keys: expect.stringContaining('everybody') as string });
  expect(output(all.get('aes, cbc'), 'dash-csf')?.keys).toContain('no player');
  expect(output(all.get('token, cbc'), 'hls-v4')?.keys).toContain('token');
  expect(outputs(all.get('drm, cenc'))).toEqual(['dash-csf', 'dash-cmaf', 'smooth']);
  expect(output(all.get('drm, cenc'), 'dash-csf')?.keys).toContain('PlayReady or Widevine');
  expect(outputs(all.get('drm, piff'))).toEqual(['smooth']);
  // Its key for cbcs is missing.
  expect(output(all.get('drm, cbcs-aapl'), 'hls-v4')?.reason).toContain('cbcsKeyDefault');
  expect(all.get('early')?.problem).toContain('2999');
  expect(all.get('gone')?.problem).toContain('no asset');
  expect(JSON.stringify([...all])).not.toContain(Buffer.alloc(16, 7).toString('base64'));
});

test('isomer urls says the same', async () => {
  await writeFile(join(root, 'isomer.json'), JSON.stringify(ACCOUNT));
  let said = '';
  const code = await urls({ root, asset: 'film', base: 'http://origin/', segmentSeconds: 6 }, { out: (text) => void (said += text), err: () => undefined, environment: {}, now: () => 0, stopped: () => Promise.resolve(''), interactive: false });
  expect(code).toBe(1);
  expect(said).toContain(`http://origin/${ID}/film.ism/manifest(format=mpd-time-cmaf)`);
  expect(said).toContain('http://origin/aes/film.ism/manifest(format=m3u8-aapl,encryption=cbc)');
  expect(said).toContain('locator plain, policy Predefined_ClearStreamingOnly, filters small');
  expect(said).toContain('cannot be served: early: the locator is not valid yet');
  expect(said).not.toContain('http://origin/film/');
});
