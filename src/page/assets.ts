/** What the page shows: the answer of `/-/assets.json`. Read by the page itself too, so nothing of Node is in here. */

export type PageOutput = {
  /** `hls-…`, `dash-…` or `smooth`: what stands before the hyphen says which players can play it. */
  readonly id: string;
  readonly title: string;
  /** From the root of the origin, e.g. `/folder/name.ism/manifest(format=mpd-time-csf)`. */
  readonly url: string;
  readonly available: boolean;
  /** Why it is not available, in words. */
  readonly reason?: string;
  /** One audio track is multiplexed, chosen by `audioTrack=` in the URL instead of by the player. */
  readonly muxed?: boolean;
  /** Encrypted: how its keys are had, in words. */
  readonly keys?: string;
  /** The player that opens it, where not all do. */
  readonly player?: string;
};

export type PageTrack = {
  readonly kind: 'video' | 'audio' | 'text';
  readonly name: string;
  readonly language: string;
  readonly label: string | null;
  /** Bits per second. */
  readonly bitrates: readonly number[];
  /** RFC 6381. */
  readonly codec: string;
  /** The largest picture; null for sound and text. */
  readonly size: { readonly width: number; readonly height: number } | null;
};

export type PageAsset = {
  readonly id: string;
  /** The server manifest, e.g. `name.ism`. */
  readonly name: string;
  readonly folder: string;
  /** Of a locator; null where folders are published. */
  readonly terms: { readonly policy: string; readonly filters: readonly string[]; readonly encryption: string | null } | null;
  readonly outputs: readonly PageOutput[];
  readonly tracks: readonly PageTrack[];
  /** How honest the content is (corpus assets); null when unknown. */
  readonly class: string | null;
  /** Why the asset cannot be opened, in words; it is listed all the same. */
  readonly problem?: string;
};
