/** Mutants of captions: the specimen has none, so what is said of them is wrong, and what is put into its pictures is not said. */
import { bytes, text } from './change.ts';
import type { Mutant } from './mutants.ts';

const CSF = /^manifest\(format=mpd-time-csf\)$/;
const DASH_CMAF = /^manifest\(format=mpd-time-cmaf\)$/;
const HLS_CMAF = /^manifest\(format=m3u8-cmaf\)$/;
const V4 = /^manifest\(format=m3u8-aapl\)$/;
const CMAF_SECOND = /120000\)\/Fragments\(video=20020000,format=m(pd-time|3u8)-cmaf\)/;

/** SEI of a picture in which field 1 resumes loading: cc_data of one triple. */
const SEI = Buffer.from('06' + '040e' + 'b5003147413934' + '03' + 'c1ff' + 'fc9420' + 'ff' + '80', 'hex');

/** The first picture becomes a caption message and filler data of its length. */
function withCaption(body: Buffer): Buffer {
  const at = body.indexOf('mdat', 0, 'latin1') + 4;
  const length = body.readUInt32BE(at);
  body.writeUInt32BE(SEI.length, at);
  SEI.copy(body, at + 4);
  body.writeUInt32BE(length - SEI.length - 4, at + 4 + SEI.length);
  return body;
}

export const CAPTION_MUTANTS: readonly Mutant[] = [
  { check: 'captions/hls', name: 'a channel is told that no picture carries', change: text(V4, '#EXT-X-MEDIA', '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC",INSTREAM-ID="CC1"\n#EXT-X-MEDIA') },
  { check: 'captions/hls', name: 'captions are in the pictures and nobody says so', change: bytes(CMAF_SECOND, withCaption) },
  { check: 'captions/hls', name: 'another channel is told', change: (origin) => {
    bytes(CMAF_SECOND, withCaption)(origin);
    text(HLS_CMAF, '#EXT-X-MEDIA', '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC",INSTREAM-ID="CC3"\n#EXT-X-MEDIA')(origin);
  } },
  { check: 'captions/dash', name: 'a channel is told that no picture carries', change: text(CSF, /(contentType="video"[^>]*>)/, '$1<Accessibility schemeIdUri="urn:scte:dash:cc:cea-608:2015" value="CC1=eng"/>') },
  { check: 'captions/dash', name: 'captions are in the pictures and nobody says so', change: bytes(CMAF_SECOND, withCaption) },
  { check: 'captions/dash', name: 'a service is told instead of a channel', change: (origin) => {
    bytes(CMAF_SECOND, withCaption)(origin);
    text(DASH_CMAF, /(contentType="video"[^>]*>)/, '$1<Accessibility schemeIdUri="urn:scte:dash:cc:cea-708:2015" value="1=lang:eng"/>')(origin);
  } },
];
