/** Streaming locators: what makes an asset reachable, under which policy, from when to when. */
import { z } from 'zod';
import { AssetFolder, FilterName, Guid, Instant, Name, resource } from './values.ts';

/** 16 bytes, plain or as the master key sealed them. */
const KeyValue = z.string().regex(/^(?:[A-Za-z0-9+/]{22}==|sealed:[A-Za-z0-9+/]{60})$/, '16 bytes in base64, or a sealed key');

const ContentKey = z.strictObject({
  id: Guid,
  labelReferenceInStreamingPolicy: Name.nullish(),
  value: KeyValue.nullish(),
  type: z.enum(['EnvelopeEncryption', 'CommonEncryptionCenc', 'CommonEncryptionCbcs']).optional(),
  policyName: Name.nullish(),
  tracks: z.array(z.unknown()).optional(),
});

const StreamingLocatorProperties = z
  .strictObject({
    assetName: AssetFolder,
    streamingPolicyName: Name,
    streamingLocatorId: Guid.nullish(),
    created: Instant.optional(),
    startTime: Instant.nullish(),
    endTime: Instant.nullish(),
    defaultContentKeyPolicyName: Name.nullish(),
    contentKeys: z.array(ContentKey).max(64).nullish(),
    alternativeMediaId: z.string().max(1024).nullish(),
    filters: z.array(FilterName).max(100).nullish(),
  })
  .refine(({ startTime, endTime }) => startTime == null || endTime == null || startTime < endTime, { path: ['endTime'], message: 'a time after startTime' });

export const StreamingLocatorResource = resource(Name, StreamingLocatorProperties);
export type StreamingLocator = z.output<typeof StreamingLocatorProperties> & { readonly name: string };
