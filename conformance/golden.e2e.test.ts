/** The seed's asset, served by the origin: its manifests are the seed document's, byte for byte. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type ServerProcess } from './performance/process.ts';

const ROOT = join(import.meta.dirname, '..');
const GOLDENS = join(ROOT, 'spec/golden');

/** What differs from the printed documents, and why; nothing else may. */
const SLIPS: Readonly<Record<string, readonly (readonly [printed: string, served: string, reason: string])[]>> = {
  'dash-csf.mpd': [['xmlns:xsi="https://www.w3.org/2001/XMLSchema-instance"', 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', 'the article’s links were rewritten to https; the namespace is http']],
};

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer(process.execPath, [join(ROOT, 'src/cli.ts'), 'serve', '--root', join(ROOT, 'corpus/.assets'), '--port', '0'], ROOT);
});
afterAll(() => server?.stop());

const get = async (path: string): Promise<string> => {
  const response = await fetch(`${server.origin}${path}`);
  expect(response.status).toBe(200);
  return response.text();
};

describe('seed-ignite', () => {
  test.each([
    ['hls-v4-master.m3u8', '(format=m3u8-aapl)'],
    ['dash-csf.mpd', '(format=mpd-time-csf)'],
    ['smooth.xml', ''],
  ])('%s', async (golden, suffix) => {
    // Line ends aside.
    let expected = readFileSync(join(GOLDENS, golden), 'utf8').replaceAll('\r\n', '\n');
    for (const [printed, served] of SLIPS[golden] ?? []) {
      expect(expected).toContain(printed);
      expected = expected.replace(printed, served);
    }
    expect((await get(`/seed-ignite/ignite.ism/manifest${suffix}`)).trimEnd()).toBe(expected.trimEnd());
  });

  test('audio description is signalled as the document shows it', async () => {
    const base = '/seed-ignite-ad/ignite.ism/manifest';
    const description = '<Accessibility schemeIdUri="urn:mpeg:dash:role:2011" value="description" />';
    for (const format of ['mpd-time-csf', 'mpd-time-cmaf']) {
      const mpd = await get(`${base}(format=${format})`);
      expect(mpd.replaceAll(/>\s+</g, '><')).toContain(`${description}<Role schemeIdUri="urn:mpeg:dash:role:2011" value="alternate" />`);
    }
    expect(await get(base)).toMatch(/<StreamIndex [^>]*Name="aac_eng_audio_description"[^>]* Role="alternate" Accessibility="description"/);
    expect(await get(`${base}(format=m3u8-cmaf)`)).toMatch(/NAME="aac_eng_audio_description"[^\n]*AUTOSELECT=YES,CHARACTERISTICS="public\.accessibility\.describes-video"/);
  });
});
