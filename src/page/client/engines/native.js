/** The browser's own player. @type {import('../engines.js').CreateEngine} */
export async function createNative(video) {
  return {
    version: 'this browser',
    load(url) {
      return new Promise((resolve) => {
        video.addEventListener('loadedmetadata', () => resolve(), { once: true });
        video.addEventListener('error', () => resolve(), { once: true });
        video.src = url;
      });
    },
    audio: () => ({ choices: [], current: null }),
    chooseAudio: () => undefined,
    quality: () => ({ choices: [], current: null, automatic: true }),
    chooseQuality: () => undefined,
    async destroy() {
      video.removeAttribute('src');
      video.load();
    },
  };
}
