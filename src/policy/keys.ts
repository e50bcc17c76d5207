/** Content key policies: who gets a key, and in which licence. Values and their checks alone; nothing here is cryptography. */
import { z } from 'zod';
import { Base64, Duration, Guid, Instant, Name, OdataType, resource } from './values.ts';

const kind = <T extends string>(name: T): ReturnType<typeof OdataType<`ContentKeyPolicy${T}`>> => OdataType(`ContentKeyPolicy${name}`);

const ClearKeyConfiguration = z.strictObject({ '@odata.type': kind('ClearKeyConfiguration') });

/** The template is JSON inside a string. */
const WidevineConfiguration = z.strictObject({ '@odata.type': kind('WidevineConfiguration'), widevineTemplate: z.string().refine(isJsonObject, 'a JSON object as text') });

const FairPlayConfiguration = z.strictObject({
  '@odata.type': kind('FairPlayConfiguration'),
  ask: Base64,
  fairPlayPfx: Base64,
  fairPlayPfxPassword: z.string(),
  rentalAndLeaseKeyType: z.enum(['Undefined', 'DualExpiry', 'PersistentUnlimited', 'PersistentLimited']),
  rentalDuration: z.number().int().min(0),
  offlineRentalConfiguration: z.strictObject({ playbackDurationSeconds: z.number().int().min(0), storageDurationSeconds: z.number().int().min(0) }).nullish(),
});

const protectionLevel = z.number().int().min(0).max(1000).nullish();

const PlayRight = z.strictObject({
  firstPlayExpiration: Duration.nullish(),
  scmsRestriction: z.number().int().min(0).max(3).nullish(),
  agcAndColorStripeRestriction: z.number().int().min(0).max(3).nullish(),
  explicitAnalogTelevisionOutputRestriction: z.strictObject({ bestEffort: z.boolean(), configurationData: z.number().int().min(0).max(3) }).nullish(),
  digitalVideoOnlyContentRestriction: z.boolean(),
  imageConstraintForAnalogComponentVideoRestriction: z.boolean(),
  imageConstraintForAnalogComputerMonitorRestriction: z.boolean(),
  allowPassingVideoContentToUnknownOutput: z.enum(['NotAllowed', 'Allowed', 'AllowedWithVideoConstriction']),
  uncompressedDigitalVideoOpl: protectionLevel,
  compressedDigitalVideoOpl: protectionLevel,
  analogVideoOpl: protectionLevel,
  compressedDigitalAudioOpl: protectionLevel,
  uncompressedDigitalAudioOpl: protectionLevel,
});

const PlayReadyLicense = z
  .strictObject({
    allowTestDevices: z.boolean(),
    securityLevel: z.enum(['SL150', 'SL2000', 'SL3000']).nullish(),
    beginDate: Instant.nullish(),
    expirationDate: Instant.nullish(),
    relativeBeginDate: Duration.nullish(),
    relativeExpirationDate: Duration.nullish(),
    gracePeriod: Duration.nullish(),
    playRight: PlayRight.nullish(),
    licenseType: z.enum(['NonPersistent', 'Persistent']),
    contentKeyLocation: z.discriminatedUnion('@odata.type', [
      z.strictObject({ '@odata.type': kind('PlayReadyContentEncryptionKeyFromHeader') }),
      z.strictObject({ '@odata.type': kind('PlayReadyContentEncryptionKeyFromKeyIdentifier'), keyId: Guid }),
    ]),
    contentType: z.enum(['Unspecified', 'UltraVioletDownload', 'UltraVioletStreaming']),
  })
  .refine(({ beginDate, relativeBeginDate }) => beginDate == null || relativeBeginDate == null, { path: ['relativeBeginDate'], message: 'one of beginDate and relativeBeginDate' })
  .refine(({ expirationDate, relativeExpirationDate }) => expirationDate == null || relativeExpirationDate == null, { path: ['relativeExpirationDate'], message: 'one of expirationDate and relativeExpirationDate' });

const PlayReadyConfiguration = z.strictObject({ '@odata.type': kind('PlayReadyConfiguration'), responseCustomData: z.string().nullish(), licenses: z.array(PlayReadyLicense).min(1) });

const TokenKey = z.discriminatedUnion('@odata.type', [
  z.strictObject({ '@odata.type': kind('SymmetricTokenKey'), keyValue: Base64 }),
  z.strictObject({ '@odata.type': kind('RsaTokenKey'), exponent: Base64, modulus: Base64 }),
  z.strictObject({ '@odata.type': kind('X509CertificateTokenKey'), rawBody: Base64 }),
]);

const OpenRestriction = z.strictObject({ '@odata.type': kind('OpenRestriction') });

const TokenRestriction = z
  .strictObject({
    '@odata.type': kind('TokenRestriction'),
    issuer: z.string().min(1),
    audience: z.string().min(1),
    primaryVerificationKey: TokenKey.nullish(),
    alternateVerificationKeys: z.array(TokenKey).max(30).nullish(),
    requiredClaims: z.array(z.strictObject({ claimType: z.string().min(1), claimValue: z.string().nullish() })).max(30).nullish(),
    restrictionTokenType: z.enum(['Swt', 'Jwt']),
    openIdConnectDiscoveryDocument: z.url().nullish(),
  })
  .refine((token) => token.primaryVerificationKey != null || token.openIdConnectDiscoveryDocument != null, { path: ['primaryVerificationKey'], message: 'a key, or an openIdConnectDiscoveryDocument' });

const Option = z.strictObject({
  policyOptionId: Guid.optional(),
  name: Name.nullish(),
  configuration: z.discriminatedUnion('@odata.type', [ClearKeyConfiguration, WidevineConfiguration, PlayReadyConfiguration, FairPlayConfiguration]),
  restriction: z.discriminatedUnion('@odata.type', [OpenRestriction, TokenRestriction]),
});

const ContentKeyPolicyProperties = z.strictObject({
  policyId: Guid.optional(),
  created: Instant.optional(),
  lastModified: Instant.optional(),
  description: z.string().nullish(),
  options: z.array(Option).min(1).max(30),
});

export const ContentKeyPolicyResource = resource(Name, ContentKeyPolicyProperties);
export type ContentKeyPolicy = z.output<typeof ContentKeyPolicyProperties> & { readonly name: string };

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
