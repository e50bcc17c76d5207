import { loadScripts } from '../scripts.js';

/** @type {import('../engines.js').CreateEngine} */
export async function createHls(video, _kind, files, complain) {
  await loadScripts(files);
  const { Hls } = globalThis;
  const worker = files?.worker ?? null;
  const hls = new Hls(worker === null ? { enableWorker: false } : { workerPath: worker });
  hls.on(Hls.Events.ERROR, (_name, data) => {
    const status = data.response?.code === undefined || data.response.code === 0 ? '' : ` (the origin answered ${data.response.code})`;
    complain(`hls.js: ${spell(data.details)}${status}${data.error === undefined ? '' : `: ${data.error.message}`}`, data.fatal);
  });
  return {
    version: `hls.js ${Hls.version}`,
    load(url) {
      return new Promise((resolve) => {
        hls.once(Hls.Events.MANIFEST_PARSED, () => resolve());
        hls.on(Hls.Events.ERROR, (_name, data) => data.fatal && resolve());
        hls.loadSource(url);
        hls.attachMedia(video);
      });
    },
    audio: () => ({
      choices: hls.audioTracks.map((track, i) => ({ id: String(i), language: track.lang ?? '', label: track.name })),
      current: hls.audioTrack < 0 ? null : String(hls.audioTrack),
    }),
    chooseAudio: (id) => void (hls.audioTrack = Number(id)),
    quality: () => ({
      choices: hls.levels.map((level, i) => ({ id: String(i), bitrate: level.bitrate, height: level.height > 0 ? level.height : null })),
      current: hls.currentLevel < 0 ? null : String(hls.currentLevel),
      automatic: hls.autoLevelEnabled,
    }),
    chooseQuality: (id) => void (hls.nextLevel = id === null ? -1 : Number(id)),
    async destroy() {
      hls.destroy();
    },
  };
}

/** `fragLoadError` → `frag load error`. @param {string} name */
function spell(name) {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}
