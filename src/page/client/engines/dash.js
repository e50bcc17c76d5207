import { loadScripts } from '../scripts.js';

/** dash.js, and with its MSS part Smooth Streaming. @type {import('../engines.js').CreateEngine} */
export async function createDash(video, _kind, files, complain) {
  await loadScripts(files);
  const { dashjs } = globalThis;
  const player = dashjs.MediaPlayer().create();
  player.updateSettings({ debug: { logLevel: 0 } });
  // Of equal tracks dash.js would take the one with the higher bitrate; the manifest's order is the publisher's.
  player.setCustomInitialTrackSelectionFunction((tracks) => tracks.slice(0, 1));
  const initialized = Promise.withResolvers();
  player.on('streamInitialized', () => initialized.resolve(undefined));
  player.on('error', (event) => {
    const { code, message } = describe(event);
    complain(`dash.js: ${message} (error ${code})`, true);
    initialized.resolve(undefined);
  });
  const videoQualities = () => (player.isReady() ? player.getRepresentationsByType('video') : []);
  const audioTracks = () => (player.isReady() ? player.getTracksFor('audio') : []);
  return {
    version: `dash.js ${player.getVersion()}`,
    async load(url) {
      player.initialize(video, new URL(url, location.href).href, false);
      await initialized.promise;
    },
    audio() {
      const current = player.isReady() ? player.getCurrentTrackFor('audio') : null;
      const tracks = audioTracks();
      const index = tracks.findIndex((track) => track.index === current?.index);
      return {
        choices: tracks.map((track, i) => ({ id: String(i), language: track.lang ?? '', label: labelOf(track) })),
        current: index < 0 ? null : String(index),
      };
    },
    chooseAudio(id) {
      const track = audioTracks()[Number(id)];
      if (track !== undefined) player.setCurrentTrack(track);
    },
    quality() {
      const current = player.isReady() ? player.getCurrentRepresentationForType('video') : null;
      return {
        choices: videoQualities().map((one) => ({ id: one.id, bitrate: one.bandwidth, height: one.height > 0 ? one.height : null })),
        current: current?.id ?? null,
        automatic: player.getSettings().streaming?.abr?.autoSwitchBitrate?.video !== false,
      };
    },
    chooseQuality(id) {
      player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: id === null } } } });
      if (id !== null) player.setRepresentationForTypeById('video', id);
    },
    async destroy() {
      player.destroy();
    },
  };
}

/** In Smooth Streaming the id is the track's name. @param {import('dashjs').MediaInfo} track */
function labelOf(track) {
  const id = track.id ?? '';
  return track.labels[0]?.text ?? (/^\d*$/.test(id) ? (track.accessibility?.length ? 'described' : null) : id);
}

/** @param {object} event */
function describe(event) {
  const error = 'error' in event ? event.error : event;
  if (typeof error !== 'object' || error === null) return { code: '–', message: String(error) };
  return { code: 'code' in error ? String(error.code) : '–', message: 'message' in error ? String(error.message) : 'it failed' };
}
