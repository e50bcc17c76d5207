/** Dynamic encryption: what a policy makes of a request, and presentations under their keys, kept with the opened asset. */
import { IsomerError } from '../errors.ts';
import type { Format } from '../formats.ts';
import type { Presentation, Track } from '../model/presentation.ts';
import type { KeySystems, Scheme } from '../model/protection.ts';
import { decideEncryption } from '../policy/decide.ts';
import type { StreamingLocator } from '../policy/locators.ts';
import { clearLeadSeconds, type EncryptionScheme, type Protocol, type StreamingPolicy } from '../policy/streaming.ts';
import type { ContentKey } from '../protection/contentkey.ts';
import { formatGuid, parseGuid } from '../protection/guid.ts';
import { protectPresentation } from '../protection/protect.ts';
import { keyDeliveryTemplates, NO_SYSTEMS } from '../protection/urls.ts';
import type { Publication } from './catalog.ts';
import type { StreamRequest } from './url.ts';

/** What the policy calls it, and which form of it is sent. */
export type Encryption = { readonly scheme: EncryptionScheme; readonly form: Scheme };

export type ProtectionOptions = {
  /** Address of key delivery with a closing slash, for policies without templates of their own. */
  readonly keyDeliveryUrl: string;
  /** A content key from its text in `isomer.json`. */
  readonly readKey: (id: Uint8Array, stored: string) => ContentKey;
};

/** `tag` names keys, scheme and addresses for ETags; it holds no key. */
export type Protected = { readonly presentation: Presentation; readonly tag: string };

export type Protector = { protect(presentation: Presentation, publication: Publication, encryption: Encryption): Protected };

const PROTOCOLS = { m3u8: 'hls', mpd: 'dash', ssm: 'smoothStreaming' } as const satisfies Record<Format['manifest']['kind'], Protocol>;
const FORMS: Readonly<Record<EncryptionScheme, Scheme>> = { envelopeEncryption: 'cbc', commonEncryptionCenc: 'cenc', commonEncryptionCbcs: 'cbcs' };
/** The value of `encryption=` for `cenc` under PIFF's names. */
const PIFF = 'piff';
const KEY_TYPES = { envelopeEncryption: 'EnvelopeEncryption', commonEncryptionCenc: 'CommonEncryptionCenc', commonEncryptionCbcs: 'CommonEncryptionCbcs' } as const;
/** Publications of one asset whose protected presentations are kept. */
const MAX_KEPT = 16;

/** Null: in the clear. What the policy or the output refuses is refused here. */
export function chooseEncryption({ encryption }: Pick<StreamRequest, 'encryption'>, { manifest, sampleForm, title, schemes }: Format, policy: StreamingPolicy): Encryption | null {
  const scheme = decideEncryption(policy, { protocol: PROTOCOLS[manifest.kind], cmaf: sampleForm === 'cmaf', encryption });
  if (scheme === null) return null;
  const form = encryption === PIFF ? 'piff' : FORMS[scheme];
  const allowed = [...(schemes?.ams ?? []), ...(policy.beyondAms === true ? (schemes?.beyond ?? []) : [])];
  if (allowed.includes(form) && (schemes?.clearLead === true || clearLeadSeconds(policy, scheme) === 0)) return { scheme, form };
  if (allowed.includes(form)) throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: title, expected: 'a policy without clearLeadSeconds', found: `${clearLeadSeconds(policy, scheme)} s of ${policy.name}` });
  throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: title, expected: allowed.join(', ') || 'delivery in the clear', found: form });
}

type Kept = { readonly locator: StreamingLocator | null; readonly policy: StreamingPolicy; readonly form: Scheme; readonly protected: Protected };

/**
 * Tracks must stay the same objects, since sizes are remembered by them. Locator and policy are objects of one reading of
 * `isomer.json`: after another reading everything is made anew, and what was kept goes with the asset or by age.
 */
export function createProtector(options: ProtectionOptions): Protector {
  const kept = new WeakMap<Presentation, Kept[]>();
  return {
    protect(presentation, { locator, policy }, { scheme, form }) {
      const list = kept.get(presentation) ?? [];
      kept.set(presentation, list);
      const at = list.findIndex((entry) => entry.locator === locator && entry.policy === policy && entry.form === form);
      const [found] = at === -1 ? [{ locator, policy, form, protected: protectAll(presentation, locator, policy, { scheme, form }, options) }] : list.splice(at, 1);
      list.push(found);
      if (list.length > MAX_KEPT) list.shift();
      return found.protected;
    },
  };
}

function protectAll(presentation: Presentation, locator: StreamingLocator | null, policy: StreamingPolicy, { scheme, form }: Encryption, { keyDeliveryUrl, readKey }: ProtectionOptions): Protected {
  const systems = systemsOf(policy, scheme, locator, keyDeliveryUrl);
  const keys = new Map<string, ContentKey>();
  const open = (label: string | null): ContentKey => {
    const { id, value } = findKey(policy, scheme, locator, label);
    const key = keys.get(id) ?? readKey(parseGuid(id), value);
    keys.set(id, key);
    return key;
  };
  const protectedOne = protectPresentation(presentation, {
    scheme: form,
    systems,
    clearLeadSeconds: clearLeadSeconds(policy, scheme),
    keyOf(set, track) {
      const label = keyLabel(policy, scheme, set.name, track);
      return label === undefined ? null : open(label);
    },
  });
  const ids = protectedOne.switchingSets.map(({ name, tracks }) => [name, tracks.map(({ bitrate, protection }) => [bitrate, protection === undefined ? null : formatGuid(protection.keyId)])]);
  return { presentation: protectedOne, tag: JSON.stringify([policy.name, form, systems, ids, clearLeadSeconds(policy, scheme)]) };
}

type Selections = NonNullable<NonNullable<StreamingPolicy[EncryptionScheme]>['clearTracks']>;

/** Each selection is an alternative; all of its conditions must hold. FourCC is that of the stored sample entry, as in filters. */
function selects(selections: Selections | null | undefined, { codec }: Track): boolean {
  const matches = (value: string): boolean => value.toLowerCase() === codec.sampleEntry.toLowerCase();
  return (selections ?? []).some(({ trackSelections }) => trackSelections.length > 0 && trackSelections.every(({ value }) => matches(value)));
}

/** Label of a track's key; null: the key without a label. Undefined: the policy leaves the track in the clear. */
function keyLabel(policy: StreamingPolicy, scheme: EncryptionScheme, name: string, track: Track): string | null | undefined {
  const { clearTracks, contentKeys } = policy[scheme] ?? {};
  if (selects(clearTracks, track)) return undefined;
  const mapping = contentKeys?.keyToTrackMappings?.find(({ tracks }) => selects(tracks, track));
  if (mapping !== undefined) return mapping.label ?? null;
  if (contentKeys?.defaultKey == null && (contentKeys?.keyToTrackMappings ?? []).length > 0) {
    throw new IsomerError('MPE_ENC_ENCRYPTION_REQUIRED', { what: `streaming policy ${policy.name}`, expected: 'a default key, or a mapping or clear track for each track', found: `none for track ${name} (${track.codec.sampleEntry})` });
  }
  return contentKeys?.defaultKey?.label ?? null;
}

/** The locator's key under a label, of the right type where keys say one. */
function findKey(policy: StreamingPolicy, scheme: EncryptionScheme, locator: StreamingLocator | null, label: string | null): { readonly id: string; readonly value: string } {
  const found = (locator?.contentKeys ?? []).find(({ labelReferenceInStreamingPolicy: own, type }) => (own ?? null) === label && (type === undefined || type === KEY_TYPES[scheme]));
  if (found?.value != null) return { id: found.id, value: found.value };
  throw new IsomerError('MPE_ENC_ENCRYPTION_REQUIRED', {
    what: `streaming locator ${locator?.name ?? ''}`,
    expected: label === null ? `a content key for ${policy.name}` : `a content key with the label ${label}`,
    found: found === undefined ? 'none' : `key ${found.id} without its value`,
  });
}

/** Systems that manifests name. Common encryption that names none is Clear Key. */
function systemsOf(policy: StreamingPolicy, scheme: EncryptionScheme, locator: StreamingLocator | null, keyDeliveryUrl: string): KeySystems {
  const own = keyDeliveryTemplates(keyDeliveryUrl);
  const common = { ...NO_SYSTEMS, alternativeMediaId: locator?.alternativeMediaId ?? '' };
  if (scheme === 'envelopeEncryption') return { ...common, envelope: { keyUrl: policy.envelopeEncryption?.customKeyAcquisitionUrlTemplate ?? own.envelope } };
  const { drm, clearKeyEncryptionConfiguration: clearKey } = policy[scheme] ?? {};
  const playReady = drm?.playReady ?? null;
  const widevine = drm?.widevine ?? null;
  const fairPlay = scheme === 'commonEncryptionCbcs' ? (policy.commonEncryptionCbcs?.drm?.fairPlay ?? null) : null;
  const isClearKey = clearKey != null || (playReady === null && widevine === null && fairPlay === null);
  return {
    ...common,
    playReady: playReady === null ? null : { licenseUrl: playReady.customLicenseAcquisitionUrlTemplate ?? own.playReady, customAttributes: playReady.playReadyCustomAttributes ?? null },
    widevine: widevine === null ? null : { licenseUrl: widevine.customLicenseAcquisitionUrlTemplate ?? own.widevine },
    fairPlay: fairPlay === null ? null : { keyUrl: fairPlay.customLicenseAcquisitionUrlTemplate ?? own.fairPlay },
    clearKey: isClearKey ? { keyUrl: clearKey?.customKeysAcquisitionUrlTemplate ?? own.clearKey } : null,
  };
}
