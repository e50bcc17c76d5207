/** The specimen's manifests, written as text: nobody's writer is trusted here. */
import { AUDIO_BITRATE, AUDIO_NAME, AUDIO_RATE, QUALITIES } from './content.ts';
import { TEXT_BITRATE, TEXT_NAME, TEXT_TRUTH } from './text.ts';

export type Listing = {
  /** Segment names and the end, 100-ns units. */
  readonly videoNames: readonly bigint[];
  readonly audioNames: readonly bigint[];
  readonly keyNames: readonly bigint[];
  readonly size: (path: string) => number;
};

export type HlsFormat = 'm3u8-aapl-v3' | 'm3u8-aapl' | 'm3u8-cmaf';

const TARGET = 3;

function durations(names: readonly bigint[]): readonly bigint[] {
  return names.slice(1).map((end, i) => end - names[i]);
}

function runs(names: readonly bigint[]): readonly { readonly duration: bigint; readonly count: number }[] {
  const list: { duration: bigint; count: number }[] = [];
  for (const duration of durations(names)) {
    const last = list.at(-1);
    if (last?.duration === duration) last.count++;
    else list.push({ duration, count: 1 });
  }
  return list;
}

function timeline(names: readonly bigint[]): string {
  return `<SegmentTimeline>\n${runs(names).map(({ duration, count }) => `<S d="${duration}"${count > 1 ? ` r="${count - 1}"` : ''}/>`).join('\n')}\n</SegmentTimeline>`;
}

/** Seconds, rounded up to milliseconds. */
function presentationDuration({ videoNames, audioNames }: Listing): string {
  const end = Math.max(Number(videoNames.at(-1)), Number(audioNames.at(-1)));
  return `PT${(Math.ceil(end / 10_000) / 1000).toFixed(3)}S`;
}

export function mpdCsf(listing: Listing): string {
  const template = (name: string): string => `media="QualityLevels($Bandwidth$)/Fragments(${name}=$Time$,format=mpd-time-csf)" initialization="QualityLevels($Bandwidth$)/Fragments(${name}=i,format=mpd-time-csf)"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="${presentationDuration(listing)}" minBufferTime="PT3S">
<Period>
<AdaptationSet id="1" group="5" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2" lang="en">
<Accessibility schemeIdUri="urn:mpeg:dash:role:2011" value="description"/>
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="alternate"/>
<SegmentTemplate timescale="10000000" ${template(AUDIO_NAME)}>
${timeline(listing.audioNames)}
</SegmentTemplate>
<Representation id="5_A_${AUDIO_NAME}_1" bandwidth="${AUDIO_BITRATE}" audioSamplingRate="${AUDIO_RATE}"><AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/></Representation>
</AdaptationSet>
<AdaptationSet id="2" group="1" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="video" mimeType="video/mp4" maxWidth="1280" maxHeight="720" par="16:9" startWithSAP="1">
<SegmentTemplate timescale="10000000" ${template('video')}>
${timeline(listing.videoNames)}
</SegmentTemplate>
${QUALITIES.map(({ bitrate, width, height, sps }, i) => `<Representation id="1_V_video_${i + 1}" bandwidth="${bitrate}" codecs="avc1.${sps.toString('hex', 1, 4).toUpperCase()}" width="${width}" height="${height}" frameRate="30000/1001" sar="1:1"/>`).join('\n')}
</AdaptationSet>
<AdaptationSet id="3" group="3" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="text" mimeType="application/mp4" codecs="stpp.ttml.im1t" lang="en">
<Label>English</Label>
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="caption"/>
<SegmentTemplate timescale="10000000" ${template(TEXT_NAME)}>
${timeline(listing.videoNames)}
</SegmentTemplate>
<Representation id="3_T_${TEXT_NAME}_1" bandwidth="${TEXT_BITRATE}"/>
</AdaptationSet>
</Period>
</MPD>
`;
}

export function mpdCmaf(listing: Listing): string {
  const template = (bitrate: number, name: string): string => `<SegmentTemplate media="QualityLevels(${bitrate})/Fragments(${name}=$Time$,format=mpd-time-cmaf)" initialization="QualityLevels(${bitrate})/Fragments(${name}=i,format=mpd-time-cmaf)"/>`;
  const rate = (bitrate: number, name: string, names: readonly bigint[]): number => peak(listing, names, (time) => `QualityLevels(${bitrate})/Fragments(${name}=${time},format=mpd-time-cmaf)`).peak;
  return `<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="static" mediaPresentationDuration="${presentationDuration(listing)}" minBufferTime="PT3S" maxSegmentDuration="PT3S">
<Period id="1">
<AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2" lang="en" segmentAlignment="true" startWithSAP="1">
<Accessibility schemeIdUri="urn:mpeg:dash:role:2011" value="description"/>
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="alternate"/>
<SegmentTemplate timescale="10000000">
${timeline(listing.audioNames)}
</SegmentTemplate>
<Representation id="${AUDIO_NAME}_${AUDIO_BITRATE}" bandwidth="${rate(AUDIO_BITRATE, AUDIO_NAME, listing.audioNames)}" audioSamplingRate="${AUDIO_RATE}"><AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>${template(AUDIO_BITRATE, AUDIO_NAME)}</Representation>
</AdaptationSet>
<AdaptationSet id="2" contentType="video" mimeType="video/mp4" maxWidth="1280" maxHeight="720" maxFrameRate="30000/1001" par="16:9" segmentAlignment="true" startWithSAP="1">
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
<SegmentTemplate timescale="10000000">
${timeline(listing.videoNames)}
</SegmentTemplate>
${QUALITIES.map(({ bitrate, width, height, sps }) => `<Representation id="video_${bitrate}" bandwidth="${rate(bitrate, 'video', listing.videoNames)}" codecs="avc1.${sps.toString('hex', 1, 4)}" width="${width}" height="${height}" frameRate="30000/1001" sar="1:1">${template(bitrate, 'video')}</Representation>`).join('\n')}
</AdaptationSet>
<AdaptationSet id="3" contentType="text" mimeType="application/mp4" codecs="stpp.ttml.im1t" lang="en" segmentAlignment="true" startWithSAP="1">
<Label>English</Label>
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="caption"/>
<SegmentTemplate timescale="10000000">
${timeline(listing.videoNames)}
</SegmentTemplate>
<Representation id="${TEXT_NAME}_${TEXT_BITRATE}" bandwidth="${rate(TEXT_BITRATE, TEXT_NAME, listing.videoNames)}">${template(TEXT_BITRATE, TEXT_NAME)}</Representation>
</AdaptationSet>
</Period>
</MPD>
`;
}

export function smoothManifest(listing: Listing): string {
  const chunks = (names: readonly bigint[]): string =>
    runs(names)
      .map(({ duration, count }, i) => `<c${i === 0 ? ` t="${names[0]}"` : ''} d="${duration}"${count > 1 ? ` r="${count}"` : ''}/>`)
      .join('\n');
  const sum = (names: readonly bigint[]): bigint => (names.at(-1) ?? 0n) - names[0];
  const longest = sum(listing.audioNames) > sum(listing.videoNames) ? sum(listing.audioNames) : sum(listing.videoNames);
  return `<?xml version="1.0" encoding="UTF-8"?>
<SmoothStreamingMedia MajorVersion="2" MinorVersion="2" Duration="${longest}" TimeScale="10000000">
<StreamIndex Chunks="${listing.audioNames.length - 1}" Type="audio" Url="QualityLevels({bitrate})/Fragments(${AUDIO_NAME}={start time})" QualityLevels="1" Language="eng" Role="alternate" Accessibility="description" Name="${AUDIO_NAME}">
<QualityLevel AudioTag="255" Index="0" BitsPerSample="16" Bitrate="${AUDIO_BITRATE}" FourCC="AACL" CodecPrivateData="1190" Channels="2" PacketSize="4" SamplingRate="${AUDIO_RATE}"/>
${chunks(listing.audioNames)}
</StreamIndex>
<StreamIndex Chunks="${listing.videoNames.length - 1}" Type="video" Url="QualityLevels({bitrate})/Fragments(video={start time})" QualityLevels="2" Name="video">
${QUALITIES.map(({ bitrate, width, height, sps, pps }, i) => `<QualityLevel Index="${i}" Bitrate="${bitrate}" FourCC="H264" MaxWidth="${width}" MaxHeight="${height}" CodecPrivateData="00000001${sps.toString('hex').toUpperCase()}00000001${pps.toString('hex').toUpperCase()}"/>`).join('\n')}
${chunks(listing.videoNames)}
</StreamIndex>
<StreamIndex Chunks="${listing.videoNames.length - 1}" Type="text" Url="QualityLevels({bitrate})/Fragments(${TEXT_NAME}={start time})" QualityLevels="1" Language="eng" Subtype="CAPT" Role="caption" Name="${TEXT_NAME}">
<QualityLevel Index="0" Bitrate="${TEXT_BITRATE}" FourCC="TTML" CodecPrivateData=""/>
${chunks(listing.videoNames)}
</StreamIndex>
</SmoothStreamingMedia>
`;
}

const VERSIONS: Readonly<Record<HlsFormat, number>> = { 'm3u8-aapl-v3': 3, 'm3u8-aapl': 4, 'm3u8-cmaf': 7 };

function seconds(duration: bigint): string {
  return (Number(duration) / 1e7).toFixed(6);
}

/** Rates of a run of segments that last half to one and a half target durations; here that is one segment or none. */
function peak(listing: Listing, names: readonly bigint[], path: (time: bigint) => string): { readonly peak: number; readonly average: number } {
  const bits = durations(names).map((_, i) => 8 * listing.size(path(names[i])));
  const lengths = durations(names).map((duration) => Number(duration) / 1e7);
  const rates = bits.map((size, i) => (lengths[i] >= TARGET / 2 ? size / lengths[i] : 0));
  const average = bits.reduce((a, b) => a + b, 0) / lengths.reduce((a, b) => a + b, 0);
  return { peak: Math.ceil(Math.max(...rates, average)), average: Math.ceil(average) };
}

export function multivariant(listing: Listing, format: HlsFormat): string {
  const muxed = format === 'm3u8-aapl-v3';
  const suffix = muxed ? `,audiotrack=${AUDIO_NAME}` : '';
  const audioUri = `QualityLevels(${AUDIO_BITRATE})/Manifest(${AUDIO_NAME},format=${format})`;
  const measured = format === 'm3u8-cmaf';
  const audio = peak(listing, listing.audioNames, (time) => `QualityLevels(${AUDIO_BITRATE})/Fragments(${AUDIO_NAME}=${time},format=${format})`);
  const range = measured ? ',VIDEO-RANGE=SDR' : '';
  const text = measured ? peak(listing, listing.videoNames, (time) => `QualityLevels(${TEXT_BITRATE})/Fragments(${TEXT_NAME}=${time},format=${format})`) : { peak: 0, average: 0 };
  const textCodec = measured ? ',stpp.ttml.im1t' : '';
  const subtitles = ',SUBTITLES="subs",CLOSED-CAPTIONS=NONE';
  // Versions 3 and 4 write the sum of the original service, whatever the media need.
  const literal = (...bitrates: readonly number[]): number => bitrates.reduce((sum, bitrate) => sum + Math.floor((bitrate * 1022) / 1000) + 8160, 0);
  const rates = (told: { readonly peak: number; readonly average: number }, ...bitrates: readonly number[]): string => (measured ? `BANDWIDTH=${told.peak},AVERAGE-BANDWIDTH=${told.average}` : `BANDWIDTH=${literal(...bitrates)}`);
  const lines = ['#EXTM3U', `#EXT-X-VERSION:${VERSIONS[format]}`];
  if (format === 'm3u8-cmaf') lines.push('#EXT-X-INDEPENDENT-SEGMENTS');
  if (!muxed) lines.push(`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="${AUDIO_NAME}",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHARACTERISTICS="public.accessibility.describes-video",${format === 'm3u8-cmaf' ? 'CHANNELS="2",' : ''}URI="${audioUri}"`);
  lines.push(`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="${TEXT_TRUTH.label}",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHARACTERISTICS="${TEXT_TRUTH.characteristics}",URI="QualityLevels(${TEXT_BITRATE})/Manifest(${TEXT_NAME},format=${format})"`);
  for (const { bitrate, width, height, sps } of [...QUALITIES].toReversed()) {
    const codec = `avc1.${sps.toString('hex', 1, 4)}`;
    const own = peak(listing, listing.videoNames, (time) => `QualityLevels(${bitrate})/Fragments(video=${time},format=${format}${suffix})`);
    const total = muxed ? own : { peak: own.peak + audio.peak + text.peak, average: own.average + audio.average + text.average };
    lines.push(`#EXT-X-STREAM-INF:${rates(total, bitrate, AUDIO_BITRATE)},RESOLUTION=${width}x${height},${measured ? 'FRAME-RATE=29.970,' : ''}CODECS="${codec},mp4a.40.2${textCodec}"${range}${muxed ? '' : ',AUDIO="audio"'}${subtitles}`, `QualityLevels(${bitrate})/Manifest(video,format=${format}${suffix})`);
    if (muxed) continue;
    const key = peak(listing, listing.videoNames, (time) => `QualityLevels(${bitrate})/KeyFrames(video=${time},format=${format})`);
    lines.push(`#EXT-X-I-FRAME-STREAM-INF:${rates(key, bitrate, AUDIO_BITRATE)},RESOLUTION=${width}x${height},CODECS="${codec}"${range},URI="QualityLevels(${bitrate})/Manifest(video,format=${format},type=keyframes)"`);
  }
  const sound = { peak: audio.peak + text.peak, average: audio.average + text.average };
  lines.push(`#EXT-X-STREAM-INF:${rates(sound, AUDIO_BITRATE)},CODECS="mp4a.40.2${textCodec}"${muxed ? '' : ',AUDIO="audio"'}${subtitles}`, audioUri);
  return `${lines.join('\n')}\n`;
}

export function mediaPlaylist({ videoNames, audioNames }: Listing, format: HlsFormat, kind: 'video' | 'audio' | 'text'): string {
  const names = kind === 'audio' ? audioNames : videoNames;
  const track = { video: 'video', audio: AUDIO_NAME, text: TEXT_NAME }[kind];
  const suffix = format === 'm3u8-aapl-v3' && kind === 'video' ? `,audiotrack=${AUDIO_NAME}` : '';
  const entries = durations(names).flatMap((duration, i) => [`#EXTINF:${seconds(duration)},no-desc`, `Fragments(${track}=${names[i]},format=${format}${suffix})`]);
  return playlist(format, track, entries, []);
}

export function keyFramePlaylist({ videoNames }: Listing, format: HlsFormat): string {
  const entries = durations(videoNames).flatMap((duration, i) => [`#EXTINF:${seconds(duration)},no-desc`, `KeyFrames(video=${videoNames[i]},format=${format})`]);
  return playlist(format, 'video', entries, ['#EXT-X-I-FRAMES-ONLY']);
}

function playlist(format: HlsFormat, track: string, entries: readonly string[], extra: readonly string[]): string {
  const map = format === 'm3u8-cmaf' ? [`#EXT-X-MAP:URI="Fragments(${track}=i,format=${format})"`] : [];
  return `${['#EXTM3U', `#EXT-X-VERSION:${VERSIONS[format]}`, '#EXT-X-PLAYLIST-TYPE:VOD', ...(format === 'm3u8-cmaf' ? [] : ['#EXT-X-ALLOW-CACHE:NO']), '#EXT-X-MEDIA-SEQUENCE:0', `#EXT-X-TARGETDURATION:${TARGET}`, ...extra, '#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z', ...map, ...entries, '#EXT-X-ENDLIST'].join('\n')}\n`;
}
