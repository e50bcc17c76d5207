/**
 * The error table. Codes, numbers and statuses of the AMS streaming endpoint are the contract
 * (spec/url.md "Errors"); `ISOMER_*` codes are finer causes of our own that answer with the AMS code in `as`.
 * Adding an error is adding a row.
 */

export type ErrorKind =
  | 'bad-request'
  | 'condition'
  | 'denied'
  | 'not-found'
  | 'not-yet'
  | 'gone'
  | 'malformed'
  | 'unsupported'
  | 'storage'
  | 'internal';

type Row = {
  readonly status: number;
  readonly kind: ErrorKind;
  /** The AMS code as a number, where the contract has one. */
  readonly number?: number;
  /** The AMS code under which a finer code of ours is answered. */
  readonly as?: string;
  readonly message: string;
};

export const ERRORS = {
  // 400
  MPE_BAD_URL_SYNTAX: { status: 400, number: 0x80890201, kind: 'bad-request', message: 'the URL does not follow the URL grammar' },
  MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL: { status: 400, number: 0x8088024c, kind: 'bad-request', message: 'the URL must say which encryption is wanted (encryption=…)' },
  MPE_STORAGE_BAD_URL_SYNTAX: { status: 400, number: 0x808900e9, kind: 'bad-request', message: 'the path does not name anything that storage can hold' },
  // 403
  MPE_OUTPUT_FORMAT_BLOCKED: { status: 403, number: 0x80890207, kind: 'denied', message: 'the streaming policy does not enable this output' },
  MPE_ENC_ENCRYPTION_REQUIRED: { status: 403, number: 0x8088021e, kind: 'denied', message: 'the streaming policy demands encryption' },
  MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY: { status: 403, number: 0x8088024d, kind: 'denied', message: 'the streaming policy does not hold this encryption' },
  MPE_STORAGE_AUTHENTICATION_FAILURE: { status: 403, number: 0x808900f3, kind: 'denied', message: 'storage refused access' },
  // 404
  MPE_EGRESS_TRACK_NOT_FOUND: { status: 404, number: 0x80890209, kind: 'not-found', message: 'no track has this name' },
  MPE_RESOURCE_NOT_FOUND: { status: 404, number: 0x808901f9, kind: 'not-found', message: 'nothing is published at this path' },
  MPE_UNAUTHORIZED: { status: 404, number: 0x80890244, kind: 'not-found', message: 'this is not available' },
  MPE_EGRESS_TIMESTAMP_NOT_FOUND: { status: 404, number: 0x8089020a, kind: 'not-found', message: 'no segment starts at this time' },
  MPE_EGRESS_FILTER_NOT_FOUND: { status: 404, number: 0x8089020c, kind: 'not-found', message: 'no filter has this name' },
  MPE_FRAGMENT_TIMESTAMP_NOT_FOUND: { status: 404, number: 0x80890255, kind: 'not-found', message: 'this track has no samples at this time' },
  MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND: { status: 404, number: 0x80890256, kind: 'not-found', message: 'the track has no quality with this bitrate' },
  MPE_METADATA_NOT_FOUND: { status: 404, number: 0x80890257, kind: 'not-found', message: 'the asset has no server manifest' },
  MPE_STORAGE_RESOURCE_NOT_FOUND: { status: 404, number: 0x808900ed, kind: 'not-found', message: 'a file that the asset needs is not in storage' },
  // 410, 412
  MPE_FILTER_FORCE_END_LEFT_EDGE_CROSSED_DVR_WINDOW: { status: 410, number: 0x80890263, kind: 'gone', message: 'the filter asks for times that have left the live window' },
  MPE_FRAGMENT_NOT_READY: { status: 412, number: 0x80890200, kind: 'not-yet', message: 'this segment is not complete yet' },
  MPE_STORAGE_PRECONDITION_FAILED: { status: 412, number: 0x808900ef, kind: 'not-yet', message: 'a stored file changed while it was read' },
  // 415: content
  MPE_FORMAT_NOT_SUPPORTED: { status: 415, number: 0x80890205, kind: 'unsupported', message: 'the asset cannot be delivered' },
  MPE_INPUT_FORMAT_NOT_SUPPORTED: { status: 415, number: 0x80890218, kind: 'unsupported', message: 'the stored format is not supported' },
  MPE_OUTPUT_FORMAT_NOT_SUPPORTED: { status: 415, number: 0x8089020d, kind: 'unsupported', message: 'the asset cannot be delivered in this format' },
  MPE_ENCRYPTION_NOT_SUPPORTED: { status: 415, number: 0x80890208, kind: 'unsupported', message: 'this output does not exist with this encryption' },
  MPE_MEDIA_TYPE_NOT_SUPPORTED: { status: 415, number: 0x8089020e, kind: 'unsupported', message: 'only video, audio and text can be delivered' },
  MPE_VIDEO_ENCODING_NOT_SUPPORTED: { status: 415, number: 0x80890210, kind: 'unsupported', message: 'the video codec is not supported in this output' },
  MPE_AUDIO_ENCODING_NOT_SUPPORTED: { status: 415, number: 0x80890211, kind: 'unsupported', message: 'the audio codec is not supported in this output' },
  MPE_ENC_ALREADY_ENCRYPTED: { status: 415, number: 0x8088021f, kind: 'unsupported', message: 'the stored media is already encrypted' },
  MPE_INVALID_VIDEO_NAL_UNIT: { status: 415, number: 0x80890231, kind: 'malformed', message: 'a video sample holds a NAL unit where none may be' },
  MPE_INVALID_NALU_SIZE: { status: 415, number: 0x80890260, kind: 'malformed', message: 'a NAL unit is longer than its sample' },
  MPE_INVALID_NALU_LENGTH_FIELD: { status: 415, number: 0x80890261, kind: 'malformed', message: 'the NAL unit length field is not 1, 2 or 4 bytes' },
  MPE_KEY_FRAME_INTERVAL_TOO_LARGE: { status: 415, number: 0x808901fe, kind: 'unsupported', message: 'key frames are too far apart or not aligned between qualities' },
  // 415: filters
  MPE_FILTER_INVALID: { status: 415, number: 0x80890236, kind: 'unsupported', message: 'the filter cannot be used' },
  MPE_FILTER_RANGE_ATTRIBUTE_INVALID: { status: 415, number: 0x80890239, kind: 'unsupported', message: 'the time range of the filter cannot be used' },
  MPE_FILTER_TRACK_ATTRIBUTE_INVALID: { status: 415, number: 0x8089023a, kind: 'unsupported', message: 'a track selection of the filter cannot be used' },
  MPE_FILTER_PRESENTATION_WINDOW_INVALID: { status: 415, number: 0x8089023b, kind: 'unsupported', message: 'the presentation window of the filter cannot be used' },
  MPE_FILTER_LIVE_BACKOFF_INVALID: { status: 415, number: 0x8089023c, kind: 'unsupported', message: 'the live back-off of the filter cannot be used' },
  MPE_FILTER_REMOVED_ALL_STREAMS: { status: 415, number: 0x8089023e, kind: 'unsupported', message: 'the filters leave nothing' },
  MPE_FILTER_LIVE_BACKOFF_OVER_DVRWINDOW: { status: 415, number: 0x8089023f, kind: 'unsupported', message: 'the live back-off is not shorter than the live window' },
  MPE_FILTER_COMPOSITION_FILTER_COUNT_OVER_LIMIT: { status: 415, number: 0x80890246, kind: 'unsupported', message: 'the locator has too many filters' },
  MPE_FILTER_COMPOSITION_MULTIPLE_FIRST_QUALITY_OPERATOR_NOT_ALLOWED: { status: 415, number: 0x80890248, kind: 'unsupported', message: 'more than one filter chooses the first quality' },
  MPE_FILTER_FIRST_QUALITY_ATTRIBUTE_INVALID: { status: 415, number: 0x80890249, kind: 'unsupported', message: 'the first quality of the filter cannot be used' },
  MPE_FILTER_LIVE_BACKOFF_OVER_PRESENTATION_WINDOW: { status: 415, number: 0x80890262, kind: 'unsupported', message: 'the live back-off is not shorter than the presentation window' },
  // 416, 5xx
  MPE_STORAGE_INVALID_RANGE: { status: 416, number: 0x808900f1, kind: 'condition', message: 'the range lies outside the file' },
  MPE_STORAGE_INTERNAL_ERROR: { status: 500, number: 0x808900e6, kind: 'storage', message: 'storage failed' },
  MPE_STORAGE_OPERATION_TIMED_OUT: { status: 500, number: 0x808900e7, kind: 'storage', message: 'storage did not answer in time' },
  MPE_STORAGE_SERVER_BUSY: { status: 503, number: 0x808900e8, kind: 'storage', message: 'the service is busy' },
  // ours
  ISOMER_METHOD_NOT_ALLOWED: { status: 405, kind: 'bad-request', message: 'the method is not supported here' },
  ISOMER_PRECONDITION_FAILED: { status: 412, as: 'MPE_STORAGE_PRECONDITION_FAILED', kind: 'condition', message: 'the condition of the request does not hold' },
  ISOMER_LOCATOR_NOT_YET: { status: 404, as: 'MPE_UNAUTHORIZED', kind: 'not-found', message: 'the locator is not valid yet' },
  ISOMER_LOCATOR_EXPIRED: { status: 404, as: 'MPE_UNAUTHORIZED', kind: 'not-found', message: 'the locator is not valid any more' },
  ISOMER_POLICY_FILE: { status: 500, kind: 'internal', message: 'the file that says what is published cannot be used' },
  ISOMER_CONFIG: { status: 500, kind: 'bad-request', message: 'the configuration cannot be used' },
  ISOMER_ISM_MALFORMED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'malformed', message: 'the server manifest (.ism) cannot be read' },
  ISOMER_ISM_UNSUPPORTED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'unsupported', message: 'the server manifest (.ism) asks for something that is not supported' },
  ISOMER_ISM_SOURCE_REFUSED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'unsupported', message: 'a source in the server manifest leaves the asset' },
  ISOMER_MP4_MALFORMED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'malformed', message: 'an MP4 file is damaged' },
  ISOMER_MP4_UNSUPPORTED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'unsupported', message: 'an MP4 file uses something that is not supported' },
  ISOMER_MP4_LIMIT: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'malformed', message: 'an MP4 file declares more than the limits allow' },
  ISOMER_CODEC_MALFORMED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'malformed', message: 'a codec configuration is damaged' },
  ISOMER_TEXT_MALFORMED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'malformed', message: 'a text track cannot be read' },
  ISOMER_TEXT_LIMIT: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'malformed', message: 'a text track holds more than the limits allow' },
  ISOMER_KEY_FRAMES_UNALIGNED: { status: 415, as: 'MPE_KEY_FRAME_INTERVAL_TOO_LARGE', kind: 'unsupported', message: 'the key frames of two qualities do not coincide' },
  ISOMER_NO_KEY_FRAME: { status: 415, as: 'MPE_KEY_FRAME_INTERVAL_TOO_LARGE', kind: 'unsupported', message: 'the video does not start with a key frame' },
  ISOMER_PARAMETER_SETS_CHANGE: { status: 415, as: 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED', kind: 'unsupported', message: 'parameter sets change inside the track, which CMAF does not allow' },
  ISOMER_EDIT_LIST_UNSUPPORTED: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'unsupported', message: 'the edit list is more than one edit with leading empty ones' },
  ISOMER_BITRATES_CLASH: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'unsupported', message: 'two qualities of one track have the same bitrate' },
  ISOMER_IV_COLLISION: { status: 415, as: 'MPE_ENCRYPTION_NOT_SUPPORTED', kind: 'unsupported', message: 'two tracks would be encrypted with the same initialization vectors' },
  ISOMER_KEY_INVALID: { status: 400, kind: 'bad-request', message: 'a content key or its description cannot be used' },
  // Key delivery. Whose token fails is not known: 401, as RFC 6750 3.1 and the old service have it.
  ISOMER_TOKEN_REFUSED: { status: 401, kind: 'denied', message: 'the token does not give access to this key' },
  ISOMER_TOKEN_MISSING: { status: 401, kind: 'denied', message: 'this key is given to bearers of a token only' },
  ISOMER_KEY_REQUEST: { status: 400, kind: 'bad-request', message: 'the request does not follow the grammar of key delivery' },
  ISOMER_KEY_REQUEST_LENGTH: { status: 413, kind: 'bad-request', message: 'the body of the request is too long' },
  ISOMER_KEY_NOT_OFFERED: { status: 403, kind: 'denied', message: 'no content key policy gives out this key in this form' },
  ISOMER_KEY_UNKNOWN: { status: 404, kind: 'not-found', message: 'no key with this identifier is given out' },
  ISOMER_KEY_STORE: { status: 500, kind: 'internal', message: 'the key cannot be read from where it is kept' },
  ISOMER_LICENCE_NOT_ISSUED: { status: 501, kind: 'internal', message: 'licences of this system are not issued here, and no server that issues them is configured' },
  ISOMER_LICENCE_SERVER: { status: 502, kind: 'storage', message: 'the licence server did not answer as it should' },
  ISOMER_TOKEN_ISSUER: { status: 503, kind: 'storage', message: 'the keys of the token’s issuer cannot be had' },
  ISOMER_KEYS_BUSY: { status: 503, kind: 'storage', message: 'too many counted tokens are in use' },
  ISOMER_ENCODE_PRESET: { status: 400, kind: 'bad-request', message: 'the encoding preset cannot be used' },
  ISOMER_ENCODE_INPUT: { status: 415, as: 'MPE_INPUT_FORMAT_NOT_SUPPORTED', kind: 'unsupported', message: 'the source cannot be encoded' },
  ISOMER_ENCODE_TOOL: { status: 500, kind: 'internal', message: 'the encoder could not be run' },
  ISOMER_ENCODE_FAILED: { status: 500, kind: 'internal', message: 'the encoder failed' },
  ISOMER_INTERNAL: { status: 500, kind: 'internal', message: 'internal error' },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;

/** What an error says beyond its code. Everything here may reach a client: no absolute paths, no stacks, no keys. */
export type ErrorDetail = {
  /** What was being done or looked at, e.g. "stsz entry count". */
  readonly what?: string;
  /** Place: file name inside the asset, box path and byte offset, URL parameter, line. */
  readonly where?: string;
  readonly expected?: string;
  readonly found?: string;
};

/** A caller's mistake or a content problem. Impossibilities inside the house use `assert` instead. */
export class IsomerError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, detail: ErrorDetail = {}, cause?: unknown) {
    const clipped = clip(detail);
    super(describe(code, clipped), cause === undefined ? undefined : { cause });
    this.name = 'IsomerError';
    this.code = code;
    this.detail = clipped;
  }

  get status(): number {
    return row(this.code).status;
  }

  get kind(): ErrorKind {
    return row(this.code).kind;
  }

  /** The code of the AMS contract: its own for MPE codes, the mapped one for ours. */
  get contractCode(): string {
    return row(this.code).as ?? this.code;
  }
}

/** What is found may be a megabyte of somebody's attribute. */
const MAX_TEXT = 600;

function clip(detail: ErrorDetail): ErrorDetail {
  const long = Object.values(detail).some((text) => text.length > MAX_TEXT);
  return long ? Object.fromEntries(Object.entries(detail).map(([key, text]) => [key, text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text])) : detail;
}

export function row(code: ErrorCode): Row {
  return ERRORS[code];
}

/** Adds the place to an error that was raised by code that did not know it. */
export function withWhere(error: unknown, place: string): unknown {
  if (!(error instanceof IsomerError)) return error;
  const where = error.detail.where === undefined ? place : `${place}: ${error.detail.where}`;
  return new IsomerError(error.code, { ...error.detail, where }, error.cause);
}

function describe(code: ErrorCode, detail: ErrorDetail): string {
  let text: string = row(code).message;
  if (detail.what !== undefined) text += `: ${detail.what}`;
  if (detail.where !== undefined) text += ` at ${detail.where}`;
  if (detail.expected !== undefined) text += `; expected ${detail.expected}`;
  if (detail.found !== undefined) text += `; found ${detail.found}`;
  return text;
}
