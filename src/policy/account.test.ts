import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { readAccount, readAssetFilters, type Account } from './account.ts';

const ID = '21b17732-0112-4d76-b526-763dcd843449';
const KEY_ID = 'aaaaaaaa-0112-4d76-b526-763dcd843449';
const SECRET = 'c2VjcmV0IGtleSBvZiAxNg==';

type Json = Record<string, unknown>;
const locator = (more: Json = {}, name = 'ignite'): Json => ({ name, properties: { assetName: 'films/ignite', streamingPolicyName: 'Predefined_ClearStreamingOnly', ...more } });
const keyPolicy = (option: Json): Json => ({ name: 'keys', properties: { options: [{ configuration: CLEAR, restriction: OPEN, ...option }] } });
const CLEAR = { '@odata.type': '#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration' };
const OPEN = { '@odata.type': '#Microsoft.Media.ContentKeyPolicyOpenRestriction' };
const TOKEN = {
  '@odata.type': '#Microsoft.Media.ContentKeyPolicyTokenRestriction',
  issuer: 'me',
  audience: 'you',
  restrictionTokenType: 'Jwt',
  primaryVerificationKey: { '@odata.type': '#Microsoft.Media.ContentKeyPolicySymmetricTokenKey', keyValue: SECRET },
  requiredClaims: [{ claimType: 'urn:microsoft:azure:mediaservices:contentkeyidentifier' }],
};
const PLAYREADY = {
  '@odata.type': '#Microsoft.Media.ContentKeyPolicyPlayReadyConfiguration',
  responseCustomData: null,
  licenses: [
    {
      allowTestDevices: true,
      securityLevel: 'SL2000',
      relativeExpirationDate: 'P1DT12H',
      licenseType: 'Persistent',
      contentType: 'Unspecified',
      contentKeyLocation: { '@odata.type': '#Microsoft.Media.ContentKeyPolicyPlayReadyContentEncryptionKeyFromHeader' },
      playRight: { digitalVideoOnlyContentRestriction: false, imageConstraintForAnalogComponentVideoRestriction: true, imageConstraintForAnalogComputerMonitorRestriction: false, allowPassingVideoContentToUnknownOutput: 'NotAllowed' },
    },
  ],
};
const FAIRPLAY = { '@odata.type': '#Microsoft.Media.ContentKeyPolicyFairPlayConfiguration', ask: SECRET, fairPlayPfx: 'AAAA', fairPlayPfxPassword: 'x', rentalAndLeaseKeyType: 'DualExpiry', rentalDuration: 0 };
const WIDEVINE = { '@odata.type': '#Microsoft.Media.ContentKeyPolicyWidevineConfiguration', widevineTemplate: '{"allowed_track_types":"SD_HD"}' };

function read(file: Json | string, notes: string[] = []): Account {
  return readAccount(new TextEncoder().encode(typeof file === 'string' ? file : JSON.stringify(file)), 'isomer.json', (note) => void notes.push(note));
}

function refusal(file: Json | string): string {
  try {
    read(file);
  } catch (error) {
    if (error instanceof IsomerError && error.code === 'ISOMER_POLICY_FILE') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('isomer.json', () => {
  test('is found by name and by id; what the service adds to resources is no harm', () => {
    const { locators, streamingPolicies } = read({
      streamingLocators: [{ ...locator({ streamingLocatorId: ID.toUpperCase(), created: '2018-03-19T06:06:06.1234567Z', endTime: '9999-12-31T23:59:59.9999999Z', contentKeys: [], defaultContentKeyPolicyName: null }), id: '/subscriptions/x', type: 'Microsoft.Media/mediaservices/streamingLocators', systemData: {} }],
    });
    expect(locators.get(ID)).toBe(locators.get('ignite'));
    expect(locators.get(ID)).toMatchObject({ name: 'ignite', assetName: 'films/ignite', endTime: Date.UTC(9999, 11, 31, 23, 59, 59, 999) });
    expect(streamingPolicies.get('Predefined_MultiDrmStreaming')?.commonEncryptionCbcs?.drm?.fairPlay).toEqual({ allowPersistentLicense: false });
  });

  test('numbers beyond 2^53 are kept, also as JavaScript prints the greatest one', () => {
    const range = '{"startTimestamp":1700000000000000123,"endTimestamp":9223372036854776000,"timescale":10000000}';
    const { filters } = read(`\uFEFF{"accountFilters":[{"name":"f","properties":{"presentationTimeRange":${range}}}]}`);
    expect(filters.get('f')).toMatchObject({ presentationTimeRange: { startTimestamp: 1_700_000_000_000_000_123n, endTimestamp: 9_223_372_036_854_776_000n, forceEndTimestamp: false } });
  });

  test('a policy of one’s own with keys', () => {
    const file = {
      streamingPolicies: [{ name: 'own', properties: { defaultContentKeyPolicyName: 'keys', envelopeEncryption: { enabledProtocols: { download: false, dash: true, hls: true, smoothStreaming: false }, contentKeys: { defaultKey: { label: 'k' } } } } }],
      contentKeyPolicies: [keyPolicy({ restriction: TOKEN })],
      streamingLocators: [locator({ streamingPolicyName: 'own', contentKeys: [{ id: KEY_ID, labelReferenceInStreamingPolicy: 'k', value: SECRET, policyName: 'keys' }], alternativeMediaId: 'm', filters: ['x'] })],
    };
    expect(read(file).locators.get('ignite')).toMatchObject({ contentKeys: [{ id: KEY_ID, value: SECRET }], filters: ['x'] });
  });

  test.each([
    ['clear key', { configuration: CLEAR }],
    ['token', { restriction: TOKEN }],
    ['PlayReady', { configuration: PLAYREADY }],
    ['FairPlay', { configuration: FAIRPLAY }],
    ['Widevine', { configuration: WIDEVINE }],
  ])('a content key policy: %s', (_, option) => {
    expect(read({ contentKeyPolicies: [keyPolicy(option)] }).contentKeyPolicies.get('keys')?.options).toHaveLength(1);
  });

  test.each<[unknown, string]>([
    ['{\n  "a": 1,\n}', 'isomer.json, line 3, column 1; expected JSON'],
    ['[]', 'isomer.json: the whole; expected Invalid input: expected object'],
    [{ locators: [] }, 'isomer.json: the whole; expected Unrecognized key: "locators"'],
    [{ streamingLocators: [{ name: 'x' }] }, 'isomer.json: streamingLocators[0].properties'],
    [{ streamingLocators: [locator(), locator({ assetName: '../up' }, 'b')] }, 'streamingLocators[1].properties.assetName; expected a folder below the root'],
    [{ streamingLocators: [locator({ assetName: 'a/.hidden' })] }, 'streamingLocators[0].properties.assetName; expected a folder below the root'],
    [{ streamingLocators: [locator({ streamingPolicyName: 'Predefined_Everything' })] }, 'streamingLocators[0].properties.streamingPolicyName; expected one of Predefined_ClearStreamingOnly'],
    [{ streamingLocators: [locator({ streamingLocatorId: '1234' })] }, 'streamingLocators[0].properties.streamingLocatorId; expected a GUID'],
    [{ streamingLocators: [locator({ streamingLocatorId: ID }), locator({ streamingLocatorId: ID }, 'b')] }, 'streamingLocators[1].properties.streamingLocatorId; expected a name or id that no other'],
    [{ streamingLocators: [locator(), locator()] }, 'streamingLocators[1].name; expected a name or id that no other'],
    [{ streamingLocators: [locator({ streamingLocatorId: ID }), locator({}, ID)] }, 'streamingLocators[1].name; expected a name or id that no other'],
    [{ streamingLocators: [locator({ startTime: '2026-01-02T00:00:00Z', endTime: '2026-01-01T00:00:00Z' })] }, 'streamingLocators[0].properties.endTime; expected a time after startTime'],
    [{ streamingLocators: [locator({ startTime: '2026-13-02T00:00:00Z' })] }, 'startTime; expected a date that exists'],
    [{ streamingLocators: [locator({ startTime: 'tomorrow' })] }, 'startTime; expected a date and time with its zone'],
    [{ streamingLocators: [locator({ filters: ['a;b'] })] }, 'streamingLocators[0].properties.filters[0]; expected a name without ;'],
    [{ streamingLocators: [locator({ contentKeys: [{ id: KEY_ID, value: 'c2hvcnQ=' }] })] }, 'contentKeys[0].value; expected 16 bytes in base64'],
    [{ streamingLocators: [locator({ contentKeys: [{ id: KEY_ID, labelReferenceInStreamingPolicy: 'k' }] })] }, 'labelReferenceInStreamingPolicy; expected no key: Predefined_ClearStreamingOnly wants none'],
    [{ streamingLocators: [locator({ contentKeys: [{ id: KEY_ID }, { id: KEY_ID }] })] }, 'contentKeys[1].id; expected an id that no other'],
    [{ streamingLocators: [locator({ defaultContentKeyPolicyName: 'none' })] }, 'defaultContentKeyPolicyName; expected the name of one of contentKeyPolicies'],
    [{ streamingLocators: Array.from({ length: 101 }, (_, i) => locator({}, `l${i}`)) }, 'streamingLocators[100].properties.assetName; expected at most 100 locators'],
    [{ streamingPolicies: [{ name: 'Predefined_ClearKey', properties: {} }] }, 'streamingPolicies[0].name; expected a name that is not taken'],
    [{ streamingPolicies: [{ name: 'p', properties: { defaultContentKeyPolicyName: 'q' } }] }, 'streamingPolicies[0].properties; expected names of contentKeyPolicies; q is none'],
    [{ streamingPolicies: [{ name: 'p', properties: { noEncryption: { enabledProtocols: { hls: true } } } }] }, 'streamingPolicies[0].properties.noEncryption.enabledProtocols.download'],
    [{ streamingPolicies: [{ name: 'p', properties: { envelopeEncryption: { customKeyAcquisitionUrlTemplate: 'https://k/{Kid}' } } }] }, 'streamingPolicies[0].properties.envelopeEncryption.customKeyAcquisitionUrlTemplate; expected a URL in which only {ContentKeyId}'],
    [{ streamingPolicies: [{ name: 'p', properties: { commonEncryptionCenc: { clearLeadSeconds: 6 } } }] }, 'streamingPolicies[0].properties.beyondAms; expected true, where there are clearLeadSeconds'],
    [{ streamingPolicies: [{ name: 'p', properties: { beyondAms: true, commonEncryptionCenc: { clearLeadSeconds: 0 } } }] }, 'streamingPolicies[0].properties.commonEncryptionCenc.clearLeadSeconds'],
    [{ streamingPolicies: [{ name: 'a.b', properties: {} }] }, 'streamingPolicies[0].name; expected a name without <'],
    [{ streamingPolicies: Array.from({ length: 101 }, (_, i) => ({ name: `p${i}`, properties: {} })) }, 'isomer.json: streamingPolicies; expected'],
    [{ accountFilters: Array.from({ length: 101 }, (_, i) => ({ name: `f${i}`, properties: {} })) }, 'isomer.json: accountFilters; expected at most 100 filters'],
    [{ accountFilters: [{ name: 'f', properties: {} }, { name: 'f', properties: {} }] }, 'accountFilters[1].name; expected a name that no other filter has'],
    [{ contentKeyPolicies: [keyPolicy({ configuration: { ...FAIRPLAY, ask: null } })] }, 'contentKeyPolicies[0].properties.options[0].configuration.ask; expected base64 text: listings leave secrets out'],
    [{ contentKeyPolicies: [keyPolicy({ configuration: { ...WIDEVINE, widevineTemplate: '[' } })] }, 'widevineTemplate; expected a JSON object as text'],
    [{ contentKeyPolicies: [keyPolicy({ configuration: { ...PLAYREADY, licenses: [] } })] }, 'configuration.licenses; expected'],
    [{ contentKeyPolicies: [keyPolicy({ restriction: { ...TOKEN, primaryVerificationKey: null } })] }, 'restriction.primaryVerificationKey; expected a key'],
    [{ contentKeyPolicies: [keyPolicy({ configuration: { '@odata.type': '#Microsoft.Media.ContentKeyPolicyUnknownConfiguration' } })] }, 'options[0].configuration'],
  ])('a bad file is refused with its place: %j', (file, words) => {
    expect(refusal(file as Json | string)).toContain(words);
  });

  test('no message quotes a secret', () => {
    const wrong = `${SECRET.slice(0, -2)}!!`;
    for (const file of [{ streamingLocators: [locator({ contentKeys: [{ id: KEY_ID, value: wrong }] })] }, { contentKeyPolicies: [keyPolicy({ configuration: { ...FAIRPLAY, ask: wrong } })] }, `{"key": "${SECRET}" oops}`]) {
      expect(refusal(file)).toContain('isomer.json');
      expect(refusal(file)).not.toContain(SECRET.slice(0, 8));
    }
  });

  test('text that is no UTF-8 and text that is too deep are refused', () => {
    expect(() => readAccount(Uint8Array.of(0x22, 0xff, 0x22), 'isomer.json', () => undefined)).toThrow('isomer.json; expected JSON in UTF-8');
    expect(refusal('['.repeat(200_000) + ']'.repeat(200_000))).toContain('isomer.json');
  });
});

describe('filters in files', () => {
  test('a bad filter is noted with its place, fails alone, and with the service’s code', () => {
    const notes: string[] = [];
    const filters = readAssetFilters(
      new TextEncoder().encode(
        JSON.stringify({
          assetFilters: [
            { name: 'good', properties: { tracks: [{ trackSelections: [{ property: 'Bitrate', operation: 'Equal', value: 128000 }] }] } },
            { name: 'empty', properties: {} },
            { name: 'shape', properties: { tracks: [{ trackSelections: 'Type' }] } },
            { name: 'misspelt', properties: { firstQuallity: { bitrate: 1 } } },
            { name: 'fraction', properties: { presentationTimeRange: { startTimestamp: 1.5 } } },
            { name: 'property', properties: { tracks: [{ trackSelections: [{ property: 'Height', operation: 'Equal', value: '720' }] }] } },
            { name: 'range', properties: { presentationTimeRange: { startTimestamp: 5, endTimestamp: 4 } } },
          ],
        }),
      ),
      'ignite/asset.json',
      (note) => void notes.push(note),
    );
    const codes = [...filters].map(([name, entry]) => [name, entry instanceof IsomerError ? entry.code : 'usable']);
    expect(Object.fromEntries(codes)).toEqual({
      good: 'usable',
      empty: 'usable',
      shape: 'MPE_FILTER_INVALID',
      misspelt: 'MPE_FILTER_INVALID',
      fraction: 'MPE_FILTER_INVALID',
      property: 'MPE_FILTER_TRACK_ATTRIBUTE_INVALID',
      range: 'MPE_FILTER_RANGE_ATTRIBUTE_INVALID',
    });
    expect(notes).toHaveLength(5);
    expect(notes[0]).toContain('ignite/asset.json: assetFilters[2].properties.tracks[0].trackSelections');
    expect(notes.every((note) => note.includes('ignite/asset.json'))).toBe(true);
  });
});
