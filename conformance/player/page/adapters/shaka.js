import { elementDuration, inLanguage, loadScript, within } from './load.js';

const MIME = { dash: 'application/dash+xml', hls: 'application/x-mpegurl', smooth: 'application/vnd.ms-sstr+xml' };

/** @type {import('./load.js').CreateAdapter} */
export async function createAdapter(video, report) {
  await loadScript('shaka-player.compiled.js');
  return adapt(video, report);
}

/** The last version that plays Smooth Streaming; it takes boxes apart with another project's reader. @type {import('./load.js').CreateAdapter} */
export async function createAdapter4(video, report) {
  await loadScript('iso_boxer.min.js');
  await loadScript('shaka-player-4.compiled.js');
  return adapt(video, report);
}

/**
 * @param {import('shaka-player').default.Player} player
 * @param {import('./load.js').Protection} protection
 */
function protect(player, { licence, headers }) {
  const { LICENSE, KEY } = globalThis.shaka.net.NetworkingEngine.RequestType;
  player.configure({ drm: { servers: { 'org.w3.clearkey': licence } } });
  player.getNetworkingEngine()?.registerRequestFilter((type, request) => {
    if (type === LICENSE || type === KEY) Object.assign(request.headers, headers);
  });
}

/** @type {import('./load.js').CreateAdapter} */
async function adapt(video, report) {
  const { shaka } = globalThis;
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  /** @param {unknown} error */
  const tell = (error) => {
    const known = error instanceof shaka.util.Error ? error : null;
    report('error', known === null ? String(error) : `${known.category}/${known.code} ${JSON.stringify(known.data ?? []).slice(0, 200)}`, known?.severity !== 1);
  };
  player.addEventListener('error', (event) => 'detail' in event && tell(event.detail));
  const variants = () => player.getVariantTracks();
  const active = () => variants().find((track) => track.active);
  return {
    async load(url, format, _switching, protection, text) {
      if (protection !== undefined) protect(player, protection);
      await player.load(url, null, MIME[format]).catch(tell);
      if (text !== undefined) {
        const track = inLanguage(player.getTextTracks(), text, ({ originalLanguage, language }) => originalLanguage ?? language) ?? inLanguage(player.getTextTracks(), text, ({ language }) => language);
        if (track === undefined) report('error', `the player offers no text in ${text[0]}`, true);
        else player.selectTextTrack(track);
      }
      // Until there is a picture it goes to its own start, and undoes a seek.
      if (video.readyState < 2) await within(new Promise((resolve) => video.addEventListener('loadeddata', resolve, { once: true })), 15_000, 'loading').catch(() => undefined);
    },
    play: () => video.play(),
    pause: () => video.pause(),
    seek: (seconds) => void (video.currentTime = seconds),
    setAudio(language) {
      // Shaka shortens languages (eng → en).
      const track = player.getAudioTracks().find((candidate) => candidate.originalLanguage === language || candidate.language === language);
      if (track !== undefined) player.selectAudioTrack(track);
      return track !== undefined;
    },
    setQuality(bitrate) {
      player.configure({ abr: { enabled: bitrate === null } });
      if (bitrate === null) return true;
      const track = variants().find((candidate) => candidate.videoBandwidth === bitrate || candidate.bandwidth === bitrate);
      if (track !== undefined) player.selectVariantTrack(track, true);
      return track !== undefined;
    },
    version: () => shaka.Player.version,
    state: () => ({
      time: video.currentTime,
      duration: elementDuration(video),
      bitrate: active()?.videoBandwidth ?? active()?.bandwidth ?? null,
      bitrates: variants().map((track) => track.videoBandwidth ?? track.bandwidth),
      audio: active()?.originalLanguage ?? active()?.language ?? null,
      audioTracks: player.getAudioTracks().map((track) => ({ id: track.label ?? '', language: track.originalLanguage ?? track.language })),
    }),
    destroy: () => player.destroy(),
  };
}
