/** What clients are known to get wrong with any origin. An entry never skips a replay; one that passes makes the entry wrong. */
import { TEMPLATES } from './templates.ts';

export type Defect = {
  readonly id: string;
  /** Absent: every one, since the browser does it. */
  readonly players?: readonly string[];
  /** Absent: in each. */
  readonly browsers?: readonly string[];
  readonly formats?: readonly string[];
  readonly assets?: readonly string[];
  readonly templates: readonly string[];
  /** How everything reads that comes of it: what else goes wrong there is not explained by it. Absent: it may be anything. */
  readonly shows?: RegExp;
  /** Depends on who comes first inside the client: it may pass now and then. */
  readonly intermittent?: true;
  readonly statement: string;
  /** Where the client's own project describes it. */
  readonly reference: string;
};

/** Where an error that is told fails; it passes where players may say that they cannot go on. */
const PLAYING = TEMPLATES.filter(({ tolerates }) => !tolerates.includes('error')).map(({ id }) => id);

export const DEFECTS: readonly Defect[] = [
  {
    id: 'shaka-sequence-mode',
    players: ['shaka'],
    formats: ['hls-v3'],
    // The sound begins 0.75 s after the pictures.
    assets: ['elst-delay'],
    templates: ['sequential'],
    statement: 'Shaka appends HLS in sequence mode, which places each buffer at the start of its playlist and not at its own times: sound that begins later than the pictures is heard early',
    reference: 'https://github.com/shaka-project/shaka-player/issues/6251',
  },
  {
    id: 'shaka-unequal-starts',
    players: ['shaka'],
    formats: ['hls-v4', 'hls-cmaf'],
    assets: ['elst-delay'],
    templates: ['sequential'],
    statement: 'Shaka takes all playlists of HLS to start at the same time: where sound begins later than the pictures it leaps over the pictures before the sound, and a seek behind its end shows nothing new',
    reference: 'https://github.com/shaka-project/shaka-player/issues/3195',
  },
  {
    id: 'videojs-unknown-dts',
    players: ['video.js'],
    formats: ['hls-v4'],
    assets: ['dts-core'],
    templates: ['sequential'],
    statement: 'video.js does not know the codec strings of DTS: it takes a variant with DTS for one that it plays, and waits for sound that its reader of transport streams does not find',
    reference: 'https://github.com/videojs/vhs-utils/blob/main/src/codecs.js',
  },
  {
    id: 'videojs-undecodable-groups',
    players: ['video.js'],
    formats: ['hls-v4', 'hls-cmaf'],
    // Groups in which one language has another codec than the next.
    assets: ['multi-codec'],
    templates: ['sequential'],
    statement: 'video.js keeps audio tracks whose codec the browser does not decode, and fails when it takes one',
    reference: 'https://github.com/videojs/http-streaming/issues/1281',
  },
  {
    id: 'shaka-mixed-groups',
    players: ['shaka'],
    formats: ['hls-v4'],
    assets: ['multi-codec'],
    templates: ['sequential'],
    statement: "Shaka takes one codec of a variant's list for every rendition of its group: where a group mixes codecs, it reads one as another",
    reference: 'https://github.com/shaka-project/shaka-player/issues/3584',
  },
  {
    id: 'rx-timeline-not-inherited',
    players: ['rx-player'],
    formats: ['dash-cmaf'],
    templates: PLAYING,
    statement: "rx-player merges a Representation's SegmentTemplate over that of its AdaptationSet with what it lacks, too: a SegmentTimeline that stands in the AdaptationSet alone is lost (ISO/IEC 23009-1 5.3.9.1 lets it be inherited)",
    reference: 'https://github.com/canalplus/rx-player/issues/767',
  },
  {
    id: 'rx-smooth-in-firefox',
    players: ['rx-player'],
    browsers: ['firefox'],
    formats: ['smooth'],
    templates: PLAYING,
    statement: 'Firefox refuses the initialization segment that rx-player makes for Smooth Streaming by itself',
    reference: 'https://github.com/canalplus/rx-player/blob/v4.5.0/src/transports/smooth/isobmff/create_video_init_segment.ts',
  },
  {
    id: 'rx-native-text',
    players: ['rx-player'],
    templates: ['text'],
    shows: /is lost$/,
    statement: 'rx-player takes its track element out of the page when a text track is chosen, and puts it back at no time: it reads every cue, and no browser shows one',
    reference: 'https://github.com/canalplus/rx-player/blob/v4.5.0/src/main_thread/text_displayer/native/native_text_displayer.ts',
  },
  {
    id: 'rx-audio-config',
    players: ['rx-player'],
    formats: ['smooth'],
    assets: ['he-aac', 'he-aac-v2'],
    templates: ['sequential'],
    shows: /^marked sound was heard/,
    // Of three qualities one has a configuration of two bytes.
    intermittent: true,
    statement: 'rx-player gives the audio configuration of Smooth Streaming two bytes, however long CodecPrivateData is',
    reference: 'https://github.com/canalplus/rx-player/blob/v4.5.0/src/transports/smooth/isobmff/create_boxes.ts',
  },
  {
    id: 'shaka-4-audio-config',
    players: ['shaka-4'],
    formats: ['smooth'],
    assets: ['aac-71', 'he-aac', 'he-aac-v2'],
    templates: ['sequential'],
    shows: /3\/301[45]|^no picture could be read|^marked sound was heard/,
    statement: 'Shaka makes the audio configuration of Smooth Streaming by itself, from the number of channels, of which it has room for seven, and from twice the rate of HE-AAC, and leaves CodecPrivateData alone',
    reference: 'https://github.com/shaka-project/shaka-player/blob/v4.16.50/lib/util/mp4_generator.js',
  },
  {
    id: 'shaka-4-late-start',
    players: ['shaka-4'],
    formats: ['smooth'],
    templates: ['filtered'],
    statement: 'Shaka wants content to start at zero, and takes the length of a Smooth timeline for its end: a trimmed presentation ends too early by what was cut off',
    reference: 'https://github.com/shaka-project/shaka-player/issues/499',
  },
  {
    id: 'chromium-open-gop',
    browsers: ['chromium'],
    assets: ['open-gop'],
    templates: ['sequential'],
    shows: /seeks showed|was sought|PIPELINE_ERROR_DECODE|MEDIA_ERR_DECODE|corruption problem|video element: code|^pictures \d+ to \d+ were shown|^watch: /,
    statement: 'Chromium takes no picture of an open GOP for a random access point but the first of the stream, whatever container and recovery point message say: behind a seek it decodes nothing, or fails',
    reference: 'https://github.com/video-dev/hls.js/issues/7774',
  },
  {
    id: 'hlsjs-open-gop',
    players: ['hls.js'],
    browsers: ['firefox'],
    formats: ['hls-v3', 'hls-v4'],
    assets: ['open-gop'],
    templates: ['sequential'],
    shows: /^1 of \d+ seeks showed|^picture 143 was sought and 144 shown$/,
    statement: 'hls.js loses the last picture in front of a key frame of an open GOP when it makes fMP4 of transport streams; in fMP4 from the origin, and with other players, all of them are shown',
    reference: 'https://github.com/video-dev/hls.js/blob/v1.7.4/src/remux/mp4-remuxer.ts',
  },
  {
    id: 'firefox-grey',
    browsers: ['firefox'],
    assets: ['h264-aac-mbr3', 'muxed-mbr'],
    templates: ['sequential'],
    shows: /seeks showed|was sought and none shown$/,
    intermittent: true,
    statement: 'Firefox decodes grey now and then where a seek leads back to a rendition of another size, while it still tells the size before: its decoder has not been changed with the parameter sets',
    reference: 'https://searchfox.org/mozilla-central/source/dom/media/platforms/wrappers/MediaChangeMonitor.cpp',
  },
  {
    id: 'late-sound',
    players: ['video.js', 'rx-player', 'shaka-4', 'shaka', 'dash.js', 'hls.js'],
    assets: ['elst-delay'],
    templates: ['sequential'],
    shows: /^\d+ of \d+ pictures were seen; missing (\d+-)?2\d\b|^[12] of \d+ seeks showed|^picture (0|296) was sought/,
    intermittent: true,
    statement: 'A media element takes for buffered what all of its tracks have: where sound begins later than the pictures and ends before them, these players leap over pictures without sound, or do not get there',
    reference: 'https://www.w3.org/TR/media-source-2/#htmlmediaelement-extensions-buffered',
  },
  {
    id: 'shaka-clears-buffer',
    players: ['shaka'],
    browsers: ['chromium'],
    formats: ['hls-v3', 'hls-v4'],
    templates: ['quality'],
    // The picture stands, sound and clock go on: until there is a key frame.
    shows: /^\d+ of \d+ pictures were seen; missing|tones belonged to another second|^the picture was -\d+ ms ahead of the sound/,
    intermittent: true,
    statement: 'Shaka throws away what is buffered where a quality is chosen for now; Chromium, which has shown the first pictures of it, takes nothing of what is appended again up to the next key frame',
    reference: 'https://github.com/shaka-project/shaka-player/issues/520',
  },
  {
    id: 'shaka-firefox-flush',
    players: ['shaka'],
    browsers: ['firefox'],
    formats: ['dash-csf', 'dash-cmaf'],
    templates: ['quality', 'audio'],
    // With DASH of ffmpeg as well.
    shows: /^quality: |^audio: |^pilots 5000 Hz were heard last|^pictures \d+ to \d+ were shown/,
    statement: 'Shaka steps back by a millisecond once it has thrown away what was buffered; in Firefox it clears again at that seek, and appends nothing any more',
    reference: 'https://github.com/shaka-project/shaka-player/issues/569',
  },
  {
    id: 'shaka-decode-times',
    players: ['shaka'],
    browsers: ['firefox'],
    formats: ['hls-v3', 'hls-v4'],
    templates: ['offset'],
    // With HLS of ffmpeg as well: its pictures begin two pictures behind their sound in the buffer.
    shows: /^playback stalled \d times after it had started$/,
    intermittent: true,
    statement: 'Shaka places transport streams by the decode time of their first picture: where it starts in the middle the pictures begin late, and Firefox waits for them',
    reference: 'https://github.com/shaka-project/shaka-player/issues/6251',
  },
  {
    id: 'chromium-out-of-order',
    players: ['rx-player'],
    browsers: ['chromium'],
    templates: ['to-end'],
    shows: /^no picture could be read|^marked sound was heard in 0 of 0|^ended: |^the end was not announced|^the last picture shown was null/,
    intermittent: true,
    statement: 'Chromium shows nothing new, while sound goes on, where better segments are appended before the place that is played: rx-player does so when it is told at once to begin elsewhere',
    reference: 'https://github.com/video-dev/hls.js/issues/6777',
  },
  {
    id: 'chromium-hls-starts',
    players: ['native'],
    browsers: ['chromium'],
    formats: ['hls-v4', 'hls-cmaf'],
    assets: ['elst-delay'],
    templates: ['sequential'],
    shows: /tones belonged|ahead of the sound$/,
    statement: 'Chromium by itself takes all playlists of HLS to start at the same time: sound that begins later than the pictures is heard early',
    reference: 'https://source.chromium.org/chromium/chromium/src/+/main:media/filters/hls_rendition_impl.cc',
  },
  {
    id: 'chromium-hls-end',
    players: ['native'],
    browsers: ['chromium'],
    formats: ['hls-v3', 'hls-v4'],
    templates: ['sequential', 'to-end'],
    // With playlists of ffmpeg as well.
    shows: /^(1 of \d+ seeks showed|picture \d+ was sought|ended: |the end was not announced|the last picture shown)/,
    intermittent: true,
    statement: 'Where the quality has changed between two seeks, Chromium by itself does not notice that a playlist has ended: its decoder waits for more, and keeps the last pictures to itself',
    reference: 'https://source.chromium.org/chromium/chromium/src/+/main:media/filters/hls_vod_rendition.cc',
  },
  {
    id: 'webkitgtk-hls-transport',
    players: ['native'],
    browsers: ['webkitgtk'],
    formats: ['hls-v3', 'hls-v4'],
    templates: ['sequential'],
    shows: /frames off their presentation times$|ahead of the sound$|seeks showed|was sought|tones belonged/,
    statement: "WebKitGTK by itself shows transport streams some pictures off and away from their sound; it has switched its HLS off, because GStreamer's older demuxer is no longer kept up",
    reference: 'https://github.com/WebKit/WebKit/pull/8100',
  },
  {
    id: 'webkitgtk-dash-start',
    players: ['native'],
    browsers: ['webkitgtk'],
    formats: ['dash-csf', 'dash-cmaf'],
    templates: ['sequential'],
    shows: /^pictures \d+ to \d+ were shown|^\d+ of \d+ pictures were seen|^marked sound was heard in|^watch: |^playback stalled/,
    intermittent: true,
    statement: "WebKitGTK by itself stops soon after the start of DASH now and then; it has switched its DASH off, because GStreamer's older demuxer is no longer kept up",
    reference: 'https://github.com/WebKit/WebKit/pull/14535',
  },
  {
    id: 'gstreamer-smooth-aach',
    players: ['gstreamer'],
    formats: ['smooth'],
    assets: ['he-aac', 'he-aac-v2'],
    templates: ['whole'],
    shows: /^the client failed/,
    statement: 'GStreamer knows no FourCC of AAC in Smooth Streaming but AACL',
    reference: 'https://gitlab.freedesktop.org/gstreamer/gstreamer/-/blob/1.22/subprojects/gst-plugins-bad/ext/smoothstreaming/gstmssmanifest.c',
  },
  {
    id: 'gstreamer-open-gop',
    players: ['gstreamer'],
    formats: ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf'],
    assets: ['open-gop'],
    templates: ['whole'],
    shows: /^3 of \d+ pictures were not decoded|^the marks of 3 pictures/,
    intermittent: true,
    statement: 'GStreamer changes quality at an open GOP, whose leading pictures refer to those before it: manifests say so (SAP type 3, no EXT-X-INDEPENDENT-SEGMENTS)',
    reference: 'https://gitlab.freedesktop.org/gstreamer/gstreamer/-/blob/1.22/subprojects/gst-plugins-good/ext/adaptivedemux2/gstadaptivedemux.c',
  },
  {
    id: 'vlc-in-band-sets',
    players: ['vlc'],
    formats: ['dash-csf'],
    assets: ['avc3-inband'],
    templates: ['whole'],
    // Nor does it play the stored files.
    statement: 'VLC looks for parameter sets in the sample description alone, where avc3 need not have any',
    reference: 'https://code.videolan.org/videolan/vlc/-/blob/3.0.x/modules/packetizer/h264.c',
  },
];

type Replayed = { readonly player: { readonly name: string }; readonly browser: string; readonly target: { readonly format: string; readonly content: { readonly asset: string } }; readonly template: { readonly id: string } };

export function defectOf({ player, browser, target, template }: Replayed, defects: readonly Defect[] = DEFECTS): Defect | null {
  const has = (list: readonly string[] | undefined, value: string): boolean => list === undefined || list.includes(value);
  return defects.find((each) => has(each.players, player.name) && has(each.browsers, browser) && has(each.formats, target.format) && has(each.assets, target.content.asset) && each.templates.includes(template.id)) ?? null;
}

export function explains({ shows }: Defect, reasons: readonly string[]): boolean {
  return shows === undefined || reasons.every((reason) => shows.test(reason));
}

/** What a failure comes of, where a client is known for failing like this. */
export function defectBehind(replayed: Replayed, reasons: readonly string[], defects?: readonly Defect[]): Defect | null {
  const defect = defectOf(replayed, defects);
  return defect !== null && explains(defect, reasons) ? defect : null;
}

/** A defect that a replay did not show is named with the replay. */
export function staleDefect(replayed: Replayed, { id, outcome }: { readonly id: string; readonly outcome: string }, defects?: readonly Defect[]): readonly string[] {
  const defect = outcome === 'pass' ? defectOf(replayed, defects) : null;
  return defect === null || defect.intermittent === true ? [] : [`${defect.id}: ${id} passes`];
}
