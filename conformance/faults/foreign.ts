/** Other people's packagers as origins: ffmpeg or shaka-packager write files, and a plain server gives them out. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type Muxer = {
  readonly name: string;
  /** Below the folder of the output. */
  readonly manifest: string;
  /** Command and arguments. The last input is the sound, unless there is one for both. */
  readonly command: (ffmpeg: string, inputs: readonly string[], folder: string) => readonly [command: string, ...args: string[]];
};

function variants(videos: number): string {
  return [...Array.from({ length: videos }, (_, i) => `v:${i},agroup:sound`), 'a:0,agroup:sound,default:yes'].join(' ');
}

function hls(folder: string, videos: number, more: readonly string[]): readonly string[] {
  return ['-f', 'hls', '-hls_time', '6', '-hls_playlist_type', 'vod', ...more, '-master_pl_name', 'master.m3u8', '-var_stream_map', variants(videos), join(folder, '%v.m3u8')];
}

/** Copies the streams into the form of one of ffmpeg's muxers; `output` makes the arguments behind the inputs. */
function withFfmpeg(output: (folder: string, videos: number) => readonly string[]): Muxer['command'] {
  return (ffmpeg, inputs, folder) => {
    const muxed = inputs.length === 1;
    const videos = muxed ? 1 : inputs.length - 1;
    const maps = muxed ? ['-map', '0:v', '-map', '0:a'] : [...inputs.slice(0, -1).flatMap((_, i) => ['-map', `${i}:v`]), '-map', `${videos}:a`];
    return [ffmpeg, '-v', 'error', '-y', ...inputs.flatMap((input) => ['-i', input]), ...maps, '-c', 'copy', ...output(folder, videos)];
  };
}

const SHAKA_PACKAGER = join(import.meta.dirname, `../../node_modules/shaka-packager/bin/packager-${process.platform}-${process.arch}`);

/** Streams as files of segments; `playlists` makes their parts of the descriptors, `output` the arguments behind. */
function shakaPackager(output: (folder: string) => readonly string[], playlists: (name: string, kind: string) => string = () => ''): Muxer['command'] {
  return (_, inputs, folder) => {
    const sound = inputs[inputs.length - 1];
    const pictures = inputs.length === 1 ? inputs : inputs.slice(0, -1);
    const stream = (input: string, kind: string, name: string): string => `in=${input},stream=${kind},init_segment=${join(folder, name, 'init.mp4')},segment_template=${join(folder, name, '$Number$.m4s')}${playlists(name, kind)}`;
    const streams = [...pictures.map((input, i) => stream(input, 'video', `video${i}`)), stream(sound, 'audio', 'audio')];
    return [SHAKA_PACKAGER, ...streams, '--segment_duration', '6', ...output(folder), '--quiet'];
  };
}

/** Key-frame lists address the first bytes of each segment. */
function shakaPlaylists(name: string, kind: string): string {
  return kind === 'video' ? `,playlist_name=${name}.m3u8,iframe_playlist_name=${name}-keys.m3u8` : `,playlist_name=${name}.m3u8,hls_group_id=sound,hls_name=sound`;
}

/** Whether there is a build of shaka-packager for this machine. */
export const hasShakaPackager = existsSync(SHAKA_PACKAGER);

/**
 * Not here: ffmpeg's `ismv`. It writes one file for a server to cut, without a manifest, so nobody asks it for anything; the corpus asset
 * smooth-ismv is such a file behind the packager.
 */
export const MUXERS: readonly Muxer[] = [
  { name: 'dash', manifest: 'manifest.mpd', command: withFfmpeg((folder) => ['-f', 'dash', '-seg_duration', '6', '-use_template', '1', '-use_timeline', '1', '-adaptation_sets', 'id=0,streams=v id=1,streams=a', join(folder, 'manifest.mpd')]) },
  { name: 'hls-ts', manifest: 'master.m3u8', command: withFfmpeg((folder, videos) => hls(folder, videos, [])) },
  { name: 'hls-fmp4', manifest: 'master.m3u8', command: withFfmpeg((folder, videos) => hls(folder, videos, ['-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', 'init_%v.mp4'])) },
  { name: 'smooth', manifest: 'stream.ism/Manifest', command: withFfmpeg((folder) => ['-f', 'smoothstreaming', join(folder, 'stream.ism')]) },
  { name: 'shaka-dash', manifest: 'manifest.mpd', command: shakaPackager((folder) => ['--generate_static_live_mpd', '--mpd_output', join(folder, 'manifest.mpd')]) },
  { name: 'shaka-hls', manifest: 'master.m3u8', command: shakaPackager((folder) => ['--hls_master_playlist_output', join(folder, 'master.m3u8')], shakaPlaylists) },
];

export async function packageWith({ command }: Muxer, ffmpeg: string, inputs: readonly string[], folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const [program, ...args] = command(ffmpeg, inputs, folder);
  await run(program, args);
}

export type StaticServer = { readonly url: string; stop(): Promise<void> };

/** Types by name; Smooth URLs have none, so their fragments go by the name of the track. */
function typeOf(path: string): string {
  if (/\.mpd$/.test(path)) return 'application/dash+xml';
  if (/\.m3u8$/.test(path)) return 'application/vnd.apple.mpegurl';
  if (/\.ts$/.test(path)) return 'video/mp2t';
  if (/\/Manifest$/.test(path)) return 'text/xml';
  return /\(audio=|\/audio\//.test(path) ? 'audio/mp4' : 'video/mp4';
}

/** Files below a folder, with ranges, HEAD, CORS and preflights: what a careful web server does by itself. */
export async function serveFolder(root: string): Promise<StaticServer> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const common = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'range', 'cache-control': 'max-age=259200', 'x-content-type-options': 'nosniff' };
    if (request.method === 'OPTIONS') return void response.writeHead(204, common).end();
    const file = join(root, normalize(path));
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile()) return void response.writeHead(404, common).end('not found');
    const body = readFileSync(file);
    const headers = { ...common, etag: `"${body.length}-${found.mtimeMs}"`, 'content-type': typeOf(path) };
    if (request.headers['if-none-match'] === headers.etag) return void response.writeHead(304, headers).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range === null) return void response.writeHead(200, { ...headers, 'content-length': body.length }).end(request.method === 'HEAD' ? undefined : body);
    const [first, last] = [Number(range[1]), range[2] === '' ? body.length - 1 : Math.min(Number(range[2]), body.length - 1)];
    if (first >= body.length) return void response.writeHead(416, common).end();
    response.writeHead(206, { ...headers, 'content-length': last - first + 1, 'content-range': `bytes ${first}-${last}/${body.length}` }).end(request.method === 'HEAD' ? undefined : body.subarray(first, last + 1));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
