/** What the rest of the house needs to know of an elementary stream: values only, no bytes to parse. */

export type Fraction = { readonly numerator: number; readonly denominator: number };

export type VideoCodec = {
  readonly kind: 'video';
  readonly family: 'avc' | 'hevc';
  /** Stored sample entry type: avc1, avc3, hvc1 or hev1. */
  readonly sampleEntry: string;
  /** RFC 6381 string with lower-case hexadecimal digits, e.g. `avc1.64001f`. */
  readonly rfc6381: string;
  /** Displayed size in pixels: the SPS's size after cropping. */
  readonly width: number;
  readonly height: number;
  /** Sample aspect ratio of the VUI, 1:1 when absent. */
  readonly sampleAspectRatio: Fraction;
  /** VPS, SPS, SPS extension and PPS NAL units in stored order, without start code or length. */
  readonly parameterSets: readonly Uint8Array[];
  /** Bytes of the NAL unit length field in samples: 1, 2 or 4. */
  readonly nalLengthSize: number;
  /** HLS VIDEO-RANGE (RFC 8216bis 4.4.6.2), from the VUI's transfer characteristics. */
  readonly videoRange: 'SDR' | 'HLG' | 'PQ';
  /** The sequence may hold fields: frames of two instants. Absent: it holds whole pictures only. */
  readonly interlaced?: true;
};

export type AudioCodec = {
  readonly kind: 'audio';
  readonly family: 'aac' | 'eac3' | 'dts';
  /** Stored sample entry type: mp4a, ec-3, dtsc, dtsh, dtse or dtsl. */
  readonly sampleEntry: string;
  /** RFC 6381 string, e.g. `mp4a.40.2`. */
  readonly rfc6381: string;
  /** Output sampling rate in Hz (with SBR: the doubled one). */
  readonly sampleRate: number;
  /** Output channels (with parametric stereo: 2). */
  readonly channels: number;
  /** AAC: what the core coder alone has, before SBR and parametric stereo; absent: the same. */
  readonly core?: { readonly sampleRate: number; readonly channels: number };
  /** AudioSpecificConfig, dec3 or ddts body. */
  readonly config: Uint8Array;
};

export type TextCodec = {
  readonly kind: 'text';
  readonly family: 'ttml' | 'webvtt';
  readonly sampleEntry: string;
  readonly rfc6381: string;
};

export type Codec = VideoCodec | AudioCodec | TextCodec;
