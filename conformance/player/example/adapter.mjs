/**
 * An adapter as a vendor would write one: here around the browser's own HLS player. Copy it, and put your player in.
 * The contract is in README.md. Nothing in here can make a verdict better: pictures and sounds are read by the suite.
 */
export const name = 'example';
export const formats = ['hls'];
/** False: the suite does not ask for a quality or a language. */
export const choosesQuality = false;
export const choosesAudio = false;

/**
 * @param {HTMLVideoElement} video the element that the suite watches and listens to
 * @param {(name: string, text: string, fatal: boolean) => void} report call it with 'error' when your player reports one
 */
export async function createAdapter(video, report) {
  return {
    /** @param {string} url @param {'hls' | 'dash' | 'smooth'} _format */
    async load(url, _format) {
      video.addEventListener('error', () => report('error', video.error?.message ?? 'unknown', true));
      video.src = url;
      await new Promise((resolve) => video.addEventListener('loadedmetadata', resolve, { once: true }));
    },
    play: () => video.play(),
    pause: () => video.pause(),
    seek: (/** @type {number} */ seconds) => void (video.currentTime = seconds),
    /** By language as the manifest names it; whether there is such a track. */
    setAudio: (/** @type {string} */ _language) => false,
    /** By bits per second, out of `state().bitrates`; null leaves the choice to the player. */
    setQuality: (/** @type {number | null} */ bitrate) => bitrate === null,
    version: () => '1.0',
    state: () => ({ time: video.currentTime, duration: video.duration, bitrate: null, bitrates: [], audio: null, audioTracks: [] }),
    async destroy() {
      video.removeAttribute('src');
      video.load();
    },
  };
}
