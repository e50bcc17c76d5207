/** Text in clients: an origin, Chromium, and how each player is asked for the cues that it has. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { launch, type Browser } from 'puppeteer';

/** Packages do not export all the scripts that pages load. */
const MODULES = join(import.meta.dirname, '../../../node_modules');

export type Stage = { readonly origin: string; play(scripts: readonly string[], load: string, url: string, last: string): Promise<Seen>; close(): Promise<void> };

export async function openStage(root: string): Promise<Stage> {
  const server = spawn(process.execPath, [join(import.meta.dirname, '../../cli.ts'), 'serve', '--root', root, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const origin = await new Promise<string>((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer): void => {
      said += chunk.toString();
      const found = /listening on (http:\S+)/.exec(said);
      if (found !== null) resolve(found[1]);
    };
    server.stdout?.on('data', listen);
    server.stderr?.on('data', listen);
    server.once('exit', () => reject(new Error(said)));
  });
  const browser = await launch({ executablePath: process.env.PUPPETEER_EXECUTABLE_PATH ?? '/usr/bin/chromium', headless: true, args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--autoplay-policy=no-user-gesture-required'] });
  return {
    origin,
    play: (scripts, load, url, last) => play(browser, scripts, load, url, last),
    async close() {
      await browser.close();
      server.kill();
    },
  };
}

type Seen = { readonly tracks: readonly string[]; readonly cues: readonly (readonly [start: number, end: number, text: string, track: string])[] };

/** Plays until a cue with these words is known, at most 20 s. */
async function play(browser: Browser, scripts: readonly string[], load: string, url: string, last: string): Promise<Seen> {
  const page = await (await browser.createBrowserContext()).newPage();
  await page.goto(`${new URL(url).origin}/healthz`);
  await page.setContent('<video id="v" muted></video><div id="ttml"></div>');
  for (const script of scripts) await page.addScriptTag({ path: join(MODULES, script) });
  const seen = (await page.evaluate(`(async () => {
    const v = document.getElementById('v');
    const url = ${JSON.stringify(url)};
    const tracks = await (${load})(v, url);
    // dash.js keeps what imsc.js makes of TTML beside an empty cue.
    const words = (node) => (node?.text ?? '') + (node?.contents ?? []).map(words).join('');
    v.playbackRate = 2;
    void v.play();
    const cues = () => [...v.textTracks].flatMap((track) => [...(track.cues ?? [])].map((cue) => [cue.startTime, cue.endTime, cue.text || words(cue.isd), track.label]));
    for (let i = 0; i < 200 && !cues().some(([, , text]) => text.includes(${JSON.stringify(last)})); i++) await new Promise((done) => setTimeout(done, 100));
    return { tracks, cues: cues() };
  })()`)) as Seen;
  await page.close();
  return seen;
}

const HLS = `async (v, url) => {
  const hls = new Hls({ enableWorker: false });
  const parsed = new Promise((done) => hls.on(Hls.Events.MANIFEST_PARSED, done));
  hls.loadSource(url);
  hls.attachMedia(v);
  await parsed;
  hls.subtitleTrack = 0;
  return hls.subtitleTracks.map(({ lang }) => lang);
}`;
const SHAKA = `async (v, url) => {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(v);
  await player.load(url);
  player.selectTextTrack(player.getTextTracks().find(({ language }) => language === 'en'));
  return player.getTextTracks().map(({ language }) => language);
}`;
const DASHJS = `async (v, url) => {
  const player = dashjs.MediaPlayer().create();
  const loaded = new Promise((done) => player.on(dashjs.MediaPlayer.events.TEXT_TRACKS_ADDED, done));
  player.initialize(v, url, false);
  player.attachTTMLRenderingDiv(document.getElementById('ttml'));
  player.updateSettings({ streaming: { text: { defaultEnabled: true } } });
  // A change of track would begin where the buffer ends.
  player.setInitialMediaSettingsFor('text', { lang: url.endsWith('manifest') ? 'eng' : 'en' });
  const { tracks } = await loaded;
  return tracks.map(({ lang }) => lang);
}`;

export const CLIENTS = {
  'hls.js': { scripts: ['hls.js/dist/hls.min.js'], load: HLS },
  Shaka: { scripts: ['shaka-player/dist/shaka-player.compiled.js'], load: SHAKA },
  'dash.js': { scripts: ['dashjs/dist/modern/umd/dash.all.min.js'], load: DASHJS },
  'dash.js with Smooth': { scripts: ['dashjs/dist/modern/umd/dash.all.min.js', 'dashjs/dist/modern/umd/dash.mss.min.js'], load: DASHJS },
} as const;
