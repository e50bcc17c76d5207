/**
 * Encrypted outputs in real players, with keys from the real key delivery, which wants a token: Clear Key (cenc and cbcs) in DASH and
 * HLS CMAF, and AES-128 in HLS. What no player can do stands in the last table with its reason.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatRow } from '../outputs.ts';
import type { FormatId } from '../../spec/requirement.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import { BROWSERS, launchBrowser } from './drivers/launch.ts';
import type { BrowserName, PlayerName } from './model.ts';
import { replayOnScreen } from './screen.ts';
import { openStage, type Stage } from './serve.ts';
import { CORPUS, ORIGIN_ENTRY, readCorpusAsset } from './testing.ts';

const ASSET = 'fps25';
/** Around segment boundaries, backwards and forwards. */
const SEEKS = [151, 149, 310];
const TOKEN_KEY = Buffer.from('a verification key of 32 letters');
const KEY = { id: '11223344-5566-4788-99aa-bbccddeeff00', value: Buffer.from('0123456789abcdef').toString('base64') };
const odata = (type: string): string => `#Microsoft.Media.ContentKeyPolicy${type}`;

let root: string;
let child: ChildProcess;
let origin: string;
let keys: string;
let stage: Stage;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function account(): object {
  const protocols = { download: false, dash: true, hls: true, smoothStreaming: true };
  const scheme = { enabledProtocols: protocols, contentKeys: { defaultKey: { label: 'one' } } };
  const restriction = { '@odata.type': odata('TokenRestriction'), issuer: 'https://issuer.example/', audience: 'urn:films', restrictionTokenType: 'Jwt', primaryVerificationKey: { '@odata.type': odata('SymmetricTokenKey'), keyValue: TOKEN_KEY.toString('base64') } };
  const locator = (name: string, streamingPolicyName: string, label: string): object => ({ name, properties: { assetName: ASSET, streamingPolicyName, contentKeys: [{ ...KEY, labelReferenceInStreamingPolicy: label, policyName: 'viewers' }] } });
  return {
    streamingLocators: [locator('aes', 'Predefined_ClearKey', 'clearKeyDefault'), locator('samples', 'samples', 'one'), locator('lead', 'lead', 'one')],
    streamingPolicies: [{ name: 'samples', properties: { beyondAms: true, commonEncryptionCenc: scheme, commonEncryptionCbcs: scheme } }, { name: 'lead', properties: { beyondAms: true, commonEncryptionCenc: { ...scheme, clearLeadSeconds: 5 }, commonEncryptionCbcs: { ...scheme, clearLeadSeconds: 5 } } }],
    contentKeyPolicies: [{ name: 'viewers', properties: { options: [{ configuration: { '@odata.type': odata('ClearKeyConfiguration') }, restriction }] } }],
  };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'isomer-protected-'));
  await cp(join(CORPUS, ASSET), join(root, ASSET), { recursive: true });
  await writeFile(join(root, 'isomer.json'), JSON.stringify(account()));
  const port = await freePort();
  keys = `http://127.0.0.1:${port}/`;
  child = spawn(process.execPath, [ORIGIN_ENTRY, 'serve', '--root', root, '--port', '0', '--key-delivery', 'true', '--key-port', String(port), '--key-delivery-url', keys], { stdio: ['ignore', 'pipe', 'pipe'] });
  origin = await new Promise<string>((resolve, reject) => {
    let said = '';
    const hear = (chunk: unknown): void => {
      said += String(chunk);
      const [, address] = /listening on (\S+)\n/.exec(said) ?? [];
      if (address !== undefined) resolve(address);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
  stage = await openStage();
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await stage?.close();
  await rm(root, { recursive: true, force: true });
});

const token = (audience: string): Promise<string> => new SignJWT().setProtectedHeader({ alg: 'HS256' }).setIssuer('https://issuer.example/').setAudience(audience).setExpirationTime('10m').sign(TOKEN_KEY);

/**
 * Output, encryption, player, and the browsers. Left out, since no player can: hls.js with samples in HLS CMAF (where there is a key of format
 * identity it takes that one raw, for whole segments alone, and never asks the key system: hls.js 1.7.4, Fragment.decryptdata), video.js with
 * samples (it has no key system without a plug-in), SAMPLE-AES in transport streams but by hls.js, the envelope of DASH and Smooth (no player
 * knows it), PIFF (its keys are PlayReady's), and HEVC under Clear Key (no browser decodes it in its key system).
 */
const CELLS: readonly (readonly [FormatId, string, PlayerName, readonly BrowserName[]])[] = [
  ['dash-cmaf', 'cenc', 'dash.js', ['chromium', 'firefox']],
  ['dash-cmaf', 'cenc', 'shaka', ['chromium']],
  ['dash-cmaf', 'cbcs-aapl', 'dash.js', ['chromium']],
  ['dash-cmaf', 'cbcs-aapl', 'shaka', ['chromium', 'firefox']],
  ['hls-cmaf', 'cenc', 'shaka', ['chromium']],
  ['hls-cmaf', 'cbcs-aapl', 'shaka', ['chromium', 'firefox']],
  ['hls-v4', 'cbcs-aapl', 'hls.js', ['chromium']],
  ['hls-v3', 'cbc', 'hls.js', ['chromium']],
  ['hls-v4', 'cbc', 'hls.js', ['chromium', 'firefox']],
  ['hls-v4', 'cbc', 'shaka', ['chromium']],
  ['hls-v4', 'cbc', 'video.js', ['chromium']],
];

/** The first segment in the clear, the others not. */
const LEADS: typeof CELLS = [
  ['dash-cmaf', 'cenc', 'dash.js', ['chromium']],
  ['dash-csf', 'cenc', 'shaka', ['chromium']],
  ['dash-cmaf', 'cbcs-aapl', 'shaka', ['firefox']],
  ['hls-cmaf', 'cbcs-aapl', 'shaka', ['chromium']],
];

async function play(driver: BrowserDriver, [format, encryption, player]: readonly [FormatId, string, PlayerName, ...unknown[]], audience = 'urn:films', locator = encryption === 'cbc' ? 'aes' : 'samples') {
  const { manifest, truth } = await readCorpusAsset(ASSET);
  const row = formatRow(format);
  const resource = row.resource.includes('(') ? row.resource.replace(')', `,encryption=${encryption})`) : `${row.resource}(encryption=${encryption})`;
  const manifestUrl = `${origin}/${locator}/${manifest}/${resource}`;
  const protection = { licence: `${keys}ClearKey/`, headers: { Authorization: `Bearer ${await token(audience)}` } };
  return replayOnScreen(driver, stage, { manifestUrl, format: row.kind, player, truth, protection, seekTo: row.container === 'ts' ? [] : SEEKS, listen: driver.name === 'chromium' || encryption === 'cbc' });
}

describe.each(BROWSERS)('in %s', (name) => {
  let driver: BrowserDriver;
  beforeAll(async () => {
    driver = await launchBrowser(name, process.env);
  });
  afterAll(() => driver?.close());

  test.each(CELLS.filter(([, , , browsers]) => browsers.includes(name)))('%s under %s plays in %s', async (...row) => {
    const { verdict, refused, observation, messages } = await play(driver, row);
    expect({ ...verdict, refused, messages: verdict.outcome === 'pass' ? [] : messages }).toEqual({ outcome: 'pass', reasons: [], maybeSlow: false, refused: [], messages: [] });
    expect(observation.framesSeen).toBeGreaterThan(20);
  });

  test.each(LEADS.filter(([, , , browsers]) => browsers.includes(name)))('%s under %s behind a clear lead plays in %s', async (...row) => {
    const { verdict, refused, messages } = await play(driver, row, 'urn:films', 'lead');
    expect({ ...verdict, refused, messages: verdict.outcome === 'pass' ? [] : messages }).toEqual({ outcome: 'pass', reasons: [], maybeSlow: false, refused: [], messages: [] });
  });

  test('a token for others gets no key, and nothing is shown', async () => {
    const { verdict, refused, observation } = await play(driver, ['dash-cmaf', 'cenc', 'shaka'], 'urn:others');
    expect([verdict.outcome, observation.framesSeen]).toEqual(['fail', 0]);
    expect(refused.map(({ status }) => status)).toContain(401);
  });
});
