import { elementDuration, loadScript, signal, within } from './load.js';

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
    async load(url) {
      hls.loadSource(url);
      hls.attachMedia(video);
      await within(manifest.promise, 15_000, 'reading the playlist');
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
