/**
 * What manifests say of encrypted tracks. Whole documents are goldens (`vitest run src/manifest/protected.test.ts -u` renews
 * them); what must hold of them is said here.
 */
import { createHash } from 'node:crypto';
import { parse, setOptions, type types } from 'hls-parser';
import { describe, expect, test } from 'vitest';
import { FORMATS, type Format, type FormatId } from '../formats.ts';
import { applyFilters } from '../model/filter.ts';
import type { Presentation, SwitchingSet } from '../model/presentation.ts';
import type { Scheme } from '../model/protection.ts';
import { ContentKey } from '../protection/contentkey.ts';
import { parseGuid } from '../protection/guid.ts';
import { protectPresentation } from '../protection/protect.ts';
import { keyDeliveryTemplates, NO_SYSTEMS } from '../protection/urls.ts';
import { goldenAudio, goldenVideo, parametersOf, presentationOf } from './testing.ts';

setOptions({ strictMode: true });

const templates = keyDeliveryTemplates('https://keys.example/');
const SYSTEMS = {
  ...NO_SYSTEMS,
  playReady: { licenseUrl: templates.playReady, customAttributes: null },
  widevine: { licenseUrl: templates.widevine },
  fairPlay: { keyUrl: templates.fairPlay },
  clearKey: { keyUrl: templates.clearKey },
  envelope: { keyUrl: templates.envelope },
};
const key = (name: string): ContentKey => {
  const hash = createHash('sha256').update(name).digest();
  return new ContentKey(parseGuid('00112233-4455-6677-8899-aabbccddeeff').map((byte, i) => byte ^ (name === 'one' ? 0 : hash[i])), hash.subarray(16));
};
const ONE = key('one');
const OTHER = key('other');

function lowOnly(set: SwitchingSet): SwitchingSet {
  return { ...set, tracks: set.tracks.slice(-2) };
}
const CLEAR = presentationOf(goldenAudio(), lowOnly(goldenVideo()));
const protect = (scheme: Scheme, keyOf: Parameters<typeof protectPresentation>[1]['keyOf'] = () => ONE): Presentation => protectPresentation(CLEAR, { scheme, systems: SYSTEMS, keyOf });
const formatOf = (id: FormatId): Format => FORMATS.find((format) => format.id === id) as Format;
const URL_VALUES: Readonly<Record<Scheme, string>> = { cbc: 'cbc', cenc: 'cenc', cbcs: 'cbcs-aapl', piff: 'piff' };

const PAIRS: readonly (readonly [FormatId, Scheme])[] = FORMATS.flatMap(({ id, schemes }) => [...(schemes?.ams ?? []), ...(schemes?.beyond ?? [])].map((scheme) => [id, scheme] as const));

/** The sizes of CMAF come from the samples, of which these have none with bytes: first segments alone are printed. */
function documentsOf(id: FormatId, scheme: Scheme, presentation = protect(scheme)): readonly string[] {
  const format = formatOf(id);
  const parameters = parametersOf(format.tags[0], { extra: [['encryption', URL_VALUES[scheme]]] });
  const playlists = presentation.switchingSets.flatMap((set) => format.writePlaylist?.(presentation, set, set.tracks[0], parameters) ?? []);
  const video = presentation.switchingSets[1];
  const keyFrames = format.writeKeyFramePlaylist?.(presentation, video, video.tracks[0], parameters);
  return [format.writeManifest(presentation, parameters), ...playlists, ...(keyFrames === undefined ? [] : [keyFrames])];
}

/** Without the entries in the middle, which say nothing of protection. */
function shortened(text: string): string {
  return text.split('\n').filter((line, i) => i < 14 || !/^(?:#EXTINF|Fragments|KeyFrames)/.test(line)).join('\n');
}

describe('goldens', () => {
  test.each(PAIRS)('%s, %s', async (id, scheme) => {
    await expect(documentsOf(id, scheme).map(shortened).join('\n')).toMatchFileSnapshot(`goldens/protected-${id}-${scheme}.txt`);
  });
});

describe.each(PAIRS)('%s, %s', (id, scheme) => {
  const documents = documentsOf(id, scheme);

  test('every child URL names the encryption, and no text holds a key', () => {
    const urls = documents.flatMap((text) => [...text.matchAll(/(?:Manifest|Fragments|KeyFrames)\([^)"]*\)/g)].map(([url]) => url));
    expect(urls.length).toBeGreaterThan(1);
    expect(urls.filter((url) => !url.includes(`encryption=${URL_VALUES[scheme]}`))).toEqual([]);
    for (const text of documents) for (const form of ['hex', 'base64'] as const) expect(text.toLowerCase()).not.toContain(Buffer.from(ONE.reveal()).toString(form).toLowerCase());
  });

  test('only the protection differs from the manifest in the clear', () => {
    const format = formatOf(id);
    const parameters = parametersOf(format.tags[0], { extra: [['encryption', URL_VALUES[scheme]]] });
    const bare = (text: string): string =>
      text
        .replaceAll(/ *<(ContentProtection|Protection)\b[^]*?<\/\1>\n| *<ContentProtection [^>]*\/>\n/g, '')
        .replaceAll(/^#EXT-X-(?:SESSION-)?KEY:.*\n/gm, '')
        .replaceAll(/(?:AVERAGE-)?BANDWIDTH=\d+|bandwidth="\d+"|minBufferTime="[^"]*"/g, '');
    expect(bare(documents[0])).toBe(bare(format.writeManifest(CLEAR, parameters)));
  });
});

const hls = PAIRS.filter(([id]) => formatOf(id).manifest.kind === 'm3u8');

describe.each(hls)('%s, %s', (id, scheme) => {
  const [master, ...playlists] = documentsOf(id, scheme);

  test('a strict parser reads each, and finds the key of every segment', () => {
    for (const text of playlists) {
      const { segments, version } = parse(text) as types.MediaPlaylist;
      expect(segments[0].key?.method).toBe({ cbc: 'AES-128', cbcs: 'SAMPLE-AES', cenc: 'SAMPLE-AES-CTR', piff: '' }[scheme]);
      expect(version ?? 0).toBeGreaterThanOrEqual(scheme === 'cbc' ? 3 : 5);
    }
    expect((parse(master) as types.MasterPlaylist).variants.length).toBeGreaterThan(0);
    // RFC 8216 4.3.4.5: no two session keys alike.
    const session = master.match(/^#EXT-X-SESSION-KEY.*$/gm) ?? [];
    expect([session.length > 0, new Set(session).size]).toEqual([id === 'hls-cmaf', session.length]);
  });

  test('the initialization segment is under the key when it is encrypted, and before it when it is not', () => {
    for (const text of playlists.filter((playlist) => playlist.includes('#EXT-X-MAP'))) {
      expect(text.indexOf('#EXT-X-KEY') < text.indexOf('#EXT-X-MAP')).toBe(scheme === 'cbc');
    }
  });
});

describe('several keys', () => {
  const byKind = (scheme: Scheme): Presentation => protect(scheme, (set) => (set.kind === 'audio' ? OTHER : ONE));
  const lowClear = protect('cenc', (set, track) => (set.kind === 'video' && track === set.tracks[0] ? ONE : null));
  const kids = (text: string): readonly string[] => [...text.matchAll(/cenc:default_KID="([^"]*)"/g)].map(([, kid]) => kid.slice(0, 8));

  test('DASH: on the set that has one key, on the Representation where they differ, before what the schema puts behind', () => {
    for (const id of ['dash-csf', 'dash-cmaf'] as const) {
      const [text] = documentsOf(id, 'cenc', byKind('cenc'));
      expect(new Set(kids(text)).size).toBe(2);
      const [mixed] = documentsOf(id, 'cenc', lowClear);
      expect(kids(mixed)).toEqual(['00112233']);
      expect(mixed).toMatch(/<Representation [^>]*>\s*<ContentProtection /);
    }
  });

  test('HLS: each playlist has its own, the master all of them', () => {
    const [master, audio, video] = documentsOf('hls-cmaf', 'cbcs', byKind('cbcs'));
    const kid = (text: string): readonly string[] => [...new Set([...text.matchAll(/skd:[^"]*kid=(\w{8})/g)].map(([, found]) => found))];
    expect([kid(audio).length, kid(video)]).toEqual([1, ['00112233']]);
    expect(kid(master).toSorted()).toEqual([...kid(audio), ...kid(video)].toSorted());
  });

  test('Smooth: one header with both keys, of a version that can hold them; an envelope cannot', () => {
    const [text] = documentsOf('smooth', 'cenc', byKind('cenc'));
    const header = Buffer.from(/<ProtectionHeader [^>]*>([^<]*)</.exec(text)?.[1] ?? '', 'base64').subarray(10).toString('utf16le');
    expect([/version="([^"]*)"/.exec(header)?.[1], header.match(/<KID /g)?.length]).toEqual(['4.2.0.0', 2]);
    expect(() => documentsOf('smooth', 'cbc', byKind('cbc'))).toThrow(/one key for all tracks/);
  });

  test('tracks in the clear have no key', () => {
    expect(documentsOf('hls-cmaf', 'cenc', lowClear)[1]).not.toContain('#EXT-X-KEY');
    expect(documentsOf('hls-cmaf', 'cenc', lowClear)[2]).toContain('#EXT-X-KEY');
  });
});

test('a filtered view keeps the protection', () => {
  const view = applyFilters(protect('cenc'), [{ name: 'f', presentationTimeRange: null, firstQuality: null, tracks: [{ trackSelections: [{ property: 'Type', operation: 'Equal', value: 'video' }] }] }], { live: false });
  expect(documentsOf('dash-csf', 'cenc', { ...view, switchingSets: [view.switchingSets[0], view.switchingSets[0]] })[0]).toContain('cenc:default_KID');
});
