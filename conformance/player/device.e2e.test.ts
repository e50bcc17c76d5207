/** Device mode, with a browser that only opens the page, types the code and is left alone. */
import { expect, test } from 'vitest';
import { serveDevice } from './device.ts';
import { launchBrowser } from './drivers/launch.ts';
import { FIXTURE_CONTENT, openFixture } from './fixture.ts';
import { planReplays } from './plan.ts';
import { PLAYERS } from './players.ts';

test('a device pulls its tasks and its observations are judged here', async () => {
  const fixture = await openFixture();
  const probe = { userAgent: '', mediaSource: {}, native: {}, frameCallback: true, encryptedMedia: false };
  const cells = planReplays({ targets: [{ content: FIXTURE_CONTENT, format: 'dash-csf', url: `${fixture.url}/dash/manifest.mpd` }], players: PLAYERS.filter(({ name }) => name === 'dash.js'), probes: new Map([['chromium', probe]]), templates: ['sequential', 'pause'], tier: 'full' });
  const server = await serveDevice({ cells, host: '127.0.0.1', port: 0, name: 'tv' });
  const driver = await launchBrowser('chromium', process.env);
  try {
    // A profile of its own, as a device has: nothing of the suite is in it but what the page brings.
    const page = await driver.open();
    await page.goto(server.url);
    await page.evaluate(`{ document.querySelector('input').value = '${server.code}'; document.querySelector('form').requestSubmit(); }`);
    const { rows, details, userAgent, players } = await server.ended;
    expect(rows.map(({ id, browser, outcome, messages }) => ({ id, browser, outcome, messages }))).toEqual([
      { id: 'sequential fixture/dash-csf dash.js tv', browser: 'tv', outcome: 'pass', messages: [] },
      { id: 'pause fixture/dash-csf dash.js tv', browser: 'tv', outcome: 'pass', messages: [] },
    ]);
    expect(userAgent).toMatch(/Chrom/);
    expect(players['dash.js']).toMatch(/^\d+\.\d+/);
    expect(details.map(({ evidence }) => (evidence?.strip.length ?? 0) > 0 && (evidence?.requests.length ?? 0) > 2)).toEqual([true, true]);
    await expect.poll(() => page.evaluate('document.querySelector("[role=status]").textContent'), { timeout: 5000 }).toBe('Done. Thank you.');
  } finally {
    await driver.close();
    await server.close();
    await fixture.close();
  }
});
