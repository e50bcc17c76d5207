import { loadScripts } from '../scripts.js';

const MIME = /** @type {Readonly<Record<string, string>>} */ ({ hls: 'application/x-mpegurl', dash: 'application/dash+xml' });

/** @type {import('../engines.js').CreateEngine} */
export async function createShaka(video, kind, files, complain) {
  await loadScripts(files);
  const { shaka } = globalThis;
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  /** @param {unknown} error */
  const tell = (error) => {
    if (!(error instanceof shaka.util.Error)) return complain(`Shaka Player: ${String(error)}`, true);
    // For BAD_HTTP_STATUS the data are the URL and the status.
    const name = codeName(shaka, Number(error.code));
    const details = name === 'bad http status' ? ` ${JSON.stringify(error.data).slice(0, 200)}` : '';
    return complain(`Shaka Player: ${name}${details}`, error.severity === shaka.util.Error.Severity.CRITICAL);
  };
  player.addEventListener('error', (event) => 'detail' in event && tell(event.detail));
  const variants = () => player.getVariantTracks();
  /** One choice per picture quality: variants repeat it for each language. */
  const qualities = () => {
    const active = variants().find((track) => track.active);
    const language = active?.language;
    return variants().filter((track) => language === undefined || track.language === language);
  };
  return {
    version: `Shaka Player ${shaka.Player.version}`,
    load: (url) => player.load(new URL(url, location.href).href, null, MIME[kind]).catch(tell),
    audio() {
      const tracks = player.getAudioTracks();
      const index = tracks.findIndex((track) => track.active);
      return {
        choices: tracks.map((track, i) => ({ id: String(i), language: track.originalLanguage ?? track.language, label: track.label })),
        current: index < 0 ? null : String(index),
      };
    },
    chooseAudio(id) {
      const track = player.getAudioTracks()[Number(id)];
      if (track !== undefined) player.selectAudioTrack(track);
    },
    quality: () => ({
      choices: qualities().map((track) => ({ id: String(track.id), bitrate: track.videoBandwidth ?? track.bandwidth, height: track.height })),
      current: qualities().find((track) => track.active)?.id.toString() ?? null,
      automatic: player.getConfiguration().abr.enabled,
    }),
    chooseQuality(id) {
      player.configure({ abr: { enabled: id === null } });
      const track = variants().find((candidate) => String(candidate.id) === id);
      if (track !== undefined) player.selectVariantTrack(track, false);
    },
    destroy: () => player.destroy(),
  };
}

/** `BAD_HTTP_STATUS` → `bad http status`. @param {typeof globalThis.shaka} shaka @param {number} code */
function codeName(shaka, code) {
  const name = Object.entries(shaka.util.Error.Code).find(([, value]) => Number(value) === code)?.[0];
  return name === undefined ? `error ${code}` : name.toLowerCase().replaceAll('_', ' ');
}
