/** Mutants of what is said about pictures. */
import { crc32 } from '../oracle/ts.ts';
import { avcConfiguration, box, initSegment, u16, u8, visualEntry } from './bytes.ts';
import { boxBody, bytes, text } from './change.ts';
import type { Mutant } from './mutants.ts';
import type { Origin } from './origin.ts';

const CSF = /^manifest\(format=mpd-time-csf\)$/;
const DASH_CMAF = /^manifest\(format=mpd-time-cmaf\)$/;
const HLS_CMAF = /^manifest\(format=m3u8-cmaf\)$/;
const V3 = /^manifest\(format=m3u8-aapl-v3\)$/;
const TS_FIRST = /120000\)\/Fragments\(video=0,format=m3u8-aapl\)/;
const CMAF_INIT = /120000\)\/Fragments\(video=i,format=m3u8-cmaf\)/;
const CMAF_SECOND = /120000\)\/Fragments\(video=20020000,format=m(pd-time|3u8)-cmaf\)/;

/** Stream type 0x24 for the video, and the CRC that fits. */
function hevcInMap(body: Buffer): Buffer {
  const at = body.indexOf('1be100', 0, 'hex');
  if (at < 0) throw new Error('no H.264 in the program map');
  body[at] = 0x24;
  const start = body.lastIndexOf('02b0', at, 'hex');
  const end = start + 3 + (body.readUInt16BE(start + 1) & 0xfff) - 4;
  body.writeUInt32BE(crc32(body.subarray(start, end)), end);
  return body;
}

/** The first picture of a segment is no IDR any more, and the second one is presented before it. */
function opened(origin: Origin): void {
  boxBody(CMAF_SECOND, 'trun', (body) => body.writeInt32BE(-3003, 12 + 16 + 12), Infinity)(origin);
  boxBody(CMAF_SECOND, 'mdat', (body) => void (body[4] = 0x41), Infinity)(origin);
}

/** Parameter sets of a real encode in the colours of BT.709. */
const COLOURED = { sps: Buffer.from('67640020acd9405005bb016a020202800001f480007530078c18cb', 'hex'), pps: Buffer.from('68ebe3cb22c0', 'hex') };

/** A header whose stream is in BT.709 and whose colr box says BT.2020. */
function otherColours(): Buffer {
  const colr = box('colr', Buffer.from('nclx'), u16(9), u16(1), u16(1), u8(0));
  return initSegment({ kind: 'video', language: 'und', width: 1280, height: 720, entry: visualEntry('avc1', 1280, 720, Buffer.concat([avcConfiguration(COLOURED.sps, COLOURED.pps), colr])), brand: 'cmfc', timescale: 30_000 });
}

/** A header of HEVC by its name only. */
function namedHevc(body: Buffer): Buffer {
  body.write('hvc1', body.indexOf('avc1', 0, 'latin1'), 'latin1');
  return body;
}

export const VIDEO_MUTANTS: readonly Mutant[] = [
  { check: 'video/access-points', name: 'type 3 is told of closed GOPs', change: text(DASH_CMAF, /(contentType="video"[^>]*)startWithSAP="1"/, '$1startWithSAP="3"') },
  { check: 'video/access-points', name: 'type 1 is told of an open GOP', change: opened },
  { check: 'video/independent-segments', name: 'a segment needs the one before', change: opened },
  { check: 'video/closed-gops', name: 'a GOP is open', change: opened, warns: true },
  { check: 'video/codec-strings', name: 'the level is another', change: text(CSF, /codecs="avc1\.640020"/i, 'codecs="avc1.640033"') },
  { check: 'video/codec-strings', name: 'the profile is another', change: text(V3, /avc1\.640020/gi, 'avc1.4d0020') },
  { check: 'video/codec-strings', name: 'avcC says another level than its parameter set', change: bytes(CMAF_INIT, (body) => { body[body.indexOf('avcC', 0, 'latin1') + 7] = 51; return body; }) },
  { check: 'video/colour', name: 'VIDEO-RANGE is PQ', change: text(HLS_CMAF, /VIDEO-RANGE=SDR/g, 'VIDEO-RANGE=PQ') },
  { check: 'video/colour', name: 'colr has other primaries', change: bytes(CMAF_INIT, otherColours) },
  { check: 'video/hevc-header', name: 'hvc1 has no hvcC', change: bytes(CMAF_INIT, namedHevc) },
  { check: 'video/hevc-container', name: 'the program map tells of HEVC', change: bytes(TS_FIRST, hevcInMap) },
  { check: 'video/scan-type', name: 'pictures are said to be interlaced', change: text(DASH_CMAF, 'contentType="video"', 'contentType="video" scanType="interlaced"') },
  { check: 'video/no-false-rate', name: 'a picture is presented later', change: boxBody(CMAF_SECOND, 'trun', (body) => body.writeInt32BE(body.readInt32BE(12 + 16 * 8 + 12) + 300, 12 + 16 * 8 + 12), Infinity) },
];
