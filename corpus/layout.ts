/**
 * Makes a layout: corpus assets published under policies, with keys and filters, and `subjects.json` that says what there is to ask for.
 * Usage: node corpus/layout.ts DIR. The keys are no secrets: they are derived from their labels, so that two layouts are alike.
 */
import { createHash, createHmac } from 'node:crypto';
import { copyFile, link, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FormatId } from '../spec/requirement.ts';
import { SUBJECTS_FILE, type Scheme, type Subjects } from '../spec/subjects.ts';
import { BUILT } from './make.ts';

type Outputs = Partial<Record<FormatId, string>>;

type Recipe = {
  readonly id: string;
  readonly asset: string;
  /** Name of its server manifest. */
  readonly ism: string;
  readonly policy: string;
  /** Labels of keys. */
  readonly keys: readonly string[];
  readonly outputs: Outputs;
  /** What its filters leave: reckoned by hand from spec/filters.md. */
  readonly left?: Subjects['subjects'][number]['left'];
};

const TOKENS: Readonly<Record<FormatId, string | null>> = { 'hls-v3': 'm3u8-aapl-v3', 'hls-v4': 'm3u8-aapl', 'hls-cmaf': 'm3u8-cmaf', 'dash-csf': 'mpd-time-csf', 'dash-cmaf': 'mpd-time-cmaf', smooth: null };

/** Manifests of these outputs, all with these parameters. */
function outputs(formats: readonly FormatId[], ...parameters: readonly string[]): Outputs {
  return Object.fromEntries(
    formats.map((format) => {
      const all = [...(TOKENS[format] === null ? [] : [`format=${TOKENS[format]}`]), ...parameters];
      return [format, all.length === 0 ? 'manifest' : `manifest(${all.join(',')})`];
    }),
  );
}

const ALL: readonly FormatId[] = ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth'];
const EVERYWHERE = { enabledProtocols: { download: false, dash: true, hls: true, smoothStreaming: true } };
const fourcc = (value: string): object => ({ trackSelections: [{ property: 'FourCC', operation: 'Equal', value }] });
/** Pictures under one key, sound under another. */
const mapped = { defaultKey: { label: 'pictures' }, keyToTrackMappings: [{ label: 'sound', tracks: [fourcc('mp4a')] }] };
const one = { defaultKey: { label: 'one' } };
const systems = { playReady: {}, widevine: {} };
const clearKey = { clearKeyEncryptionConfiguration: {} };

/** Seconds. Segments of 6 s: the first two begin before. */
const LEAD = 7;

const POLICIES: Readonly<Record<string, object>> = {
  envelopeOfEach: { envelopeEncryption: { ...EVERYWHERE, contentKeys: mapped } },
  keyOfEach: { commonEncryptionCenc: { ...EVERYWHERE, contentKeys: mapped, drm: systems } },
  clearSound: { beyondAms: true, commonEncryptionCenc: { ...EVERYWHERE, contentKeys: one, clearTracks: [fourcc('mp4a')], ...clearKey } },
  everySystem: { beyondAms: true, commonEncryptionCbcs: { ...EVERYWHERE, contentKeys: one, drm: { ...systems, fairPlay: { allowPersistentLicense: false } }, ...clearKey } },
  lead: { beyondAms: true, commonEncryptionCenc: { ...EVERYWHERE, contentKeys: one, clearLeadSeconds: LEAD, ...clearKey }, commonEncryptionCbcs: { ...EVERYWHERE, contentKeys: one, clearLeadSeconds: LEAD, ...clearKey } },
  samples: { beyondAms: true, commonEncryptionCenc: { ...EVERYWHERE, contentKeys: one }, commonEncryptionCbcs: { ...EVERYWHERE, contentKeys: one } },
  pattern: { commonEncryptionCbcs: { ...EVERYWHERE, contentKeys: one, drm: { fairPlay: { allowPersistentLicense: false } } } },
};

const select = (...alternatives: readonly (readonly [property: string, value: string])[][]): object => ({ tracks: alternatives.map((all) => ({ trackSelections: all.map(([property, value]) => ({ property, operation: 'Equal', value })) })) });

/** Seven seconds in, to seventeen: with key frames every two seconds, from the one at eight to the one at eighteen. */
const FILTERS: Readonly<Record<string, object>> = {
  late: { presentationTimeRange: { startTimestamp: 70_000_000, endTimestamp: 170_000_000 } },
  german: select([['Type', 'video']], [['Type', 'audio'], ['Language', 'de']]),
  arabic: select([['Type', 'video']], [['Type', 'audio']], [['Type', 'text'], ['Language', 'ar']]),
  small: select([['Type', 'video'], ['Bitrate', '0-200000']], [['Type', 'audio']]),
  begin: { firstQuality: { bitrate: 250_000 } },
};

/** Who asks for a key of such a label has to bring the layout's token. */
const WITH_TOKEN: ReadonlySet<string> = new Set(['clearKeyDefault', 'one']);
const TOKEN = { issuer: 'https://isomer.example/', audience: 'urn:isomer:layout' };

const CLEAR = { policy: 'Predefined_ClearStreamingOnly', keys: [] };

const LATE_SOUND = { from: 60_160_000, to: 180_480_000 };

const RECIPES: readonly Recipe[] = [
  // Segments of 6.006 s are listed whole: 6.006 to 18.018; of the sound those whose middle lies there.
  { id: 'late', asset: 'h264-multiaudio', ism: 'multiaudio.ism', ...CLEAR, outputs: outputs(ALL, 'filter=late'), left: { video: { from: 60_060_000, to: 180_180_000 }, English: LATE_SOUND, Français: LATE_SOUND, Deutsch: LATE_SOUND, aac_eng_audio_description: LATE_SOUND } },
  { id: 'german', asset: 'h264-multiaudio', ism: 'multiaudio.ism', ...CLEAR, outputs: outputs(ALL, 'filter=german'), left: { video: {}, Deutsch: {} } },
  { id: 'late-small', asset: 'muxed-mbr', ism: 'muxed.ism', ...CLEAR, outputs: outputs(ALL, 'filter=late;small'), left: { video: { bitrates: [192_610], from: 60_060_000 }, audio: { from: 60_160_000 } } },
  { id: 'late-delay', asset: 'elst-delay', ism: 'delay.ism', ...CLEAR, outputs: outputs(ALL, 'filter=late'), left: { video: { from: 60_060_000 }, aac_eng_2_128000_1_1: { from: 67_440_000 } } },
  { id: 'begin', asset: 'fps25', ism: 'fps25.ism', ...CLEAR, outputs: outputs(ALL, 'filter=begin') },
  { id: 'cenc-late', asset: 'fps25', ism: 'fps25.ism', policy: 'Predefined_MultiDrmStreaming', keys: ['cencKeyDefault', 'cbcsKeyDefault'], outputs: { ...outputs(['dash-csf', 'dash-cmaf', 'smooth'], 'encryption=cenc', 'filter=late'), ...outputs(['hls-v4', 'hls-cmaf'], 'encryption=cbcs-aapl', 'filter=late') }, left: { video: { from: 60_000_000 }, aac_fra_2_128000_1_1: { from: 60_139_682 } } },
  { id: 'late-text', asset: 'text-webvtt', ism: 'webvtt.ism', ...CLEAR, outputs: outputs(ALL, 'filter=late;arabic'), left: { video: { from: 60_000_000, to: 180_000_000 }, audio: LATE_SOUND, subt_ar: {} } },

  { id: 'aes', asset: 'fps25', ism: 'fps25.ism', policy: 'Predefined_ClearKey', keys: ['clearKeyDefault'], outputs: outputs(ALL, 'encryption=cbc') },
  { id: 'aes-keys', asset: 'elst-delay', ism: 'delay.ism', policy: 'envelopeOfEach', keys: ['pictures', 'sound'], outputs: outputs(['hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf'], 'encryption=cbc') },
  { id: 'cenc', asset: 'h264-multiaudio', ism: 'multiaudio.ism', policy: 'Predefined_MultiDrmCencStreaming', keys: ['cencKeyDefault'], outputs: outputs(['dash-csf', 'dash-cmaf', 'smooth'], 'encryption=cenc') },
  { id: 'cenc-keys', asset: 'elst-delay', ism: 'delay.ism', policy: 'keyOfEach', keys: ['pictures', 'sound'], outputs: outputs(['dash-csf', 'dash-cmaf', 'smooth'], 'encryption=cenc') },
  { id: 'cenc-one', asset: 'elst-delay', ism: 'delay.ism', policy: 'Predefined_MultiDrmCencStreaming', keys: ['cencKeyDefault'], outputs: outputs(['dash-cmaf'], 'encryption=cenc') },
  { id: 'elst-clear', asset: 'elst-delay', ism: 'delay.ism', policy: 'Predefined_ClearStreamingOnly', keys: [], outputs: outputs(['dash-csf']) },
  { id: 'cenc-clear-sound', asset: 'fps25', ism: 'fps25.ism', policy: 'clearSound', keys: ['one'], outputs: outputs(['hls-cmaf', 'dash-csf', 'dash-cmaf'], 'encryption=cenc') },
  { id: 'cenc-hevc', asset: 'hevc-hvc1', ism: 'hevc-hvc1.ism', policy: 'Predefined_MultiDrmStreaming', keys: ['cencKeyDefault', 'cbcsKeyDefault'], outputs: { ...outputs(['dash-csf', 'dash-cmaf', 'smooth'], 'encryption=cenc'), ...outputs(['hls-cmaf'], 'encryption=cbcs-aapl') } },
  { id: 'samples', asset: 'fps25', ism: 'fps25.ism', policy: 'samples', keys: ['one'], outputs: outputs(['hls-cmaf', 'dash-csf', 'dash-cmaf'], 'encryption=cenc') },
  { id: 'samples-pattern', asset: 'fps25', ism: 'fps25.ism', policy: 'samples', keys: ['one'], outputs: outputs(['hls-v4', 'hls-cmaf', 'dash-cmaf'], 'encryption=cbcs-aapl') },
  { id: 'piff', asset: 'muxed-mbr', ism: 'muxed.ism', policy: 'Predefined_MultiDrmCencStreaming', keys: ['cencKeyDefault'], outputs: outputs(['smooth'], 'encryption=piff') },
  { id: 'cbcs', asset: 'fps25', ism: 'fps25.ism', policy: 'pattern', keys: ['one'], outputs: outputs(['hls-v4', 'hls-cmaf'], 'encryption=cbcs-aapl') },
  { id: 'cbcs-everywhere', asset: 'elst-delay', ism: 'delay.ism', policy: 'everySystem', keys: ['one'], outputs: outputs(['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf'], 'encryption=cbcs-aapl') },
  // Two segments of three are clear.
  { id: 'lead-cenc', asset: 'fps25', ism: 'fps25.ism', policy: 'lead', keys: ['one'], outputs: outputs(['hls-cmaf', 'dash-csf', 'dash-cmaf'], 'encryption=cenc') },
  { id: 'lead-cbcs', asset: 'fps25', ism: 'fps25.ism', policy: 'lead', keys: ['one'], outputs: outputs(['hls-cmaf', 'dash-cmaf'], 'encryption=cbcs-aapl') },
  // Text is in the envelope like everything else, and outside of every other encryption.
  { id: 'aes-text', asset: 'text-webvtt', ism: 'webvtt.ism', policy: 'Predefined_ClearKey', keys: ['clearKeyDefault'], outputs: outputs(ALL, 'encryption=cbc') },
  { id: 'cenc-text', asset: 'text-webvtt', ism: 'webvtt.ism', policy: 'Predefined_MultiDrmStreaming', keys: ['cencKeyDefault', 'cbcsKeyDefault'], outputs: { ...outputs(['dash-csf', 'dash-cmaf', 'smooth'], 'encryption=cenc'), ...outputs(['hls-v4', 'hls-cmaf'], 'encryption=cbcs-aapl') } },
  { id: 'cbcs-eac3', asset: 'eac3-51', ism: 'eac3-51.ism', policy: 'everySystem', keys: ['one'], outputs: outputs(['hls-v4', 'hls-cmaf', 'dash-cmaf'], 'encryption=cbcs-aapl') },
];

function keyOf(label: string): { readonly id: string; readonly value: string } {
  const digest = createHash('sha256').update(`isomer corpus key ${label}`).digest();
  return { id: digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'), value: digest.toString('base64', 16, 32) };
}

/** Policies under which keys are given out as they are; the others want licence servers. */
const CLEAR_KEY: ReadonlySet<string> = new Set(['Predefined_ClearKey', 'clearSound', 'everySystem', 'lead', 'samples']);
const SCHEMES: readonly (readonly [RegExp, (format: string) => Scheme])[] = [
  [/encryption=cbc\b(?!s)/, () => 'aes-128'],
  [/encryption=cenc/, () => 'cenc'],
  [/encryption=piff/, () => 'piff'],
  [/encryption=cbcs/, (format) => (/^hls-v/.test(format) ? 'sample-aes' : 'cbcs')],
];

function protectionOf({ policy, outputs: asked }: Recipe): Subjects['subjects'][number]['protection'] {
  const schemes = Object.fromEntries(Object.entries(asked).flatMap(([format, text]) => SCHEMES.filter(([pattern]) => pattern.test(text)).map(([, scheme]) => [format, scheme(format)])));
  return Object.keys(schemes).length === 0 ? undefined : { system: CLEAR_KEY.has(policy) ? 'clear-key' : 'licensed', schemes, ...(policy === 'lead' ? { clearLead: LEAD } : {}) };
}

/** A JSON Web Token (RFC 7519), good for a hundred years: what it opens is no secret. */
function token(key: Uint8Array): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: TOKEN.issuer, aud: TOKEN.audience, exp: 4_000_000_000 })}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

/** Links where it can: media are large. */
async function copyAsset(asset: string, folder: string): Promise<void> {
  const target = join(folder, asset);
  await mkdir(target, { recursive: true });
  for (const name of await readdir(join(BUILT, asset))) {
    const [from, to] = [join(BUILT, asset, name), join(target, name)];
    await link(from, to).catch(() => copyFile(from, to));
  }
}

export async function makeLayout(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const asset of new Set(RECIPES.map((recipe) => recipe.asset))) await copyAsset(asset, folder);
  const labels = [...new Set(RECIPES.flatMap(({ keys }) => keys))];
  const streamingLocators = RECIPES.map(({ id, asset, policy, keys }) => ({
    name: id,
    properties: { assetName: asset, streamingPolicyName: policy, contentKeys: keys.map((label) => ({ ...keyOf(label), labelReferenceInStreamingPolicy: label, ...(WITH_TOKEN.has(label) ? { policyName: 'viewers' } : {}) })) },
  }));
  const streamingPolicies = Object.entries(POLICIES).map(([name, properties]) => ({ name, properties }));
  const verification = createHash('sha256').update('isomer corpus token').digest();
  const odata = (type: string): object => ({ '@odata.type': `#Microsoft.Media.ContentKeyPolicy${type}` });
  const restriction = { ...odata('TokenRestriction'), ...TOKEN, restrictionTokenType: 'Jwt', primaryVerificationKey: { ...odata('SymmetricTokenKey'), keyValue: verification.toString('base64') } };
  const contentKeyPolicies = [{ name: 'viewers', properties: { options: [{ configuration: odata('ClearKeyConfiguration'), restriction }] } }];
  const subjects: Subjects = {
    schema: 'isomer-subjects/1',
    keys: 'keys.json',
    access: 'access.json',
    subjects: RECIPES.map((recipe) => {
      const { id, asset, ism, outputs: asked, left } = recipe;
      const protection = protectionOf(recipe);
      return { id, path: `${id}/${ism}`, truth: asset, ...(left === undefined ? {} : { left }), ...(protection === undefined ? {} : { protection }), outputs: asked };
    }),
  };
  const write = (name: string, content: unknown): Promise<void> => writeFile(join(folder, name), `${JSON.stringify(content, null, 1)}\n`);
  const accountFilters = Object.entries(FILTERS).map(([name, properties]) => ({ name, properties }));
  await write('isomer.json', { streamingLocators, streamingPolicies, contentKeyPolicies, accountFilters });
  await write('keys.json', Object.fromEntries(labels.map(keyOf).map(({ id, value }) => [id, value])));
  await write('access.json', { headers: { Authorization: `Bearer ${token(verification)}` } });
  await write(SUBJECTS_FILE, subjects);
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    process.stderr.write('Usage: node corpus/layout.ts DIR\n');
    process.exitCode = 2;
  } else await makeLayout(folder);
}
