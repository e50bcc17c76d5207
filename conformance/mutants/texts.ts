/** Mutants of text: segments that say something else, forms that the standards forbid, and manifests that tell otherwise. */
import { readSegment } from '../oracle/fragments.ts';
import { box } from './bytes.ts';
import { boxBody, bytes, copy, text } from './change.ts';
import type { Mutant } from './mutants.ts';
import { TEXT_BITRATE, TEXT_NAME } from './text.ts';

const LEVEL = `QualityLevels\\(${TEXT_BITRATE}\\)`;
const VTT = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=\\d+,format=m3u8-aapl\\)$`);
const VTT_FIRST = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=0,format=m3u8-aapl\\)$`);
const VTT_SECOND = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=20020000,format=m3u8-aapl\\)$`);
const VTT_LAST = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=40040000,format=m3u8-aapl\\)$`);
const CSF_SECOND = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=20020000,format=mpd-time-csf\\)$`);
const CSF_FIRST = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=0,format=mpd-time-csf\\)$`);
const CSF_LAST = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=40040000,format=mpd-time-csf\\)$`);
const CMAF_FIRST = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=0,format=mpd-time-cmaf\\)$`);
const SMOOTH_FIRST = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=0\\)$`);
const SMOOTH_SECOND = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=20020000\\)$`);
const CSF_HEADER = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=i,format=mpd-time-csf\\)$`);
const CMAF_HEADER = new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=i,format=mpd-time-cmaf\\)$`);
const V4 = /^manifest\(format=m3u8-aapl\)$/;
const CSF = /^manifest\(format=mpd-time-csf\)$/;
const SMOOTH = /^manifest$/;
const V4_LIST = new RegExp(`^${LEVEL}/Manifest\\(${TEXT_NAME},format=m3u8-aapl\\)$`);

/** Text inside of binary. */
function latin(pattern: RegExp, from: string, to: string): Mutant['change'] {
  return bytes(pattern, (body) => Buffer.from(body.toString('latin1').replace(from, to), 'latin1'));
}

/** The document inside a fragment, written anew: sizes follow. */
function ttml(pattern: RegExp, from: string | RegExp, to: string): Mutant['change'] {
  return bytes(pattern, (segment) => {
    const { fragments } = readSegment(segment);
    const [sample] = fragments[0].samples;
    const document = segment.toString('utf8', sample.offset, sample.offset + sample.size).replace(from, to);
    const changed = Buffer.concat([segment.subarray(0, sample.offset - 8), box('mdat', Buffer.from(document))]);
    // trun: version and flags, count, offset, duration, then the size.
    changed.writeUInt32BE(Buffer.byteLength(document), changed.indexOf('trun', 0, 'latin1') + 4 + 4 + 4 + 4 + 4);
    return changed;
  });
}

export const TEXT_MUTANTS: readonly Mutant[] = [
  { check: 'text/offered', name: 'an output lacks the text', change: text(CSF, /<AdaptationSet id="3"[\s\S]*?<\/AdaptationSet>\n/, '') },
  { check: 'text/offered', name: 'an output has the text twice', change: text(SMOOTH, /(<StreamIndex [^>]*Type="text"[\s\S]*?<\/StreamIndex>\n)/, '$1$1') },
  { check: 'text/cues', name: 'a cue is missing', change: text(VTT_FIRST, /\n1\n[^\n]*\nFirst\n/, '') },
  { check: 'text/cues', name: 'a cue that crosses a cut is not repeated', change: text(VTT_SECOND, /\n2\n[^\n]*\n[^\n]*\n[^\n]*\n/, '') },
  { check: 'text/cues', name: 'a cue is cut off at the end of its segment', change: text(VTT_FIRST, '00:00:03.000', '00:00:02.002') },
  { check: 'text/cues', name: 'a cue is a millisecond late', change: text(VTT_FIRST, '00:00:00.500', '00:00:00.501') },
  { check: 'text/cues', name: 'the clock of the cues is off', change: text(VTT, 'MPEGTS:900000', 'MPEGTS:909000') },
  { check: 'text/cues', name: 'a letter is another', change: text(VTT_FIRST, 'First', 'Furst') },
  { check: 'text/cues', name: 'an identifier is another', change: text(VTT_FIRST, '\n1\n', '\n7\n') },
  { check: 'text/cues', name: 'a segment repeats all cues', change: copy(`QualityLevels(${TEXT_BITRATE})/Fragments(${TEXT_NAME}=20020000,format=m3u8-aapl)`, `QualityLevels(${TEXT_BITRATE})/Fragments(${TEXT_NAME}=40040000,format=m3u8-aapl)`) },
  { check: 'text/cues', name: 'the words of metadata are shown', change: ttml(CSF_FIRST, '>First<', '>First remark<') },
  { check: 'text/cues', name: 'a paragraph ends earlier', change: ttml(CMAF_FIRST, 'end="00:00:03.000"', 'end="00:00:02.002"') },
  { check: 'text/cues', name: 'times count from the segment', change: ttml(new RegExp(`^${LEVEL}/Fragments\\(${TEXT_NAME}=20020000,format=m3u8-cmaf\\)$`), '00:00:02.500', '00:00:00.498') },
  { check: 'text/cues', name: 'times in Smooth count from the presentation', change: ttml(SMOOTH_SECOND, '00:00:00.498', '00:00:02.500') },
  { check: 'text/cues', name: 'a cue in Smooth leaves its fragment', change: ttml(SMOOTH_FIRST, 'end="00:00:02.002"', 'end="00:00:03.000"') },
  { check: 'text/styles', name: 'WebVTT loses italics', change: text(VTT_FIRST, '<i>Over</i>', 'Over') },
  { check: 'text/styles', name: 'WebVTT has another colour', change: text(VTT_FIRST, 'c.yellow', 'c.cyan') },
  { check: 'text/styles', name: 'TTML loses the colour', change: ttml(CSF_FIRST, ' tts:color="yellow"', '') },
  { check: 'text/styles', name: 'TTML loses the direction', change: ttml(CSF_SECOND, ' tts:direction="rtl"', '') },
  { check: 'text/styles', name: 'WebVTT says an annotation among the words', change: text(VTT_LAST, /<\/?(?:ruby|rt)>/g, '') },
  { check: 'text/styles', name: 'TTML says an annotation among the words', change: ttml(CSF_LAST, / tts:ruby="\w+"/g, '') },
  { check: 'text/places', name: 'WebVTT stands elsewhere', change: text(VTT_FIRST, 'line:10%', 'line:20%') },
  { check: 'text/places', name: 'WebVTT says no place', change: text(VTT_FIRST, ' line:10% position:20% size:40% align:start', '') },
  { check: 'text/places', name: 'the region is further right', change: ttml(CSF_FIRST, 'tts:origin="20% 10%"', 'tts:origin="30% 10%"') },
  { check: 'text/places', name: 'a paragraph is in the other region', change: ttml(CSF_FIRST, 'region="high"', 'region="low"') },
  { check: 'text/cuts', name: 'the playlist of the text has other lengths', change: text(V4_LIST, /#EXTINF:2\.002000/, '#EXTINF:2.000000') },
  { check: 'text/cuts', name: 'the timeline of the text lacks its end', change: text(CSF, /(<AdaptationSet id="3"[\s\S]*?<S d="\d+" r=")2"/, '$11"') },
  { check: 'text/webvtt-form', name: 'hours have one digit', change: text(VTT_FIRST, '00:00:00.500', '0:00:00.500') },
  { check: 'text/webvtt-form', name: 'milliseconds follow a comma', change: text(VTT_FIRST, '00:00:00.500', '00:00:00,500') },
  { check: 'text/webvtt-form', name: 'no blank stands before the arrow', change: text(VTT_FIRST, ' --> ', '--> ') },
  { check: 'text/webvtt-form', name: 'the signature is missing', change: text(VTT_FIRST, 'WEBVTT\n', '\n') },
  { check: 'text/webvtt-form', name: 'an ampersand is bare', change: text(VTT_LAST, '&amp;', '&') },
  { check: 'text/webvtt-form', name: 'a tag is never closed', change: text(VTT_FIRST, '</i>', '') },
  { check: 'text/webvtt-form', name: 'a setting is above 100 %', change: text(VTT_FIRST, 'position:20%', 'position:120%') },
  { check: 'text/webvtt-form', name: 'two cues have one identifier', change: text(VTT_FIRST, '\n2\n', '\n1\n') },
  { check: 'text/webvtt-form', name: 'cues stand in another order', change: text(VTT_FIRST, /(1\n[^\n]*\nFirst\n)\n(2\n[^\n]*\n[^\n]*\n[^\n]*\n)/, '$2\n$1') },
  { check: 'text/timestamp-map', name: 'the map is missing', change: text(VTT_SECOND, /X-TIMESTAMP-MAP[^\n]*\n/, '') },
  { check: 'text/timestamp-map', name: 'the map names the start of the segment', change: text(VTT_SECOND, 'MPEGTS:900000', 'MPEGTS:1080180') },
  { check: 'text/ttml-form', name: 'an element is not closed', change: ttml(CSF_FIRST, '</div>', '') },
  { check: 'header/fixed-fields', name: 'the media header of text has another version', change: boxBody(CMAF_HEADER, 'sthd', (body) => body.set([64], 0)) },
  { check: 'text/ttml-form', name: 'parameters are in another namespace', change: ttml(SMOOTH_FIRST, 'xmlns:ttp="http://www.w3.org/ns/ttml#parameter"', 'xmlns:ttp="http://www.w#.org/ns/ttml#parameter"') },
  { check: 'text/ttml-form', name: 'a region is not defined', change: ttml(CSF_FIRST, 'region="high"', 'region="height"') },
  { check: 'text/ttml-form', name: 'a style is not defined', change: ttml(CSF_FIRST, 'style="italic"', 'style="bold"') },
  { check: 'text/ttml-form', name: 'a time has a comma', change: ttml(CSF_FIRST, '00:00:00.500', '00:00:00,500') },
  { check: 'text/ttml-form', name: 'two elements have one xml:id', change: ttml(CSF_FIRST, 'xml:id="cue_2"', 'xml:id="cue_1"') },
  { check: 'text/ttml-form', name: 'there is a DOCTYPE', change: ttml(CSF_FIRST, '<tt ', '<!DOCTYPE tt>\n<tt ') },
  { check: 'text/ttml-form', name: 'the namespace is that of a draft', change: ttml(CSF_FIRST, 'xmlns="http://www.w3.org/ns/ttml"', 'xmlns="http://www.w3.org/2006/10/ttaf1"') },
  { check: 'text/ttml-form', name: 'a paragraph stands in the body', change: ttml(CSF_FIRST, /<div>|<\/div>/g, '') },
  { check: 'text/ttml-form', name: 'an annotation stands outside of ruby', change: ttml(CSF_LAST, ' tts:ruby="container"', '') },
  { check: 'text/ttml-form', name: 'words stand between the parts of ruby', change: ttml(CSF_LAST, '</span><span tts:ruby="text"', '</span>by<span tts:ruby="text"') },
  { check: 'text/ttml-form', name: 'a document of IMSC1 has ruby', change: ttml(CSF_LAST, 'imsc1.1/text', 'imsc1/text') },
  { check: 'text/ttml-profile', name: 'the profile is the image profile', change: ttml(CSF_FIRST, 'imsc1/text', 'imsc1/image') },
  { check: 'text/ttml-profile', name: 'no profile is named', change: ttml(CMAF_FIRST, / ttp:profile="[^"]*"/, '') },
  { check: 'text/ttml-profile', name: 'the language is another', change: ttml(CSF_FIRST, 'xml:lang="en"', 'xml:lang="fr"') },
  { check: 'text/header', name: 'the handler is text', change: boxBody(CSF_HEADER, 'hdlr', (body) => void body.write('text', 8, 'latin1')) },
  { check: 'text/header', name: 'the namespace is another', change: latin(CSF_HEADER, 'w3.org/ns/ttml\0', 'w3.org/ns/ttmk\0') },
  { check: 'text/header', name: 'the media type names another profile', change: latin(CSF_HEADER, 'codecs=im1t', 'codecs=im1i') },
  { check: 'text/header', name: 'the brand is missing', change: boxBody(CMAF_HEADER, 'ftyp', (body) => void body.write('cmfc', 16, 'latin1')) },
  { check: 'text/samples', name: 'the sample is shorter than the segment', change: boxBody(CSF_FIRST, 'trun', (body) => void body.writeUInt32BE(20_000_000, 12)) },
  { check: 'text/hls-renditions', name: 'the language is another', change: text(V4, /(TYPE=SUBTITLES.*LANGUAGE=")en"/, '$1fr"') },
  { check: 'text/hls-renditions', name: 'the rendition is forced', change: text(V4, /(TYPE=SUBTITLES.*),URI/, '$1,FORCED=YES,URI') },
  { check: 'text/hls-renditions', name: 'the rendition is not the default', change: text(V4, /(TYPE=SUBTITLES.*)DEFAULT=YES/, '$1DEFAULT=NO') },
  { check: 'text/hls-renditions', name: 'nobody selects it', change: text(V4, /(TYPE=SUBTITLES.*),AUTOSELECT=YES/, '$1') },
  { check: 'text/hls-renditions', name: 'it does not say what it is for', change: text(V4, /(TYPE=SUBTITLES.*),CHARACTERISTICS="[^"]*"/, '$1') },
  { check: 'text/hls-renditions', name: 'the name is another', change: text(V4, /(TYPE=SUBTITLES.*)NAME="English"/, '$1NAME="Anglais"') },
  { check: 'text/hls-groups', name: 'a variant names no group', change: text(V4, /,SUBTITLES="subs"/, '') },
  { check: 'text/dash-sets', name: 'the role is missing', change: text(CSF, /<Role [^>]*value="caption"\/>\n/, '') },
  { check: 'text/dash-sets', name: 'the role is subtitle', change: text(CSF, 'value="caption"', 'value="subtitle"') },
  { check: 'text/dash-sets', name: 'the label is missing', change: text(CSF, '<Label>English</Label>\n', '') },
  { check: 'text/dash-sets', name: 'the codec is WebVTT', change: text(CSF, 'stpp.ttml.im1t', 'wvtt') },
  { check: 'text/dash-sets', name: 'the media type is that of a file', change: text(CSF, 'mimeType="application/mp4"', 'mimeType="application/ttml+xml"') },
  { check: 'text/smooth-streams', name: 'the subtype is SUBT', change: text(SMOOTH, 'Subtype="CAPT"', 'Subtype="SUBT"') },
  { check: 'text/smooth-streams', name: 'the codec is another', change: text(SMOOTH, 'FourCC="TTML"', 'FourCC="DFXP"') },
  { check: 'text/smooth-streams', name: 'the language is missing', change: text(SMOOTH, /Language="eng" Subtype/, 'Subtype') },
];
