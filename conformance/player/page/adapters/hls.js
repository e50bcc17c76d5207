import { elementDuration, inLanguage, loadScript, signal, within } from './load.js';

/**
 * Licences by Clear Key for samples; for whole segments the key's own request is told by its address.
 * @param {import('hls.js').default} hls
 * @param {import('./load.js').Protection} protection
 */
function protect(hls, { licence, headers }) {
  /** @param {XMLHttpRequest} request */
  const send = (request) => Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
  const keys = new URL(licence).origin;
  hls.config.emeEnabled = true;
  hls.config.drmSystems = { 'org.w3.clearkey': { licenseUrl: licence } };
  hls.config.licenseXhrSetup = (request, url) => {
    if (request.readyState === 0) request.open('POST', url, true);
    send(request);
  };
  hls.config.xhrSetup = (request, url) => {
    if (new URL(url).origin !== keys) return;
    if (request.readyState === 0) request.open('GET', url, true);
    send(request);
  };
}

/** @type {import('./load.js').CreateAdapter} */
export async function createAdapter(video, report) {
  await loadScript('hls.min.js');
  const { Hls } = globalThis;
  const hls = new Hls({ workerPath: '/players/hls.worker.js' });
  const manifest = signal();
  hls.on(Hls.Events.MANIFEST_PARSED, manifest.fulfil);
  hls.on(Hls.Events.ERROR, (_name, data) => {
    report('error', `${data.type} ${data.details} ${data.error?.message ?? ''}`.trim(), data.fatal);
    if (data.fatal) manifest.fulfil();
  });
  return {
    async load(url, _format, _switching, protection, text) {
      if (protection !== undefined) protect(hls, protection);
      // A menu shows one text track at a time; captions inside the pictures the browser turns on as it likes.
      if (text !== undefined) hls.config.enableCEA708Captions = false;
      hls.loadSource(url);
      hls.attachMedia(video);
      await within(manifest.promise, 15_000, 'reading the playlist');
      if (text === undefined) return;
      const track = inLanguage(hls.subtitleTracks, text, ({ lang }) => lang);
      if (track === undefined) report('error', `the player offers no text in ${text[0]}`, true);
      else hls.subtitleTrack = hls.subtitleTracks.indexOf(track);
    },
    play: () => video.play(),
    pause: () => video.pause(),
    seek: (seconds) => void (video.currentTime = seconds),
    setAudio(language) {
      const index = hls.audioTracks.findIndex((track) => track.lang === language);
      if (index >= 0) hls.audioTrack = index;
      return index >= 0;
    },
    setQuality(bitrate) {
      const index = bitrate === null ? -1 : hls.levels.findIndex((level) => level.bitrate === bitrate);
      if (bitrate !== null && index < 0) return false;
      hls.nextLevel = index;
      return true;
    },
    version: () => Hls.version,
    state: () => ({
      time: video.currentTime,
      duration: elementDuration(video),
      bitrate: hls.levels[hls.currentLevel]?.bitrate ?? null,
      bitrates: hls.levels.map((level) => level.bitrate),
      audio: hls.audioTracks[hls.audioTrack]?.lang ?? null,
      audioTracks: hls.audioTracks.map((track) => ({ id: track.name, language: track.lang ?? '' })),
    }),
    async destroy() {
      hls.destroy();
    },
  };
}
