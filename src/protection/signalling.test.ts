import { createHash } from 'node:crypto';
import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { readBox } from '../isobmff/box.ts';
import { PSSH } from '../isobmff/protectionboxes.ts';
import { childBoxes } from '../isobmff/walk.ts';
import type { KeySystems, TrackProtection } from '../model/protection.ts';
import { ContentKey } from './contentkey.ts';
import { printElement } from './element.ts';
import { formatGuid, littleEndianGuid, parseGuid } from './guid.ts';
import { checksum, playReadyObject, wrmHeader } from './playready.ts';
import { commonPssh, widevineData, widevinePssh } from './pssh.ts';
import { dashProtection, hlsKeys, protectionSystemBoxes, smoothProtection } from './signalling.ts';
import { fillTemplate, keyDeliveryTemplates, NO_SYSTEMS } from './urls.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const ID = parseGuid('6f651ae1-dbe4-4434-bcb4-690d1564c41c');
/** PlayReady's published test key seed and key identifier 4Rplb+TbNES8tGkNFWTEHA==. */
const SEED = Buffer.from('XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I', 'base64');
const KEY = new ContentKey(ID, seededKey(SEED, littleEndianGuid(ID)));

/** PlayReady Header Specification, "Generating content keys". */
function seededKey(seed: Uint8Array, kid: Uint8Array): Uint8Array {
  const hash = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
  const hashes = [hash(seed, kid), hash(seed, kid, seed), hash(seed, kid, seed, kid)];
  return Uint8Array.from({ length: 16 }, (_, i) => hashes.reduce((sum, part) => sum ^ part[i] ^ part[i + 16], 0));
}

const templates = keyDeliveryTemplates('https://keys.example/');
const ALL: KeySystems = {
  playReady: { licenseUrl: `${templates.playReady}?a=1&b={AlternativeMediaId}`, customAttributes: null },
  widevine: { licenseUrl: templates.widevine },
  fairPlay: { keyUrl: templates.fairPlay },
  clearKey: { keyUrl: 'https://keys.example/ck/{contentkeyid}' },
  envelope: { keyUrl: templates.envelope },
  alternativeMediaId: 'm 1',
};
const protection = (scheme: TrackProtection['scheme'], systems: KeySystems = ALL): TrackProtection => ({ scheme, keyId: ID, key: KEY, iv: Uint8Array.from({ length: 16 }, (_, i) => i), ivPrefixes: { stored: 1, cmaf: 2 }, clearSamples: 0, systems });
const GUID = '6f651ae1-dbe4-4434-bcb4-690d1564c41c';

describe('pssh', () => {
  it('common: the example of W3C "cenc" Initialization Data Format', () => {
    const box = commonPssh([Buffer.from('0123456789012345'), Buffer.from('ABCDEFGHIJKLMNOP')]);
    expect(hex(box)).toBe('00000044707373680100000' + '01077efecc0b24d02ace33c1e52e2fb4b00000002303132333435363738393031323334354142434445464748494a4b4c4d4e4f5000000000');
  });

  it('Widevine: the header of a published stream', () => {
    const keyId = Buffer.from('9eb4050de44b4802932e27d75083e266', 'hex');
    expect(Buffer.from(widevinePssh({ keyIds: [keyId], scheme: 'cenc' })).toString('base64')).toBe('AAAANHBzc2gAAAAA7e+LqXnWSs6jyCfc1R0h7QAAABQIARIQnrQFDeRLSAKTLifXUIPiZg==');
  });

  it('Widevine: every field by its number', () => {
    const data = widevineData({ keyIds: [ID], scheme: 'cbcs', provider: 'widevine_test', contentId: Buffer.alloc(200, 1), policy: 'p' });
    const fields: [number, string | number][] = [];
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        value += (data[at] & 127) * 2 ** shift;
        if (data[at++] < 128) return value;
      }
    };
    while (at < data.length) {
      const tag = varint();
      const value = varint();
      if ((tag & 7) === 2) {
        fields.push([tag >> 3, hex(data.subarray(at, at + value))]);
        at += value;
      } else fields.push([tag >> 3, value]);
    }
    expect(fields).toEqual([[2, hex(ID)], [3, Buffer.from('widevine_test').toString('hex')], [4, '01'.repeat(200)], [6, '70'], [9, 0x63626373]]);
  });

  it('is read by the box reader, in both versions', () => {
    for (const version of [0, 1] as const) {
      const [raw] = childBoxes(widevinePssh({ keyIds: [ID, ID], scheme: 'cenc' }, version), 'moov', 0);
      const { fields, version: read } = readBox(PSSH, raw);
      expect([read, formatGuid(fields.SystemID), fields.KIDs.map(hex)]).toEqual([version, 'edef8ba9-79d6-4ace-a3c8-27dcd51d21ed', version === 0 ? [] : [hex(ID), hex(ID)]]);
    }
  });
});

describe('PlayReady', () => {
  const key = { keyId: ID, key: KEY };

  it('checksum: that of the published test key', () => {
    expect(checksum(key)).toBe('KLj3QzQP/NA=');
  });

  it('4.0, 4.2 and 4.3', () => {
    const base = { licenseUrl: 'https://l.example/?a&b', customAttributes: '<IIS_DRM_VERSION a="1">7.1</IIS_DRM_VERSION><x/>' };
    expect(wrmHeader({ version: '4.0.0.0', keys: [key], ...base })).toBe(
      '<WRMHEADER xmlns="http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader" version="4.0.0.0"><DATA><PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO>' +
        '<KID>4Rplb+TbNES8tGkNFWTEHA==</KID><CHECKSUM>KLj3QzQP/NA=</CHECKSUM><LA_URL>https://l.example/?a&amp;b</LA_URL>' +
        '<CUSTOMATTRIBUTES><IIS_DRM_VERSION a="1">7.1</IIS_DRM_VERSION><x/></CUSTOMATTRIBUTES></DATA></WRMHEADER>',
    );
    expect(wrmHeader({ version: '4.2.0.0', keys: [key, key], licenseUrl: null, customAttributes: null })).toContain(
      '<DATA><PROTECTINFO><KIDS><KID ALGID="AESCTR" CHECKSUM="KLj3QzQP/NA=" VALUE="4Rplb+TbNES8tGkNFWTEHA=="/><KID ALGID="AESCTR" CHECKSUM="KLj3QzQP/NA=" VALUE="4Rplb+TbNES8tGkNFWTEHA=="/></KIDS></PROTECTINFO></DATA>',
    );
    expect(wrmHeader({ version: '4.3.0.0', keys: [key], licenseUrl: null, customAttributes: null })).toContain('<KIDS><KID ALGID="AESCBC" VALUE="4Rplb+TbNES8tGkNFWTEHA=="/></KIDS>');
    expect(() => wrmHeader({ version: '4.0.0.0', keys: [key, key], licenseUrl: null, customAttributes: null })).toThrow(/one key/);
  });

  it.each(['<a>', '</a>', '<a></b>', '<!--x-->', '<?x?>', '<!DOCTYPE a>', '</CUSTOMATTRIBUTES><LA_URL>x</LA_URL>', '&#38;', '<a b=c/>', '<a', 'a<b', '</a/>'])('refuses the custom attributes %s', (customAttributes) => {
    expect(() => wrmHeader({ version: '4.0.0.0', keys: [key], licenseUrl: null, customAttributes })).toThrow(/custom attributes/);
  });

  it('object: lengths, one record, UTF-16', () => {
    const object = Buffer.from(playReadyObject({ version: '4.0.0.0', keys: [key], licenseUrl: null, customAttributes: null }));
    expect([object.readUInt32LE(0), object.readUInt16LE(4), object.readUInt16LE(6), object.readUInt16LE(8)]).toEqual([object.length, 1, 1, object.length - 10]);
    const root: string[] = [];
    const parser = new SaxesParser({ xmlns: true });
    parser.on('opentag', ({ local }) => root.push(local));
    parser.write(object.subarray(10).toString('utf16le')).close();
    expect(root).toEqual(['WRMHEADER', 'DATA', 'PROTECTINFO', 'KEYLEN', 'ALGID', 'KID', 'CHECKSUM']);
  });
});

describe('acquisition URLs', () => {
  it('take the tokens in any case and refuse others', () => {
    const values = { keyId: ID, alternativeMediaId: 'a/b&c' };
    expect(fillTemplate('https://x/{ContentKeyId}/{CONTENTKEYID}?m={AlternativeMediaId}', values)).toBe(`https://x/${GUID}/${GUID}?m=a%2Fb%26c`);
    expect(() => fillTemplate('https://x/{ContentKey}', values)).toThrow(/found \{ContentKey\}/);
  });

  it('of the own key delivery are those of the old service', () => {
    expect(templates).toEqual({
      envelope: 'https://keys.example/?kid={ContentKeyId}',
      clearKey: 'https://keys.example/ClearKey/?kid={ContentKeyId}',
      playReady: 'https://keys.example/PlayReady/',
      widevine: 'https://keys.example/Widevine/?kid={ContentKeyId}',
      fairPlay: 'skd://keys.example/FairPlay/?kid={ContentKeyId}',
    });
  });
});

describe('signalling', () => {
  const wellFormed = (xml: string): string => {
    new SaxesParser({ xmlns: true }).write(xml).close();
    return xml;
  };

  it('DASH: cenc', () => {
    const printed = dashProtection(protection('cenc')).map((descriptor) => wellFormed(printElement(descriptor)));
    expect(printed[0]).toBe(`<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc" xmlns:cenc="urn:mpeg:cenc:2013" cenc:default_KID="${GUID}"/>`);
    expect(printed.map((text) => /schemeIdUri="([^"]*)"/.exec(text)?.[1])).toEqual([
      'urn:mpeg:dash:mp4protection:2011',
      'urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95',
      'urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed',
      'urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e',
    ]);
    const pro = /<mspr:pro [^>]*>([^<]*)</.exec(printed[1])?.[1] ?? '';
    expect(Buffer.from(pro, 'base64').subarray(10).toString('utf16le')).toContain('<LA_URL>https://keys.example/PlayReady/?a=1&amp;b=m%201</LA_URL>');
    expect(printed[2]).toContain(`<ms:laurl xmlns:ms="urn:microsoft" licenseUrl="https://keys.example/Widevine/?kid=${GUID}"/>`);
    expect(printed[3]).toContain(`<dashif:Laurl xmlns:dashif="https://dashif.org/CPS" licenseType="EME-1.0">https://keys.example/ck/${GUID}</dashif:Laurl>`);
    // What stands in the MPD is what stands in the movie box; the common box stands there alone (dash.js takes a pssh beside Clear Key for key identifiers).
    const boxes = protectionSystemBoxes(protection('cenc')).map((box) => Buffer.from(box).toString('base64'));
    expect(printed.slice(1).map((text) => /<cenc:pssh [^>]*>([^<]*)</.exec(text)?.[1])).toEqual([...boxes.slice(0, -1), undefined]);
  });

  it('DASH: the envelope', () => {
    expect(dashProtection(protection('cbc')).map((descriptor) => wellFormed(printElement(descriptor)))).toEqual([
      '<ContentProtection schemeIdUri="urn:mpeg:dash:sea:2012" xmlns:sea="urn:mpeg:dash:schema:sea:2012"><sea:SegmentEncryption schemeIdUri="urn:mpeg:dash:sea:aes128-cbc:2013"/>' +
        `<sea:KeySystem keySystemUri="urn:mpeg:dash:sea:keysys:http:2013"/><sea:CryptoPeriod IV="0x000102030405060708090A0B0C0D0E0F" keyUriTemplate="https://keys.example/?kid=${GUID}"/></ContentProtection>`,
    ]);
    expect(protectionSystemBoxes(protection('cbc'))).toEqual([]);
    expect(() => dashProtection(protection('cbc', NO_SYSTEMS))).toThrow(/key URL/);
  });

  it('Smooth Streaming', () => {
    expect(smoothProtection([protection('piff')])).toMatchObject({ systemId: '9A04F079-9840-4286-AB92-E65BE0885F95' });
    expect(smoothProtection([protection('cbc')])).toMatchObject({ systemId: 'B47B251A-2409-4B42-958E-08DBAE7B4EE9', text: expect.stringContaining('<sea:CryptoPeriod ') as string });
    expect(smoothProtection([protection('cenc', NO_SYSTEMS)])).toBeNull();
  });

  const tags = (...args: Parameters<typeof hlsKeys>): string[] => hlsKeys(...args).map((tag) => tag.map(({ name, value, quoted }) => (quoted ? `${name}="${value}"` : `${name}=${value}`)).join(','));

  it('HLS', () => {
    expect(tags(protection('cbc'), 'ts')).toEqual([`METHOD=AES-128,URI="https://keys.example/?kid=${GUID}",IV=0x000102030405060708090A0B0C0D0E0F`]);
    expect(tags(protection('cbcs', { ...NO_SYSTEMS, fairPlay: ALL.fairPlay }), 'fmp4')).toEqual([
      `METHOD=SAMPLE-AES,URI="skd://keys.example/FairPlay/?kid=${GUID}",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"`,
    ]);
    expect(tags(protection('cbcs', { ...NO_SYSTEMS, clearKey: { keyUrl: 'k"ey' } }), 'ts')).toEqual([
      'METHOD=SAMPLE-AES,URI="k%22ey",IV=0x000102030405060708090A0B0C0D0E0F,KEYFORMAT="identity",KEYFORMATVERSIONS="1"',
      'METHOD=SAMPLE-AES,URI="k%22ey",IV=0x000102030405060708090A0B0C0D0E0F,KEYFORMAT="org.w3.clearkey",KEYFORMATVERSIONS="1"',
    ]);
    const all = tags(protection('cenc'), 'fmp4');
    expect(all.map((tag) => /KEYFORMAT="([^"]*)"/.exec(tag)?.[1])).toEqual(['urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed', 'com.microsoft.playready', 'identity', 'org.w3.clearkey']);
    expect(all.every((tag) => tag.startsWith('METHOD=SAMPLE-AES-CTR,'))).toBe(true);
    expect(all[0]).toContain(`KEYID=0x${hex(ID)}`);
  });

  it('never shows the key', () => {
    const texts = [JSON.stringify(protection('cenc')), ...dashProtection(protection('cenc')).map(printElement), ...tags(protection('cbcs'), 'ts')];
    for (const text of texts) for (const form of ['hex', 'base64'] as const) expect(text.toLowerCase()).not.toContain(Buffer.from(KEY.reveal()).toString(form).toLowerCase());
  });
});
