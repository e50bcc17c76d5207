import { elementDuration, inLanguage, loadScript, signal, within } from './load.js';

/**
 * A licence is fetched by whoever embeds the player.
 * @param {import('./load.js').Protection} protection
 * @returns {import('rx-player/types').IKeySystemOption[]}
 */
function keySystems({ licence, headers }) {
  const getLicense = async (/** @type {Uint8Array} */ message) => {
    const answer = await fetch(licence, { method: 'POST', headers, body: new Uint8Array(message) });
    if (!answer.ok) throw new Error(`the licence: ${answer.status}`);
    return answer.arrayBuffer();
  };
  return [{ type: 'org.w3.clearkey', getLicense }];
}

/** rx-player: DASH, and Smooth Streaming without another project's help. @type {import('./load.js').CreateAdapter} */
export async function createAdapter(video, report) {
  await loadScript('rx-player.js');
  const { RxPlayer } = globalThis;
  const player = new RxPlayer({ videoElement: video });
  const loaded = signal();
  /** @param {{ name: string, code?: string, message: string }} error */
  const wordsOf = ({ name, code = '', message }) => `${name} ${code} ${message}`.slice(0, 300);
  player.addEventListener('error', (error) => {
    report('error', wordsOf(error), true);
    loaded.fulfil();
  });
  player.addEventListener('warning', (error) => report('error', wordsOf(error), false));
  player.addEventListener('playerStateChange', (state) => {
    if (state === 'LOADED') loaded.fulfil();
  });
  const representations = () => player.getVideoTrack()?.representations ?? [];
  return {
    async load(url, format, _switching, protection, text) {
      player.loadVideo({ url, transport: format, autoPlay: false, textTrackMode: 'native', ...(protection === undefined ? {} : { keySystems: keySystems(protection) }) });
      await within(loaded.promise, 15_000, 'loading');
      if (text === undefined) return;
      const track = inLanguage(player.getAvailableTextTracks(), text, ({ language }) => language);
      if (track === undefined) report('error', `the player offers no text in ${text[0]}`, true);
      else player.setTextTrack(track.id);
    },
    play: () => player.play(),
    pause: () => player.pause(),
    seek: (seconds) => void player.seekTo(seconds),
    setAudio(language) {
      const track = player.getAvailableAudioTracks().find((candidate) => candidate.language === language || candidate.normalized === language);
      if (track !== undefined) player.setAudioTrack(track.id);
      return track !== undefined;
    },
    setQuality(bitrate) {
      if (bitrate === null) player.unlockVideoRepresentations();
      const wanted = representations().find((representation) => representation.bitrate === bitrate);
      // Not at once: that takes away what is on show.
      if (wanted !== undefined) player.lockVideoRepresentations({ representations: [wanted.id], switchingMode: 'seamless' });
      return bitrate === null || wanted !== undefined;
    },
    version: () => RxPlayer.version,
    state: () => ({
      time: video.currentTime,
      duration: elementDuration(video),
      bitrate: player.getVideoRepresentation()?.bitrate ?? null,
      bitrates: representations().flatMap((representation) => representation.bitrate ?? []),
      audio: player.getAudioTrack()?.language ?? null,
      audioTracks: player.getAvailableAudioTracks().map((track) => ({ id: track.id, language: track.language })),
    }),
    async destroy() {
      player.dispose();
    },
  };
}
