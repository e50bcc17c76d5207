import { elementDuration, loadScript, within } from './load.js';

/**
 * video.js with its own HLS and DASH engine, never the browser's. Its types leave that engine (VHS) out; this is what is used of it.
 * @typedef {{ readonly id: string, readonly bandwidth: number, enabled: (on?: boolean) => boolean }} VhsRepresentation
 * @typedef {{ readonly representations?: () => VhsRepresentation[], readonly playlists?: { media: () => { readonly attributes?: { readonly BANDWIDTH?: number } } | undefined } }} Vhs
 */

const MIME = { dash: 'application/dash+xml', hls: 'application/x-mpegURL', smooth: 'application/vnd.ms-sstr+xml' };

/** @type {import('./load.js').CreateAdapter} */
export async function createAdapter(video, report) {
  await loadScript('video.min.js');
  const { videojs } = globalThis;
  const player = videojs(video, { preload: 'auto', errorDisplay: false, textTrackSettings: false, html5: { vhs: { overrideNative: true }, nativeAudioTracks: false, nativeVideoTracks: false } });
  player.on('error', () => {
    const error = player.error();
    report('error', `${error?.code ?? ''} ${error?.message ?? 'unknown'}`.trim(), true);
  });
  /** @returns {Vhs} */
  const vhs = () => Reflect.get(player.tech({ IWillNotUseThisInPlugins: true }), 'vhs') ?? {};
  const audioTracks = () => Array.from(/** @type {ArrayLike<{ id: string, label: string, language: string, enabled: boolean }>} */ (/** @type {unknown} */ (player.audioTracks())));
  const qualities = () => vhs().representations?.() ?? [];
  return {
    async load(url, format, _switching, protection) {
      // It has no key system without a plug-in; keys of whole segments it asks for by itself.
      if (protection !== undefined) Reflect.get(Reflect.get(videojs, 'Vhs').xhr, 'onRequest')?.((/** @type {{ uri: string, headers?: Record<string, string> }} */ request) => (new URL(request.uri).origin === new URL(protection.licence).origin ? { ...request, headers: { ...request.headers, ...protection.headers } } : request));
      const loaded = new Promise((resolve) => {
        player.one('loadedmetadata', resolve);
        player.one('error', resolve);
      });
      player.src({ src: url, type: MIME[format] });
      await within(loaded, 15_000, 'reading the manifest');
    },
    play: async () => void (await player.play()),
    pause: () => player.pause(),
    seek: (seconds) => void player.currentTime(seconds),
    setAudio(language) {
      const track = audioTracks().find((candidate) => candidate.language === language);
      if (track !== undefined) track.enabled = true;
      return track !== undefined;
    },
    setQuality(bitrate) {
      const known = qualities();
      if (bitrate !== null && !known.some(({ bandwidth }) => bandwidth === bitrate)) return false;
      for (const quality of known) quality.enabled(bitrate === null || quality.bandwidth === bitrate);
      return true;
    },
    version: () => String(Reflect.get(videojs, 'VERSION')),
    state: () => ({
      time: video.currentTime,
      duration: elementDuration(video),
      bitrate: vhs().playlists?.media()?.attributes?.BANDWIDTH ?? null,
      bitrates: qualities().map(({ bandwidth }) => bandwidth),
      audio: audioTracks().find(({ enabled }) => enabled)?.language ?? null,
      audioTracks: audioTracks().map(({ id, language }) => ({ id, language })),
    }),
    async destroy() {
      player.dispose();
    },
  };
}
