/** Mutants of protected content: one wrong byte, field or attribute of a real answer each, and the check that has to see it. */
import { find, readBoxes, type Box } from '../oracle/boxes.ts';
import { crc32 } from '../oracle/ts.ts';
import type { Exchange } from '../trace.ts';

export type ProtectedMutant = {
  readonly check: string;
  readonly name: string;
  /** Subject of the layout. */
  readonly asset: string;
  readonly on: (exchange: Exchange) => boolean;
  readonly change: (body: Buffer) => Buffer;
  /** A registered deviation: it warns. */
  readonly warns?: boolean;
};

type Role = Exchange['role']['kind'];

const of = (kind: Role, format: string, set = '', time: string | null = null) => ({ role, url }: Exchange): boolean => role.kind === kind && role.format === format && (set === '' || (role.kind !== 'probe' && (role.set === set || decodeURIComponent(url).includes(`Manifest(${set}`)))) && (time === null || (role.kind !== 'probe' && role.time === time));

const text = (from: string | RegExp, to: string) => (body: Buffer): Buffer => Buffer.from(body.toString().replace(from, to));

function boxAt(body: Buffer, path: string): Box {
  const box = find(readBoxes(body).boxes, path);
  if (box === undefined) throw new Error(`no ${path}`);
  return box;
}

/** Changes the payload of a box, version and flags included. */
const inside = (path: string, change: (payload: Buffer) => void) => (body: Buffer): Buffer => {
  const copy = Buffer.from(body);
  const box = boxAt(copy, path);
  change(copy.subarray(box.start + box.header, box.start + box.size));
  return copy;
};

const renamed = (from: string, to: string) => (body: Buffer): Buffer => {
  const copy = Buffer.from(body);
  const at = copy.indexOf(from, 0, 'latin1');
  if (at < 0) throw new Error(`no ${from}`);
  copy.write(to, at, 'latin1');
  return copy;
};

const PACKET = 188;

/** In the program map, which is the second packet, with its checksum put right: pointer_field, section_length, CRC_32 at the end. */
const inProgramMap = (from: string, to: string) => (body: Buffer): Buffer => {
  const copy = renamed(from, to)(body);
  const section = PACKET + 5;
  const end = section + 3 + (copy.readUInt16BE(section + 1) & 0xfff);
  copy.writeUInt32BE(crc32(copy.subarray(section, end - 4)), end - 4);
  return copy;
};

/** Moves the border between clear and protected bytes of the first sample's first range. */
const border = (by: number): ((payload: Buffer) => void) => (payload) => {
  // Version and flags, sample_count, a vector of 8 bytes, subsample_count.
  const at = 4 + 4 + 8 + 2;
  payload.writeUInt16BE(payload.readUInt16BE(at) + by, at);
  payload.writeUInt32BE(payload.readUInt32BE(at + 2) - by, at + 2);
};

const lastByteOfMedia = (body: Buffer): Buffer => {
  const copy = Buffer.from(body);
  copy[copy.length - 20] ^= 1;
  return copy;
};

const TENC = 'moov/trak/mdia/minf/stbl/stsd/encv/sinf/schi/tenc';
const SCHM = 'moov/trak/mdia/minf/stbl/stsd/encv/sinf/schm';
const SENC = 'moof/traf/senc';
const video = (format: string, kind: Role = 'segment', time: string | null = null): ProtectedMutant['on'] => of(kind, format, 'video', time);

export const PROTECTED_MUTANTS: readonly ProtectedMutant[] = [
  { check: 'protection/header', name: 'the samples are said to be clear', asset: 'cenc-keys', on: video('dash-csf', 'init'), change: inside(TENC, (payload) => payload.writeUInt8(0, 6)) },
  { check: 'protection/header', name: 'the scheme has another version', asset: 'cenc-keys', on: video('dash-csf', 'init'), change: inside(SCHM, (payload) => payload.writeUInt32BE(0x10001, 8)) },
  { check: 'protection/header', name: 'the pattern is 1:8', asset: 'cbcs-everywhere', on: video('hls-cmaf', 'init'), change: inside(TENC, (payload) => payload.writeUInt8(0x18, 5)) },
  { check: 'protection/header', name: 'schm is called free', asset: 'cenc-keys', on: video('dash-csf', 'init'), change: renamed('schm', 'free') },
  { check: 'protection/sample-information', name: 'senc counts one sample less', asset: 'cenc-keys', on: video('dash-csf'), change: inside(SENC, (payload) => payload.writeUInt32BE(payload.readUInt32BE(4) - 1, 4)) },
  { check: 'protection/sample-information', name: 'a range is one byte short', asset: 'cenc-keys', on: video('dash-cmaf'), change: inside(SENC, (payload) => payload.writeUInt16BE(payload.readUInt16BE(18) - 1, 18)) },
  { check: 'protection/sample-information', name: 'saio points one byte further', asset: 'cenc-keys', on: video('dash-csf'), change: inside('moof/traf/saio', (payload) => payload.writeUInt8(payload[payload.length - 1] + 1, payload.length - 1)) },
  { check: 'protection/sample-information', name: 'saiz gives another size', asset: 'cenc-keys', on: video('dash-csf'), change: inside('moof/traf/saiz', (payload) => payload.writeUInt8(payload[payload[4] === 0 ? 9 : 4] + 6, payload[4] === 0 ? 9 : 4)) },
  { check: 'protection/sample-information', name: 'the PIFF box has unknown flags', asset: 'piff', on: of('segment', 'smooth'), change: (body) => { const copy = Buffer.from(body); const at = copy.indexOf(Buffer.from('a2394f525a9b4f14a2446c427c648df4', 'hex')); copy[at + 16 + 3] |= 4; return copy; } },
  { check: 'protection/ranges', name: 'a range begins one byte early', asset: 'cenc-keys', on: video('dash-csf'), change: inside(SENC, border(-1)) },
  { check: 'protection/ranges', name: 'a block more than need be is clear', asset: 'cenc-keys', on: video('dash-cmaf'), change: inside(SENC, border(16)) },
  { check: 'protection/ranges', name: 'slice headers are protected', asset: 'cenc-keys', on: video('dash-csf'), change: inside(SENC, border(-16)) },
  { check: 'protection/transport', name: 'the indicator of the pictures is another', asset: 'cbcs-everywhere', on: video('hls-v4'), change: inProgramMap('zavc', 'zavd') },
  { check: 'protection/transport', name: 'the audio set-up information is missing', asset: 'cbcs-everywhere', on: (exchange) => of('segment', 'hls-v4')(exchange) && !video('hls-v4')(exchange), change: inProgramMap('apad', 'apax') },
  { check: 'protection/envelope', name: 'the last block is missing', asset: 'aes-keys', on: video('dash-csf'), change: (body) => body.subarray(0, body.length - 16) },
  { check: 'protection/envelope', name: 'a byte is missing', asset: 'aes-keys', on: video('hls-v4'), change: (body) => body.subarray(0, body.length - 1) },
  { check: 'protection/envelope', name: 'the vector of the playlist is another', asset: 'aes-keys', on: video('hls-cmaf', 'playlist'), change: text(/IV=0x..../, 'IV=0xABCD') },
  { check: 'protection/opens-to-stored', name: 'a bit of a sample is wrong', asset: 'cenc-keys', on: video('dash-csf'), change: lastByteOfMedia },
  { check: 'protection/opens-to-stored', name: 'a bit of an enciphered picture is wrong', asset: 'cbcs-everywhere', on: video('hls-cmaf'), change: lastByteOfMedia },
  { check: 'protection/vectors', name: 'two samples have one vector', asset: 'cenc-keys', on: video('dash-csf'), change: inside(SENC, (payload) => { const second = 4 + 4 + 8 + 2 + 6 * payload.readUInt16BE(16); payload.copy(payload, second, 8, 16); }) },
  { check: 'protection/pssh', name: "Widevine's message names another key", asset: 'cenc-keys', on: video('dash-csf', 'init'), change: (body) => { const copy = Buffer.from(body); copy[copy.indexOf(Buffer.from('edef8ba979d64acea3c827dcd51d21ed', 'hex')) + 16 + 4 + 6] ^= 1; return copy; } },
  { check: 'protection/pssh', name: 'the system is unknown', asset: 'cenc-keys', on: video('dash-cmaf', 'init'), change: (body) => { const copy = Buffer.from(body); copy[copy.indexOf(Buffer.from('edef8ba979d64acea3c827dcd51d21ed', 'hex'))] ^= 1; return copy; } },
  { check: 'protection/pssh', name: 'the checksum is of another key', asset: 'cenc-keys', on: video('dash-csf', 'init'), change: (body) => { const copy = Buffer.from(body); const at = copy.indexOf(Buffer.from('<CHECKSUM>', 'utf16le')) + 20; copy[at] = copy[at] === 0x41 ? 0x42 : 0x41; return copy; } },
  { check: 'protection/signalled', name: 'the MPD tells another scheme', asset: 'cenc-keys', on: of('manifest', 'dash-csf'), change: text('value="cenc"', 'value="cbcs"') },
  { check: 'protection/signalled', name: 'the MPD tells of no protection', asset: 'cenc-clear-sound', on: of('manifest', 'dash-cmaf'), change: text(/<ContentProtection[\s\S]*<\/ContentProtection>|<ContentProtection[^>]*\/>/g, '') },
  { check: 'protection/signalled', name: 'the playlist tells another method', asset: 'cenc-clear-sound', on: video('hls-cmaf', 'playlist'), change: text(/METHOD=SAMPLE-AES-CTR/g, 'METHOD=SAMPLE-AES') },
  { check: 'protection/key-id', name: 'a digit of default_KID is another', asset: 'cenc-keys', on: of('manifest', 'dash-csf'), change: text(/default_KID="(.)(.)/, 'default_KID="$2$1') },
  { check: 'protection/key-id', name: 'default_KID is in capitals', asset: 'cenc-keys', on: of('manifest', 'dash-cmaf'), change: (body) => Buffer.from(body.toString().replace(/default_KID="[^"]+"/, (all) => all.toUpperCase().replace('DEFAULT_KID', 'default_KID'))) },
  { check: 'protection/mpd-pssh', name: 'the box in the MPD is cut', asset: 'cenc-keys', on: of('manifest', 'dash-csf'), change: text(/(<cenc:pssh[^>]*>[^<]*)....</, '$1<') },
  { check: 'protection/mpd-pssh', name: 'the box stands under another system', asset: 'cenc-keys', on: of('manifest', 'dash-csf'), change: text('urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed', 'urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95') },
  { check: 'protection/playready-object', name: 'mspr:pro is another object', asset: 'cenc-keys', on: of('manifest', 'dash-cmaf'), change: text(/(<mspr:pro[^>]*>....)../, '$1zz') },
  { check: 'protection/segment-encryption', name: 'the vector has 64 bits', asset: 'aes-keys', on: of('manifest', 'dash-csf'), change: text(/IV="0x.{16}/, 'IV="0x') },
  { check: 'protection/segment-encryption', name: 'there is no key system', asset: 'aes-keys', on: of('manifest', 'dash-cmaf'), change: text(/<sea:KeySystem[^>]*\/>/, '') },
  { check: 'protection/playlist-keys', name: 'FairPlay has a web address', asset: 'cbcs-everywhere', on: video('hls-cmaf', 'playlist'), change: text('skd://', 'https://') },
  { check: 'protection/playlist-keys', name: 'AES-128 has no vector', asset: 'aes-keys', on: video('hls-v4', 'playlist'), change: text(/,IV=0x[0-9A-F]+/, '') },
  { check: 'protection/playlist-keys', name: 'KEYID is another', asset: 'cbcs-everywhere', on: video('hls-v4', 'playlist'), change: text(/KEYID=0x(.)(.)/, 'KEYID=0x$2$1') },
  { check: 'protection/playlist-keys', name: 'the PlayReady object is cut', asset: 'cbcs-everywhere', on: video('hls-cmaf', 'playlist'), change: text(/(UTF-16;base64,[^"]*)...."/, '$1"') },
  { check: 'protection/key-frame-keys', name: 'the key-frame playlist has another vector', asset: 'aes-keys', on: (exchange) => video('hls-v4', 'playlist')(exchange) && exchange.url.includes('keyframes'), change: text(/IV=0x..../, 'IV=0xABCD') },
  { check: 'protection/session-keys', name: 'a session key is none of the playlists', asset: 'cbcs-everywhere', on: of('manifest', 'hls-cmaf'), change: text(/(#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd:\/\/)/, '$1other.') },
  { check: 'protection/smooth-header', name: 'the PlayReady object is cut', asset: 'piff', on: of('manifest', 'smooth'), change: text(/(<ProtectionHeader[^>]*>[^<]*)....</, '$1<') },
  { check: 'protection/smooth-header', name: 'the system is unknown', asset: 'piff', on: of('manifest', 'smooth'), change: text('9A04F079', '9A04F078') },
  { check: 'protection/smooth-base64', name: 'the header is text', asset: 'piff', on: of('manifest', 'smooth'), change: text(/(<ProtectionHeader[^>]*>)/, '$1***'), warns: true },
  { check: 'filtered/selection', name: 'a segment that was cut off is listed', asset: 'late', on: of('manifest', 'dash-csf'), change: text(/<S t="60060000"/, '<S t="0" d="60060000" /><S t="60060000"') },
  { check: 'filtered/selection', name: 'a quality is missing', asset: 'late', on: of('manifest', 'smooth'), change: text(/<QualityLevel [^>]*Bitrate="250000"[^>]*\/>/, '') },
  { check: 'filtered/nothing-empty', name: 'a timeline is empty', asset: 'late', on: of('manifest', 'dash-cmaf'), change: text(/<S [^>]*>/g, '') },
  { check: 'filtered/child-urls', name: 'a media playlist forgets the filter', asset: 'late', on: of('manifest', 'hls-v4'), change: text(/,filter=late\)/, ')') },
  { check: 'filtered/child-urls', name: 'segments carry the filter', asset: 'late', on: of('manifest', 'dash-csf'), change: text(/format=mpd-time-csf\)/g, 'format=mpd-time-csf,filter=late)') },
  { check: 'protection/clear-lead', name: 'the first fragment refers to the enciphered entry', asset: 'lead-cenc', on: video('dash-cmaf'), change: inside('moof/traf/tfhd', (payload) => payload.writeUInt32BE(1, 8)) },
  { check: 'protection/clear-lead', name: 'the playlist has a key from the first segment on', asset: 'lead-cenc', on: video('hls-cmaf', 'playlist'), change: text('METHOD=NONE', 'METHOD=SAMPLE-AES-CTR,URI="key"') },
  { check: 'protection/clear-lead', name: 'the playlist has no key', asset: 'lead-cenc', on: video('hls-cmaf', 'playlist'), change: text(/#EXT-X-KEY:METHOD=SAMPLE[^\n]*\n/g, '') },
  { check: 'protection/clear-lead-length', name: 'the lead ends a segment early', asset: 'lead-cenc', on: video('dash-cmaf', 'segment', '60000000'), change: inside('moof/traf/tfhd', (payload) => payload.writeUInt32BE(1, 8)) },
  { check: 'protection/clear-lead-length', name: 'a playlist makes the segments of the lead longer', asset: 'lead-cbcs', on: video('hls-cmaf', 'playlist'), change: text(/#EXTINF:6\./, '#EXTINF:8.') },
  { check: 'protection/playlist-keys', name: 'one of the keys has another method', asset: 'cbcs-everywhere', on: video('hls-v4', 'playlist'), change: text('METHOD=SAMPLE-AES,', 'METHOD=SAMPLE-AES-CTR,') },
  { check: 'protection/playlist-keys', name: 'one of the keys has no vector', asset: 'cbcs-everywhere', on: video('hls-v4', 'playlist'), change: text(/,IV=0x[0-9A-F]+/, '') },
  { check: 'protection/addresses', name: 'Widevine tells no address', asset: 'cenc-keys', on: of('manifest', 'dash-csf'), change: text(/<ms:laurl[^>]*>/, '') },
  { check: 'protection/playlist-keys', name: 'a key ends before the playlist does', asset: 'lead-cenc', on: video('hls-cmaf', 'playlist'), change: text('#EXT-X-ENDLIST', '#EXT-X-KEY:METHOD=NONE\n#EXT-X-ENDLIST') },
  { check: 'protection/systems', name: 'one playlist lacks a key of a system', asset: 'cbcs-everywhere', on: video('hls-v4', 'playlist'), change: text(/#EXT-X-KEY:[^\n]*com\.microsoft\.playready[^\n]*\n/, '') },
  { check: 'protection/systems', name: 'the header lacks the data of a system', asset: 'cenc-keys', on: video('dash-csf', 'init'), change: renamed('pssh', 'free') },
  { check: 'protection/systems', name: 'a descriptor is missing', asset: 'cenc-keys', on: of('manifest', 'dash-cmaf'), change: text(/<ContentProtection schemeIdUri="urn:uuid:edef[\s\S]*?<\/ContentProtection>/, '') },
  { check: 'protection/systems', name: 'a key is no session key', asset: 'aes-keys', on: of('manifest', 'hls-cmaf'), change: text(/#EXT-X-SESSION-KEY[^\n]*\n/, '') },
  { check: 'protection/addresses', name: 'the value of PlayReady is another', asset: 'cenc-keys', on: of('manifest', 'dash-csf'), change: text('MSPR 2.0', 'MSPR 2.1') },
  { check: 'protection/addresses', name: 'an address names another key', asset: 'lead-cenc', on: of('manifest', 'dash-cmaf'), change: text(/kid=../, 'kid=00') },
  { check: 'protection/addresses', name: 'a playlist names two keys', asset: 'cbcs-everywhere', on: video('hls-v4', 'playlist'), change: text(/(skd:[^"]*kid=)../, '$100') },
  { check: 'protection/sample-information', name: 'saiz has an unknown flag', asset: 'cenc-keys', on: video('dash-cmaf'), change: inside('moof/traf/saiz', (payload) => payload.writeUInt8(8, 1)) },
  { check: 'protection/sample-information', name: 'saiz has a version that is none', asset: 'cenc-keys', on: video('dash-csf'), change: inside('moof/traf/saiz', (payload) => payload.writeUInt8(2, 0)) },
  { check: 'protection/same-keys', name: 'one output names another key', asset: 'cenc-keys', on: video('dash-csf', 'init'), change: inside(TENC, (payload) => payload.writeUInt8(payload[8] ^ 1, 8)) },
];
