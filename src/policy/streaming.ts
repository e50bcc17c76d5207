/** Streaming policies: which protocols a locator delivers, in the clear or under which encryption. */
import { z } from 'zod';
import { Instant, Name, resource } from './values.ts';

const EnabledProtocols = z.strictObject({ download: z.boolean(), dash: z.boolean(), hls: z.boolean(), smoothStreaming: z.boolean() });

const TrackSelections = z.array(z.strictObject({ trackSelections: z.array(z.strictObject({ property: z.enum(['FourCC']), operation: z.enum(['Equal']), value: z.string().regex(/^[!-~]{4}$/, 'four characters') })) }));

const ContentKeys = z.strictObject({
  defaultKey: z.strictObject({ label: Name.nullish(), policyName: Name.nullish() }).nullish(),
  keyToTrackMappings: z.array(z.strictObject({ label: Name.nullish(), policyName: Name.nullish(), tracks: TrackSelections.nullish() })).max(64).nullish(),
});

/** Tokens that nobody would fill in are a mistake that players would meet. */
const Template = z
  .string()
  .max(2048)
  .regex(/^(?:[^{}]|\{(?:ContentKeyId|AlternativeMediaId)\})*$/i, 'a URL in which only {ContentKeyId} and {AlternativeMediaId} stand in braces')
  .nullish();
const AcquisitionUrl = z.strictObject({ customLicenseAcquisitionUrlTemplate: Template });
const PlayReady = z.strictObject({ customLicenseAcquisitionUrlTemplate: Template, playReadyCustomAttributes: z.string().nullish() });
const FairPlay = z.strictObject({ customLicenseAcquisitionUrlTemplate: Template, allowPersistentLicense: z.boolean() });
const ClearKeys = z.strictObject({ customKeysAcquisitionUrlTemplate: Template });

const common = { enabledProtocols: EnabledProtocols.nullish(), clearTracks: TrackSelections.nullish(), contentKeys: ContentKeys.nullish() };

/** Ours: whole segments from the beginning that stay in the clear, until so many seconds are over. */
const ClearLead = z.number().int().min(1).max(3600).nullish();

const NoEncryption = z.strictObject({ enabledProtocols: EnabledProtocols.nullish() });
const EnvelopeEncryption = z.strictObject({ ...common, customKeyAcquisitionUrlTemplate: Template });
const CommonEncryptionCenc = z.strictObject({
  ...common,
  clearLeadSeconds: ClearLead,
  drm: z.strictObject({ playReady: PlayReady.nullish(), widevine: AcquisitionUrl.nullish() }).nullish(),
  clearKeyEncryptionConfiguration: ClearKeys.nullish(),
});
const CommonEncryptionCbcs = z.strictObject({
  ...common,
  clearLeadSeconds: ClearLead,
  drm: z.strictObject({ fairPlay: FairPlay.nullish(), playReady: PlayReady.nullish(), widevine: AcquisitionUrl.nullish() }).nullish(),
  clearKeyEncryptionConfiguration: ClearKeys.nullish(),
});

const StreamingPolicyProperties = z.strictObject({
  created: Instant.optional(),
  defaultContentKeyPolicyName: Name.nullish(),
  /** Ours: also what players can do and the old service did not offer, e.g. `cbcs` in DASH. */
  beyondAms: z.boolean().nullish(),
  noEncryption: NoEncryption.nullish(),
  envelopeEncryption: EnvelopeEncryption.nullish(),
  commonEncryptionCenc: CommonEncryptionCenc.nullish(),
  commonEncryptionCbcs: CommonEncryptionCbcs.nullish(),
}).refine((policy) => policy.beyondAms === true || clearLeadOf(policy.commonEncryptionCenc) + clearLeadOf(policy.commonEncryptionCbcs) === 0, { path: ['beyondAms'], message: 'true, where there are clearLeadSeconds' });

function clearLeadOf(scheme: { readonly clearLeadSeconds?: number | null | undefined } | null | undefined): number {
  return scheme?.clearLeadSeconds ?? 0;
}

export const StreamingPolicyResource = resource(Name, StreamingPolicyProperties);

export type StreamingPolicy = z.output<typeof StreamingPolicyProperties> & { readonly name: string };
export type Protocol = keyof z.output<typeof EnabledProtocols>;

export const ENCRYPTION_SCHEMES = ['envelopeEncryption', 'commonEncryptionCenc', 'commonEncryptionCbcs'] as const;
export type EncryptionScheme = (typeof ENCRYPTION_SCHEMES)[number];

/** Seconds that samples under a scheme stay in the clear. */
export function clearLeadSeconds(policy: StreamingPolicy, scheme: EncryptionScheme): number {
  return scheme === 'envelopeEncryption' ? 0 : clearLeadOf(policy[scheme]);
}

/** Labels of the content keys that a policy wants of its locators. */
export function keyLabels(policy: StreamingPolicy): readonly string[] {
  return ENCRYPTION_SCHEMES.flatMap((scheme) => {
    const keys = policy[scheme]?.contentKeys;
    return [keys?.defaultKey?.label, ...(keys?.keyToTrackMappings ?? []).map(({ label }) => label)].filter((label) => label != null);
  });
}

/** Names of the content key policies that a policy refers to. */
export function keyPolicyNames(policy: StreamingPolicy): readonly string[] {
  const ofKeys = ENCRYPTION_SCHEMES.flatMap((scheme) => {
    const keys = policy[scheme]?.contentKeys;
    return [keys?.defaultKey?.policyName, ...(keys?.keyToTrackMappings ?? []).map(({ policyName }) => policyName)];
  });
  return [policy.defaultContentKeyPolicyName, ...ofKeys].filter((name) => name != null);
}

/** The content key policy that a policy names for the key with a label; null: none. */
export function labelledKeyPolicy(policy: StreamingPolicy, label: string): string | null {
  for (const scheme of ENCRYPTION_SCHEMES) {
    const { defaultKey, keyToTrackMappings } = policy[scheme]?.contentKeys ?? {};
    const found = [defaultKey, ...(keyToTrackMappings ?? [])].find((key) => key?.label === label);
    if (found?.policyName != null) return found.policyName;
  }
  return null;
}

const protocols = (...enabled: readonly Protocol[]): z.output<typeof EnabledProtocols> => ({
  download: enabled.includes('download'),
  dash: enabled.includes('dash'),
  hls: enabled.includes('hls'),
  smoothStreaming: enabled.includes('smoothStreaming'),
});
const defaultKey = (label: string): z.output<typeof ContentKeys> => ({ defaultKey: { label } });
const CENC = { enabledProtocols: protocols('dash', 'smoothStreaming'), contentKeys: defaultKey('cencKeyDefault'), drm: { playReady: {}, widevine: {} } };

/** The service's own policies, which every account has. */
export const PREDEFINED_POLICIES: readonly StreamingPolicy[] = [
  { name: 'Predefined_ClearStreamingOnly', noEncryption: { enabledProtocols: protocols('dash', 'hls', 'smoothStreaming') } },
  { name: 'Predefined_DownloadOnly', noEncryption: { enabledProtocols: protocols('download') } },
  { name: 'Predefined_DownloadAndClearStreaming', noEncryption: { enabledProtocols: protocols('download', 'dash', 'hls', 'smoothStreaming') } },
  { name: 'Predefined_ClearKey', envelopeEncryption: { enabledProtocols: protocols('dash', 'hls', 'smoothStreaming'), contentKeys: defaultKey('clearKeyDefault') } },
  { name: 'Predefined_MultiDrmCencStreaming', commonEncryptionCenc: CENC },
  {
    name: 'Predefined_MultiDrmStreaming',
    commonEncryptionCenc: CENC,
    commonEncryptionCbcs: { enabledProtocols: protocols('hls'), contentKeys: defaultKey('cbcsKeyDefault'), drm: { fairPlay: { allowPersistentLicense: false } } },
  },
];

/** What folder mode publishes under. */
export const [CLEAR_STREAMING, , DOWNLOAD_AND_CLEAR_STREAMING] = PREDEFINED_POLICIES;
