import { elementDuration, within } from './load.js';

const MIME = { dash: 'application/dash+xml', hls: 'application/vnd.apple.mpegurl', smooth: 'application/vnd.ms-sstr+xml' };

/** The browser's own player. @type {import('./load.js').CreateAdapter} */
export async function createAdapter(video, report) {
  return {
    async load(url, format) {
      if (video.canPlayType(MIME[format]) === '') {
        report('error', `this browser does not play ${MIME[format]} by itself`, true);
        return;
      }
      video.src = url;
      await within(new Promise((resolve) => video.addEventListener('loadedmetadata', resolve, { once: true })), 15_000, 'loading');
    },
    play: () => video.play(),
    pause: () => video.pause(),
    seek: (seconds) => void (video.currentTime = seconds),
    setAudio: () => false,
    setQuality: (bitrate) => bitrate === null,
    version: () => '',
    state: () => ({ time: video.currentTime, duration: elementDuration(video), bitrate: null, bitrates: [], audio: null, audioTracks: [] }),
    async destroy() {
      video.removeAttribute('src');
      video.load();
    },
  };
}
