/** Mutants that random draws found no check for: one field, bit, line or header each. */
import { crc32 } from '../oracle/ts.ts';
import { answer, boxBody, bytes, copy, header, text } from './change.ts';
import type { Mutant } from './mutants.ts';
import type { Origin } from './origin.ts';

const CSF = /^manifest\(format=mpd-time-csf\)$/;
const DASH_CMAF = /^manifest\(format=mpd-time-cmaf\)$/;
const SMOOTH = /^manifest$/;
const V3 = /^manifest\(format=m3u8-aapl-v3\)$/;
const V4 = /^manifest\(format=m3u8-aapl\)$/;
const HLS_CMAF = /^manifest\(format=m3u8-cmaf\)$/;
const V4_VIDEO = /QualityLevels\(120000\)\/Manifest\(video,format=m3u8-aapl\)$/;
const CSF_INIT = /120000\)\/Fragments\(video=i,format=mpd-time-csf\)/;
const CSF_AUDIO_INIT = /Fragments\(aac_eng_2_64000_1_1=i,format=mpd-time-csf\)/;
const CMAF_INIT = /120000\)\/Fragments\(video=i,format=m3u8-cmaf\)/;
const CMAF_AUDIO_INIT = /Fragments\(aac_eng_2_64000_1_1=i,format=m3u8-cmaf\)/;
const CSF_SECOND = /120000\)\/Fragments\(video=20020000,format=mpd-time-csf\)/;
const SMOOTH_SECOND = /120000\)\/Fragments\(video=20020000\)$/;
const CMAF_KEY = /120000\)\/KeyFrames\(video=20020000,format=m3u8-cmaf\)/;
const TS_KEY = /120000\)\/KeyFrames\(video=20020000,format=m3u8-aapl\)/;
const TS_FIRST = /120000\)\/Fragments\(video=0,format=m3u8-aapl\)/;
const TS_SECOND = /120000\)\/Fragments\(video=20020000,format=m3u8-aapl\)/;
const MUXED = /120000\)\/Fragments\(video=0,format=m3u8-aapl-v3/;

const PACKET = 188;
const VIDEO_PID = 0x100;

/** Sets bytes of the payload of a box. */
function set(pattern: RegExp, type: string, at: number, ...values: readonly number[]): (origin: Origin) => void {
  return boxBody(pattern, type, (body) => body.set(values, at));
}

function renamed(pattern: RegExp, from: string, to: string): (origin: Origin) => void {
  return bytes(pattern, (body) => {
    body.write(to, body.indexOf(from, 0, 'latin1'), 'latin1');
    return body;
  });
}

/** The last box of a traf once more behind itself: sizes and the place of the samples follow. */
function twice(body: Buffer, type: string): Buffer {
  const startOf = (name: string): number => body.indexOf(name, 0, 'latin1') - 4;
  const start = startOf(type);
  const size = body.readUInt32BE(start);
  const changed = Buffer.concat([body.subarray(0, start + size), body.subarray(start)]);
  // moof, traf, then the data offset of trun behind version, flags and count.
  for (const at of [0, startOf('traf'), startOf('trun') + 16]) changed.writeUInt32BE(changed.readUInt32BE(at) + size, at);
  return changed;
}

/** Sets a flag in the first adaptation field of video that `is` wants; `isSet`: random_access_indicator. */
function inField(flag: number, is: (startsUnit: boolean, isSet: boolean) => boolean) {
  return (body: Buffer): Buffer => {
    for (let packet = 0; packet < body.length; packet += PACKET) {
      if ((body.readUInt16BE(packet + 1) & 0x1fff) !== VIDEO_PID || (body[packet + 3] & 0x20) === 0 || body[packet + 4] === 0 || !is((body[packet + 1] & 0x40) !== 0, (body[packet + 5] & 0x40) !== 0)) continue;
      body[packet + 5] |= flag;
      return body;
    }
    throw new Error('no such packet');
  };
}

/** Where the nth PES packet of a PID begins, and its transport packet. */
function unitOf(body: Buffer, nth: number): { readonly packet: number; readonly payload: number } {
  for (let packet = 0, seen = 0; packet < body.length; packet += PACKET) {
    if ((body.readUInt16BE(packet + 1) & 0x1fff) !== VIDEO_PID || (body[packet + 1] & 0x40) === 0 || seen++ !== nth) continue;
    return { packet, payload: packet + 4 + ((body[packet + 3] & 0x20) !== 0 ? 1 + body[packet + 4] : 0) };
  }
  throw new Error(`no unit ${nth}`);
}

/** A byte of the PMT, which is the second packet, with its checksum put right. */
export function programMap(at: number, change: (byte: number) => number) {
  return (body: Buffer): Buffer => {
    const section = PACKET + 5;
    body[section + at] = change(body[section + at]);
    const end = section + 3 + (body.readUInt16BE(section + 1) & 0xfff);
    body.writeUInt32BE(crc32(body.subarray(section, end - 4)), end - 4);
    return body;
  };
}

/** Moves the clock reference of the nth unit that carries one. */
function clock(nth: number, by: number) {
  return (body: Buffer): Buffer => {
    for (let packet = 0, seen = 0; packet < body.length; packet += PACKET) {
      if ((body[packet + 3] & 0x20) === 0 || body[packet + 4] < 7 || (body[packet + 5] & 0x10) === 0 || seen++ !== nth) continue;
      body.writeUInt32BE(body.readUInt32BE(packet + 6) + by / 2, packet + 6);
      return body;
    }
    throw new Error(`no clock reference ${nth}`);
  };
}

/** All clock references much earlier: what arrives at their pace waits too long. */
function clocksEarlier(ticks: number) {
  return (body: Buffer): Buffer => {
    for (let packet = 0; packet < body.length; packet += PACKET) {
      if ((body[packet + 3] & 0x20) !== 0 && body[packet + 4] >= 7 && (body[packet + 5] & 0x10) !== 0) body.writeUInt32BE((body.readUInt32BE(packet + 6) - ticks / 2) >>> 0, packet + 6);
    }
    return body;
  };
}

/** Two neighbouring boxes in the other order. */
function exchanged(body: Buffer, first: string, second: string): Buffer {
  const from = body.indexOf(first, 0, 'latin1') - 4;
  const middle = from + body.readUInt32BE(from);
  const to = middle + body.readUInt32BE(middle);
  if (body.toString('latin1', middle + 4, middle + 8) !== second) throw new Error(`${second} does not follow ${first}`);
  return Buffer.concat([body.subarray(0, from), body.subarray(middle, to), body.subarray(from, middle), body.subarray(to)]);
}

export const STRICT_MUTANTS: readonly Mutant[] = [
  { check: 'http/exposed-headers', name: 'ETag is not exposed', change: header(CSF_SECOND, 'access-control-expose-headers', 'Date, Content-Range'), warns: true },
  { check: 'http/entity-tag', name: 'the tag has no quotes', change: header(CSF_SECOND, 'etag', 'abc'), warns: true },
  { check: 'http/entity-tag', name: 'there is no tag', change: header(CSF_SECOND, 'etag', null), warns: true },
  { check: 'http/content-length', name: 'the length is one too large', change: header(CSF_SECOND, 'content-length', '99') },
  { check: 'http/cors', name: 'a refusal may not be read', change: answer((path) => path.startsWith('QualityLevels(1)'), { status: 404, headers: {} }) },
  { check: 'http/conditional', name: 'a 304 has no entity tag', change: answer((_, __, headers) => headers['if-none-match'] !== undefined, { status: 304, headers: { 'access-control-allow-origin': '*' }, body: Buffer.alloc(0) }) },
  { check: 'http/repeatable', name: 'the second answer has another type', change: secondTypeDiffers },
  { check: 'http/cache-control', name: 'max-age is no number', change: header(CSF_SECOND, 'cache-control', 'max-age=259200x'), warns: true },

  { check: 'hls/extinf-form', name: 'a segment has two EXTINF', change: text(V4_VIDEO, /(#EXTINF:.*\n)/, '$1$1') },
  { check: 'hls/tags-once', name: 'EXT-X-PLAYLIST-TYPE stands twice', change: text(V4_VIDEO, '#EXT-X-PLAYLIST-TYPE:VOD', '#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-PLAYLIST-TYPE:VOD') },
  { check: 'hls/variants-once', name: 'a key-frame variant is offered twice', change: text(V4, /(#EXT-X-I-FRAME-STREAM-INF:.*\n)/, '$1$1') },
  { check: 'hls/groups-used', name: 'no variant names the group', change: text(V4, /,AUDIO="audio"/g, '') },
  { check: 'hls/groups-used', name: 'a rendition is in a group of its own', change: text(HLS_CMAF, 'GROUP-ID="audio"', 'GROUP-ID="other"') },
  { check: 'hls/playlist-header', name: 'EXT-X-PLAYLIST-TYPE is missing', change: text(V4_VIDEO, '#EXT-X-PLAYLIST-TYPE:VOD\n', '') },
  { check: 'hls/playlist-header', name: 'the date is a day later', change: text(V4_VIDEO, '1970-01-01', '1970-01-02') },
  { check: 'hls/extinf-exact', name: 'the last EXTINF is a second long', change: text(V4_VIDEO, /#EXTINF:2\.(\d+)(,no-desc\n.*\n#EXT-X-ENDLIST)/, '#EXTINF:3.$1$2') },
  { check: 'hls/playlist-header', name: 'the first segment is numbered 1', change: text(V4_VIDEO, '#EXT-X-MEDIA-SEQUENCE:0', '#EXT-X-MEDIA-SEQUENCE:1') },
  { check: 'hls/literal-bandwidth', name: 'BANDWIDTH is one less', change: text(V3, /BANDWIDTH=(\d+)8,/, 'BANDWIDTH=$17,') },
  { check: 'hls/measured-rates', name: 'AVERAGE-BANDWIDTH is two hundredths off', change: text(HLS_CMAF, /AVERAGE-BANDWIDTH=(\d)/, 'AVERAGE-BANDWIDTH=1$1'), warns: true },
  { check: 'hls/frame-rate', name: 'FRAME-RATE is missing', change: text(HLS_CMAF, 'FRAME-RATE=29.970,', ''), warns: true },
  { check: 'hls/frame-rate', name: 'FRAME-RATE is rounded', change: text(HLS_CMAF, 'FRAME-RATE=29.970,', 'FRAME-RATE=30.000,'), warns: true },
  { check: 'hls/video-range', name: 'VIDEO-RANGE is missing', change: text(HLS_CMAF, ',VIDEO-RANGE=SDR', ''), warns: true },
  { check: 'hls/codecs', name: 'a blank stands in CODECS', change: text(HLS_CMAF, ',mp4a.40.2,', ',mp4a.40.2 ,'), warns: true },
  { check: 'hls/default-rendition', name: 'no rendition is the default', change: text(V4, 'DEFAULT=YES', 'DEFAULT=NO'), warns: true },
  { check: 'hls/renditions', name: 'the name is another', change: text(HLS_CMAF, /NAME="[^"]*"/, 'NAME="sound"') },
  { check: 'hls/renditions', name: 'a variant names no group', change: text(V4, ',AUDIO="audio"', '') },
  { check: 'hls/key-frame-variants', name: 'one track has no key-frame playlist', change: text(HLS_CMAF, /#EXT-X-I-FRAME-STREAM-INF:.*\n/, '') },

  { check: 'fmp4/segment-shape', name: 'styp stands behind the media', change: bytes(CSF_SECOND, (body) => Buffer.concat([body, Buffer.from('00000010737479706d73646800000000', 'hex')])) },
  { check: 'fmp4/fragment-form', name: 'tfdt has version 2', change: set(CSF_SECOND, 'tfdt', 0, 2) },
  { check: 'fmp4/fragment-form', name: 'mfhd has flags', change: set(SMOOTH_SECOND, 'mfhd', 3, 1) },
  { check: 'fmp4/fragment-form', name: 'there is no tfdt', change: renamed(CSF_SECOND, 'tfdt', 'free') },
  { check: 'fmp4/fragment-form', name: 'there is neither tfdt nor tfxd', change: renamed(SMOOTH_SECOND, 'uuid', 'free') },
  { check: 'fmp4/fragment-form', name: 'tfxd may be a decode time or a presentation time', change: set(SMOOTH_SECOND, 'trun', 27, 1) },
  { check: 'fmp4/fragment-form', name: 'tfxd has flags', change: set(SMOOTH_SECOND, 'uuid', 3, 1) },
  { check: 'fmp4/fragment-form', name: 'tfxd stands twice', change: bytes(SMOOTH_SECOND, (body) => twice(body, 'uuid')) },
  { check: 'fmp4/fragment-form', name: 'tfxd stands where tfdt has to', change: copy('QualityLevels(64000)/Fragments(aac_eng_2_64000_1_1=20053333)', 'QualityLevels(64000)/Fragments(aac_eng_2_64000_1_1=20053333,format=mpd-time-csf)') },
  { check: 'fmp4/sample-flags', name: 'a sync sample depends on others', change: set(CSF_SECOND, 'trun', 20, 1, 0, 0, 0) },
  { check: 'fmp4/sample-flags', name: 'a reserved bit is set', change: set(CSF_SECOND, 'trun', 20, 0x82, 0, 0, 0) },

  { check: 'ts/packets', name: 'an original clock reference stands alone', change: bytes(TS_KEY, inField(0x08, (startsUnit) => !startsUnit)) },
  { check: 'ts/random-access', name: 'a picture inside a group is called an access point', change: bytes(TS_SECOND, inField(0x40, (startsUnit, isSet) => startsUnit && !isSet)) },
  { check: 'ts/random-access', name: 'the last packet of a lone key frame promises another', change: bytes(TS_KEY, inField(0x40, (startsUnit) => !startsUnit)) },

  { check: 'header/contents', name: 'stsc is missing', change: renamed(CSF_INIT, 'stsc', 'free') },
  { check: 'header/contents', name: 'the media header is the one of sound', change: renamed(CMAF_INIT, 'vmhd', 'smhd') },
  { check: 'header/fixed-fields', name: 'a reserved field of tkhd is set', change: set(CSF_INIT, 'tkhd', 17, 1) },
  { check: 'header/fixed-fields', name: 'mdhd has flags', change: set(CSF_INIT, 'mdhd', 3, 64) },
  { check: 'header/contents', name: 'nobody knows the kind of data entry', change: renamed(CSF_INIT, 'url ', 'xxxx') },
  { check: 'header/fixed-fields', name: 'the media are said to be elsewhere', change: set(CMAF_INIT, 'url ', 3, 0) },
  { check: 'header/defaults', name: 'the picture is turned', change: set(CMAF_INIT, 'tkhd', 41, 2) },
  { check: 'header/stored-defaults', name: 'a field of QuickTime is set', change: set(CSF_INIT, 'avc1', 16, 1), warns: true },
  { check: 'header/stored-defaults', name: 'samples that are not there have a size', change: set(CSF_INIT, 'stsz', 7, 1), warns: true },
  { check: 'header/stored-defaults', name: 'the rate is twice', change: set(CSF_INIT, 'mvhd', 21, 2), warns: true },
  { check: 'header/presentation', name: 'the track is disabled', change: set(CMAF_INIT, 'tkhd', 3, 6) },
  { check: 'header/presentation', name: 'sound has a width', change: set(CMAF_AUDIO_INIT, 'tkhd', 77, 1) },
  { check: 'header/durations', name: 'mdhd has a duration', change: set(CSF_INIT, 'mdhd', 19, 1), warns: true },
  { check: 'header/avc', name: 'the level of avcC is another', change: set(CSF_INIT, 'avcC', 3, 31) },
  { check: 'header/avc', name: 'reserved bits of avcC are 0', change: set(CMAF_INIT, 'avcC', 4, 3) },
  { check: 'header/picture', name: 'the sample entry is a line short', change: set(CMAF_INIT, 'avc1', 27, 0xcf) },
  { check: 'header/picture', name: 'tkhd has half the width', change: set(CMAF_INIT, 'tkhd', 76, 2, 0x80) },
  { check: 'header/audio', name: 'objectTypeIndication is MPEG-2', change: set(CSF_AUDIO_INIT, 'esds', 11, 0x67) },
  { check: 'header/audio', name: 'ES_ID is 1', change: set(CMAF_AUDIO_INIT, 'esds', 7, 1) },
  { check: 'header/audio', name: 'the entry has another rate', change: set(CSF_AUDIO_INIT, 'mp4a', 24, 0xac, 0x44) },
  { check: 'header/stored-configuration', name: 'a parameter set is another', change: bytes(CSF_INIT, (body) => { body[body.indexOf('68EBECB22C', 0, 'hex') + 3] ^= 1; return body; }) },

  { check: 'ts/fixed-bits', name: 'a marker bit of a stamp is 0', change: bytes(TS_FIRST, (body) => { body[unitOf(body, 1).payload + 13] &= 0xfe; return body; }) },
  { check: 'ts/fixed-bits', name: 'the PMT is not yet in force', change: bytes(TS_FIRST, programMap(5, (byte) => byte & 0xfe)) },
  { check: 'ts/tables', name: 'the program has another number than in the PAT', change: bytes(TS_FIRST, programMap(4, () => 9)) },
  { check: 'ts/tables-steady', name: 'one segment has a newer PMT', change: bytes(TS_SECOND, programMap(5, (byte) => byte ^ 2)) },
  { check: 'ts/pes', name: 'video has the stream_id of audio', change: bytes(TS_FIRST, (body) => { body[unitOf(body, 1).payload + 3] = 0xc0; return body; }) },
  { check: 'ts/buffer-model', name: 'a clock reference is so late that units miss their decoding', change: bytes(TS_FIRST, clock(5, 36_000)) },
  { check: 'ts/buffer-model', name: 'everything waits for eleven seconds', change: bytes(TS_FIRST, clocksEarlier(990_000)) },
  { check: 'ts/buffer-model', name: 'audio waits for two seconds', change: bytes(MUXED, clocksEarlier(180_000)) },
  { check: 'ts/tables-in-front', name: 'a null packet comes first', change: bytes(TS_FIRST, (body) => Buffer.concat([Buffer.from('471fff10', 'hex'), Buffer.alloc(PACKET - 4, 0xff), body])), warns: true },
  { check: 'media/transport-decode-times', name: 'a decoding stamp is 2 ticks late', change: bytes(TS_SECOND, (body) => { body[unitOf(body, 2).payload + 18] += 4; return body; }) },

  { check: 'media/key-frames', name: 'a key frame is another picture', change: boxBody(CMAF_KEY, 'mdat', (body) => { body[600] ^= 2; }) },
  { check: 'media/key-frames', name: 'a key frame in a transport stream is a tick late', change: bytes(TS_KEY, (body) => { body[unitOf(body, 0).payload + 13] ^= 2; return body; }) },
  { check: 'media/key-frames', name: 'a key frame is decoded 2 ticks late', change: bytes(TS_KEY, (body) => { body[unitOf(body, 0).payload + 18] += 4; return body; }) },
  { check: 'media/key-frames', name: 'a key frame is left out', change: text(/QualityLevels\(120000\)\/Manifest\(video,format=m3u8-cmaf,type=keyframes\)$/, /#EXTINF:.*\n.*\n(#EXT-X-ENDLIST)/, '$1') },

  { check: 'mpd/readable', name: 'bytes are no UTF-8', change: bytes(CSF, (body) => Buffer.concat([body.subarray(0, 60), Buffer.from([0xc3, 0x28]), body.subarray(60)])) },
  { check: 'mpd/readable', name: 'the timescale is 0', change: text(CSF, 'timescale="10000000"', 'timescale="0"') },
  { check: 'smooth/readable', name: 'the timescale is 0', change: text(SMOOTH, 'TimeScale="10000000"', 'TimeScale="0"') },
  { check: 'mpd/frame-rate', name: 'the rate is another', change: text(DASH_CMAF, ' frameRate="30000/1001"', ' frameRate="30001/1001"') },
  { check: 'mpd/frame-rate', name: 'one quality tells no rate', change: text(DASH_CMAF, ' frameRate="30000/1001"', '') },
  { check: 'mpd/frame-rate', name: 'maxFrameRate is below', change: text(DASH_CMAF, 'maxFrameRate="30000/1001"', 'maxFrameRate="25"') },
  { check: 'mpd/pixel-shape', name: 'pixels are twice as high', change: text(DASH_CMAF, ' sar="1:1"', ' sar="1:2"') },
  { check: 'mpd/pixel-shape', name: 'the picture is 4:3', change: text(DASH_CMAF, ' par="16:9"', ' par="4:3"') },
  { check: 'mpd/measured-bandwidth', name: 'bandwidth is tenfold', change: text(DASH_CMAF, / bandwidth="(\d+)"/, ' bandwidth="$10"'), warns: true },
  { check: 'mpd/channels', name: 'the scheme is unknown', change: text(DASH_CMAF, 'urn:mpeg:mpegB:cicp:ChannelConfiguration', 'urn:mpeg:mpegB:cicp:Channels') },
  { check: 'mpd/channels', name: 'the configuration stands twice', change: text(DASH_CMAF, /(<AudioChannelConfiguration [^>]*\/>)/, '$1$1') },
  { check: 'mpd/channels', name: 'there are six channels', change: text(CSF, /(audio_channel_configuration:2011" value=)"2"/, '$1"6"') },
  { check: 'mpd/literal-ids', name: 'the group is another', change: text(CSF, 'group="5"', 'group="4"') },
  { check: 'mpd/literal-ids', name: 'sound says no sampling rate', change: text(CSF, ' audioSamplingRate="48000"', '') },
  { check: 'mpd/literal-ids', name: 'maxFrameRate is missing', change: text(DASH_CMAF, ' maxFrameRate="30000/1001"', '') },
  { check: 'mpd/literal-ids', name: 'pictures say no access points', change: text(CSF, ' startWithSAP="1"', '') },
  { check: 'mpd/literal-ids', name: 'a Role stands twice', change: text(DASH_CMAF, /(<Role [^>]*main"\/>)/, '$1$1') },
  { check: 'mpd/literal-ids', name: 'representations are exchanged', change: text(CSF, /(<Representation id="1_V_video_1".*\n)(<Representation id="1_V_video_2".*\n)/, '$2$1') },
  { check: 'mpd/literal-ids', name: 'maxWidth is larger than any width', change: text(CSF, 'maxWidth="1280"', 'maxWidth="1920"') },
  { check: 'hls/playlist-header', name: 'the multivariant playlist says version 6', change: text(HLS_CMAF, '#EXT-X-VERSION:7', '#EXT-X-VERSION:6') },
  { check: 'hls/renditions', name: 'the default rendition is not to be chosen', change: text(HLS_CMAF, 'AUTOSELECT=YES,', '') },
  { check: 'smooth/level-values', name: 'there are three channels', change: text(SMOOTH, 'Channels="2"', 'Channels="3"') },
  { check: 'smooth/level-values', name: 'the height is another', change: text(SMOOTH, 'MaxHeight="720"', 'MaxHeight="721"') },
  { check: 'smooth/time-scale', name: 'TimeScale is missing', change: text(SMOOTH, ' TimeScale="10000000"', ''), warns: true },
  { check: 'fmp4/csf-brand', name: 'the brand of the base format is missing', change: renamed(CSF_INIT, 'iso6', 'isox') },
  { check: 'smooth/literal-names', name: 'the audio has no name', change: text(SMOOTH, / Name="aac[^"]*"/, '') },
  { check: 'smooth/literal-names', name: 'the first fragment has no time', change: text(SMOOTH, '<c t="0" ', '<c ') },
  { check: 'fmp4/track-ids', name: 'a key frame names track 2', change: set(CMAF_KEY, 'tfhd', 7, 2) },
  { check: 'header/picture', name: 'the sample entry is none of pictures', change: renamed(CSF_INIT, 'avc1', 'mett') },
  { check: 'media/switching-set', name: 'a quality starts a tick late', change: boxBody(CSF_SECOND, 'tfdt', (body) => body.writeUInt32BE(body.readUInt32BE(8) + 1, 8)) },
  { check: 'media/switching-set', name: 'a picture of one quality has another stamp', change: bytes(TS_SECOND, (body) => { body[unitOf(body, 0).payload + 13] ^= 4; return body; }) },
  { check: 'mpd/bitstream-switching', name: 'one header is said to serve two sizes', change: text(CSF, /bitstreamSwitching="false"/g, 'bitstreamSwitching="true"') },
  { check: 'header/cmaf-order', name: 'hdlr stands before mdhd', change: bytes(CMAF_INIT, (body) => exchanged(body, 'mdhd', 'hdlr')) },
  { check: 'hls/avc-level', name: 'the level is 5.1', change: bytes(/120000\)\/Fragments\(video=0,format=m3u8-aapl\)/, (body) => { body[body.indexOf('0000000167640020', 0, 'hex') + 7] = 51; return body; }), warns: true },
  { check: 'hls/no-discontinuity', name: 'a discontinuity where nothing changes', change: text(V4_VIDEO, /(#EXTINF:.*\n.*\n)(#EXTINF)/, '$1#EXT-X-DISCONTINUITY\n$2') },
  { check: 'ts/starts-with-key-frame', name: 'the first picture is no IDR', change: bytes(TS_SECOND, (body) => { body[body.indexOf('0000000165', 0, 'hex') + 4] = 0x41; return body; }) },
  { check: 'mpd/periods', name: 'the Period starts a second late', change: text(CSF, '<Period>', '<Period start="PT1S">') },
  { check: 'smooth/picture-attributes', name: 'an audio stream has a width', change: text(SMOOTH, 'Type="audio"', 'Type="audio" MaxWidth="640"') },
  { check: 'cross/set-order', name: 'Smooth lists video first', change: text(SMOOTH, /(<StreamIndex [^>]*Type="audio"[\s\S]*?<\/StreamIndex>\n)(<StreamIndex [\s\S]*<\/StreamIndex>\n)/, '$2$1') },
];

function secondTypeDiffers(origin: Origin): void {
  const seen = new Set<string>();
  origin.overrides.push((path, method, headers) => {
    if (method !== 'GET' || headers['range'] !== undefined || headers['if-none-match'] !== undefined || path !== 'manifest(format=mpd-time-csf)') return null;
    if (!seen.has(path)) {
      seen.add(path);
      return null;
    }
    const resource = origin.resources.get(path);
    return resource === undefined ? null : { status: 200, headers: { ...resource.headers, 'content-type': 'text/xml' }, body: resource.body, error: null };
  });
}
