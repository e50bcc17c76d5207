/** Any origin by URL: a manifest of a known kind, or the `.ism` of an asset, which stands for its six outputs. */
import { request, type Limits } from '../capture/request.ts';
import { SuiteFault } from '../fault.ts';
import { guessFormat, masterUrls } from '../outputs.ts';
import type { ManifestTarget, Profile } from '../trace.ts';

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

export type OriginTargets = { readonly manifests: readonly ManifestTarget[]; readonly profile: Profile };

/** Only loopback is asked without being told so: a crawl is load on somebody's machine. */
export function checkHosts(urls: readonly string[], allowed: readonly string[]): void {
  for (const url of urls) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new SuiteFault('usage', `${url} is no http or https URL`);
    const { hostname } = new URL(url);
    if (!LOOPBACK.has(hostname) && !allowed.includes(hostname)) throw new SuiteFault('usage', `${hostname} is not this machine: allow it with --allow-host ${hostname}`);
  }
}

export async function expandOrigin(urls: readonly string[], limits: Limits): Promise<OriginTargets> {
  const manifests: ManifestTarget[] = [];
  let generic = false;
  for (const url of urls) {
    const { pathname } = new URL(url);
    if (/\.ism\/?$/i.test(pathname)) {
      const asset = assetName(pathname);
      manifests.push(...masterUrls(url).map(({ format, url: master }) => ({ asset, format, url: master })));
      continue;
    }
    const answer = await request(url, 'GET', {}, limits);
    if (answer.status !== 200 || answer.body === null) throw new SuiteFault('target', `${url} answers ${answer.error ?? answer.status}`);
    const text = new TextDecoder().decode(answer.body);
    const format = guessFormat(url, text + (await firstMediaPlaylist(url, text, limits)));
    if (format === null) throw new SuiteFault('target', `${url} is neither an MPD, nor a playlist, nor a Smooth manifest`);
    if (!/\.ism\/manifest/i.test(pathname)) generic = true;
    manifests.push({ asset: assetName(pathname), format, url });
  }
  const keys = manifests.map(({ asset, format }) => `${asset}/${format}`);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) throw new SuiteFault('usage', `two URLs give ${twice}: judge them in separate runs`);
  return { manifests, profile: generic ? 'generic' : 'ams' };
}

/** Packagers leave version and container out of multivariant playlists: the first media playlist knows. Empty when there is none. */
async function firstMediaPlaylist(url: string, text: string, limits: Limits): Promise<string> {
  const [, uri] = /^#EXT-X-STREAM-INF:.*\r?\n\s*([^#\s]\S*)/m.exec(text) ?? [];
  if (uri === undefined || !URL.canParse(uri, url)) return '';
  const target = new URL(uri, url);
  if (target.host !== new URL(url).host) return '';
  const answer = await request(target.href, 'GET', {}, limits);
  return answer.status === 200 && answer.body !== null ? `\n${new TextDecoder().decode(answer.body)}` : '';
}

/** The folder that holds the manifest. */
function assetName(pathname: string): string {
  const parts = decodeURIComponent(pathname).split('/').filter((part) => part !== '' && !/^manifest/i.test(part));
  const ism = parts.findIndex((part) => /\.isml?$/i.test(part));
  const name = ism > 0 ? parts[ism - 1] : (parts.at(-2) ?? parts.at(-1) ?? 'asset');
  return name.replace(/[^\w.-]/g, '_');
}
