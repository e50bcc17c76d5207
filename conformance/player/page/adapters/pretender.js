/**
 * A player that lies: its clock runs, it says that it plays, it reports no error, and it shows nothing. The suite
 * replays it to prove that progress alone never passes.
 * @type {import('./load.js').CreateAdapter}
 */
export async function createAdapter(video) {
  let clock = 0;
  let speed = 0;
  Object.defineProperty(video, 'currentTime', { get: () => clock });
  Object.defineProperty(video, 'paused', { get: () => speed === 0 });
  Object.defineProperty(video, 'duration', { get: () => 12 });
  const ticking = setInterval(() => {
    clock += speed * 0.05;
    if (speed > 0) video.dispatchEvent(new Event('timeupdate'));
  }, 50);
  return {
    load: async () => void video.dispatchEvent(new Event('loadedmetadata')),
    async play() {
      speed = 1;
      video.dispatchEvent(new Event('playing'));
    },
    pause: () => void (speed = 0),
    seek: (seconds) => void (clock = seconds),
    setAudio: () => true,
    setQuality: () => true,
    version: () => '1',
    state: () => ({ time: clock, duration: 12, bitrate: 1_000_000, bitrates: [1_000_000], audio: 'eng', audioTracks: [] }),
    destroy: async () => clearInterval(ticking),
  };
}
