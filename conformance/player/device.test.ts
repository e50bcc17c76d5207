/** Device mode without a browser: who gets in, what is taken, and what becomes of a device that misbehaves or stays away. */
import { afterEach, describe, expect, test } from 'vitest';
import { specimenEvidence } from '../report/testing.ts';
import { serveDevice, type DeviceServer } from './device.ts';
import { FIXTURE_CONTENT } from './fixture.ts';
import type { TaskResult } from './model.ts';
import { planReplays } from './plan.ts';
import { PLAYERS } from './players.ts';

const probe = { userAgent: '', mediaSource: {}, native: {}, frameCallback: true, encryptedMedia: false };
const cells = planReplays({ targets: [{ content: FIXTURE_CONTENT, format: 'dash-csf', url: 'http://127.0.0.1:1/x.mpd' }], players: PLAYERS.filter(({ name }) => name === 'dash.js'), probes: new Map([['chromium', probe]]), templates: ['pause', 'offset', 'lost-segment'], tier: 'full' });

let server: DeviceServer;
afterEach(() => server.close());
const start = async (patienceMs?: number): Promise<void> => {
  server = await serveDevice({ cells, host: '127.0.0.1', port: 0, name: 'tv', ...(patienceMs === undefined ? {} : { patienceMs }) });
};
const post = async (path: string, body: unknown, token?: string): Promise<{ readonly status: number; readonly value: unknown }> => {
  const answer = await fetch(`${server.url}/${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: token === undefined ? {} : { 'x-token': token } });
  return { status: answer.status, value: await answer.json() };
};
const enter = async (): Promise<string> => ((await post('enter', server.code)).value as { token: string }).token;

/** Nothing was ever shown. */
const blank: TaskResult = {
  recording: { frames: [], unreadable: 0, reads: 300, sounds: [], cues: { known: [], active: [] }, events: [], clockStart: 0, clockEnd: 0, startup: null, size: { width: 0, height: 0 }, presented: 0, dropped: 0, duration: null },
  seeks: [], acts: [{ step: 'watch', ok: false, text: '0 pictures' }], version: '5.2.1', ended: false, evidence: specimenEvidence(),
};

describe('the door', () => {
  test('opens to the code alone, and to nobody after ten wrong ones', async () => {
    await start();
    for (const path of ['next', 'result']) expect((await post(path, '', 'guess')).status).toBe(403);
    for (const path of ['next', 'result']) expect((await post(path, '', '')).status).toBe(403);
    expect((await fetch(`${server.url}/enter`)).status).toBe(405);
    for (let i = 0; i < 10; i++) expect((await post('enter', i === 0 ? 'x' : '1'.repeat(i))).value).toEqual({ error: 'this is not the code' });
    expect(await post('enter', server.code)).toEqual({ status: 403, value: { error: 'too many wrong codes' } });
  });

  test('closes behind a device that enters again', async () => {
    await start();
    const first = await enter();
    const second = await enter();
    expect(second).not.toBe(first);
    expect((await post('next', '', first)).status).toBe(403);
    expect((await post('next', '', second)).value).toMatchObject({ index: 0, task: { player: 'dash.js' } });
  });

  test('gives no file but the page, the observers and the players', async () => {
    await start();
    const base = new URL(server.url).origin;
    for (const path of ['/../package.json', '/players/../../package.json', '/players/%2e%2e/%2e%2e/package.json', '/device.ts', '/vendor/adapter.mjs']) expect((await fetch(base + path)).status, path).toBe(404);
    expect((await fetch(`${base}/observers.js`)).status).toBe(200);
  });
});

describe('what a device posts', () => {
  test.each<[string, unknown]>([
    ['no JSON', '{'],
    ['another task', { index: 1, result: blank }],
    ['no index', { result: blank }],
    ['a list', []],
  ])('is refused: %s', async (_, body) => {
    await start();
    const token = await enter();
    expect((await post('result', { index: 0, result: blank }, token)).status).toBe(409);
    await post('next', '', token);
    expect((await post('result', body, token)).status).toBe(409);
  });

  test('is given one more chance when it cannot be read, and is then no verdict', async () => {
    await start();
    const token = await enter();
    for (const result of ['no result in time', { ...blank, evidence: { ...specimenEvidence(), strip: [{ at: 0, counter: 0, why: 'time', image: 'javascript:alert(1)' }] } }]) {
      expect((await post('next', '', token)).value).toMatchObject({ index: 0 });
      expect((await post('result', { index: 0, result }, token)).status).toBe(200);
    }
    expect((await post('next', '', token)).value).toMatchObject({ index: 1 });
    await post('next', '', token);
    // Taken twice, brought back never.
    expect((await post('next', '', token)).value).toBeNull();
    const { rows, details } = await server.ended;
    expect(rows.map(({ outcome, messages }) => [outcome, ...messages])).toEqual([['cantTell', 'the device sent no observations that can be read'], ['cantTell', 'the device took the task and brought nothing back']]);
    expect(details.map(({ attempts, infrastructure }) => ({ attempts, infrastructure }))).toEqual([{ attempts: 2, infrastructure: 2 }, { attempts: 2, infrastructure: 2 }]);
  });

  test('fails when nothing was shown, whatever it says of itself', async () => {
    await start();
    const token = await enter();
    for (const index of [0, 1]) for (let given = await post('next', '', token); (given.value as { index: number } | null)?.index === index; given = await post('next', '', token)) await post('result', { index, result: blank }, token);
    const { rows, players } = await server.ended;
    expect(rows.map(({ outcome }) => outcome)).toEqual(['fail', 'fail']);
    expect(rows.some(({ messages }) => messages.some((message) => /^no picture could be read/.test(message)))).toBe(true);
    expect(players).toEqual({ 'dash.js': '5.2.1' });
  });

  test('may not be endless', async () => {
    await start();
    const token = await enter();
    await post('next', '', token);
    const endless = post('result', `"${'x'.repeat(17 * 1024 * 1024)}"`, token).then(({ status }) => status, () => 'cut off');
    expect([400, 'cut off']).toContain(await endless);
    expect((await post('next', '', token)).status).toBe(200);
  });
});

test('a device that stays away leaves its tasks untested', async () => {
  await start(50);
  await enter();
  const { rows } = await server.ended;
  // A task with a fault in it needs a proxy that the device does not have.
  expect(rows.map(({ id, outcome }) => `${outcome} ${id}`).toSorted()).toEqual(['untested offset fixture/dash-csf dash.js tv', 'untested pause fixture/dash-csf dash.js tv']);
});
