/** How a track is encrypted and where its keys come from: what segment writers and manifest writers have to know. */

/**
 * `cbc`: each resource as a whole (AES-128 envelope). `cenc`, `cbcs`: ISO/IEC 23001-7, in transport streams SAMPLE-AES.
 * `piff`: `cenc` under PIFF's own names.
 */
export type Scheme = 'cbc' | 'cenc' | 'cbcs' | 'piff';

/** Bytes that never print themselves. */
export type Secret = { reveal(): Uint8Array };

/** URL templates with the tokens {ContentKeyId} and {AlternativeMediaId}; a system that is null is not announced. */
export type KeySystems = {
  readonly playReady: { readonly licenseUrl: string | null; readonly customAttributes: string | null } | null;
  readonly widevine: { readonly licenseUrl: string | null } | null;
  readonly fairPlay: { readonly keyUrl: string } | null;
  readonly clearKey: { readonly keyUrl: string } | null;
  /** Key URL of the envelope. */
  readonly envelope: { readonly keyUrl: string } | null;
  readonly alternativeMediaId: string;
};

export type TrackProtection = {
  readonly scheme: Scheme;
  /** 16 bytes in the order of the GUID's text. */
  readonly keyId: Uint8Array;
  readonly key: Secret;
  /** 16 bytes: the one vector of `cbc` and `cbcs`. */
  readonly iv: Uint8Array;
  /** First half of each sample's vector in `cenc` and `piff`, by sample form (media-rules 7.1). */
  readonly ivPrefixes: Readonly<Record<'stored' | 'cmaf', number>>;
  readonly systems: KeySystems;
  /** Samples before this one are sent in the clear: those of the segments of a clear lead. */
  readonly clearSamples: number;
};
