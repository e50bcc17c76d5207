import { elementDuration, loadScript, signal, within } from './load.js';

/** dash.js, and with its MSS part Smooth Streaming. @type {import('./load.js').CreateAdapter} */
export async function createAdapter(video, report) {
  await loadScript('dash.all.min.js');
  await loadScript('dash.mss.min.js');
  const { dashjs } = globalThis;
  const player = dashjs.MediaPlayer().create();
  // Left alone it starts with the language of the highest bitrate, which is chance where bitrates are measured.
  player.updateSettings({ streaming: { selectionModeForInitialTrack: 'firstTrack' } });
  const initialized = signal();
  player.on('streamInitialized', initialized.fulfil);
  player.on('error', (event) => {
    report('error', JSON.stringify('error' in event ? event.error : event).slice(0, 300), true);
    initialized.fulfil();
  });
  return {
    async load(url, _format, switching = false, protection, text) {
      if (protection !== undefined) player.setProtectionData({ 'org.w3.clearkey': { serverURL: protection.licence, httpRequestHeaders: protection.headers, withCredentials: false } });
      // A choice of quality shows behind what is buffered, which then has to end within the asset.
      if (switching) player.updateSettings({ streaming: { buffer: { bufferTimeDefault: 4, bufferTimeAtTopQuality: 4, bufferTimeAtTopQualityLongForm: 4 } } });
      player.initialize(video, url, false);
      if (text !== undefined) {
        // Draws its text itself, into an element that it is given. Chosen later, text would begin where the buffer ends.
        player.attachTTMLRenderingDiv(document.body.appendChild(document.createElement('div')));
        player.updateSettings({ streaming: { text: { defaultEnabled: true } } });
        player.setInitialMediaSettingsFor('text', { lang: new RegExp(`^(?:${text.join('|')})$`, 'i') });
      }
      await within(initialized.promise, 15_000, 'reading the manifest');
    },
    async play() {
      player.play();
    },
    pause: () => player.pause(),
    seek: (seconds) => player.seek(seconds),
    setAudio(language) {
      const track = player.getTracksFor('audio').find((candidate) => candidate.lang === language);
      if (track !== undefined) player.setCurrentTrack(track);
      return track !== undefined;
    },
    setQuality(bitrate) {
      player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: bitrate === null } } } });
      if (bitrate === null) return true;
      const wanted = player.getRepresentationsByType('video').find((representation) => representation.bandwidth === bitrate);
      // Not by force: that takes away what is on show.
      if (wanted !== undefined) player.setRepresentationForTypeById('video', wanted.id, false);
      return wanted !== undefined;
    },
    version: () => player.getVersion(),
    state: () => ({
      time: video.currentTime,
      duration: elementDuration(video),
      bitrate: player.getCurrentRepresentationForType('video')?.bandwidth ?? null,
      bitrates: player.getRepresentationsByType('video').map((representation) => representation.bandwidth),
      audio: player.getCurrentTrackFor('audio')?.lang ?? null,
      audioTracks: player.getTracksFor('audio').map((track) => ({ id: String(track.id ?? track.index), language: track.lang ?? '' })),
    }),
    async destroy() {
      player.destroy();
    },
  };
}
