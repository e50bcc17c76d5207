import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { FORMATS, type FormatId } from '../formats.ts';
import { folderPublication, type Publication } from '../policy/publication.ts';
import { PREDEFINED_POLICIES, type StreamingPolicy } from '../policy/streaming.ts';
import type { Presentation } from '../model/presentation.ts';
import { ContentKey } from '../protection/contentkey.ts';
import { formatGuid } from '../protection/guid.ts';
import { chooseEncryption, createProtector, type Encryption, type Protector } from './encryption.ts';
import { handle } from './handler.ts';
import { makeWorld, PRESENTATION } from './testing.ts';

const VIDEO_KEY = '00112233-4455-6677-8899-aabbccddeeff';
const AUDIO_KEY = '10112233-4455-6677-8899-aabbccddeeff';
const SECRET = Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex');
const everything = { download: false, dash: true, hls: true, smoothStreaming: true };
const predefined = (name: string): StreamingPolicy => PREDEFINED_POLICIES.find((policy) => policy.name === `Predefined_${name}`) as StreamingPolicy;

type Key = NonNullable<NonNullable<Publication['locator']>['contentKeys']>[number];
const keyOf = (id: string, label: string | null, more: Partial<Key> = {}): Key => ({ id, labelReferenceInStreamingPolicy: label, value: SECRET.toString('base64'), ...more });
function publish(policy: StreamingPolicy, ...contentKeys: readonly Key[]): Publication {
  const base = folderPublication(['films', 'ignite']) as Publication;
  return { ...base, policy, locator: { name: 'one', assetName: 'films/ignite', streamingPolicyName: policy.name, contentKeys: [...contentKeys], alternativeMediaId: 'm 1' } };
}

const protector = (): Protector => createProtector({ keyDeliveryUrl: 'https://keys.example/', readKey: (id, stored) => new ContentKey(id, Buffer.from(stored, 'base64')) });
const keysOf = ({ switchingSets }: Presentation): readonly (string | null)[] => switchingSets.map(({ tracks: [{ protection }] }) => (protection === undefined ? null : formatGuid(protection.keyId)));
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof IsomerError ? error.code : String(error);
  }
};

describe('the form that an output gets', () => {
  const BEYOND: StreamingPolicy = { name: 'beyond', beyondAms: true, commonEncryptionCenc: { enabledProtocols: everything }, commonEncryptionCbcs: { enabledProtocols: everything } };
  const LIKE_AMS: StreamingPolicy = { ...BEYOND, name: 'ams', beyondAms: undefined };
  const UNKNOWN = 'MPE_ENCRYPTION_NOT_SUPPORTED';
  test.each<[FormatId, StreamingPolicy, string | null, string]>([
    ['hls-v3', predefined('ClearKey'), null, 'cbc'],
    ['hls-cmaf', predefined('ClearKey'), 'cbc', 'cbc'],
    ['hls-cmaf', predefined('ClearKey'), null, 'MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL'],
    ['hls-v4', predefined('MultiDrmStreaming'), null, 'cbcs'],
    ['hls-v3', predefined('MultiDrmStreaming'), 'cbcs-aapl', UNKNOWN],
    ['dash-csf', predefined('MultiDrmStreaming'), null, 'cenc'],
    ['dash-cmaf', predefined('MultiDrmStreaming'), 'cenc', 'cenc'],
    ['dash-cmaf', predefined('MultiDrmStreaming'), 'piff', UNKNOWN],
    ['dash-cmaf', predefined('MultiDrmStreaming'), 'cbcs-aapl', 'MPE_OUTPUT_FORMAT_BLOCKED'],
    ['dash-cmaf', predefined('ClearStreamingOnly'), 'cenc', 'MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY'],
    ['smooth', predefined('MultiDrmStreaming'), 'piff', 'piff'],
    ['smooth', predefined('MultiDrmStreaming'), null, 'cenc'],
    ['dash-csf', LIKE_AMS, 'cbcs-aapl', UNKNOWN],
    ['dash-csf', BEYOND, 'cbcs-aapl', 'cbcs'],
    ['hls-cmaf', LIKE_AMS, 'cenc', UNKNOWN],
    ['hls-cmaf', BEYOND, 'cenc', 'cenc'],
    ['smooth', BEYOND, 'cbcs-aapl', UNKNOWN],
    ['smooth', predefined('ClearStreamingOnly'), null, 'clear'],
  ])('%s, %j, encryption=%s: %s', (id, policy, encryption, expected) => {
    const format = FORMATS.find((row) => row.id === id) as (typeof FORMATS)[number];
    let found = '';
    const code = codeOf(() => void (found = chooseEncryption({ encryption }, format, policy)?.form ?? 'clear'));
    expect(code === 'none' ? found : code).toBe(expected);
  });
});

describe('keys', () => {
  const CENC: Encryption = { scheme: 'commonEncryptionCenc', form: 'cenc' };
  const four = (value: string): { trackSelections: { property: 'FourCC'; operation: 'Equal'; value: string }[] } => ({ trackSelections: [{ property: 'FourCC', operation: 'Equal', value }] });
  const policyOf = (common: StreamingPolicy['commonEncryptionCenc']): StreamingPolicy => ({ name: 'p', commonEncryptionCenc: { enabledProtocols: everything, ...common } });
  const DEFAULT = { defaultKey: { label: 'v' } };
  const BOTH = [keyOf(VIDEO_KEY, 'v'), keyOf(AUDIO_KEY, 'a')];

  test.each<[string, StreamingPolicy['commonEncryptionCenc'], readonly Key[], readonly (string | null)[]]>([
    ['one for all', { contentKeys: DEFAULT }, BOTH, [VIDEO_KEY, VIDEO_KEY]],
    ['a mapping by sample entry', { contentKeys: { ...DEFAULT, keyToTrackMappings: [{ label: 'a', tracks: [four('hev1'), four('MP4A')] }] } }, BOTH, [AUDIO_KEY, VIDEO_KEY]],
    ['clear tracks', { contentKeys: DEFAULT, clearTracks: [four('mp4a')] }, BOTH, [null, VIDEO_KEY]],
    ['a condition that cannot hold', { contentKeys: DEFAULT, clearTracks: [{ trackSelections: [...four('mp4a').trackSelections, ...four('avc1').trackSelections] }, { trackSelections: [] }] }, BOTH, [VIDEO_KEY, VIDEO_KEY]],
    ['without labels', {}, [keyOf(AUDIO_KEY, null, { type: 'EnvelopeEncryption' }), keyOf(VIDEO_KEY, null, { type: 'CommonEncryptionCenc' })], [VIDEO_KEY, VIDEO_KEY]],
  ])('%s', (_, common, keys, expected) => {
    expect(keysOf(protector().protect(PRESENTATION, publish(policyOf(common), ...keys), CENC).presentation)).toEqual(expected);
  });

  test.each<[string, StreamingPolicy['commonEncryptionCenc'], readonly Key[], RegExp]>([
    ['no key', { contentKeys: DEFAULT }, [], /label v; found none|label v.*none/],
    ['a key of another type', { contentKeys: DEFAULT }, [keyOf(VIDEO_KEY, 'v', { type: 'CommonEncryptionCbcs' })], /label v/],
    ['a key without value', { contentKeys: DEFAULT }, [keyOf(VIDEO_KEY, 'v', { value: null })], /without its value/],
    ['a track that no mapping names', { contentKeys: { keyToTrackMappings: [{ label: 'a', tracks: [four('mp4a')] }] } }, BOTH, /video \(avc1\)/],
  ])('%s: MPE_ENC_ENCRYPTION_REQUIRED, never in the clear', (_, common, keys, words) => {
    const run = (): unknown => protector().protect(PRESENTATION, publish(policyOf(common), ...keys), CENC);
    expect(codeOf(run)).toBe('MPE_ENC_ENCRYPTION_REQUIRED');
    expect(run).toThrow(words);
  });

  test('addresses: the policy’s templates, else those of key delivery; common encryption that names no system is Clear Key', () => {
    const systemsOf = (policy: StreamingPolicy, encryption: Encryption, label: string): unknown => protector().protect(PRESENTATION, publish(policy, keyOf(VIDEO_KEY, label)), encryption).presentation.switchingSets[1].tracks[0].protection?.systems;
    const none = { playReady: null, widevine: null, fairPlay: null, clearKey: null, envelope: null, alternativeMediaId: 'm 1' };
    expect(systemsOf(predefined('MultiDrmStreaming'), CENC, 'cencKeyDefault')).toEqual({ ...none, playReady: { licenseUrl: 'https://keys.example/PlayReady/', customAttributes: null }, widevine: { licenseUrl: 'https://keys.example/Widevine/?kid={ContentKeyId}' } });
    expect(systemsOf(predefined('MultiDrmStreaming'), { scheme: 'commonEncryptionCbcs', form: 'cbcs' }, 'cbcsKeyDefault')).toEqual({ ...none, fairPlay: { keyUrl: 'skd://keys.example/FairPlay/?kid={ContentKeyId}' } });
    expect(systemsOf(predefined('ClearKey'), { scheme: 'envelopeEncryption', form: 'cbc' }, 'clearKeyDefault')).toEqual({ ...none, envelope: { keyUrl: 'https://keys.example/?kid={ContentKeyId}' } });
    expect(systemsOf(policyOf({ contentKeys: DEFAULT }), CENC, 'v')).toEqual({ ...none, clearKey: { keyUrl: 'https://keys.example/ClearKey/?kid={ContentKeyId}' } });
    const own = { contentKeys: DEFAULT, drm: { playReady: { customLicenseAcquisitionUrlTemplate: 'https://p/', playReadyCustomAttributes: '<a/>' } }, clearKeyEncryptionConfiguration: { customKeysAcquisitionUrlTemplate: 'https://c/' } };
    expect(systemsOf(policyOf(own), CENC, 'v')).toEqual({ ...none, playReady: { licenseUrl: 'https://p/', customAttributes: '<a/>' }, clearKey: { keyUrl: 'https://c/' } });
  });

  test('the same tracks for the same publication; others, or another reading of it, get their own; a few are kept', () => {
    const one = protector();
    const publication = publish(policyOf({ contentKeys: DEFAULT }), ...BOTH);
    const first = one.protect(PRESENTATION, publication, CENC);
    expect(one.protect(PRESENTATION, { ...publication }, CENC)).toBe(first);
    expect(one.protect(PRESENTATION, publication, { ...CENC, form: 'piff' })).not.toBe(first);
    expect(one.protect({ ...PRESENTATION }, publication, CENC)).not.toBe(first);
    for (let i = 0; i < 20; i++) one.protect(PRESENTATION, publish(publication.policy, ...BOTH), CENC);
    const again = one.protect(PRESENTATION, publication, CENC);
    expect([again === first, again.tag]).toEqual([false, first.tag]);
  });

  test('tags tell keys, schemes, policies and addresses apart and hold no key', () => {
    const tag = (policy: StreamingPolicy, key: Key, encryption = CENC): string => protector().protect(PRESENTATION, publish(policy, key), encryption).tag;
    const base = policyOf({ contentKeys: DEFAULT });
    const tags = [
      tag(base, keyOf(VIDEO_KEY, 'v')),
      tag(base, keyOf(AUDIO_KEY, 'v')),
      tag(base, keyOf(VIDEO_KEY, 'v'), { ...CENC, form: 'piff' }),
      tag({ ...base, name: 'q' }, keyOf(VIDEO_KEY, 'v')),
      tag(policyOf({ contentKeys: DEFAULT, clearKeyEncryptionConfiguration: { customKeysAcquisitionUrlTemplate: 'https://c/' } }), keyOf(VIDEO_KEY, 'v')),
    ];
    expect(new Set(tags).size).toBe(tags.length);
    for (const text of tags) for (const form of ['hex', 'base64', 'base64url'] as const) expect(text.toLowerCase()).not.toContain(SECRET.toString(form).toLowerCase());
  });
});

describe('a request', () => {
  const ask = async (policy: StreamingPolicy, resource: string, ...keys: readonly Key[]): ReturnType<typeof handle> => {
    const schemes = { ams: ['cbc', 'cenc'], beyond: [], clearLead: true } as const;
    const { deps } = makeWorld();
    const formats = deps.formats.map((format) => ({ ...format, schemes }));
    const reply = await handle({ method: 'GET', path: `/one/ignite.ism/${resource}`, headers: {}, id: 'r' }, { ...deps, formats, catalog: { resolve: () => Promise.resolve(publish(policy, ...keys)) } });
    return reply;
  };

  test('names its encryption to the children, and in its tag', async () => {
    const key = keyOf(VIDEO_KEY, 'clearKeyDefault');
    const [plain, named, other] = await Promise.all([
      ask(predefined('ClearKey'), 'manifest', key),
      ask(predefined('ClearKey'), 'manifest(encryption=cbc)', key),
      ask(predefined('ClearKey'), 'manifest(encryption=cbc)', keyOf(AUDIO_KEY, 'clearKeyDefault')),
    ]);
    expect([plain.body, named.body].map((body) => /"extra":(\[.*?\]),"audioOnly/.exec(body instanceof Uint8Array ? Buffer.from(body).toString() : '')?.[1])).toEqual(['[]', '[["encryption","cbc"]]']);
    expect(new Set([plain, named, other].map(({ headers }) => headers['ETag'])).size).toBe(3);
  });

  test('without a key: 403 MPE_ENC_ENCRYPTION_REQUIRED', async () => {
    const reply = await ask(predefined('ClearKey'), 'QualityLevels(381048)/Fragments(video=0)');
    expect([reply.status, reply.headers['x-ms-error-code']]).toEqual([403, 'MPE_ENC_ENCRYPTION_REQUIRED']);
  });
});
