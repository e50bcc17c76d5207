/** Mutants of what is said of sound. */
import { bytes, text } from './change.ts';
import type { Mutant } from './mutants.ts';
import { programMap } from './strict.ts';

const CSF = /^manifest\(format=mpd-time-csf\)$/;
const DASH_CMAF = /^manifest\(format=mpd-time-cmaf\)$/;
const SMOOTH = /^manifest$/;
const HLS_CMAF = /^manifest\(format=m3u8-cmaf\)$/;
const SURROUND = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="More",LANGUAGE="en",CHARACTERISTICS="public.accessibility.describes-video",DEFAULT=NO,CHANNELS="6",URI="QualityLevels(64000)/Manifest(more,format=m3u8-cmaf)"\n';
const V4 = /^manifest\(format=m3u8-aapl\)$/;
const CMAF_INIT = /Fragments\(aac_eng_2_64000_1_1=i,format=mpd-time-cmaf\)/;
const TS_AUDIO = /64000\)\/Fragments\(aac_eng_2_64000_1_1=0,format=m3u8-aapl\)/;
const OBJECTS = '<SupplementalProperty schemeIdUri="tag:dolby.com,2018:dash:EC3_ExtensionType:2018" value="JOC"/>';

/** Another sample entry around the same boxes. */
function entry(type: string) {
  return (body: Buffer): Buffer => {
    body.write(type, body.indexOf('mp4a', 0, 'latin1'), 'latin1');
    return body;
  };
}

/** Behind table id, length, program, version, section numbers, clock PID and the length of program descriptors. */
const STREAM_TYPE = 12;

export const SOUND_MUTANTS: readonly Mutant[] = [
  { check: 'sound/boxes', name: 'ec-3 has no dec3, and its frames are AAC', change: bytes(CMAF_INIT, entry('ec-3')) },
  { check: 'sound/boxes', name: 'dtsc has no ddts, and its frames are AAC', change: bytes(CMAF_INIT, entry('dtsc')) },
  { check: 'sound/told', name: 'AAC LC is called HE-AAC in an MPD', change: text(CSF, 'mp4a.40.2', 'mp4a.40.5') },
  { check: 'sound/told', name: 'AAC LC is called HE-AAC in a Smooth manifest', change: text(SMOOTH, 'AACL', 'AACH') },
  { check: 'sound/told', name: 'AAC LC is called HE-AAC in a variant', change: text(V4, ',mp4a.40.2"', ',mp4a.40.5"') },
  { check: 'sound/channels', name: 'two channels are called six', change: text(DASH_CMAF, /(<AudioChannelConfiguration [^>]*value=")2"/, '$16"') },
  { check: 'sound/channels', name: 'AAC is called object audio', change: text(DASH_CMAF, /(<AudioChannelConfiguration [^>]*\/>)/, `$1${OBJECTS}`) },
  { check: 'hls/surround', name: 'surround stands beside stereo', change: text(HLS_CMAF, '#EXT-X-MEDIA:TYPE=AUDIO', `${SURROUND}#EXT-X-MEDIA:TYPE=AUDIO`), warns: true },
  { check: 'hls/surround', name: 'all sound is surround', change: text(HLS_CMAF, /CHANNELS="2"/g, 'CHANNELS="6"'), warns: true },
  { check: 'ts/language', name: 'a letter of the language is another', change: bytes(TS_AUDIO, programMap(STREAM_TYPE + 8, () => 0x78)), warns: true },
  { check: 'ts/language', name: 'the descriptor is of another kind', change: bytes(TS_AUDIO, programMap(STREAM_TYPE + 5, () => 0x0e)), warns: true },
  { check: 'ts/sound-descriptors', name: 'a stream of E-AC-3 has no descriptors', change: bytes(TS_AUDIO, programMap(STREAM_TYPE, () => 0x87)), warns: true },
];
